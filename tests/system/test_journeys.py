"""The two journeys, and what can happen on the way, on real parts over the public API."""
import uuid

import api
import inside
import pytest
from api import CARD_DECLINED, CARD_INSUFFICIENT, Person, pay_at_provider, wait_for


@pytest.fixture
def ada(moneypal):
    return Person.register(moneypal.base, "Ada", "Client", email="ada@example.com")


@pytest.fixture
def bob(moneypal):
    return Person.register(moneypal.base, "Bob", "Provider", email="bob@example.com")


def fund(person, amount):
    """Tops up by card and waits until the wallet has it."""
    payment = person.top_up(amount)
    payment = person.wait_checkout_url(payment["id"])
    assert pay_at_provider(payment["checkout_url"]).status_code == 303
    return person.wait_payment(payment["id"], "succeeded")


def amounts(person):
    return [entry["amount"] for entry in person.entries()]


def only_bill_of(person, payment):
    bills = [bill for bill in person.bills() if bill["payment_id"] == payment["id"]]
    assert len(bills) == 1
    return bills[0]


def test_top_up_credits_the_wallet_once_and_tells_it(moneypal, ada):
    payment = fund(ada, "100.00")
    assert payment["status"] is True and payment["paid_to"] is None
    assert ada.balance() == "100.00"
    assert amounts(ada) == ["100.00"]
    mails = wait_for(ada.mails, lambda m: m and m[0]["state"] == "sent", "a mail")
    assert [mail["event"] for mail in mails] == ["wallet.credited"]
    assert ada.bills() == []


def test_paying_from_the_wallet_bills_debits_and_credits(moneypal, ada, bob):
    fund(ada, "50.00")
    payment = ada.pay(bob.id, "30.00", description="Fixing the tap")
    assert payment["state"] in ("settling", "succeeded")
    payment = ada.wait_payment(payment["id"], "succeeded")
    assert payment["status"] is True
    assert (ada.balance(), bob.balance()) == ("20.00", "30.00")
    bill = only_bill_of(ada, payment)
    assert bill["state"] == "settled" and bill["status"] is True
    assert bill["bill_amount"] == "30.00"
    assert (bill["user_id"], bill["provider_id"]) == (ada.id, bob.id)
    assert only_bill_of(bob, payment)["invoice_no"] == bill["invoice_no"]
    entry = bob.entries()[0]
    assert (entry["payment_id"], entry["bill_id"]) == (payment["id"], bill["id"])
    wait_for(bob.mails, lambda m: [x["event"] for x in m] == ["bill.settled"], "Bob's mail")


def test_paying_with_too_little_is_funded_by_the_provider_then_settles(moneypal, ada, bob):
    fund(ada, "70.00")
    payment = ada.pay(bob.id, "200.00")
    payment = ada.wait_payment(payment["id"], "requires_funding")
    assert payment["status"] is False
    assert (ada.balance(), bob.balance()) == ("70.00", "0.00")
    assert only_bill_of(ada, payment)["state"] == "unfunded"
    payment = ada.wait_checkout_url(payment["id"])
    assert bob.payment(payment["id"]).get("checkout_url") is None, "the payer's page is the payer's"
    assert pay_at_provider(payment["checkout_url"]).status_code == 303
    ada.wait_payment(payment["id"], "succeeded")
    assert (ada.balance(), bob.balance()) == ("0.00", "200.00")
    assert amounts(ada) == ["-200.00", "130.00", "70.00"]
    assert only_bill_of(ada, payment)["state"] == "settled"


def test_a_shortfall_below_the_providers_minimum_charges_the_minimum(moneypal, ada, bob):
    fund(ada, "10.00")
    payment = ada.pay(bob.id, "10.20")
    payment = ada.wait_checkout_url(payment["id"])
    assert pay_at_provider(payment["checkout_url"]).status_code == 303
    ada.wait_payment(payment["id"], "succeeded")
    assert (ada.balance(), bob.balance()) == ("0.30", "10.20")


def test_source_card_charges_the_whole_amount_and_leaves_the_wallet(moneypal, ada, bob):
    fund(ada, "70.00")
    payment = ada.pay(bob.id, "25.00", source="card")
    payment = ada.wait_checkout_url(payment["id"])
    assert pay_at_provider(payment["checkout_url"]).status_code == 303
    ada.wait_payment(payment["id"], "succeeded")
    assert (ada.balance(), bob.balance()) == ("70.00", "25.00")
    assert amounts(ada) == ["-25.00", "25.00", "70.00"]


