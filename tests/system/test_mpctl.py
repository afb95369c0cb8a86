"""The operator's tool against a running system: what it says, what it does, and how it ends."""

import contextlib
import os
import re
import struct
import subprocess
import time
import uuid
from datetime import datetime, timedelta, timezone

import pytest
import requests

import inside
from api import Person, pay_at_provider, wait_for
from local_system import ROOT
from moneypal_local import parts

MPCTL_S_MAX = 60


def mpctl(moneypal, *arguments, **changes):
    """One run of it: its status, what it found, and what it said went wrong."""
    ended = subprocess.run(
        [ROOT / "deploy/local/mpctl", *arguments], env=moneypal.environment(**changes),
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=MPCTL_S_MAX, check=False)
    return ended.returncode, ended.stdout, ended.stderr


def done(moneypal, *arguments):
    status, found, said = mpctl(moneypal, *arguments)
    assert (status, said) == (0, ""), found
    return found


@contextlib.contextmanager
def other_settings(moneypal, name, **changes):
    """A part that runs with other settings meanwhile."""
    part = next(each for each in parts.all_parts(moneypal.settings) if each.name == name)
    environment = {key: str(value) for key, value in part.environment.items()}
    moneypal.stop_part(name)
    with open(moneypal.log_of(name), "ab") as log:
        process = subprocess.Popen([str(word) for word in part.command], stderr=log,
                                   env={"PATH": os.environ["PATH"], **environment, **changes})
    try:
        wait_for(part.probe, lambda reason: reason == "", f"{name} to be ready")
        yield
    finally:
        process.terminate()
        process.wait(20)
        moneypal.start_part(name)


@pytest.fixture
def ada(moneypal):
    return Person.register(moneypal.base, "Ada", "Client", email="ada@example.com")


@pytest.fixture
def bob(moneypal):
    return Person.register(moneypal.base, "Bob", "Provider")


def fund(person, amount, currency="USD"):
    payment = person.post("/v1/payments", {
        "paid_to": None, "payment_amount": amount, "currency": currency})
    url = person.wait_checkout_url(payment["id"])["checkout_url"]
    assert pay_at_provider(url).status_code == 303
    return person.wait_payment(payment["id"], "succeeded")


def letters(moneypal, service="billing"):
    """(id, reason) of the dead letters, as they are listed."""
    rows = done(moneypal, "dead", "list", service).splitlines()[1:]
    return [(row.split()[2], row) for row in rows]


def test_an_order_that_billing_cannot_read_comes_to_a_person_and_ends_after_its_replay(
        moneypal, ada, bob):
    """The event's currency is not allowed at billing, by a slip in its settings."""
    assert done(moneypal, "dead", "list") == "There are no dead letters.\n"
    fund(ada, "50.00", "EUR")
    with other_settings(moneypal, "payment", REDRIVE_S="1", REDRIVES_MAX="2"):
        with other_settings(moneypal, "billing", CURRENCIES="USD:2:2:0.50"):
            payment = ada.post("/v1/payments", {"paid_to": bob.id, "payment_amount": "20.00",
                                                "currency": "EUR", "source": "wallet"})
            assert payment["state"] == "settling"
            reviewed = ada.wait_payment(payment["id"], "review")
            assert reviewed["reason"] == "It takes longer than it should: we are looking into it"
            alarms = wait_for(lambda: inside.alarms(moneypal, payment), bool,
                              "its alarm, logged behind the state")
            assert set(alarms) == {"unanswered"}
            assert ada.cancel(payment["id"]).status_code == 409

            # Each time that billing was told is a letter; from here on there are no more.
            dead = letters(moneypal)
            assert 2 <= len(dead) <= 4 and len({each for each, _ in dead}) == 1
            assert all("payment.requested" in row and "contract" in row for _, row in dead)
            time.sleep(3)
            assert letters(moneypal) == dead
            wait_for(lambda: inside.alarms(moneypal, payment), lambda now: len(now) > len(alarms),
                     "its alarm, again")

            event = dead[0][0]
            shown = done(moneypal, "dead", "show", "billing", event)
            assert payment["id"] in shown and '"currency": "EUR"' in shown
            told = done(moneypal, "payment", payment["id"])
            for line in (r"^state +review for [\d.]+ s, since ",
                         r"^money +nothing has moved: it is the payer's still$",
                         r"^waits for +a person: billing does not answer$",
                         r"^to do +mend what the dead letters below say, then mpctl dead replay "):
                assert re.search(line, told, re.M), (line, told)
            assert f"billing  {dead[0][1].split()[1]}  {event}" in told

            # Too early: it dies again, in one letter for all that were the same.
            again = done(moneypal, "dead", "replay", "billing", event)
            assert again == (f"1 given to billing again, for {len(dead)} dead letters that were "
                             "the same.\n")
            dead = wait_for(lambda: letters(moneypal), lambda now: len(now) == 1,
                            "its next death")
            assert "payment.requested" in dead[0][1]

        assert done(moneypal, "dead", "replay", "billing", event) == "1 given to billing again.\n"
        ended = ada.wait_payment(payment["id"], "succeeded")
        assert (ended["status"], ended["reason"]) == (True, None)
    assert done(moneypal, "dead", "list") == "There are no dead letters.\n"
    assert [bill["state"] for bill in ada.bills()] == ["settled"]
    assert ada.get("/v1/wallets/me", currency="EUR")["amount"] == "30.00"
    assert bob.get("/v1/wallets/me", currency="EUR")["amount"] == "20.00"


