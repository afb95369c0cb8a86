"""The provider's sandbox alone, over HTTP, with an endpoint of our own for its webhooks."""
import concurrent.futures
import hashlib
import hmac
import http.server
import json
import os
import socket
import subprocess
import threading
import time
import uuid
from pathlib import Path

import pytest
import requests
from api import CARD_DECLINED, CARD_GOOD, CARD_INSUFFICIENT, open_provider_page, pay_at_provider
from api import wait_for

ROOT = Path(__file__).resolve().parents[2]
BINARY = ROOT / (os.environ.get("BUILD") or "build") / "sandbox/stripe/moneypal-sandbox-stripe"
KEY = "sk_test_" + "a" * 24
SECRETS = ("whsec_new", "whsec_old")
TIMEOUT_S = 15


class Endpoint:
    """Takes webhooks: keeps them, and answers with the statuses it was given, then 200."""

    def __init__(self):
        self.deliveries = []  # (signature header, raw body)
        self.statuses = []
        endpoint = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):  # noqa: N802
                body = self.rfile.read(int(self.headers["Content-Length"]))
                endpoint.deliveries.append((self.headers["Stripe-Signature"], body))
                self.send_response(endpoint.statuses.pop(0) if endpoint.statuses else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"

    def events(self):
        return [json.loads(body) for _, body in self.deliveries]

    def types(self):
        return [event["type"] for event in self.events()]

    def types_of(self, session):
        return [e["type"] for e in self.events() if session["id"] == e["data"]["object"]["id"]]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Provider:
    """One running sandbox."""

    def __init__(self, folder, endpoint, **settings):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.base = f"http://127.0.0.1:{port}"
        self.environment = {
            "PATH": os.environ["PATH"], "LISTEN": f"127.0.0.1:{port}", "DATA_DIR": str(folder),
            "PUBLIC_URL": self.base, "WEBHOOK_URL": endpoint.url if endpoint else "",
            "STRIPE_SECRET_KEY": KEY, "STRIPE_WEBHOOK_SECRET": ",".join(SECRETS),
            "LOG_LEVEL": "warn", **settings}
        self.http = requests.Session()
        self.http.headers["Authorization"] = f"Bearer {KEY}"
        self.process = None

    def start(self):
        self.process = subprocess.Popen([BINARY], env=self.environment)
        wait_for(self.is_ready, bool, "the sandbox to be ready", 10)
        return self

    def is_ready(self):
        try:
            return requests.get(self.base + "/readyz", timeout=1).status_code == 200
        except requests.RequestException:
            return False

    def stop(self, hard=False):
        (self.process.kill if hard else self.process.terminate)()
        assert self.process.wait(timeout=10) == (-9 if hard else 0)

    def call(self, method, path, form=None, key=None, **more):
        headers = {"Idempotency-Key": key} if key else {}
        return self.http.request(method, self.base + path, data=form, headers=headers,
                                 timeout=TIMEOUT_S, **more)

    def get(self, path, **params):
        answer = self.call("GET", path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def open_session(self, key=None, **changes):
        answer = self.call("POST", "/v1/checkout/sessions", order(**changes), key)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def session(self, session):
        return self.get(f"/v1/checkout/sessions/{session['id']}")

    def expire(self, session, **more):
        return self.call("POST", f"/v1/checkout/sessions/{session['id']}/expire", **more)

    def fault(self, **fault):
        answer = self.http.post(self.base + "/sandbox/faults", json=fault, timeout=TIMEOUT_S)
        assert answer.status_code == 201, answer.text

    def clear_faults(self):
        answer = self.http.delete(self.base + "/sandbox/faults", timeout=TIMEOUT_S)
        assert answer.status_code == 204

    def settle_transfer(self, session, outcome):
        return self.http.post(self.base + "/sandbox/async", timeout=TIMEOUT_S,
                              json={"session": session["id"], "outcome": outcome})


def order(**changes):
    """What a shop sends; a change to None leaves the field out."""
    form = {
        "mode": "payment",
        "line_items[0][quantity]": "1",
        "line_items[0][price_data][currency]": "usd",
        "line_items[0][price_data][unit_amount]": "13000",
        "line_items[0][price_data][product_data][name]": "Fixing the tap",
        "success_url": "https://shop.test/back?session={CHECKOUT_SESSION_ID}&ok=1",
        "cancel_url": "https://shop.test/back?checkout=canceled&a=1",
        "client_reference_id": "order-7",
        "metadata[payment_id]": "p-1",
        "payment_intent_data[metadata][payment_id]": "p-1",
        **changes,
    }
    return {name: value for name, value in form.items() if value is not None}


def error_of(answer):
    assert answer.headers["Request-Id"].startswith("req_")
    return answer.json()["error"]


def post_page(url, **fields):
    return requests.post(url, data=fields, allow_redirects=False, timeout=TIMEOUT_S)


@pytest.fixture(scope="module")
def endpoint():
    endpoint = Endpoint()
    yield endpoint
    endpoint.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory, endpoint):
    provider = Provider(tmp_path_factory.mktemp("sandbox"), endpoint).start()
    yield provider
    provider.stop()


@pytest.fixture
def provider(shared, endpoint):
    endpoint.deliveries.clear()
    endpoint.statuses.clear()
    yield shared
    shared.clear_faults()
    wait_for(lambda: [e["type"] for e in shared.get("/v1/events", limit=20)["data"]
                      if e["pending_webhooks"]],
             lambda pending: pending == [], "what this test sent to be taken")


# --- sessions ---

def test_a_session_has_the_providers_fields(provider):
    session = provider.open_session()
    assert session["id"].startswith("cs_test_") and session["object"] == "checkout.session"
    assert (session["amount_total"], session["amount_subtotal"]) == (13000, 13000)
    assert (session["currency"], session["status"], session["payment_status"]) == (
        "usd", "open", "unpaid")
    assert session["payment_intent"] is None and session["livemode"] is False
    assert session["mode"] == "payment" and session["client_reference_id"] == "order-7"
    assert session["metadata"] == {"payment_id": "p-1"}
    assert session["url"] == f"{provider.base}/pay/{session['id']}"
    assert session["success_url"].endswith("?session={CHECKOUT_SESSION_ID}&ok=1")
    assert abs(session["created"] - time.time()) < 5
    assert session["expires_at"] == session["created"] + 24 * 3600
    assert provider.session(session) == session


@pytest.mark.parametrize("changes, code, param", [
    ({"mode": None}, "parameter_missing", "mode"),
    ({"mode": "setup"}, None, "mode"),
    ({"success_url": None}, "parameter_missing", "success_url"),
    ({"success_url": "shop.test"}, "url_invalid", "success_url"),
    ({"cancel_url": "javascript:alert(1)"}, "url_invalid", "cancel_url"),
    ({"cancel_url": ""}, "parameter_invalid_empty", "cancel_url"),
    ({"colour": "red"}, "parameter_unknown", "colour"),
    ({"line_items[0][colour]": "red"}, "parameter_unknown", "line_items[0][colour]"),
    ({"line_items[0][price_data][unit_amount]": "1.5"}, "parameter_invalid_integer",
     "line_items[0][price_data][unit_amount]"),
    ({"line_items[0][price_data][unit_amount]": "-5"}, "parameter_invalid_integer",
     "line_items[0][price_data][unit_amount]"),
    ({"line_items[0][price_data][unit_amount]": "49"}, "amount_too_small", None),
    ({"line_items[0][price_data][unit_amount]": "99999999", "line_items[0][quantity]": "2"},
     "amount_too_large", "line_items[0]"),
    ({"line_items[0][price_data][currency]": "zzz"}, None, "line_items[0][price_data][currency]"),
    ({"line_items[0][price_data][currency]": "jpy", "line_items[0][price_data][unit_amount]": "49"},
     "amount_too_small", None),
    ({"line_items[0][price_data][currency]": "kwd",
      "line_items[0][price_data][unit_amount]": "1005"}, "parameter_invalid_integer",
     "line_items[0][price_data][unit_amount]"),
    ({"client_reference_id": "x" * 201}, None, "client_reference_id"),
    ({"metadata[" + "k" * 41 + "]": "v"}, None, "metadata[" + "k" * 41 + "]"),
    ({"metadata[k]": "v" * 501}, None, "metadata[k]"),
    ({f"metadata[k{n}]": "v" for n in range(50)}, None, "metadata[k49]"),
    ({"expires_at": str(int(time.time()) + 60)}, None, "expires_at"),
    ({"expires_at": str(int(time.time()) + 25 * 3600)}, None, "expires_at"),
    ({"allow_promotion_codes": "true"}, None, "allow_promotion_codes"),
])
def test_wrong_orders_are_refused_by_name(provider, changes, code, param):
    answer = provider.call("POST", "/v1/checkout/sessions", order(**changes))
    error = error_of(answer)
    assert answer.status_code == 400
    assert (error["type"], error.get("code"), error.get("param")) == (
        "invalid_request_error", code, param), error


def test_the_smallest_charge_and_several_items_are_taken(provider):
    small = provider.open_session(**{"line_items[0][price_data][currency]": "JPY",
                                     "line_items[0][price_data][unit_amount]": "50"})
    assert (small["currency"], small["amount_total"]) == ("jpy", 50)
    assert "50 JPY" in requests.get(small["url"], timeout=5).text
    two = provider.open_session(**{"line_items[0][quantity]": "3",
                                   "line_items[1][quantity]": "1",
                                   "line_items[1][price_data][currency]": "usd",
                                   "line_items[1][price_data][unit_amount]": "25",
                                   "line_items[1][price_data][product_data][name]": "Washer"})
    assert two["amount_total"] == 39025


def test_callers_are_known_by_the_secret_key(provider):
    url = provider.base + "/v1/checkout/sessions"
    assert requests.get(url, auth=(KEY, ""), timeout=5).status_code == 200
    for headers in ({}, {"Authorization": "Bearer sk_test_b"}, {"Authorization": f"Basic {KEY}"},
                    {"Authorization": KEY}):
        answer = requests.get(url, headers=headers, timeout=5)
        assert answer.status_code == 401, headers
        assert error_of(answer)["type"] == "invalid_request_error"
    for method, path in (("GET", "faults"), ("POST", "faults"), ("DELETE", "faults"),
                         ("POST", "async")):
        assert requests.request(method, f"{provider.base}/sandbox/{path}", json={},
                                timeout=5).status_code == 401


@pytest.mark.parametrize("path, param", [
    ("/v1/checkout/sessions/cs_test_nothing", "session"),
    (f"/v1/checkout/sessions/cs_test_{'0' * 32}", "session"),
    ("/v1/payment_intents/pi_1", "intent"), ("/v1/events/evt_1", "id"), ("/v1/coupons", None),
])
def test_what_is_not_there_is_a_404_of_the_provider(provider, path, param):
    answer = provider.call("GET", path)
    error = error_of(answer)
    assert answer.status_code == 404 and error["type"] == "invalid_request_error"
    assert error.get("param") == param
    assert error.get("code") == ("resource_missing" if param else None)


def test_expiring_ends_a_session_once_and_tells_it(provider, endpoint):
    session = provider.open_session()
    ended = provider.expire(session)
    assert ended.status_code == 200
    assert (ended.json()["status"], ended.json()["url"]) == ("expired", None)
    again = provider.expire(session)
    assert again.status_code == 400 and "`expired`" in error_of(again)["message"]
    wait_for(endpoint.types, lambda types: types == ["checkout.session.expired"], "the event")
    page = requests.get(session["url"], timeout=5)
    assert page.status_code == 410 and "<form" not in page.text
    assert post_page(session["url"], card_number=CARD_GOOD).status_code == 410
    assert provider.session(session)["payment_status"] == "unpaid"


# --- idempotency ---

def test_a_key_replays_its_answer_and_no_other(provider):
    key = str(uuid.uuid4())
    first = provider.call("POST", "/v1/checkout/sessions", order(), key)
    again = provider.call("POST", "/v1/checkout/sessions", order(), key)
    assert first.status_code == again.status_code == 200
    assert first.content == again.content
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["Original-Request"] == first.headers["Request-Id"]
    assert "Idempotent-Replayed" not in first.headers
    other = provider.call("POST", "/v1/checkout/sessions", order(client_reference_id="8"), key)
    assert other.status_code == 400 and error_of(other)["type"] == "idempotency_error"
    assert provider.call("POST", "/v1/checkout/sessions", order(), "k" * 256).status_code == 400


def test_a_refusal_is_not_kept_under_its_key(provider):
    key = str(uuid.uuid4())
    assert provider.call("POST", "/v1/checkout/sessions", order(mode="x"), key).status_code == 400
    assert provider.call("POST", "/v1/checkout/sessions", order(), key).status_code == 200


def test_twins_at_once_make_one_session(provider):
    key = str(uuid.uuid4())
    provider.fault(path="/v1/checkout/sessions", delay_ms=300, after=True)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: requests.post(
            provider.base + "/v1/checkout/sessions", data=order(), timeout=TIMEOUT_S,
            headers={"Authorization": f"Bearer {KEY}", "Idempotency-Key": key}), range(8)))
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert {error_of(a)["code"] for a in answers if a.status_code == 409} <= {
        "idempotency_key_in_use"}
    assert len({a.json()["id"] for a in answers if a.status_code == 200}) == 1


