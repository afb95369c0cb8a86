"""The provider's webhooks: signed, stored once, and never believed alone."""
import hashlib
import hmac
import json
import time

import pytest
import requests
from alone import Alone
from api import Person, pay_at_provider, wait_for
from inside import metric
from test_mpctl import done


def signed(secret, body, at=None):
    at = int(at or time.time())
    mac = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={mac}"


@pytest.fixture
def secret(moneypal):
    return moneypal.secret("stripe_webhook_secret")


def post_webhook(moneypal, body, signature):
    """200, or the name of the problem."""
    answer = requests.post(f"{moneypal.base}/v1/webhooks/stripe", data=body, timeout=10, headers={
        "Stripe-Signature": signature, "Content-Type": "application/json"})
    return 200 if answer.status_code == 200 else answer.json()["type"].removeprefix("/problems/")


def paid_top_up(moneypal, amount="15.00"):
    ada = Person.register(moneypal.base, "Ada", "Client")
    payment = ada.top_up(amount)
    url = ada.wait_checkout_url(payment["id"])["checkout_url"]
    assert pay_at_provider(url).status_code == 303
    ada.wait_payment(payment["id"], "succeeded")
    return ada, payment


def test_a_webhook_that_comes_again_changes_nothing(moneypal, sandbox, secret):
    ada, payment = paid_top_up(moneypal)
    body = json.dumps(sandbox.completed_event(payment["id"])).encode()
    for _ in range(3):
        assert post_webhook(moneypal, body, signed(secret, body)) == 200
    time.sleep(1)
    assert ada.balance() == "15.00"
    assert len(ada.entries()) == 1


def top_up_without_webhook(moneypal, sandbox):
    """Somebody who has paid at the provider, which tells nobody."""
    ada = Person.register(moneypal.base, "Ada", "Client")
    sandbox.fault(webhook="drop", type="checkout.session.completed")
    payment = ada.top_up("15.00")
    url = ada.wait_checkout_url(payment["id"])["checkout_url"]
    assert pay_at_provider(url).status_code == 303
    return ada, payment


def test_a_late_webhook_still_credits(moneypal, sandbox, secret):
    ada, payment = top_up_without_webhook(moneypal, sandbox)
    time.sleep(1)
    assert ada.balance() == "0.00"
    body = json.dumps(sandbox.completed_event(payment["id"])).encode()
    assert post_webhook(moneypal, body, signed(secret, body)) == 200
    ada.wait_payment(payment["id"], "succeeded")
    assert ada.balance() == "15.00"


def test_a_webhook_that_never_comes_is_asked_for(moneypal, sandbox):
    ada, payment = top_up_without_webhook(moneypal, sandbox)
    ada.wait_payment(payment["id"], "succeeded", timeout_s=60)
    assert ada.balance() == "15.00"


def test_a_webhook_that_never_comes_is_asked_for_at_once_when_a_person_asks(moneypal, sandbox):
    ada, payment = top_up_without_webhook(moneypal, sandbox)
    assert "told again" in done(moneypal, "redrive", payment["id"])
    ada.wait_payment(payment["id"], "succeeded", timeout_s=10)
    assert ada.balance() == "15.00"
    assert len(ada.entries()) == 1


def test_while_the_key_is_another_accounts_nothing_is_dropped_or_ended(moneypal, sandbox):
    def alarms():
        return metric(moneypal, "payment", 'moneypal_payment_alarms_total{cause="provider"}')

    alarms_before = alarms()
    ada = Person.register(moneypal.base, "Ada", "Client")
    payment = ada.top_up("15.00")
    url = ada.wait_checkout_url(payment["id"])["checkout_url"]
    sandbox.fault(path=sandbox.session_path(payment["id"]), method="GET", status=404, count=2)
    assert pay_at_provider(url).status_code == 303
    ada.wait_payment(payment["id"], "succeeded", timeout_s=30)
    assert alarms() == alarms_before + 2
    assert ada.balance() == "15.00"


