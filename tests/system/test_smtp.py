"""Mails by SMTP: the email service by itself, against a mail server that misbehaves on request."""
import email
import email.utils
import signal
import socket
import uuid
from email.header import decode_header, make_header

import inside
import mail_server
import pytest
import requests
from alone import Alone, Keys
from api import Person, pay_at_provider, wait_for
from local_system import Refused, parts
from mail_server import MailServer, make_certificate
from moneypal_local.settings import from_environment
from test_journeys import fund

TIMEOUT_S = 15


@pytest.fixture(scope="module")
def keys():
    return Keys()


@pytest.fixture(scope="module")
def events(moneypal):
    """The shared system without its email service: ours takes that one's events."""
    moneypal.stop_part("email")
    yield moneypal
    moneypal.start_part("email")


@pytest.fixture(scope="module")
def payer(events):
    payer = Person.register(events.base, "Pia", "Payer")
    fund(payer, "1000.00")
    return payer


class Mailer(Alone):
    """An email service that sends by SMTP."""

    def __init__(self, moneypal, keys, folder, url, **more):
        super().__init__("email", folder, keys, AMQP_URL=moneypal.secret("amqp_url"),
                         MAILDIR="", SMTP_URL=url, SMTP_TIMEOUT_MS="5000", **more)

    def mails_of(self, user_id):
        answer = requests.get(f"{self.base}/v1/mails", timeout=TIMEOUT_S, headers={
            "Authorization": f"Bearer {self.keys.of_user(sub=user_id)}"})
        assert answer.status_code == 200, answer.text
        return answer.json()["items"]

    def states_of(self, user_id):
        return [mail["state"] for mail in self.mails_of(user_id)]

    def wait_state(self, user_id, state):
        return wait_for(lambda: self.mails_of(user_id),
                        lambda mails: [mail["state"] for mail in mails] == [state],
                        f"one mail to {user_id}, {state}")[0]

    def metric(self, name):
        return inside.metric_at(self.base, name) or 0

    def events(self, event):
        return inside.events(self.log, event)


@pytest.fixture
def run(events, keys, tmp_path):
    """Starts mail services and mail servers that end with the test."""
    running = []

    def start(server=None, url=None, folder=None, **more):
        folder = folder or tmp_path / f"email-{len(running)}"
        mailer = Mailer(events, keys, folder, url or server.url, **more)
        running.append(mailer)
        return mailer

    yield start
    for mailer in running:
        mailer.stop()


@pytest.fixture(scope="module")
def plain(events):
    server = MailServer()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return make_certificate(tmp_path_factory.mktemp("certificate"), "good")


def person(moneypal, kind="", times=0, first="Bob", last="Seller"):
    """Somebody to pay, whose address says what the mail server does with mails to it."""
    name = f"{kind}-{times}.{uuid.uuid4().hex[:12]}" if kind else uuid.uuid4().hex
    return Person.register(moneypal.base, first, last, f"p-{uuid.uuid4().hex[:12]}",
                           email=f"{name}@example.com")


def tell(payer, somebody, **more):
    """Makes one mail to somebody: of a bill that was paid."""
    payment = payer.pay(somebody.id, "1.00", **more)
    payer.wait_payment(payment["id"], "succeeded")
    return payment


def address_of(somebody):
    return somebody.profile["email"]


# What the mail server does, and how often, what becomes of the mail, and how many of it arrive.
CASES = [
    ("", 0, "sent", 1),
    ("later-rcpt", 2, "sent", 1),
    ("later-data", 1, "sent", 1),
    ("closing", 1, "sent", 1),
    ("cut-at-data", 1, "sent", 1),
    ("cut-in-data", 1, "sent", 1),
    ("never-rcpt", 9, "refused", 0),
    ("never-data", 9, "refused", 0),
    ("cut-untaken", 1, "sent", 1),
    ("cut-untaken", 9, "unknown", 0),
    ("cut-then-never", 9, "unknown", 0),
    ("cut-taken", 1, "sent", 2),
    ("cut-taken", 9, "unknown", 2),
    ("hang-taken", 1, "sent", 2),
]


