"""The payment provider at its worst: slow, down, lying, losing answers, deciding late."""
import concurrent.futures
import time
import uuid

import pytest
import requests
from api import CARD_DECLINED, Person, pay_at_provider, wait_for
from inside import alarms
from test_mpctl import done, mpctl, other_settings

SESSIONS = "/v1/checkout/sessions"


@pytest.fixture
def ada(moneypal):
    return Person.register(moneypal.base, "Ada", "Client")


@pytest.fixture
def bob(moneypal):
    return Person.register(moneypal.base, "Bob", "Provider")


def events_of(person, payment):
    return [row["event"] for row in person.timeline(payment["id"])]


def sessions_of(sandbox, payment):
    sessions = sandbox.get(SESSIONS, {"limit": 100})["data"]
    return [s for s in sessions if s["client_reference_id"] == payment["id"]]


def pay_by_bank(url):
    """Completes the session; the money is on its way."""
    return pay_at_provider(url, method="bank")


def end_transfer(sandbox, payment, outcome):
    session = sandbox.session_of(payment["id"])
    answer = sandbox.http.post(f"{sandbox.base}/sandbox/async", timeout=10,
                               json={"session": session["id"], "outcome": outcome})
    answer.raise_for_status()


def test_while_the_provider_is_down_payments_are_taken_and_opened_later(sandbox, ada):
    sandbox.fault(path=SESSIONS, method="POST", status=500, count=2)
    payment = ada.top_up("20.00")
    assert (payment["state"], payment["checkout_url"]) == ("created", None)
    url = ada.wait_checkout_url(payment["id"])["checkout_url"]
    assert pay_at_provider(url).status_code == 303
    ada.wait_payment(payment["id"], "succeeded")
    assert ada.balance() == "20.00"


def test_a_lost_answer_opens_no_second_page(sandbox, ada):
    # Often enough: a client's library repeats a call by itself when a kept connection breaks.
    sandbox.fault(path=SESSIONS, method="POST", drop=True, after=True, count=3)
    payment = ada.top_up("20.00")
    url = ada.wait_checkout_url(payment["id"])["checkout_url"]
    assert [s["url"] for s in sessions_of(sandbox, payment)] == [url]


def test_a_slow_provider_holds_nothing_up_and_opens_one_page(sandbox, ada):
    # Longer than payment waits (PROVIDER_TIMEOUT_MS): each of these answers is lost.
    sandbox.fault(path=SESSIONS, method="POST", delay_ms=9000, after=True, count=4)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        orders = [pool.submit(ada.top_up, "20.00") for _ in range(8)]
        concurrent.futures.wait(orders, return_when=concurrent.futures.FIRST_COMPLETED)
        began = time.monotonic()
        assert ada.get("/v1/payments")["items"]
        assert time.monotonic() - began < 1
        assert not all(order.done() for order in orders), "nothing was slow"
        payments = [order.result() for order in orders]
    for payment in payments:
        url = ada.wait_checkout_url(payment["id"], timeout_s=60)["checkout_url"]
        assert [s["url"] for s in sessions_of(sandbox, payment)] == [url]


def test_a_failure_that_the_provider_keeps_is_got_around(sandbox, ada):
    sandbox.fault(path=SESSIONS, method="POST", status=500, keep=True, count=2)
    payment = ada.top_up("20.00")
    assert payment["state"] == "created"
    url = ada.wait_checkout_url(payment["id"])["checkout_url"]
    assert [s["url"] for s in sessions_of(sandbox, payment)] == [url]


def test_a_refused_order_fails_with_a_reason_for_people(ada):
    payment = ada.top_up("9999999.00")
    assert payment["state"] == "failed" and payment["status"] is False
    assert payment["reason"] == "The payment provider refused: it does not take this payment"