def test_a_payment_is_told_across_the_services(moneypal, ada, bob):
    fund(ada, "70.00")
    payment = ada.pay(bob.id, "200.00", description="Garden")
    ada.wait_payment(payment["id"], "requires_funding")
    open_page = ada.wait_checkout_url(payment["id"])
    waiting = done(moneypal, "payment", payment["id"])
    for line in (r"^state +requires_funding for [\d.]+ s, since ",
                 r"^money +nothing has moved: it is the payer's still$",
                 r"^waits for +its payer: the wallet was too empty; the provider's page is for "
                 rf"130.00 USD, and open until {open_page['checkout_expires_at']}$"):
        assert re.search(line, waiting, re.M), (line, waiting)
    assert "to do" not in waiting, "nothing for an operator"
    trace = re.search("^trace +([0-9a-f]{32})$", waiting, re.M).group(1)
    assert f'"trace":"{trace}"' in moneypal.log_of("billing").read_text()
    assert pay_at_provider(open_page["checkout_url"]).status_code == 303
    ada.wait_payment(payment["id"], "succeeded")
    wait_for(lambda: len(ada.mails()), lambda count: count >= 4, "her mails")
    bob.wait_mail(payment["id"])

    told = done(moneypal, "payment", payment["id"])
    invoice = ada.bills()[0]["invoice_no"]
    for line in (r"^amount +200.00 USD$", r"^for +Garden$", r"^waits for +nothing: it has ended$",
                 r"^money +200.00 USD in the payee's wallet$",
                 r"^  \S+Z +0.00 s +payment +payment.requested +From the wallet: 200.00 USD$",
                 r"bill\.settled +Paid: bill " + invoice, r"^  2 +130.00 USD  paid ",
                 rf"^  {invoice} +200.00 USD  settled  2 ", r"^  F pi_\w+ +130.00 USD  posted ",
                 r"^  S\(1\) +200.00 USD  refused  130.00 USD ", r"^  S\(2\) +200.00 USD  posted ",
                 r"^  payer  bill_paid ", r"^  payee  bill_received "):
        assert re.search(line, told, re.M), (line, told)
    assert "Dead letters" not in told
    assert "nothing to tell" in done(moneypal, "redrive", payment["id"])


def test_captured_money_is_told_where_it_is_while_the_wallet_is_away(moneypal, ada):
    payment = ada.top_up("20.00")
    url = ada.wait_checkout_url(payment["id"])["checkout_url"]
    moneypal.stop_part("billing")
    try:
        assert pay_at_provider(url).status_code == 303
        wait_for(lambda: mpctl(moneypal, "payment", payment["id"])[1],
                 lambda told: re.search(r"^  F pi_\w+ +20.00 USD  not yet ", told, re.M) and re.search(
                     "^money +20.00 USD at the provider, not credited yet$", told, re.M),
                 "a capture that nobody has credited")
        moneypal.stop_part("wallet")
        status, told, said = mpctl(moneypal, "payment", payment["id"])
        assert status == 3 and "billing service" in said and "wallet service" in said
        assert re.search("^money +not known: the wallet does not answer$", told, re.M), told
    finally:
        moneypal.start_part("wallet")
        moneypal.start_part("billing")
    ada.wait_payment(payment["id"], "succeeded")
    told = done(moneypal, "payment", payment["id"])
    assert re.search("^money +20.00 USD in the payer's wallet$", told, re.M), told


