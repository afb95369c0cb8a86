"""Who may do what: every route of every service, each called by everyone.

The table below is the rule. A route that its service's openapi.yaml describes and that has no row
here fails, as does a row without a route. Calls go to the services themselves, past the gateway,
which only narrows what they let in.
"""

import time
import uuid

import pytest
import requests

import inside
from alone import Alone, Keys
from api import Person, pay_at_provider
from contracts import SERVICES, operations

TIMEOUT_S = 20
CLIENTS = {  # the services' own names as OAuth clients, with what each may ask of others
    "payment": {"user:read"},
    "billing": {"wallet:transfer"},
    "mpctl": {"wallet:audit", "keys:rotate", "operations:read", "operations:write"},
}

ANYONE, USER, COOKIE = "anyone", "user", "cookie"
STRANGERS = 404  # a thing of others is not told apart from one that is not there


def services(*scopes):
    return frozenset(scopes)


class Row:
    """
    One route. `door` says who passes, `status` what a caller gets who passes and may; for a thing
    with owners: `payee` and `stranger` what the other party and another user get.
    """

    def __init__(self, door, status, body=None, payee=None, stranger=None):
        self.door, self.status, self.body = door, status, body
        self.payee = payee or status
        self.stranger = stranger or status

    def expected(self, caller):
        if self.door == ANYONE:
            return self.status
        if self.door == COOKIE:
            return 403  # nobody here is one of our own pages
        if self.door == USER:
            return {"owner": self.status, "payee": self.payee,
                    "stranger": self.stranger}.get(caller, 401)
        if caller not in CLIENTS:
            return 401
        return self.status if CLIENTS[caller] & self.door else 403


TABLE = {
    "user": {
        ("POST", "/v1/users"): Row(ANYONE, 422, {}),
        ("GET", "/v1/users"): Row(USER, 422),  # for want of a query
        ("GET", "/v1/users/me"): Row(USER, 200),
        ("PATCH", "/v1/users/me"): Row(USER, 200, {}),
        ("POST", "/v1/users/me/password"): Row(USER, 422, {}),
        ("GET", "/v1/users/{id}"): Row(services("user:read"), 200),
        ("POST", "/v1/sessions"): Row(ANYONE, 422, {}),
        ("DELETE", "/v1/sessions"): Row(USER, 204),
        ("POST", "/v1/sessions/refresh"): Row(COOKIE, 403),
        ("DELETE", "/v1/sessions/current"): Row(COOKIE, 403),
        ("POST", "/oauth/token"): Row(ANYONE, 400),  # for want of a form
        ("GET", "/.well-known/jwks.json"): Row(ANYONE, 200),
        ("POST", "/v1/signing-keys/rotate"): Row(services("keys:rotate"), 409),  # too early
        ("POST", "/v1/operations/republish"): Row(services("operations:write"), 422, {}),
    },
    "wallet": {
        ("POST", "/v1/transfers"): Row(services("wallet:transfer"), 422, {}),
        ("POST", "/v1/transfers/batch"): Row(services("wallet:transfer"), 422, {}),
        ("GET", "/v1/transfers/{id}"): Row(services("wallet:transfer", "wallet:audit"), 404),
        ("GET", "/v1/audit"): Row(services("wallet:audit"), 200),
        ("GET", "/v1/operations/fundings"): Row(services("wallet:audit"), 422),  # no time
        ("POST", "/v1/operations/republish"): Row(services("operations:write"), 422, {}),
        ("GET", "/v1/wallets/me"): Row(USER, 200),
        ("GET", "/v1/wallets/me/all"): Row(USER, 200),
        ("GET", "/v1/wallets/me/entries"): Row(USER, 200),
    },
    "payment": {
        ("POST", "/v1/payments"): Row(USER, 422, {}),
        ("GET", "/v1/payments"): Row(USER, 200),
        ("GET", "/v1/payments/{id}"): Row(USER, 200, stranger=STRANGERS),
        ("GET", "/v1/payments/{id}/timeline"): Row(USER, 200, stranger=STRANGERS),
        ("GET", "/v1/payments/{id}/events"): Row(USER, 200, stranger=STRANGERS),
        ("POST", "/v1/payments/{id}/retry"): Row(USER, 409, {"source": "wallet"}, payee=403,
                                                 stranger=STRANGERS),
        ("POST", "/v1/payments/{id}/cancel"): Row(USER, 409, payee=403, stranger=STRANGERS),
        ("GET", "/v1/operations/payments/{id}"): Row(services("operations:read"), 200),
        ("POST", "/v1/operations/payments/{id}/redrive"): Row(services("operations:write"), 200),
        ("POST", "/v1/operations/payments/{id}/close"): Row(services("operations:write"), 409),
        ("POST", "/v1/operations/republish"): Row(services("operations:write"), 422, {}),
        ("GET", "/v1/operations/captures"): Row(services("operations:read"), 422),  # no time
        ("GET", "/v1/operations/captures/{payment_intent}"): Row(services("operations:read"), 404),
        ("POST", "/v1/webhooks/stripe"): Row(ANYONE, 403, {}),  # for want of a signature
    },
    "billing": {
        ("GET", "/v1/bills"): Row(USER, 200),
        ("GET", "/v1/bills/{id}"): Row(USER, 200, stranger=STRANGERS),
        ("GET", "/v1/reports/summary"): Row(USER, 200),
        ("GET", "/v1/operations/payments/{id}"): Row(services("operations:read"), 200),
        ("POST", "/v1/operations/republish"): Row(services("operations:write"), 422, {}),
    },
    "email": {
        ("GET", "/v1/mails"): Row(USER, 200),
        ("GET", "/v1/operations/payments/{id}/mails"): Row(services("operations:read"), 422),
    },
}
ROUTES = [(service, *route) for service in TABLE for route in TABLE[service]]