# --- lists ---

def test_lists_are_newest_first_and_go_on(provider):
    made = [provider.open_session()["id"] for _ in range(5)][::-1]
    first = provider.get("/v1/checkout/sessions", limit=3)
    assert (first["object"], first["url"], first["has_more"]) == (
        "list", "/v1/checkout/sessions", True)
    assert [s["id"] for s in first["data"]] == made[:3]
    rest = provider.get("/v1/checkout/sessions", limit=2, starting_after=made[2])
    assert [s["id"] for s in rest["data"]] == made[3:]
    back = provider.get("/v1/checkout/sessions", limit=2, ending_before=made[3])
    assert [s["id"] for s in back["data"]] == made[1:3]
    for params in ({"limit": 0}, {"limit": 101}, {"starting_after": "cs_test_x"}, {"page": 2}):
        assert provider.call("GET", "/v1/checkout/sessions", params=params).status_code == 400


def test_intents_and_events_are_listed_by_time_and_type(provider):
    before = int(time.time())
    paid = provider.open_session()
    assert pay_at_provider(paid["url"]).status_code == 303
    intent = provider.session(paid)["payment_intent"]
    assert provider.get("/v1/payment_intents", limit=1)["data"][0]["id"] == intent
    within = provider.get("/v1/payment_intents", **{"created[gte]": before, "limit": 100})["data"]
    assert intent in [i["id"] for i in within]
    without = provider.get("/v1/payment_intents", **{"created[lt]": before, "limit": 100})["data"]
    assert intent not in [i["id"] for i in without]
    completed = provider.get("/v1/events", type="checkout.session.completed", limit=1)["data"][0]
    assert completed["data"]["object"]["id"] == paid["id"]
    assert provider.get(f"/v1/events/{completed['id']}")["type"] == completed["type"]
    assert provider.get("/v1/events", type="no.such.type")["data"] == []


