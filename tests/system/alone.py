"""One service by itself, and an issuer of tokens that it trusts, of which we have the keys."""

import base64
import json
import os
import re
import subprocess
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests
from api import TIMEOUT_S, wait_for
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from local_system import ROOT

START_S_MAX = 20


def base64url(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


class Keys:
    """An issuer of our own: a JWKS that services read instead of the user service's."""

    def __init__(self):
        self.key, self.other = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        numbers = self.key.public_key().public_numbers()
        jwk = {"kty": "EC", "crv": "P-256", "kid": "test", "alg": "ES256", "use": "sig",
               "x": base64url(numbers.x.to_bytes(32, "big")),
               "y": base64url(numbers.y.to_bytes(32, "big"))}
        body = json.dumps({"keys": [jwk]}).encode()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):  # noqa: N802
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_arguments):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/jwks.json"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def token(self, claims, header=None, key=None):
        header = {"alg": "ES256", "typ": "at+jwt", "kid": "test", **(header or {})}
        parts = [{name: value for name, value in part.items() if value is not None}
                 for part in (header, claims)]
        signed = ".".join(base64url(json.dumps(part).encode()) for part in parts)
        der = (key or self.key).sign(signed.encode(), ec.ECDSA(hashes.SHA256()))
        r, s = decode_dss_signature(der)
        return f"{signed}.{base64url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"

    def of_user(self, header=None, key=None, **more):
        now = int(time.time())
        return self.token({"iss": "moneypal", "aud": "moneypal", "sub": str(uuid.uuid4()),
                           "sid": str(uuid.uuid4()), "iat": now, "exp": now + 900, **more},
                          {"typ": "at+jwt", **(header or {})}, key)

    def of_service(self, header=None, key=None, **more):
        now = int(time.time())
        scope = "user:read wallet:transfer wallet:audit keys:rotate operations:read operations:write"
        return self.token({"iss": "moneypal", "aud": "moneypal:services", "sub": "all",
                           "scope": scope, "iat": now, "exp": now + 900, **more},
                          {"typ": "svc+jwt", **(header or {})}, key)


class Alone:
    """One service by itself, with nobody to call, that knows our issuer's keys once it is made."""

    def __init__(self, service, folder, keys=None, **more):
        self.keys = keys
        folder.mkdir(exist_ok=True)
        binary = ROOT / (os.environ.get("BUILD") or "build") / f"services/{service}/moneypal-{service}"
        self.log = folder / "log"
        nowhere = "http://127.0.0.1:1"
        environment = {
            "LISTEN": "127.0.0.1:0", "DATA_DIR": str(folder / "data"),
            "JWKS_URL": keys.url if keys else nowhere + "/",
            "PUBLIC_URL": "http://127.0.0.1:8080",
            "AMQP_URL": "amqp://nobody:nothing@127.0.0.1:1/%2f",
            "USER_URL": nowhere, "WALLET_URL": nowhere, "TOKEN_URL": nowhere + "/oauth/token",
            "CLIENT_SECRET": "x" * 32, "STRIPE_API_BASE": nowhere, "STRIPE_SECRET_KEY": "sk_test_x",
            "STRIPE_WEBHOOK_SECRET": "whsec_x", "MAILDIR": str(folder / "mail"),
            "MAIL_FROM": "MoneyPal <no-reply@example.com>",
            **more,
            **{name: text for name, text in os.environ.items() if name.endswith("SAN_OPTIONS")},
        }
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([binary], env=environment, stderr=log)
        try:
            self._wait_ready()
        except BaseException:
            self.process.kill()
            raise

    def _wait_ready(self):
        deadline = time.monotonic() + START_S_MAX
        while not (told := re.search(r'"event":"listening".*"port":(\d+)', self.log.read_text())):
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.02)
        self.port = int(told.group(1))
        self.base = f"http://127.0.0.1:{self.port}"
        if self.keys:
            wait_for(self._any_answer, lambda status: status != 503, "the issuer's keys")

    def _any_answer(self):
        """The status of what every service has, and a token opens: 503 while it knows no keys."""
        token = self.keys.of_service(scope="store:backup")
        return requests.delete(f"{self.base}/v1/backups/none", timeout=TIMEOUT_S, headers={
            "Authorization": f"Bearer {token}"}).status_code

    def stop(self):
        self.process.terminate()
        return self.process.wait(20)