@pytest.mark.parametrize("card", [CARD_DECLINED, CARD_INSUFFICIENT])
def test_a_declined_card_then_a_good_one_on_the_same_session(moneypal, ada, card):
    payment = ada.top_up("40.00")
    url = ada.wait_checkout_url(payment["id"])["checkout_url"]
    refused = pay_at_provider(url, card)
    assert refused.status_code == 402 and "<form" in refused.text
    assert ada.payment(payment["id"])["state"] == "awaiting_provider"
    assert ada.balance() == "0.00"
    assert pay_at_provider(url).status_code == 303
    ada.wait_payment(payment["id"], "succeeded")
    assert amounts(ada) == ["40.00"]


def test_leaving_the_providers_page_ends_nothing(moneypal, ada):
    payment = ada.top_up("40.00")
    url = ada.wait_checkout_url(payment["id"])["checkout_url"]
    links = [href for _, href in api.open_provider_page(url).links if href]
    assert any("checkout=canceled" in href for href in links), links
    assert ada.payment(payment["id"])["state"] == "awaiting_provider"
    assert pay_at_provider(url).status_code == 303
    ada.wait_payment(payment["id"], "succeeded")


def test_a_canceled_top_up_ends_and_its_page_takes_no_money(moneypal, ada):
    payment = ada.top_up("40.00")
    url = ada.wait_checkout_url(payment["id"])["checkout_url"]
    assert ada.cancel(payment["id"]).status_code == 200
    assert ada.wait_payment(payment["id"], "canceled")["checkout_url"] is None
    assert ada.cancel(payment["id"]).status_code == 200, "canceling twice is once"
    assert api.requests.post(url, data={"card_number": api.CARD_GOOD},
                                  timeout=10).status_code >= 400
    assert ada.balance() == "0.00"


def test_a_canceled_bill_is_void_and_a_settled_payment_cannot_be_canceled(moneypal, ada, bob):
    fund(ada, "5.00")
    payment = ada.pay(bob.id, "50.00")
    ada.wait_checkout_url(payment["id"])
    assert ada.cancel(payment["id"]).status_code == 200
    ada.wait_payment(payment["id"], "canceled")
    assert only_bill_of(ada, payment)["state"] == "void"
    paid = ada.pay(bob.id, "5.00")
    ada.wait_payment(paid["id"], "succeeded")
    assert ada.cancel(paid["id"]).status_code == 409
    assert (ada.balance(), bob.balance()) == ("0.00", "5.00")


def test_a_wallet_spent_before_the_capture_keeps_the_money_and_asks_again(moneypal, ada, bob):
    fund(ada, "70.00")
    payment = ada.pay(bob.id, "200.00")
    first_url = ada.wait_checkout_url(payment["id"])["checkout_url"]
    spent = ada.pay(bob.id, "60.00")
    ada.wait_payment(spent["id"], "succeeded")
    assert pay_at_provider(first_url).status_code == 303

    def asks_again():
        now = ada.payment(payment["id"])
        return now if now["state"] == "requires_funding" and now["checkout_url"] not in (
            None, first_url) else None
    again = wait_for(asks_again, bool, "a second page for what is missing")
    assert ada.balance() == "140.00", "10.00 left and 130.00 captured: the money stays in the wallet"
    assert pay_at_provider(again["checkout_url"]).status_code == 303
    ada.wait_payment(payment["id"], "succeeded")
    assert (ada.balance(), bob.balance()) == ("0.00", "260.00")
    assert amounts(ada) == ["-200.00", "60.00", "130.00", "-60.00", "70.00"]


def test_two_attempts_sessions_both_paid_are_each_credited_once(sandbox, ada, bob):
    fund(ada, "70.00")
    payment = ada.pay(bob.id, "200.00")
    first_url = ada.wait_checkout_url(payment["id"])["checkout_url"]
    sandbox.fault(path="/v1/checkout/sessions/*/expire", status=500, count=1000)
    ada.retry(payment["id"], "card")
    second_url = wait_for(lambda: ada.payment(payment["id"])["checkout_url"],
                          lambda url: url and url != first_url, "the second attempt's page")
    assert pay_at_provider(first_url).status_code == 303
    assert pay_at_provider(second_url).status_code == 303
    ada.wait_payment(payment["id"], "succeeded")
    wait_for(ada.balance, lambda b: b == "200.00", "both captures in the wallet")
    assert bob.balance() == "200.00"
    assert sorted(amounts(ada)) == sorted(["70.00", "130.00", "200.00", "-200.00"])