# --- the hosted page and the card ---

def test_a_good_card_pays_once_and_leads_back(provider, endpoint):
    session = provider.open_session()
    form = open_provider_page(session["url"])
    assert {"card_number", "expiry", "cvc"} <= form.fields.keys()
    assert ("cancel", session["cancel_url"]) in form.links
    answer = pay_at_provider(session["url"])
    assert answer.status_code == 303
    assert answer.headers["Location"] == (
        f"https://shop.test/back?session={session['id']}&ok=1")
    paid = provider.session(session)
    assert (paid["status"], paid["payment_status"], paid["url"]) == ("complete", "paid", None)
    intent = provider.get(f"/v1/payment_intents/{paid['payment_intent']}")
    assert (intent["status"], intent["amount"], intent["amount_received"], intent["currency"]) == (
        "succeeded", 13000, 13000, "usd")
    assert intent["metadata"] == {"payment_id": "p-1"}
    assert post_page(session["url"], card_number=CARD_GOOD, expiry="12/34",
                     cvc="123").status_code == 410
    assert provider.expire(session).status_code == 400
    wait_for(endpoint.types, lambda types: types == ["checkout.session.completed"], "the event")


def test_paying_at_once_pays_once(provider, endpoint):
    session = provider.open_session()
    card = {"card_number": CARD_GOOD, "expiry": "12/34", "cvc": "123"}
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(
            lambda _: post_page(session["url"], **card).status_code, range(8)))
    assert statuses == [303] + [410] * 7
    wait_for(endpoint.types, bool, "the event")
    time.sleep(0.3)
    assert endpoint.types() == ["checkout.session.completed"]