@pytest.mark.parametrize("service", SERVICES)
def test_the_table_has_every_route(service):
    described = {route for route, _ in operations(service)}
    assert described == set(TABLE[service]), "tests/system/test_authorization.py: TABLE"


class Story:
    """A settled payment from the owner to the payee, of which a stranger knows the ids."""

    def __init__(self, moneypal):
        self.moneypal = moneypal
        self.people = {who: Person.register(moneypal.base, who.title(), "Person")
                       for who in ("owner", "payee", "stranger")}
        owner, payee = self.people["owner"], self.people["payee"]
        payment = owner.pay(payee.id, "12.50", source="card")
        url = owner.wait_checkout_url(payment["id"])["checkout_url"]
        assert pay_at_provider(url).status_code == 303
        owner.wait_payment(payment["id"], "succeeded")
        self.payment_id = payment["id"]
        self.bill_id = owner.bills()[0]["id"]
        self.tokens = {}
        self.take_tokens()
        self.tokens.update((client, inside.service_token(moneypal, client)) for client in CLIENTS)
        self.tokens["anonymous"] = None

    def take_tokens(self):
        self.tokens.update((who, person.token) for who, person in self.people.items())

    def log_on_again(self):
        for person in self.people.values():
            person.log_on()
        self.take_tokens()

    def path_of(self, service, path):
        ids = {"payment": self.payment_id, "billing": self.bill_id,
               "user": self.people["owner"].id, "wallet": str(uuid.uuid4())}
        about = self.payment_id if path.startswith("/v1/operations/") else ids.get(service)
        return path.replace("{id}", str(about)).replace("{payment_intent}", "pi_of_nobody")


@pytest.fixture(scope="module")
def story(moneypal):
    return Story(moneypal)


def call(base, method, path, token, body):
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    return requests.request(method, base + path, json=body, headers=headers, timeout=TIMEOUT_S)


@pytest.mark.parametrize("service, method, path", ROUTES)
def test_every_route_is_open_to_its_own_callers_only(story, service, method, path):
    row = TABLE[service][method, path]
    base, asked = story.moneypal.url_of(service), story.path_of(service, path)
    told = {who: call(base, method, asked, token, row.body).status_code
            for who, token in story.tokens.items()}
    if (method, path) == ("DELETE", "/v1/sessions"):
        story.log_on_again()
    assert told == {who: row.expected(who) for who in told}