def test_what_the_mail_server_does_is_what_the_log_says(events, payer, plain, run):
    mailer = run(plain, SMTP_TLS="off", MAIL_SENDERS="16")
    people = [person(events, kind, times) for kind, times, _, _ in CASES]
    for somebody in people:
        tell(payer, somebody)
    wrong = []
    for (kind, times, state, count), somebody in zip(CASES, people):
        try:
            mail = mailer.wait_state(somebody.id, state)
        except AssertionError as error:
            wrong.append(f"{kind} {times}: {error}")
            continue
        if state == "unknown":
            wait_for(lambda: plain.seen[address_of(somebody)], lambda seen: seen == 2, "twice")
        messages = plain.to(address_of(somebody))
        if len(messages) != count:
            wrong.append(f"{kind} {times}: {len(messages)} arrived, not {count}")
        if len({message["Message-ID"] for message in messages}) > 1:
            wrong.append(f"{kind} {times}: sent again under another Message-ID")
        if kind == "never-rcpt" and mail["answer"] != "550-5.1.1 no such 5.1.1 mailbox here":
            wrong.append(f"{kind}: {mail['answer']}")
    wrong += [f"{kind}: tried {plain.seen[address_of(somebody)]} times"
              for (kind, _, state, _), somebody in zip(CASES, people)
              if state == "unknown" and plain.seen[address_of(somebody)] != 2]
    assert not wrong, "\n".join(wrong)
    assert mailer.metric("moneypal_mails_resent_total") >= 5
    assert mailer.metric('moneypal_mail_attempts_total{outcome="refused"}') == 2


def test_a_mail_is_what_rfc_5322_and_2047_say(events, payer, plain, run):
    run(plain, SMTP_TLS="off")
    somebody = person(events, first="Zoë Ø", last="名前" * 20)
    tell(payer, somebody, description=". .. Bcc: eve@example.com =2E and € the rest. " * 4)
    message = wait_for(lambda: plain.to(address_of(somebody)), lambda all: all, "a mail")[0]
    assert message.envelope_from == "no-reply@example.com"
    assert message["From"] == "MoneyPal <no-reply@example.com>"
    # The newer policies of Python 3.11 keep the space between encoded words, against RFC 2047.
    to = email.message_from_bytes(message.octets)["To"]
    name, address = email.utils.parseaddr(str(make_header(decode_header(to))))
    assert (name, address) == (f"Zoë Ø {'名前' * 20}", address_of(somebody))
    assert message["Subject"].endswith(" paid you 1.00 USD")
    assert message["Bcc"] is None
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    assert all(part["Content-Transfer-Encoding"] == "quoted-printable"
               for part in message.iter_parts())
    assert "Bcc: eve@example.com" in message.get_body(("plain",)).get_content()
    assert "and € the rest." in message.get_body(("html",)).get_content()
    lines = message.octets.split(b"\r\n")
    assert max(len(line) for line in lines) <= 78
    assert not [line for line in lines if b"\n" in line or b"\r" in line]
    assert message.octets.isascii()


def test_connections_are_kept(events, payer, plain, run):
    before = plain.connections
    mailer = run(plain, SMTP_TLS="off", MAIL_SENDERS="1")
    people = [person(events) for _ in range(5)]
    for somebody in people:
        tell(payer, somebody)
    for somebody in people:
        mailer.wait_state(somebody.id, "sent")
    assert plain.connections == before + 1


def expect_trouble(mailer, payer, somebody, words):
    """The mail waits, and the log tells once why."""
    tell(payer, somebody)
    mailer.wait_state(somebody.id, "deferred")
    wait_for(lambda: mailer.metric('moneypal_mail_attempts_total{outcome="deferred"}'),
             lambda count: count >= 2, "a second try")
    assert mailer.metric("moneypal_mail_trouble") == 1
    told = mailer.events("mail_trouble")
    assert len(told) == 1 and words in told[0]["detail"], told


def test_without_starttls_nothing_is_sent(events, payer, plain, run):
    mailer = run(plain)
    somebody = person(events)
    expect_trouble(mailer, payer, somebody, "offers no STARTTLS")
    assert plain.to(address_of(somebody)) == []


def test_a_certificate_of_somebody_else_is_not_trusted(events, payer, certificate, run, tmp_path):
    other = make_certificate(tmp_path, "other")
    elsewhere = make_certificate(tmp_path, "elsewhere", ip="127.0.0.9")
    for offered, trusted in ((certificate, other), (elsewhere, elsewhere)):
        server = MailServer(offered)
        mailer = run(server, SMTP_CA_FILE=str(trusted))
        somebody = person(events)
        expect_trouble(mailer, payer, somebody, "not reached: SSL")
        assert server.taken == []
        mailer.stop()
        server.stop()