@pytest.mark.parametrize("card, sentence, decline_code", [
    (CARD_DECLINED, "Your card was declined.", "generic_decline"),
    (CARD_INSUFFICIENT, "Your card has insufficient funds.", "insufficient_funds"),
    ("4111111111111111", "used a non test card", "test_mode_live_card"),
])
def test_a_declined_card_can_be_followed_by_a_good_one(provider, card, sentence, decline_code):
    session = provider.open_session()
    refused = pay_at_provider(session["url"], card)
    assert refused.status_code == 402
    assert sentence in refused.text and "<form" in refused.text and card not in refused.text
    tried = provider.session(session)
    assert (tried["status"], tried["payment_status"]) == ("open", "unpaid")
    intent = provider.get(f"/v1/payment_intents/{tried['payment_intent']}")
    assert intent["status"] == "requires_payment_method"
    assert intent["last_payment_error"]["decline_code"] == decline_code
    failed = provider.get("/v1/events", type="payment_intent.payment_failed", limit=1)["data"][0]
    assert failed["data"]["object"]["id"] == intent["id"]
    assert pay_at_provider(session["url"]).status_code == 303
    assert provider.session(session)["payment_intent"] == intent["id"]
    intent = provider.get(f"/v1/payment_intents/{intent['id']}")
    assert intent["status"] == "succeeded" and intent["last_payment_error"] is None