@pytest.mark.parametrize("status, arguments, says", [
    (1, ("payment", str(uuid.uuid4())), "There is no payment"),
    (2, ("payment", "x"), "is not a payment's id"),
    (2, ("redrive", "x"), "is not a payment's id"),
    (2, ("payment",), "It is used as: mpctl payment ID"),
    (1, ("dead", "show", "billing", "x"), "has no dead letter with the id x"),
    (2, ("dead", "show", "billing"), "It is used as: mpctl dead show SERVICE ID"),
    (2, ("dead", "replay", "wallet", "--all"), "wallet has no queue of events"),
    (2, ("reconcile", "yesterday"), "is not a day, which looks like"),
    (2, ("reconcile", "--from", "2026-11-02", "--to", "2026-11-01"),
     "--from 2026-11-02 is after --to 2026-11-01."),
    (2, ("reconcile", "--from", "2024-01-01", "--to", "2026-11-01"), "is more than 366 days"),
    (1, ("backup", "/"), "/ is there already: name a folder that is not."),
    (2, ("show", "wallet", "\x01", "SORT"), '"\x01" is no key'),
    (2, ("find",), "There is no command find; mpctl help lists them."),
    (2, ("help", "find"), "There is no command find; mpctl help lists them."),
    (2, (), "mpctl help lists the commands."),
])
def test_what_is_wrong_is_said_in_one_sentence(moneypal, status, arguments, says):
    ended, found, said = mpctl(moneypal, *arguments)
    assert (ended, found) == (status, "")
    assert says in said and said.startswith("mpctl: ")


def test_how_a_command_is_used_is_told_without_any_setting(moneypal):
    for arguments in (("help", "dead", "show"), ("dead", "show", "--help")):
        ended = subprocess.run([moneypal.settings.build / "cli/mpctl/mpctl", *arguments], env={},
                               capture_output=True, text=True, timeout=MPCTL_S_MAX, check=False)
        assert (ended.returncode, ended.stderr) == (0, "")
        assert ended.stdout.startswith("Usage: mpctl dead show SERVICE ID\n")


def test_where_nobody_answers_it_says_what_to_do(moneypal):
    for arguments, says in ((("dead", "list"), "is the broker running, and is AMQP_URL right?"),
                            (("republish", "users"), "is the user service running")):
        ended = subprocess.run(
            [moneypal.settings.build / "cli/mpctl/mpctl", *arguments], capture_output=True,
            text=True, timeout=MPCTL_S_MAX, check=False, env={
                "AMQP_URL": "amqp://a:b@127.0.0.1:1/", "CLIENT_SECRET": "x" * 32,
                "TOKEN_URL": "http://127.0.0.1:1/oauth/token"})
        assert ended.returncode == 3 and says in ended.stderr


def test_users_told_again_reach_an_address_book_that_was_lost(moneypal, ada):
    if moneypal.settings.store != "rocksdb":
        pytest.skip("the address book is a folder only with the embedded engine")
    moneypal.stop_part("email")
    data = moneypal.settings.data / "email"
    data.rename(data.with_name(f"email-{uuid.uuid4().hex}"))
    moneypal.start_part("email")

    fund(ada, "10.00")
    wait_for(ada.mails, lambda mails: mails, "her notice")
    time.sleep(0.5)
    assert [mail["state"] for mail in ada.mails()] == ["pending"], "nobody knows her address"
    found = done(moneypal, "republish", "users")
    assert int(re.fullmatch(r"(\d+) users told again.\n", found).group(1)) >= 1
    wait_for(ada.mails, lambda mails: [mail["state"] for mail in mails] == ["sent"],
             "her notice to be sent", 60)
    # Told once more, nothing changes: versions are as they were.
    done(moneypal, "republish", "users")
    time.sleep(0.5)
    assert len(ada.mails()) == 1


def test_notices_told_again_are_not_told_twice(moneypal, ada, bob):
    fund(ada, "20.00")
    ada.wait_payment(ada.pay(bob.id, "5.00")["id"], "succeeded")
    wait_for(lambda: (len(ada.mails()), len(bob.mails())), lambda counts: counts == (2, 1),
             "their notices")
    today = datetime.now(timezone.utc).date()
    told = done(moneypal, "republish", "notices", "--from", str(today - timedelta(days=1)))
    counts = [int(count) for count in re.findall(r"^(\d+) .* told again.$", told, re.M)]
    assert len(counts) == 4 and counts[0] >= 2 and counts[1] >= 1 and counts[2] >= 1, told
    fund(bob, "10.00")  # told behind all of them: by then they were looked at
    wait_for(bob.mails, lambda mails: len(mails) == 2, "his own notice")
    assert len(ada.mails()) == 2
    told = done(moneypal, "republish", "notices", "--from", str(today + timedelta(days=2)))
    assert re.search("^0 credits told again.$", told, re.M), told
    for arguments in ((), ("--from",), ("--from", "yesterday"), ("--to", str(today))):
        assert mpctl(moneypal, "republish", "notices", *arguments)[0] == 2


def reconcile(moneypal):
    """Of these days, with nothing excused as being on its way."""
    today = datetime.now(timezone.utc).date()
    return mpctl(moneypal, "reconcile", "--from", str(today - timedelta(days=1)), "--to",
                 str(today + timedelta(days=1)), "--grace", "0")