@pytest.mark.parametrize("implicit_tls", [False, True])
def test_a_log_on_by_tls(events, payer, certificate, run, tmp_path, implicit_tls):
    """By the words of files, as a deployment on AWS hands them over."""
    server = MailServer(certificate, log_on=True, implicit_tls=implicit_tls)
    (tmp_path / "user").write_text(mail_server.USER)
    (tmp_path / "password").write_text(mail_server.PASSWORD)
    mailer = run(server, SMTP_CA_FILE=str(certificate), SMTP_USER_FILE=str(tmp_path / "user"),
                 SMTP_PASSWORD_FILE=str(tmp_path / "password"))
    somebody = person(events)
    tell(payer, somebody)
    mailer.wait_state(somebody.id, "sent")
    assert len(server.to(address_of(somebody))) == 1
    assert mail_server.PASSWORD not in mailer.log.read_text()
    server.stop()


def test_a_log_on_that_is_refused_or_missing_is_tried_again(events, payer, certificate, run):
    server = MailServer(certificate, log_on=True)
    for more, words in (({"SMTP_USER": "relay", "SMTP_PASSWORD": "wrong-word"}, "log-on (535)"),
                        ({}, "530 5.7.0")):
        mailer = run(server, SMTP_CA_FILE=str(certificate), **more)
        expect_trouble(mailer, payer, person(events), words)
        assert "wrong-word" not in mailer.log.read_text()
        mailer.stop()
    assert server.taken == []
    server.stop()


def test_a_server_that_is_down_gets_the_mails_when_it_is_up(events, payer, run):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    mailer = run(url=f"smtp://127.0.0.1:{port}", SMTP_TLS="off")
    somebody = person(events)
    expect_trouble(mailer, payer, somebody, "was not reached: Couldn't connect")
    server = MailServer(port=port)
    mailer.wait_state(somebody.id, "sent")
    assert len(server.to(address_of(somebody))) == 1
    assert len(mailer.events("mail_trouble_over")) == 1
    assert mailer.metric("moneypal_mail_trouble") == 0
    server.stop()


def test_a_crash_behind_the_message_sends_it_once_more(events, payer, plain, run):
    mailer = run(plain, SMTP_TLS="off")
    somebody = person(events, "hang-taken", 9)
    tell(payer, somebody)
    wait_for(lambda: len(plain.to(address_of(somebody))), lambda count: count == 1, "one mail")
    mailer.process.send_signal(signal.SIGKILL)
    mailer.process.wait(20)
    again = run(plain, folder=mailer.log.parent, SMTP_TLS="off")
    again.wait_state(somebody.id, "unknown")
    wait_for(lambda: len(plain.to(address_of(somebody))), lambda count: count == 2, "two mails")
    wait_for(lambda: again.metric('moneypal_mail_attempts_total{outcome="unknown"}'),
             lambda count: count == 1, "its end")
    assert again.states_of(somebody.id) == ["unknown"]
    again.stop()
    assert len(plain.to(address_of(somebody))) == 2


def test_a_whole_journey_tells_both_by_smtp(events, plain, run):
    mailer = run(plain, SMTP_TLS="off")
    ada, bob = person(events, first="Ada"), person(events)
    fund(ada, "70.00")
    payment = ada.pay(bob.id, "200.00")
    url = ada.wait_checkout_url(payment["id"])["checkout_url"]
    assert pay_at_provider(url).status_code == 303
    ada.wait_payment(payment["id"], "succeeded")
    wait_for(lambda: mailer.states_of(ada.id) + mailer.states_of(bob.id),
             lambda states: states == ["sent"] * 5, "five mails sent")
    assert sorted(message["Subject"] for message in plain.to(address_of(ada))) == [
        "130.00 USD has arrived in your wallet", "70.00 USD has arrived in your wallet",
        "You paid 200.00 USD to Bob Seller", "Your payment of 200.00 USD needs 130.00 USD more"]
    assert [message["Subject"] for message in plain.to(address_of(bob))] == [
        "Ada Seller paid you 200.00 USD"]


def test_the_launcher_hands_the_mail_server_on(tmp_path):
    environment = {"VAR": str(tmp_path / "var"), "SMTP_URL": "smtp://mail.example.com:587",
                   "SMTP_USER": "relay", "SMTP_PASSWORD_FILE": str(tmp_path / "password")}
    settings = from_environment(environment)
    email_service = next(part for part in parts.all_parts(settings) if part.name == "email")
    told = {name: text for name, text in email_service.environment.items()
            if name.startswith(("SMTP_", "MAIL"))}
    assert told == {**{name: environment[name] for name in environment if name != "VAR"},
                    "MAIL_FROM": "MoneyPal <no-reply@localhost>"}
    with pytest.raises(Refused, match="SMTP_PASSWORD_FILE"):
        from_environment({**environment, "SMTP_PASSWORD": "in the open"})