@pytest.mark.parametrize("changes, sentence", [
    ({"card_number": ""}, "Enter the number"),
    ({"card_number": "4242 4242"}, "incomplete"),
    ({"card_number": "4242424242424241"}, "invalid"),
    ({"card_number": "<script>"}, "Enter the number"),
    ({"expiry": "13/34"}, "MM/YY"),
    ({"expiry": "01/20"}, "expired"),
    ({"cvc": "12"}, "3 or 4 digits"),
])
def test_malformed_cards_are_told_at_their_field(provider, changes, sentence):
    session = provider.open_session()
    card = {"card_number": CARD_GOOD, "expiry": "12/34", "cvc": "123", **changes}
    answer = post_page(session["url"], **card)
    assert answer.status_code == 402 and sentence in answer.text
    assert "<script" not in answer.text and 'aria-invalid="true"' in answer.text
    assert provider.session(session)["payment_intent"] is None


def test_what_a_shop_says_is_harmless_on_the_page(provider):
    name = "<script>alert('x')</script> & \"tap\""
    session = provider.open_session(**{
        "line_items[0][price_data][product_data][name]": name,
        "cancel_url": "https://shop.test/'onclick='a&b"})
    page = requests.get(session["url"], timeout=5)
    assert "<script" not in page.text and "&#60;script" in page.text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "'onclick" not in page.text
    assert requests.get(provider.base + "/pay/cs_test_x", timeout=5).status_code == 404