def test_what_is_not_signed_by_the_provider_is_refused(moneypal, sandbox, secret):
    ada, payment = paid_top_up(moneypal)
    body = json.dumps(sandbox.completed_event(payment["id"])).encode()
    now = time.time()
    for signature in (signed("whsec_wrong", body), signed(secret, body + b" "),
                      signed(secret, body, now - 400), signed(secret, body, now + 400),
                      "", "t=1", "v1=00"):
        assert post_webhook(moneypal, body, signature) == "webhook_signature", signature
    assert ada.balance() == "15.00"


def test_what_is_signed_and_no_event_of_ours_is_refused(moneypal, sandbox, secret):
    _, payment = paid_top_up(moneypal)
    event = sandbox.completed_event(payment["id"])
    live = json.dumps({**event, "livemode": True}).encode()
    assert post_webhook(moneypal, live, signed(secret, live)) == "webhook_livemode"
    for wrong in ({**event, "id": None}, {**event, "id": "evt_/../"}, {**event, "data": []}, []):
        body = json.dumps(wrong).encode()
        assert post_webhook(moneypal, body, signed(secret, body)) == "webhook_event", wrong


def test_a_signed_lie_is_not_believed(moneypal, sandbox, secret):
    """Even with the right secret: the session, read again from the provider, decides."""
    ada = Person.register(moneypal.base, "Ada", "Client")
    payment = ada.top_up("15.00")
    ada.wait_checkout_url(payment["id"])
    _, other = paid_top_up(moneypal)
    event = sandbox.completed_event(other["id"])
    session = sandbox.session_of(payment["id"])
    event["id"] = "evt_lie" + payment["id"].replace("-", "")
    event["data"]["object"].update(id=session["id"], client_reference_id=payment["id"],
                                   payment_status="paid", status="complete")
    body = json.dumps(event).encode()
    assert post_webhook(moneypal, body, signed(secret, body)) == 200
    time.sleep(2)
    assert ada.payment(payment["id"])["state"] == "awaiting_provider"
    assert ada.balance() == "0.00"


def test_an_expired_session_ends_the_payment(moneypal, sandbox):
    ada = Person.register(moneypal.base, "Ada", "Client")
    payment = ada.top_up("15.00")
    ada.wait_checkout_url(payment["id"])
    sandbox.post(f"{sandbox.session_path(payment['id'])}/expire")
    ended = ada.wait_payment(payment["id"], "expired")
    assert ended["status"] is False and ended["checkout_url"] is None
    wait_for(ada.mails, lambda m: [x["event"] for x in m] == ["payment.expired"], "the notice")


def test_secrets_rotate_and_clocks_differ_by_five_minutes(tmp_path):
    """A payment service by itself: both secrets are good, a third is not, 300 s either way are."""
    payment = Alone("payment", tmp_path, STRIPE_WEBHOOK_SECRET="whsec_new,whsec_old")
    now = time.time()
    told = []
    for number, (secret, offset_s, _) in enumerate(ROTATION):
        body = json.dumps({"id": f"evt_{number}", "object": "event", "livemode": False,
                           "type": "checkout.session.completed", "created": int(now),
                           "data": {"object": {"id": "cs_test_x", "object": "checkout.session"}},
                           }).encode()
        answer = requests.post(f"{payment.base}/v1/webhooks/stripe", body, timeout=10, headers={
            "Stripe-Signature": signed(secret, body, now + offset_s),
            "Content-Type": "application/json"})
        told.append((secret, offset_s, answer.status_code))
    payment.stop()
    assert told == ROTATION


ROTATION = [
    ("whsec_new", 0, 200), ("whsec_old", 0, 200), ("whsec_older", 0, 403),
    ("whsec_old", -290, 200), ("whsec_old", 290, 200),
    ("whsec_new", -310, 403), ("whsec_new", 310, 403),
]