def test_lists_are_the_callers_own(story):
    """What a stranger is shown names nothing of what others did."""
    stranger, owner = story.people["stranger"], story.people["owner"]
    for path in ("/v1/payments", "/v1/bills", "/v1/wallets/me/entries", "/v1/mails",
                 "/v1/reports/summary"):
        text = stranger.call("GET", path).text
        for secret in (story.payment_id, story.bill_id, owner.id, "12.50"):
            assert secret not in text, path
    assert owner.every("/v1/payments")[0]["id"] == story.payment_id


# --- tokens that are not right in every way ---


def wrong_tokens(keys):
    """Of both kinds: each is wrong in one way, and signed all the same."""
    now = int(time.time())
    ways = {
        "expired": {"exp": now - 31, "iat": now - 931},
        "without an end": {"exp": None},
        "of the future": {"iat": now + 3600, "exp": now + 4500},
        "another audience": {"aud": "elsewhere"},
        "no audience": {"aud": None},
        "another issuer": {"iss": "elsewhere"},
        "nobody's": {"sub": None},
        "another typ": {"header": {"typ": "JWT"}},
        "no typ": {"header": {"typ": None}},
        "unknown kid": {"header": {"kid": "unknown"}},
        "no kid": {"header": {"kid": None}},
        "alg none": {"header": {"alg": "none"}},
        "alg HS256": {"header": {"alg": "HS256"}},
        "crit": {"header": {"crit": ["exp"]}},
        "a key of its own": {"header": {"jwk": {"kty": "EC"}}},
        "another key": {"key": keys.other},
    }
    found = {}
    for way, wrong in ways.items():
        found[f"user: {way}"] = keys.of_user(**wrong)
        found[f"service: {way}"] = keys.of_service(**wrong)
    # The right audience with the other kind's typ, and the other way round.
    found["user: typ of services"] = keys.of_user(header={"typ": "svc+jwt"})
    found["user: audience of services"] = keys.of_user(aud="moneypal:services")
    found["service: typ of users"] = keys.of_service(header={"typ": "at+jwt"})
    found["service: audience of users"] = keys.of_service(aud="moneypal")
    good = keys.of_user()
    found["cut"] = good[:-1]
    found["longer"] = good + "A"
    found["unsigned"] = good[:good.rindex(".") + 1]
    found["no token"] = "x"
    return found


@pytest.fixture(scope="module")
def keys():
    keys = Keys()
    yield keys
    keys.server.shutdown()


@pytest.mark.parametrize("service", [name for name in SERVICES if name != "user"])
def test_a_token_that_is_wrong_in_one_way_opens_nothing(tmp_path, keys, service):
    alone = Alone(service, tmp_path / service, keys)
    try:
        doors = {route: row for route, row in TABLE[service].items() if row.door != ANYONE}
        for (method, path), row in doors.items():
            path = path.replace("{id}", str(uuid.uuid4()))
            right = keys.of_user() if row.door == USER else keys.of_service()
            told = call(alone.base, method, path, right, row.body)
            assert told.status_code not in (401, 403, 503), (method, path, told.text)
            let_in = {way for way, token in wrong_tokens(keys).items()
                      if call(alone.base, method, path, token, row.body).status_code != 401}
            assert let_in == set(), (method, path)
    finally:
        assert alone.stop() == 0


def test_the_user_service_takes_its_own_keys_only(moneypal, keys):
    """Its tokens that are expired, or of the wrong kind: services/user/test_tokens.c."""
    tokens = {"user": keys.of_user(), "service": keys.of_service(), **wrong_tokens(keys)}
    for (method, path), row in TABLE["user"].items():
        if row.door in (ANYONE, COOKIE):
            continue
        path = path.replace("{id}", str(uuid.uuid4()))
        let_in = {way for way, token in tokens.items()
                  if call(moneypal.url_of("user"), method, path, token, row.body).status_code != 401}
        assert let_in == set(), (method, path)
