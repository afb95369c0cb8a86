"""A real mail server (aiosmtpd) that misbehaves on request: the recipient's name says how."""
import asyncio
import datetime
import email
import email.policy
import ipaddress
import re
import ssl
import threading
from collections import Counter

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

USER, PASSWORD = "relay", "correct horse battery"
HANG_S = 30


def misbehaviour(address):
    """("later-rcpt", 2) of later-rcpt-2.whoever@example.com: this, so many times, then no more."""
    match = re.match(r"([a-z-]+)-(\d+)\.", address)
    return (match.group(1), int(match.group(2))) if match else ("", 0)


class Behaviour(SMTP):
    """The server's side of one connection; its event handler is the MailServer."""

    async def smtp_DATA(self, arg):  # noqa: N802
        address = self.envelope.rcpt_tos[0] if self.envelope.rcpt_tos else ""
        if self.event_handler.misbehaves(address, "cut-at-data"):
            return self.transport.abort()
        if self.event_handler.misbehaves(address, "cut-in-data"):
            await self.push("354 go on")
            return self.transport.abort()
        return await super().smtp_DATA(arg)


class MailServer:
    """One listening server. `taken` has its messages, parsed, with `envelope_to`."""

    def __init__(self, certificate=None, log_on=False, implicit_tls=False, port=0):
        self.taken, self.seen, self.connections = [], Counter(), 0
        context = None
        if certificate:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(certificate)
        self.options = {"hostname": "mail.test"}
        if log_on:
            self.options |= {"authenticator": self.authenticate, "auth_required": True}
        if context and not implicit_tls:
            self.options |= {"tls_context": context, "require_starttls": True}
        elif log_on:
            self.options["auth_require_tls"] = False  # aiosmtpd counts STARTTLS only
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.listener = self.call(self.loop.create_server(
            self.connected, "127.0.0.1", port, ssl=context if implicit_tls else None))
        self.port = self.listener.sockets[0].getsockname()[1]
        self.url = f"{'smtps' if implicit_tls else 'smtp'}://127.0.0.1:{self.port}"

    def call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(10)

    def stop(self):
        self.loop.call_soon_threadsafe(self.listener.close)
        self.loop.call_soon_threadsafe(self.loop.stop)

    def connected(self):
        self.connections += 1
        return Behaviour(self, loop=self.loop, **self.options)

    def authenticate(self, _server, _session, _envelope, _mechanism, data):
        good = isinstance(data, LoginPassword) and (data.login, data.password) == (
            USER.encode(), PASSWORD.encode())
        return AuthResult(success=good, handled=False)

    def misbehaves(self, address, how):
        kind, times = misbehaviour(address)
        if kind != how or self.seen[address] >= times:
            return False
        self.seen[address] += 1
        return True

    def to(self, address):
        return [message for message in self.taken if message.envelope_to == address]

    # aiosmtpd's hooks

    async def handle_RCPT(self, _server, _session, envelope, address, _options):  # noqa: N802
        if self.misbehaves(address, "later-rcpt"):
            return "451 4.7.1 greylisted, come back"
        if self.misbehaves(address, "never-rcpt"):
            return "550-5.1.1 no such\r\n550 5.1.1 mailbox here"
        if self.seen[address] > 0 and self.misbehaves(address, "cut-then-never"):
            return "550 5.1.1 no such mailbox any more"
        if self.misbehaves(address, "closing"):
            return "421 4.3.2 closing down"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, _session, envelope):  # noqa: N802
        address = envelope.rcpt_tos[0]
        if self.misbehaves(address, "later-data"):
            return "452 4.3.1 no room today"
        if self.misbehaves(address, "never-data"):
            return "554 5.7.1 looks like spam"
        if self.misbehaves(address, "cut-untaken") or self.misbehaves(address, "cut-then-never"):
            server.transport.abort()
            return "250 never heard"
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        message.envelope_from, message.envelope_to = envelope.mail_from, address
        message.octets = envelope.content
        self.taken.append(message)
        if self.misbehaves(address, "cut-taken"):
            server.transport.abort()
        if self.misbehaves(address, "hang-taken"):
            await asyncio.sleep(HANG_S)
        return "250 2.0.0 taken"


def make_certificate(folder, name, ip="127.0.0.1"):
    """A self-signed certificate with its key, in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.utcnow()
    certificate = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject)
        .public_key(key.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(
            [x509.IPAddress(ipaddress.ip_address(ip))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256()))
    path = folder / f"{name}.pem"
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption()))
    return path