@pytest.mark.parametrize("fault", ["amount_mismatch", "currency_mismatch"])
def test_other_figures_than_ours_are_reviewed_and_never_credited(moneypal, sandbox, ada, fault):
    payment = ada.top_up("20.00")
    url = ada.wait_checkout_url(payment["id"])["checkout_url"]
    sandbox.fault(session=fault, path=sandbox.session_path(payment["id"]))
    assert pay_at_provider(url).status_code == 303
    ada.wait_payment(payment["id"], "review")
    told = wait_for(lambda: alarms(moneypal, payment), bool, "its alarm, logged behind the state")
    assert told == ["mismatch"]
    assert "payment.review" in events_of(ada, payment)
    time.sleep(1)
    assert ada.balance() == "0.00"
    assert ada.cancel(payment["id"]).status_code == 409
    assert f"mpctl close {payment['id']}" in done(moneypal, "payment", payment["id"])
    done(moneypal, "close", payment["id"])
    assert ada.wait_payment(payment["id"], "failed")["status"] is False
    status, _, said = mpctl(moneypal, "close", payment["id"])
    assert status == 1 and "in review for the provider's figures" in said
    assert ada.balance() == "0.00"


def test_a_retry_by_card_is_refused_where_it_would_charge_more_than_was_asked_for(ada, bob):
    payment = ada.pay(bob.id, "0.20")
    before = ada.wait_checkout_url(payment["id"])  # of what is missing, rounded up to the minimum
    assert (before["state"], before["checkout_amount"]) == ("requires_funding", "0.50")
    answer = ada.call("POST", f"/v1/payments/{payment['id']}/retry", {"source": "card"},
                      {"Idempotency-Key": str(uuid.uuid4())})
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/not_chargeable")
    assert [error["field"] for error in answer.json()["errors"]] == ["source"]
    assert ada.payment(payment["id"]) == before


def test_a_declined_card_stands_in_the_timeline(ada):
    payment = ada.top_up("20.00")
    url = ada.wait_checkout_url(payment["id"])["checkout_url"]
    assert pay_at_provider(url, CARD_DECLINED).status_code == 402
    wait_for(lambda: events_of(ada, payment), lambda e: "payment.declined" in e, "the decline")
    assert pay_at_provider(url).status_code == 303
    ada.wait_payment(payment["id"], "succeeded")


def test_a_bank_transfer_is_waited_for_and_cannot_be_canceled(sandbox, ada, bob):
    payment = ada.pay(bob.id, "20.00", source="card")
    url = ada.wait_checkout_url(payment["id"])["checkout_url"]
    assert pay_by_bank(url).status_code == 303
    wait_for(lambda: events_of(ada, payment), lambda e: "session.processing" in e, "the wait")
    now = ada.payment(payment["id"])
    assert (now["state"], now["checkout_url"]) == ("awaiting_provider", None)
    assert ada.cancel(payment["id"]).status_code == 409
    end_transfer(sandbox, payment, "succeeded")
    ada.wait_payment(payment["id"], "succeeded")
    assert (ada.balance(), bob.balance()) == ("0.00", "20.00")


def test_a_bank_transfer_that_fails_ends_the_payment(sandbox, ada, bob):
    payment = ada.pay(bob.id, "20.00", source="card")
    url = ada.wait_checkout_url(payment["id"])["checkout_url"]
    assert pay_by_bank(url).status_code == 303
    wait_for(lambda: events_of(ada, payment), lambda e: "session.processing" in e, "the wait")
    end_transfer(sandbox, payment, "failed")
    ended = ada.wait_payment(payment["id"], "failed")
    assert ended["reason"] == "The payment was declined"
    assert [b["state"] for b in ada.bills()] == ["void"]
    assert (ada.balance(), bob.balance()) == ("0.00", "0.00")
    # Why is the payer's card's matter: the payee is told that it failed.
    assert bob.payment(payment["id"]) == {**ended, "reason": None}
    why = [[row["detail"] for row in person.timeline(payment["id"])
            if row["event"] == "payment.failed"] for person in (ada, bob)]
    assert why == [["The payment was declined"], [None]]
    with requests.get(f"{bob.base}/v1/payments/{payment['id']}/events", timeout=10,
                      headers={"Authorization": f"Bearer {bob.token}"}) as stream:
        assert "payment.failed" in stream.text and "declined" not in stream.text


