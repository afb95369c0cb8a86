"""The provider's webhooks: signed, stored once, and never believed alone."""
import hashlib
import hmac
import json
import time

import requests
from moneypal import Person, pay_at_provider, wait_for


def signed(secret, body, at=None):
    at = int(at or time.time())
    mac = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={mac}"


def post_webhook(system, body, signature):
    return requests.post(f"{system.base}/v1/webhooks/stripe", data=body, timeout=10, headers={
        "Stripe-Signature": signature, "Content-Type": "application/json"}).status_code


def paid_top_up(system, amount="15.00"):
    ada = Person.register(system.base, "Ada", "Client")
    payment = ada.top_up(amount)
    url = ada.wait_checkout_url(payment["id"])["checkout_url"]
    assert pay_at_provider(url).status_code == 303
    ada.wait_payment(payment["id"], "succeeded")
    return ada, payment


def completed_event(system, payment):
    """The event that the provider sent for a payment's session."""
    events = system.sandbox_get("/v1/events", {"type": "checkout.session.completed", "limit": 100})
    return next(e for e in events["data"]
                if e["data"]["object"]["client_reference_id"] == payment["id"])


def test_a_webhook_that_comes_again_changes_nothing(system):
    ada, payment = paid_top_up(system)
    body = json.dumps(completed_event(system, payment)).encode()
    for _ in range(3):
        assert post_webhook(system, body, signed(system.webhook_secret, body)) == 200
    time.sleep(1)
    assert ada.balance() == "15.00"
    assert len(ada.entries()) == 1


def test_a_late_webhook_still_credits(system):
    ada = Person.register(system.base, "Ada", "Client")
    system.sandbox_fault(webhook="drop", count=1)
    try:
        payment = ada.top_up("15.00")
        url = ada.wait_checkout_url(payment["id"])["checkout_url"]
        assert pay_at_provider(url).status_code == 303
        time.sleep(1)
        assert ada.balance() == "0.00"
    finally:
        system.clear_sandbox_faults()
    body = json.dumps(completed_event(system, payment)).encode()
    assert post_webhook(system, body, signed(system.webhook_secret, body)) == 200
    ada.wait_payment(payment["id"], "succeeded")
    assert ada.balance() == "15.00"


def test_a_webhook_that_never_comes_is_asked_for(system):
    ada = Person.register(system.base, "Ada", "Client")
    system.sandbox_fault(webhook="drop", count=1)
    try:
        payment = ada.top_up("15.00")
        url = ada.wait_checkout_url(payment["id"])["checkout_url"]
        assert pay_at_provider(url).status_code == 303
    finally:
        system.clear_sandbox_faults()
    ada.wait_payment(payment["id"], "succeeded", timeout_s=system.redrive_s * 3 + 30)
    assert ada.balance() == "15.00"


def test_what_is_not_signed_by_the_provider_is_refused(system):
    ada, payment = paid_top_up(system)
    body = json.dumps(completed_event(system, payment)).encode()
    now = time.time()
    for signature in (signed("whsec_wrong", body), signed(system.webhook_secret, body + b" "),
                      signed(system.webhook_secret, body, now - 400),
                      signed(system.webhook_secret, body, now + 400), "", "t=1", "v1=00"):
        assert post_webhook(system, body, signature) == 400, signature
    assert ada.balance() == "15.00"


def test_a_signed_lie_is_not_believed(system):
    """Even with the right secret: the session, read again from the provider, decides."""
    ada = Person.register(system.base, "Ada", "Client")
    payment = ada.top_up("15.00")
    ada.wait_checkout_url(payment["id"])
    _, other = paid_top_up(system)
    event = completed_event(system, other)
    session = system.session_of(payment["id"])
    event["id"] = "evt_lie" + payment["id"].replace("-", "")
    event["data"]["object"].update(id=session["id"], client_reference_id=payment["id"],
                                   payment_status="paid", status="complete")
    body = json.dumps(event).encode()
    assert post_webhook(system, body, signed(system.webhook_secret, body)) == 200
    time.sleep(2)
    assert ada.payment(payment["id"])["state"] == "awaiting_provider"
    assert ada.balance() == "0.00"


def test_an_expired_session_ends_the_payment(system):
    ada = Person.register(system.base, "Ada", "Client")
    payment = ada.top_up("15.00")
    ada.wait_checkout_url(payment["id"])
    session = system.session_of(payment["id"])
    system.sandbox_post(f"/v1/checkout/sessions/{session['id']}/expire")
    ended = ada.wait_payment(payment["id"], "expired")
    assert ended["status"] is False and ended["checkout_url"] is None
    wait_for(ada.mails, lambda m: [x["event"] for x in m] == ["payment.expired"], "the notice")