@pytest.mark.parametrize("outcome, paid, status", [
    ("succeeded", "paid", "succeeded"), ("failed", "unpaid", "requires_payment_method")])
def test_a_bank_transfer_completes_first_and_settles_later(
        provider, endpoint, outcome, paid, status):
    session = provider.open_session()
    assert post_page(session["url"], method="bank").status_code == 303
    waiting = provider.session(session)
    assert (waiting["status"], waiting["payment_status"]) == ("complete", "unpaid")
    assert provider.get(f"/v1/payment_intents/{waiting['payment_intent']}")["status"] == "processing"
    wait_for(lambda: endpoint.types_of(session), lambda t: t == ["checkout.session.completed"],
             "the first event")
    assert provider.settle_transfer(session, outcome).status_code == 200
    assert provider.settle_transfer(session, outcome).status_code == 409
    assert provider.session(session)["payment_status"] == paid
    intent = provider.get(f"/v1/payment_intents/{waiting['payment_intent']}")
    assert intent["status"] == status
    wait_for(lambda: endpoint.types_of(session),
             lambda t: t[1:] == [f"checkout.session.async_payment_{outcome}"], "the second event")


def test_a_bank_transfer_arrives_by_itself(tmp_path, endpoint):
    endpoint.deliveries.clear()
    provider = Provider(tmp_path, endpoint, TRANSFER_S="1", WEBHOOK_EVENTS="*").start()
    try:
        session = provider.open_session()
        assert post_page(session["url"], method="bank").status_code == 303
        wait_for(lambda: sorted(endpoint.types()), lambda types: types == [
            "checkout.session.async_payment_succeeded", "checkout.session.completed",
            "payment_intent.processing", "payment_intent.succeeded"], "all events")
    finally:
        provider.stop()


# --- webhooks ---

def test_webhooks_are_signed_with_each_secret(provider, endpoint):
    session = provider.open_session()
    assert pay_at_provider(session["url"]).status_code == 303
    wait_for(endpoint.types, bool, "the event")
    header, body = endpoint.deliveries[0]
    at, *macs = header.split(",")
    assert abs(int(at.removeprefix("t=")) - time.time()) < 5
    text = at.removeprefix("t=").encode() + b"." + body
    assert macs == ["v1=" + hmac.new(s.encode(), text, hashlib.sha256).hexdigest()
                    for s in SECRETS]
    event = json.loads(body)
    assert event["object"] == "event" and event["id"].startswith("evt_")
    assert event["livemode"] is False and event["pending_webhooks"] == 1
    assert event["data"]["object"]["payment_status"] == "paid"
    wait_for(lambda: provider.get(f"/v1/events/{event['id']}")["pending_webhooks"],
             lambda pending: pending == 0, "the event to count as taken")


def test_webhooks_are_repeated_until_they_are_taken(provider, endpoint):
    endpoint.statuses = [500, 302]
    session = provider.open_session()
    assert pay_at_provider(session["url"]).status_code == 303
    events = wait_for(endpoint.events, lambda events: len(events) == 3, "three deliveries", 15)
    assert len({event["id"] for event in events}) == 1
    time.sleep(0.5)
    assert len(endpoint.deliveries) == 3


