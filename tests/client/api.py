"""A small client of MoneyPal's public API, for the demo and the system tests.

It knows HTTP and the provider's hosted page, and nothing else of the system.
"""
import html.parser
import time
import urllib.parse
import uuid

import requests

TIMEOUT_S = 15
PATIENCE_S = 60  # for so long a 503 is not taken as the answer, and what has to come is waited for

CARD_GOOD = "4242424242424242"
CARD_DECLINED = "4000000000000002"
CARD_INSUFFICIENT = "4000000000009995"


class ApiError(Exception):
    """An answer that was not the expected one."""

    def __init__(self, answer):
        self.status = answer.status_code
        try:
            self.problem = answer.json()
        except ValueError:
            self.problem = {}
        super().__init__(f"{answer.request.method} {answer.url}: {answer.status_code} "
                         f"{answer.text[:500]}")


def until_served(ask, patience_s=PATIENCE_S):
    """What ask() is answered; after a 503 it is asked again, when its Retry-After has passed.

    Only what may be asked twice: a read, or what has a key or an id of its own.
    """
    deadline = time.monotonic() + patience_s
    while True:
        answer = ask()
        if answer.status_code != 503:
            return answer
        pause_s = int(answer.headers.get("Retry-After", 1))
        if time.monotonic() + pause_s > deadline:
            return answer
        time.sleep(pause_s)


class Person:
    """One registered and logged-on user."""

    patience_s = PATIENCE_S

    def __init__(self, base, profile, password):
        self.base = base.rstrip("/")
        self.profile = profile
        self.id = profile["id"]
        self.user_name = profile["user_name"]
        self.password = password
        self.http = requests.Session()
        self.token = None

    @classmethod
    def register(cls, base, first_name, last_name, user_name=None, password=None, email=None):
        password = password or uuid.uuid4().hex
        body = {"first_name": first_name, "last_name": last_name, "password": password,
                "user_name": user_name or f"{first_name.lower()}-{uuid.uuid4().hex[:8]}"}
        if email:
            body["email"] = email
        url = f"{base.rstrip('/')}/v1/users"
        # The name is its id: after a try that was done all the same, it is refused as taken.
        answer = until_served(lambda: requests.post(url, json=body, timeout=TIMEOUT_S))
        if answer.status_code != 201:
            raise ApiError(answer)
        person = cls(base, answer.json(), password)
        person.log_on()
        return person

    def log_on(self):
        body = {"user_name": self.user_name, "password": self.password}
        answer = until_served(lambda: self.http.post(f"{self.base}/v1/sessions", json=body,
                                                     timeout=TIMEOUT_S), self.patience_s)
        if answer.status_code != 201:
            raise ApiError(answer)
        self.token = answer.json()["access_token"]

    def call(self, method, path, body=None, headers=None, **more):
        """The raw answer to one request, whatever its status: a 503, too."""
        headers = {"Authorization": f"Bearer {self.token}", **(headers or {})}
        return self.http.request(method, self.base + path, json=body, headers=headers,
                                 timeout=TIMEOUT_S, **more)

    def get(self, path, **params):
        answer = until_served(lambda: self.call("GET", path, params=params), self.patience_s)
        if answer.status_code != 200:
            raise ApiError(answer)
        return answer.json()

    def post(self, path, body, key=None):
        headers = {"Idempotency-Key": key or str(uuid.uuid4())}
        answer = until_served(lambda: self.call("POST", path, body, headers), self.patience_s)
        if answer.status_code not in (200, 201):
            raise ApiError(answer)
        return answer.json()

    def every(self, path, **params):
        """All items of a list, page by page."""
        items, cursor = [], None
        while True:
            page = self.get(path, **params, **({"cursor": cursor} if cursor else {}))
            items += page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return items

    # The main job.

    def top_up(self, amount, key=None):
        return self.post("/v1/payments", {"paid_to": None, "payment_amount": amount}, key)

    def pay(self, provider_id, amount, source="wallet", key=None, description=None):
        body = {"paid_to": provider_id, "payment_amount": amount, "source": source}
        if description:
            body["description"] = description
        return self.post("/v1/payments", body, key)

    def payment(self, payment_id):
        return self.get(f"/v1/payments/{payment_id}")

    def timeline(self, payment_id):
        return self.every(f"/v1/payments/{payment_id}/timeline")

    def retry(self, payment_id, source, key=None):
        return self.post(f"/v1/payments/{payment_id}/retry", {"source": source}, key)

    def cancel(self, payment_id):
        return self.call("POST", f"/v1/payments/{payment_id}/cancel")

    def balance(self):
        return self.get("/v1/wallets/me")["amount"]

    def entries(self):
        return self.every("/v1/wallets/me/entries")

    def bills(self, **filters):
        return self.every("/v1/bills", **filters)

    def mails(self):
        return self.every("/v1/mails")

    def wait_mail(self, payment_id, timeout_s=PATIENCE_S):
        """The only mail about the payment, once nothing of it is pending."""
        return wait_for(lambda: [m for m in self.mails() if m["payment_id"] == payment_id],
                        lambda mails: len(mails) == 1 and mails[0]["state"] != "pending",
                        f"the mail about payment {payment_id}", timeout_s)[0]

    def wait_payment(self, payment_id, *states, timeout_s=PATIENCE_S):
        """The payment, once it is in one of states."""
        return wait_for(lambda: self.payment(payment_id), lambda p: p["state"] in states,
                        f"payment {payment_id} to be {' or '.join(states)}", timeout_s)

    def wait_checkout_url(self, payment_id, timeout_s=PATIENCE_S):
        return wait_for(lambda: self.payment(payment_id), lambda p: p.get("checkout_url"),
                        f"a page of the provider for payment {payment_id}", timeout_s)


def wait_for(read, is_right, what, timeout_s=PATIENCE_S):
    """Reads until it is right; says what it waited for and what it saw last."""
    deadline = time.monotonic() + timeout_s
    pause_s = 0.02
    while True:
        seen = read()
        if is_right(seen):
            return seen
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout_s} s for {what}; last seen: {seen}")
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.5, 0.5)


class _Form(html.parser.HTMLParser):
    """The page's form: its action and its inputs' values."""

    def __init__(self):
        super().__init__()
        self.action, self.fields, self.links = None, {}, []

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "form" and self.action is None:
            self.action = attributes.get("action", "")
        elif tag == "input" and "name" in attributes:
            self.fields[attributes["name"]] = attributes.get("value", "")
        elif tag == "a":
            self.links.append((attributes.get("id"), attributes.get("href")))


def open_provider_page(checkout_url):
    answer = requests.get(checkout_url, timeout=TIMEOUT_S)
    answer.raise_for_status()
    form = _Form()
    form.feed(answer.text)
    assert form.action is not None, f"no form on the provider's page {checkout_url}"
    return form


def pay_at_provider(checkout_url, card=CARD_GOOD, method=None):
    """Fills in and posts the hosted page's form, as a browser would; the answer, unfollowed.

    method "bank" presses the button for a bank transfer.

    303: paid, and sent back to the return address. 402: the page again, with the refusal.
    """
    form = open_provider_page(checkout_url)
    fields = {**form.fields, "card_number": card, "expiry": "12/34", "cvc": "123"}
    if method:
        fields["method"] = method
    return requests.post(urllib.parse.urljoin(checkout_url, form.action), data=fields,
                         allow_redirects=False, timeout=TIMEOUT_S)