def test_a_bank_transfer_that_its_payment_went_on_without_is_asked_for(
        moneypal, sandbox, ada, bob):
    with other_settings(moneypal, "payment", REDRIVE_S="1"):
        payment = ada.pay(bob.id, "20.00")
        url = ada.wait_checkout_url(payment["id"])["checkout_url"]
        funded = ada.top_up("20.00")
        assert pay_at_provider(ada.wait_checkout_url(funded["id"])["checkout_url"]).status_code == 303
        ada.wait_payment(funded["id"], "succeeded")
        for event in ("completed", "async_payment_succeeded"):
            sandbox.fault(webhook="drop", type=f"checkout.session.{event}")
        assert pay_by_bank(url).status_code == 303
        ada.retry(payment["id"], "wallet")  # before anybody has heard of it
        ada.wait_payment(payment["id"], "succeeded")
        wait_for(lambda: done(moneypal, "payment", payment["id"]),
                 lambda told: "20.00 USD  processing" in told, "the page, which cannot be closed")
        end_transfer(sandbox, payment, "succeeded")
        wait_for(ada.balance, lambda balance: balance == "20.00", "the late money", timeout_s=60)
        assert bob.balance() == "20.00"
        assert len(ada.entries()) == 3


def test_a_cancel_is_kept_while_the_provider_is_down(sandbox, ada):
    payment = ada.top_up("20.00")
    url = ada.wait_checkout_url(payment["id"])["checkout_url"]
    sandbox.fault(path=f"{sandbox.session_path(payment['id'])}/expire", status=500, count=2)
    answer = ada.cancel(payment["id"])
    assert (answer.status_code, answer.json()["checkout_url"]) == (202, None)
    assert answer.json()["cancel_wanted"] is True
    ada.wait_payment(payment["id"], "canceled")
    assert requests.get(url, timeout=10).status_code == 410, "nobody can pay there any more"


def test_the_money_may_be_faster_than_the_cancel(sandbox, ada, bob):
    sandbox.fault(webhook="hold")
    payment = ada.pay(bob.id, "20.00", source="card")
    url = ada.wait_checkout_url(payment["id"])["checkout_url"]
    assert pay_at_provider(url).status_code == 303
    answer = ada.cancel(payment["id"])
    assert answer.status_code == 409
    assert answer.json()["type"] == "/problems/payment_settling"
    ada.wait_payment(payment["id"], "succeeded")
    sandbox.clear_faults()
    time.sleep(1)
    assert (ada.balance(), bob.balance()) == ("0.00", "20.00")
    assert len(ada.entries()) == 2


def test_a_page_of_a_settled_payment_is_closed(sandbox, ada, bob):
    payment = ada.pay(bob.id, "20.00")
    ada.wait_checkout_url(payment["id"])
    funded = ada.top_up("20.00")
    url = ada.wait_checkout_url(funded["id"])["checkout_url"]
    assert pay_at_provider(url).status_code == 303
    ada.wait_payment(funded["id"], "succeeded")
    ada.retry(payment["id"], "wallet")
    ada.wait_payment(payment["id"], "succeeded")
    wait_for(lambda: [s["status"] for s in sessions_of(sandbox, payment)],
             lambda states: states == ["expired"], "its page to be closed")


def test_webhooks_out_of_order_and_twice_come_to_the_same(sandbox, ada):
    for fault in ({"webhook": "duplicate"}, {"webhook": "reorder"}, {"webhook": "wrong_signature"},
                  {"webhook": "delay", "delay_ms": 1500}):
        sandbox.fault(**fault)
        payment = ada.top_up("20.00")
        url = ada.wait_checkout_url(payment["id"])["checkout_url"]
        assert pay_at_provider(url).status_code == 303
        ada.wait_payment(payment["id"], "succeeded", timeout_s=60)
    assert ada.balance() == "80.00"
    assert len(ada.entries()) == 4