def test_a_restart_forgets_nothing(tmp_path, endpoint):
    endpoint.deliveries.clear()
    endpoint.statuses = [503]
    provider = Provider(tmp_path, endpoint).start()
    key = str(uuid.uuid4())
    session = provider.open_session(key=key)
    assert pay_at_provider(session["url"]).status_code == 303
    wait_for(endpoint.types, bool, "the first delivery")
    provider.stop(hard=True)
    provider.start()
    try:
        wait_for(endpoint.types, lambda types: len(types) >= 2, "the delivery again", 15)
        assert provider.session(session)["payment_status"] == "paid"
        assert provider.open_session(key=key)["id"] == session["id"]
    finally:
        provider.stop()


# --- faults ---

def pay(provider):
    session = provider.open_session()
    assert pay_at_provider(session["url"]).status_code == 303
    return session


def test_a_request_fails_before_or_after_its_effect(provider):
    session = provider.open_session()
    provider.fault(path="/v1/checkout/sessions/*/expire", status=503, count=2)
    assert [provider.expire(session).status_code for _ in range(2)] == [503, 503]
    assert provider.session(session)["status"] == "open"
    provider.fault(path="/v1/checkout/sessions/*/expire", method="POST", status=500, after=True)
    assert provider.expire(session).status_code == 500
    assert provider.session(session)["status"] == "expired"


def test_a_lost_answer_is_had_again_by_its_key(provider):
    for fault in ({"status": 500}, {"drop": True}):
        key = str(uuid.uuid4())
        provider.fault(path="/v1/checkout/sessions", after=True, **fault)
        if "drop" in fault:
            with pytest.raises(requests.ConnectionError):
                provider.call("POST", "/v1/checkout/sessions", order(), key)
        else:
            answer = provider.call("POST", "/v1/checkout/sessions", order(), key)
            assert (answer.status_code, error_of(answer)["type"]) == (500, "api_error")
        newest = provider.get("/v1/checkout/sessions", limit=1)["data"][0]
        answer = provider.call("POST", "/v1/checkout/sessions", order(), key)
        assert answer.json()["id"] == newest["id"]
        assert answer.headers["Idempotent-Replayed"] == "true"


