"""Stripe's library for Python, unchanged, on sandbox/stripe: client.py URL KEY STEP, JSON in and out.

client.mjs does the same by the library for Node; tests/system/test_stripe_clients.py compares.
"""
import json
import sys

import stripe

ORDER = {
    "mode": "payment",
    "line_items": [{"quantity": 1, "price_data": {
        "currency": "usd", "unit_amount": 13000, "product_data": {"name": "Fixing the tap"}}}],
    "success_url": "https://shop.test/back?session={CHECKOUT_SESSION_ID}",
    "cancel_url": "https://shop.test/back",
    "client_reference_id": "order-7",
    "metadata": {"payment_id": "p-1"},
}


def refusal(call):
    """What the library makes of a refusal: class, status, code, param."""
    try:
        call()
    except stripe.StripeError as error:
        kind = type(error).__name__
        return [kind, error.http_status, error.code, getattr(error, "param", None)]
    return ["none"]


def with_amount(amount, currency="usd"):
    item = {"quantity": 1, "price_data": {**ORDER["line_items"][0]["price_data"],
                                          "unit_amount": amount, "currency": currency}}
    return {**ORDER, "line_items": [item]}


def open_sessions(api, url, _given):
    sessions = api.v1.checkout.sessions
    key = {"idempotency_key": "order-7/1"}
    first, again = (sessions.create(ORDER, key) for _ in range(2))
    yen = sessions.create(with_amount(500, "jpy"))
    doomed = sessions.create(ORDER)
    expired = sessions.expire(doomed.id)
    stranger = stripe.StripeClient("sk_test_" + "b" * 24, base_addresses={"api": url})
    return {
        "session": first.id, "url": first.url, "yen": yen.id, "doomed": doomed.id,
        "same": first.id == again.id,
        "fields": [first.status, first.payment_status, first.amount_total, first.currency,
                   first.client_reference_id, first.metadata["payment_id"], first.livemode],
        "yen_total": yen.amount_total,
        "expired": [expired.status, sessions.retrieve(doomed.id).status],
        "too_small": refusal(lambda: sessions.create(with_amount(10))),
        "unknown": refusal(lambda: sessions.retrieve("cs_test_nothing")),
        "expired_again": refusal(lambda: sessions.expire(doomed.id)),
        "other_body": refusal(lambda: sessions.create(with_amount(14000), key)),
        "other_key": refusal(lambda: stranger.v1.checkout.sessions.retrieve(first.id)),
    }


def look(api, _url, given):
    session = api.v1.checkout.sessions.retrieve(given["session"])
    intent = api.v1.payment_intents.retrieve(session.payment_intent)
    events = list(api.v1.events.list({"limit": 1}).auto_paging_iter())
    completed = next(e for e in events if e.type == "checkout.session.completed"
                     and e.data.object.id == session.id)
    listed = [each.id for each in api.v1.checkout.sessions.list({"limit": 1}).auto_paging_iter()]
    return {
        "session": [session.status, session.payment_status],
        "intent": [intent.status, intent.amount, intent.amount_received, intent.currency],
        "intents": [each.id for each in api.v1.payment_intents.list().data] == [intent.id],
        "listed": listed,
        "event": [completed.object, api.v1.events.retrieve(completed.id).type],
        "types": sorted(event.type for event in events),
    }


def verify(api, _url, given):
    """Each delivery is {signature, body}; told: the event's type, or the refusal's class."""
    told = []
    for each in given["deliveries"]:
        try:
            event = api.construct_event(each["body"], each["signature"], each["secret"])
            told.append(event.type)
        except stripe.SignatureVerificationError:
            told.append("refused")
    return told


def main():
    url, key, step = sys.argv[1:]
    api = stripe.StripeClient(key, base_addresses={"api": url}, max_network_retries=0)
    steps = {"open": open_sessions, "look": look, "verify": verify}
    print(json.dumps(steps[step](api, url, json.load(sys.stdin))))


if __name__ == "__main__":
    main()