def test_a_top_up_elsewhere_then_a_retry_from_the_wallet_settles(moneypal, ada, bob):
    payment = ada.pay(bob.id, "80.00")
    ada.wait_checkout_url(payment["id"])
    fund(ada, "100.00")
    key = str(uuid.uuid4())
    ada.retry(payment["id"], "wallet", key)
    ada.retry(payment["id"], "wallet", key)
    ada.wait_payment(payment["id"], "succeeded")
    assert (ada.balance(), bob.balance()) == ("20.00", "80.00")
    assert ada.call("POST", f"/v1/payments/{payment['id']}/retry", {"source": "wallet"}).status_code \
        == 409


def test_one_idempotency_key_is_one_payment_and_another_body_is_refused(moneypal, ada, bob):
    fund(ada, "90.00")
    key = str(uuid.uuid4())
    first = ada.pay(bob.id, "30.00", key=key)
    ada.wait_payment(first["id"], "succeeded")
    again = ada.call("POST", "/v1/payments",
                     {"paid_to": bob.id, "payment_amount": "30.00", "source": "wallet"},
                     {"Idempotency-Key": key})
    assert (again.status_code, again.json()["id"]) == (201, first["id"])
    assert again.headers["Idempotent-Replayed"] == "true"
    fresh = ada.call("POST", "/v1/payments", {"paid_to": None, "payment_amount": "5.00"},
                     {"Idempotency-Key": str(uuid.uuid4())})
    assert "Idempotent-Replayed" not in fresh.headers
    assert again.json()["state"] == "succeeded", "the resource as it stands now"
    other = ada.call("POST", "/v1/payments",
                     {"paid_to": bob.id, "payment_amount": "31.00", "source": "wallet"},
                     {"Idempotency-Key": key})
    assert other.status_code == 409
    assert (ada.balance(), bob.balance()) == ("60.00", "30.00")
    missing = ada.call("POST", "/v1/payments", {"paid_to": bob.id, "payment_amount": "1.00"})
    assert missing.status_code == 400


def test_a_payment_has_a_timeline_and_is_hidden_from_others(moneypal, ada, bob):
    funded = ada.timeline(fund(ada, "30.00")["id"])
    payment = ada.pay(bob.id, "30.00")
    ada.wait_payment(payment["id"], "succeeded")
    rows = ada.timeline(payment["id"])
    assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))
    assert {"payment", "billing"} <= {row["service"] for row in rows}
    events = [row["event"] for row in funded]
    assert events.index("payment.captured") < events.index("funding.settled")
    for timeline in (funded, rows):
        times = [row["at"] for row in timeline]
        assert times == sorted(times), "each row's time is when it happened"
    entry = next(each for each in bob.entries() if each["payment_id"] == payment["id"])
    settled = next(row for row in rows if row["event"] == "bill.settled")
    assert settled["at"] == entry["date"], "settled is when the money has moved"
    assert bob.timeline(payment["id"]) == rows
    eve = Person.register(moneypal.base, "Eve", "Stranger")
    for path in ("", "/timeline"):
        assert eve.call("GET", f"/v1/payments/{payment['id']}{path}").status_code == 404
    bill = only_bill_of(ada, payment)
    assert eve.call("GET", f"/v1/bills/{bill['id']}").status_code == 404
    assert eve.every("/v1/payments") == []


def test_lists_are_read_page_by_page_newest_first(moneypal, ada, bob):
    fund(ada, "10.00")
    ids = []
    for _ in range(5):
        payment = ada.pay(bob.id, "1.00")
        ada.wait_payment(payment["id"], "succeeded")
        ids.insert(0, payment["id"])
    assert [p["id"] for p in ada.every("/v1/payments", limit=2)][:5] == ids
    assert [b["payment_id"] for b in bob.every("/v1/bills", limit=2, role="provider")] == ids
    assert [e["seq"] for e in ada.every("/v1/wallets/me/entries", limit=2)] == [6, 5, 4, 3, 2, 1]


def test_mails_lie_in_the_maildir_once_each(moneypal, ada, bob):
    fund(ada, "20.00")
    payment = ada.pay(bob.id, "20.00")
    ada.wait_payment(payment["id"], "succeeded")
    bill = only_bill_of(ada, payment)
    wait_for(lambda: [m["state"] for m in ada.mails() + bob.mails()],
             lambda states: states == ["sent"] * 3, "three mails sent")
    about = [mail for mail in inside.mails(moneypal)
             if bill["invoice_no"] in mail.get_body(("plain",)).get_content()]
    assert sorted(mail["To"].addresses[0].addr_spec for mail in about) == [
        "ada@example.com", "bob@example.com"], "one to each party"