def session_for_nobody(sandbox, payment_id):
    """One that payment was never told about."""
    return sandbox.post("/v1/checkout/sessions", {
        "mode": "payment", "success_url": "http://127.0.0.1/", "cancel_url": "http://127.0.0.1/",
        "line_items[0][quantity]": 1, "line_items[0][price_data][currency]": "usd",
        "line_items[0][price_data][unit_amount]": 1234,
        "line_items[0][price_data][product_data][name]": "x",
        "payment_intent_data[metadata][payment_id]": payment_id,
        "payment_intent_data[metadata][attempt]": "1"})


def intent_of(sandbox, session):
    return sandbox.get(f"/v1/checkout/sessions/{session['id']}")["payment_intent"]


def capture_for_nobody(sandbox, payment_id):
    """Money that the provider has taken."""
    session = session_for_nobody(sandbox, payment_id)
    assert pay_at_provider(session["url"]).status_code == 303
    return intent_of(sandbox, session)


def credit_for_nothing(moneypal, user):
    transfer = {"id": str(uuid.uuid4()), "currency": "USD", "reason": "funding",
                "payment_id": str(uuid.uuid4()),
                "legs": [{"from": "system:psp", "to": f"user:{user}", "amount": "56.78"}]}
    token = inside.service_token(moneypal, "billing")
    answer = requests.post(f"{moneypal.url_of('wallet')}/v1/transfers", json=transfer, timeout=10,
                           headers={"Authorization": f"Bearer {token}"})
    assert answer.json()["outcome"] == "posted"
    return transfer


def test_captures_and_credits_are_compared_both_ways(moneypal, sandbox, ada):
    fund(ada, "10.00")
    fund(ada, "500", "JPY")
    status, found, _ = reconcile(moneypal)
    before = [row for row in found.splitlines() if "not credited" in row or "not captured" in row]
    assert status == (1 if before else 0)
    today = datetime.now(timezone.utc).date()
    assert re.search(rf"^({today}|{today - timedelta(days=1)})  JPY +\d+ +\d+ +\d+ +\d+ +0$",
                     found, re.M)

    payment_id = str(uuid.uuid4())
    intent = capture_for_nobody(sandbox, payment_id)
    transfer = credit_for_nothing(moneypal, ada.id)
    status, found, said = reconcile(moneypal)
    rows = [row for row in found.splitlines() if "not credited" in row or "not captured" in row]
    assert (status, said, len(rows)) == (1, "", len(before) + 2)
    assert any(re.search(rf"not credited +12.34 +USD +{intent} +{payment_id}$", row)
               for row in rows), rows
    assert any(re.search(rf"not captured +56.78 +USD +{transfer['id']} +{transfer['payment_id']}$",
                         row) for row in rows), rows
    # What is this young may be on its way, unless it was never captured.
    status, found, _ = mpctl(moneypal, "reconcile", str(today), "--grace", "3600")
    assert status == 1 and "not credited yet: they may be on their way" in found
    assert intent not in found


def test_a_capture_days_after_its_making_is_seen_on_the_next_day(moneypal, sandbox, tmp_path):
    clock = tmp_path / "clock"
    clock.write_bytes(struct.pack("=q", -5 * 86_400_000))
    with other_settings(moneypal, "sandbox", CLOCK_SHIFT_FILE=str(clock),
                        LD_PRELOAD=f"{moneypal.settings.build}/tests/clock/clock_shift.so"):
        session = session_for_nobody(sandbox, str(uuid.uuid4()))
        page = requests.post(session["url"], data={"method": "bank"}, timeout=10,
                             allow_redirects=False)
        assert page.status_code == 303
        made = datetime.now(timezone.utc).date() - timedelta(days=5)
        intent = intent_of(sandbox, session)
    # Today the transfer arrives: its time has long come.
    wait_for(lambda: sandbox.get(f"/v1/payment_intents/{intent}")["status"],
             lambda status: status == "succeeded", "the transfer")

    status, found, _ = mpctl(moneypal, "reconcile", "--grace", "0")
    assert status == 1
    assert re.search(rf"^{made}  not credited .* {intent} ", found, re.M), found
    yesterday = datetime.now(timezone.utc).date() - timedelta(days=1)
    days = re.findall(r"^(\d{4}-\d\d-\d\d)  [A-Z-]+ +\d", found, re.M)
    assert set(days) == {str(made), str(yesterday)}, found  # no day of which there is nothing to say

    for days in ((), (str(made),)):
        _, found, _ = mpctl(moneypal, "reconcile", *days)
        assert intent not in found
        assert "captured in the last 900 s are not credited yet" in found