def test_a_kept_failure_is_the_answer_to_its_key_for_ever(provider):
    provider.fault(path="/v1/checkout/sessions", method="POST", status=500, keep=True)
    key = str(uuid.uuid4())
    answers = [provider.call("POST", "/v1/checkout/sessions", order(), key) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [500] * 3
    assert [answer.json() for answer in answers] == [answers[0].json()] * 3
    assert [answer.headers.get("Idempotent-Replayed") for answer in answers] == [None, "true", "true"]
    assert provider.call("POST", "/v1/checkout/sessions", order(), key + "-2").status_code == 200


def test_a_request_can_be_slow(provider):
    provider.fault(path="/v1/events", delay_ms=400)
    began = time.monotonic()
    provider.get("/v1/events")
    assert time.monotonic() - began >= 0.4
    provider.get("/v1/events")


def test_a_session_can_lie_once(provider):
    session = provider.open_session()
    provider.fault(session="amount_mismatch")
    assert provider.session(session)["amount_total"] != 13000
    provider.fault(session="currency_mismatch")
    assert provider.session(session)["currency"] != "usd"
    assert provider.session(session) == session
    other = provider.open_session()
    provider.fault(session="amount_mismatch", path=f"/v1/checkout/sessions/{other['id']}")
    assert provider.session(session) == session
    assert provider.session(other)["amount_total"] != 13000
    assert provider.session(other) == other


def test_a_dropped_webhook_never_comes(provider, endpoint):
    provider.fault(webhook="drop")
    lost = pay(provider)
    wait_for(lambda: provider.get("/v1/events", type="checkout.session.completed",
                                  limit=1)["data"][0]["pending_webhooks"],
             lambda pending: pending == 0, "the drop")
    kept = pay(provider)
    wait_for(endpoint.types, bool, "the next one")
    assert endpoint.types_of(lost) == [] and len(endpoint.types_of(kept)) == 1


def test_a_duplicated_webhook_comes_twice(provider, endpoint):
    provider.fault(webhook="duplicate", type="checkout.session.completed")
    session = pay(provider)
    wait_for(lambda: endpoint.types_of(session), lambda types: len(types) == 2, "both")
    assert len({event["id"] for event in endpoint.events()}) == 1


def test_a_reordered_webhook_comes_behind_the_next(provider, endpoint):
    provider.fault(webhook="reorder")
    first = pay(provider)
    time.sleep(0.5)
    assert endpoint.deliveries == []
    second = pay(provider)
    wait_for(endpoint.types, lambda types: len(types) == 2, "both")
    assert [e["data"]["object"]["id"] for e in endpoint.events()] == [second["id"], first["id"]]


def test_a_delayed_webhook_comes_late(provider, endpoint):
    provider.fault(webhook="delay", delay_ms=1000)
    began = time.monotonic()
    session = pay(provider)
    wait_for(lambda: endpoint.types_of(session), bool, "the event")
    assert time.monotonic() - began >= 1


def test_a_wrongly_signed_webhook_is_followed_by_a_right_one(provider, endpoint):
    provider.fault(webhook="wrong_signature")
    endpoint.statuses = [400]
    pay(provider)
    wait_for(endpoint.types, lambda types: len(types) == 2, "both")

    def is_right(delivery):
        header, body = delivery
        at = header.split(",")[0].removeprefix("t=").encode()
        return hmac.new(SECRETS[0].encode(), at + b"." + body, hashlib.sha256).hexdigest() in header
    assert [is_right(delivery) for delivery in endpoint.deliveries] == [False, True]


def test_held_webhooks_come_when_the_faults_are_cleared(provider, endpoint):
    provider.fault(webhook="hold", count=2)
    held = [pay(provider), pay(provider)]
    third = pay(provider)
    wait_for(lambda: endpoint.types_of(third), bool, "the third")
    assert len(endpoint.deliveries) == 1
    provider.clear_faults()
    wait_for(endpoint.types, lambda types: len(types) == 3, "the held ones")
    assert all(len(endpoint.types_of(session)) == 1 for session in held)


def test_faults_are_listed_and_wrong_ones_refused(provider):
    provider.fault(webhook="hold", count=7)
    provider.fault(session="amount_mismatch", path="/v1/checkout/sessions/x")
    assert provider.get("/sandbox/faults")["items"] == [
        {"webhook": "hold", "type": None, "delay_ms": 2000, "count": 7},
        {"session": "amount_mismatch", "path": "/v1/checkout/sessions/x", "count": 1}]
    for wrong in ({}, {"webhook": "eat"}, {"path": "/v1"}, {"session": "x"},
                  {"session": "amount_mismatch", "status": 500},
                  {"path": "/v1", "status": 200}, {"webhook": "drop", "count": 0},
                  {"webhook": "drop", "colour": 1}):
        answer = provider.http.post(provider.base + "/sandbox/faults", json=wrong, timeout=5)
        assert answer.status_code == 422, wrong


# --- where it runs ---

@pytest.mark.parametrize("settings, said", [
    ({"ENVIRONMENT": "production"}, "production"),
    ({"STRIPE_SECRET_KEY": "sk_live_" + "a" * 24}, "sk_test_"),
    ({"STRIPE_WEBHOOK_SECRET": "a,,b"}, "STRIPE_WEBHOOK_SECRET"),
    ({"WEBHOOK_URL": "ftp://x"}, "WEBHOOK_URL"),
])
def test_it_does_not_start_where_it_must_not(tmp_path, settings, said):
    provider = Provider(tmp_path, None, WEBHOOK_URL="http://127.0.0.1:9/", LOG_LEVEL="error")
    ended = subprocess.run([BINARY], env={**provider.environment, **settings}, timeout=10,
                           capture_output=True, text=True, check=False)
    assert ended.returncode != 0 and said in ended.stderr
    assert "sk_live" not in ended.stderr
