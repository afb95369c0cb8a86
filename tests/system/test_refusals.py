"""Every route refuses what is wrong: the right status, a stable type, every wrong field named.

The routes and what they take are read from the services' openapi.yaml; the refusals that each must
make follow from that. Calls go to the services themselves, past the gateway. Who may call what is
test_authorization.py's, as are tokens that are wrong in one way though rightly signed.
"""

import base64
import http.client
import json
import re
import socket
import uuid

import pytest

import inside
from api import Person, pay_at_provider
from contracts import SERVICES, contract, operations, resolved
from local_system import ROOT
from test_gateway import other_spellings

TIMEOUT_S = 20
NOBODY = "0193f5a0-0000-7000-8000-00000000dead"
OVER_INT64 = "92233720368547758.08"
KEY = {"Idempotency-Key": "0193f5a0-refusals"}
JSON = {"Content-Type": "application/json"}
PROBLEMS = {name: int(status) for name, status in re.findall(
    r"^\| `(\w+)` \| (\d+) \|", (ROOT / "docs/PROBLEMS.md").read_text(), re.M)}
AT_ALL = {404, 405}  # what a path or method that is not there gets, which no operation describes
INSTEAD = {  # routes at which something else is refused first, or nothing is read
    ("POST", "/v1/webhooks/stripe"),  # its signature: test_webhooks.py
    ("POST", "/oauth/token"),  # as OAuth has it: test_user.py
}


RIGHT_QUERY = {"from": "2026-11-22T00:00:00Z", "to": "2026-11-23T00:00:00Z", "user_id": NOBODY}
OPERATORS = {"wallet:audit", "keys:rotate", "operations:read", "operations:write"}  # mpctl's scopes


class Route:
    def __init__(self, service, method, path, operation):
        self.service, self.method, self.path = service, method, path
        self.operation = operation
        whole = contract(service)
        security = operation.get("security", whole.get("security", []))
        schemes = [name for each in security for name in each]
        kinds = whole["components"]["securitySchemes"]
        self.bearer = any(kinds[name].get("scheme") == "bearer" or kinds[name]["type"] == "oauth2"
                          for name in schemes)
        self.scopes = [scope for each in security for scopes in each.values() for scope in scopes]
        self.cookie = any(kinds[name]["type"] == "apiKey" for name in schemes)
        content = operation.get("requestBody", {}).get("content", {})
        self.schema = content.get("application/json", {}).get("schema")
        self.reads_json = self.schema is not None and (method, path) not in INSTEAD
        self.query = [each["name"] for each in operation.get("parameters", [])
                      if each["in"] == "query"]
        self.right_query = "&".join(f"{name}={RIGHT_QUERY[name]}" for name in sorted(
            each["name"] for each in operation.get("parameters", [])
            if each["in"] == "query" and each.get("required")))
        self.headers = [each["name"] for each in operation.get("parameters", [])
                        if each["in"] == "header"]

    def __str__(self):
        return f"{self.service} {self.method} {self.path}"


ROUTES = [Route(service, method, path, resolved(service, operation))
          for service in SERVICES for (method, path), operation in operations(service)]


class Ask:
    """A request to a route that is wrong in one way, and what it must be told."""

    def __init__(self, what, status, name, fields=None, path=None, method=None, body=None,
                 headers=None, token="right", query=""):
        self.what, self.status, self.name, self.fields = what, status, name, fields
        self.path, self.method, self.body, self.query = path, method, body, query
        self.headers, self.token = headers or {}, token


class World:
    """A settled payment of Ada to Bob, and tokens of every kind."""

    def __init__(self, moneypal):
        self.moneypal = moneypal
        self.ada, self.bob, self.eve = (
            Person.register(moneypal.base, name, "Refusal") for name in ("Ada", "Bob", "Eve"))
        payment = self.ada.top_up("50.00")
        url = self.ada.wait_checkout_url(payment["id"])["checkout_url"]
        assert pay_at_provider(url).status_code == 303
        self.ada.wait_payment(payment["id"], "succeeded")
        self.ada.wait_mail(payment["id"])
        self.payment_id = self.ada.pay(self.bob.id, "20.00")["id"]
        self.wait_settled(self.payment_id)
        self.bill_id = self.ada.bills()[0]["id"]
        self.services = {scope: inside.service_token(moneypal, client) for client, scope in (
            ("payment", "user:read"), ("billing", "wallet:transfer"), ("mpctl", "wallet:audit"),
            ("mpctl", "keys:rotate"), ("mpctl", "operations:read"), ("mpctl", "operations:write"))}
        self.transfers = set()  # ids of those that were refused

    def wait_settled(self, payment_id):
        """Until nothing about it moves any more: its mails are last."""
        self.ada.wait_payment(payment_id, "succeeded")
        for person in (self.ada, self.bob):
            person.wait_mail(payment_id)

    def right_token(self, route):
        if not route.bearer:
            return None
        return self.services[route.scopes[0]] if route.scopes else self.ada.token

    def path_of(self, route):
        ids = {"payment": self.payment_id, "billing": self.bill_id, "user": self.ada.id,
               "wallet": NOBODY}
        if route.path.startswith("/v1/operations/payments/"):
            return route.path.replace("{id}", self.payment_id)
        return route.path.replace("{id}", ids.get(route.service, NOBODY))

    def send(self, route, ask):
        host = self.moneypal.url_of(route.service).removeprefix("http://")
        right = f"?{route.right_query}" if route.right_query else ""
        path = (ask.path or self.path_of(route)) + (ask.query or right)
        token = self.right_token(route) if ask.token == "right" else ask.token
        headers = {**KEY, **ask.headers}
        if token is not None:
            headers.setdefault("Authorization", f"Bearer {token}")
        connection = http.client.HTTPConnection(host, timeout=TIMEOUT_S)
        try:
            connection.putrequest(ask.method or route.method, path)
            body = ask.body.encode() if isinstance(ask.body, str) else ask.body
            if body is not None:
                headers = {**JSON, **headers, "Content-Length": str(len(body))}
            for name, value in headers.items():
                if value is not None:
                    connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            return answer, answer.read()
        finally:
            connection.close()

    def all_that_moves(self):
        """What the refused calls could have changed."""
        people = (self.ada, self.bob, self.eve)
        return {person.user_name: [person.get("/v1/wallets/me/all"), person.entries(),
                                   person.every("/v1/payments"), person.bills(), person.mails(),
                                   person.get("/v1/users/me")] for person in people}


@pytest.fixture(scope="module")
def world(moneypal):
    return World(moneypal)


@pytest.fixture(scope="module")
def before(world):
    return world.all_that_moves()


# --- what each route must refuse ---


def addresses(route, path):
    """Paths and methods that are almost right."""
    yield Ask("another method", 405, "method_not_allowed", method="PUT")
    yield Ask("a made-up method", 405, "method_not_allowed", method="BREW")
    yield Ask("a slash behind", 404, "not_found", path=path + "/")
    yield Ask("more behind", 404, "not_found", path=path + "/no/such")
    yield Ask("two slashes", 404, "not_found", path="/" + path)
    yield Ask("capitals", 404, "not_found", path=path.upper())
    yield Ask("half an escape", 400, "malformed_path", path=path + "%4")
    yield Ask("an encoded slash", 400, "malformed_path", path=path + "%2fmore")
    yield Ask("an encoded NUL", 400, "malformed_path", path=path + "%00")
    yield Ask("an escape that is not UTF-8", 400, "malformed_path", path=path + "%ff")
    yield Ask("a query that is not UTF-8", 400, "malformed_query", query="?a=%ff")
    yield Ask("a query of too many fields", 400, "malformed_query", query="?" + "a=1&" * 40)
    yield Ask("a header of 9 KiB", 431, "headers_too_large", headers={"X-Long": "x" * 9000})


def altered(token, **header):
    """The token with another header, and its old signature."""
    parts = token.split(".")
    text = json.loads(base64.urlsafe_b64decode(parts[0] + "=="))
    text.update(header)
    parts[0] = base64.urlsafe_b64encode(json.dumps(text).encode()).rstrip(b"=").decode()
    return ".".join(parts)


def tokens(route, world):
    if not route.bearer:
        return
    right = world.right_token(route)
    signature = right.rsplit(".", 1)[1]
    flipped = ("A" if signature[9] != "A" else "B").join((signature[:9], signature[10:]))
    others = world.ada.token if route.scopes else world.services["wallet:audit"]
    ways = {
        "no token": None,
        "another kind's token": others,
        "a token that is cut": right[:-1],
        "a signature that is not it": right.rsplit(".", 1)[0] + "." + flipped,
        "no signature": right.rsplit(".", 1)[0] + ".",
        "alg none": altered(right, alg="none").rsplit(".", 1)[0] + ".",
        "an unknown crit": altered(right, crit=["x"]),
        "another typ": altered(right, typ="JWT"),
        "another kid": altered(right, kid="x"),
    }
    for what, token in ways.items():
        yield Ask(what, 401, "unauthenticated", token=token)
    yield Ask("another scheme", 401, "unauthenticated", token=None,
              headers={"Authorization": "Basic " + right})
    if route.scopes:
        scope = next(scope for scope in world.services if scope not in route.scopes and not (
            scope in OPERATORS and OPERATORS & set(route.scopes)))
        yield Ask("another scope", 403, "forbidden", token=world.services[scope])


def cookies(route):
    if route.cookie:
        yield Ask("no Origin", 403, "forbidden", headers={"X-Requested-With": "x"})
        yield Ask("another Origin", 403, "forbidden",
                  headers={"Origin": "https://elsewhere.test", "X-Requested-With": "x"})


def ids(route):
    if "{id}" not in route.path:
        return
    for what, wrong in {"an id that is none": "x", "an id of nothing": NOBODY,
                        "an id in capitals": NOBODY.upper(), "an empty id": ""}.items():
        body = json.dumps({"source": "wallet"}) if route.reads_json else None
        yield Ask(what, 404, "not_found", path=route.path.replace("{id}", wrong), body=body)


WRONG_QUERY = {
    "limit": ("0", "101", "-1", "x", "", "1.0", "9223372036854775808"),
    "cursor": ("x", "AAAA", "..", "", "A" * 800, "%C3%A9%E2%82%AC"),
    "currency": ("QQQ", "usd", "US"),
    "role": ("boss", ""),
    "by": ("captures", ""),
    "state": ("done", ""),
    "from": ("yesterday", "2026-13", "2026-02-30"),
    "to": ("yesterday", "2026-13", "2026-02-30"),
    "head_until": ("yesterday", "2026-13", "2026-02-30", ""),
    "query": ("ab", ""),
    "user_id": ("x", "", NOBODY.upper()),
    "ids": ("x", NOBODY + ",", ",".join(NOBODY[:-2] + f"{i:02}" for i in range(21))),
}


def queries(route):
    for name in route.query:
        for wrong in WRONG_QUERY[name]:
            others = [each for each in route.right_query.split("&") if each
                      and not each.startswith(name + "=")]
            yield Ask(f"?{name}={wrong[:20]}", 422, "invalid", [name],
                      query="?" + "&".join([f"{name}={wrong}", *others]))


def bodies(route, headers):
    """Not one JSON object of this route."""
    if route.method != "GET":
        yield Ask("a body of 300 KiB", 413, "too_large", body=b" " * 300 * 1024, headers=headers)
    if not route.reads_json:
        return
    required = set(route.schema.get("required", []))
    malformed = {
        "nothing": b"", "half an object": b'{"a":', "two objects": b"{} {}",
        "a trailing comma": b'{"a":1,}', "single quotes": b"{'a':1}", "NaN": b'{"a":NaN}',
        "a key twice": b'{"a":1,"a":1}', "not UTF-8": b'{"a":"\xff"}',
        "overlong UTF-8": b'{"a":"\xc0\xaf"}', "UTF-16": '{"a":1}'.encode("utf-16"),
        "a NUL": b'{"a":"\x00"}', "half a surrogate": rb'{"a":"\ud800"}',
        "33 deep": b'{"a":' + b"[" * 32 + b"]" * 32 + b"}",
        "6,000 deep": b"[" * 6000 + b"]" * 6000, "an escaped NUL": rb'{"a":"\u0000"}',
    }
    for what, body in malformed.items():
        yield Ask(what, 400, "malformed_json", body=body, headers=headers)
    for what, body in {"an array": "[]", "a text": '"{}"', "a number": "7", "null": "null"}.items():
        yield Ask(what, 422, "invalid", body=body, headers=headers)
    for media in ("text/plain", "application/x-www-form-urlencoded", "application/jsonp",
                  "application/json; charset=latin-1", "", None):
        yield Ask(f"sent as {media}", 415, "unsupported_media_type", body="{}",
                  headers={**headers, "Content-Type": media})
    if required:
        yield Ask("no field", 422, "invalid", required, body="{}", headers=headers)
    yield Ask("a field that nobody knows", 422, "invalid", required | {"nonsense"},
              body='{"nonsense":1}', headers=headers)
    for wrong in (7.5, [], {}, True):
        named = {name: wrong for name in route.schema["properties"]}
        yield Ask(f"every field is {wrong}", 422, "invalid", "all", body=json.dumps(named),
                  headers=headers)


def keys(route):
    wrong = {"a key of 256": "k" * 256, "an empty key": "",
             "a key that is not ASCII": "k\xe9"}
    if "Idempotency-Key" not in route.headers:
        return
    for what, key in wrong.items():
        yield Ask(what, 400, "idempotency_key_malformed", headers={"Idempotency-Key": key})
    if route.path == "/v1/payments":
        yield Ask("no key", 400, "idempotency_key_required", headers={"Idempotency-Key": None})


WRONG_AMOUNTS = (
    ("USD", "0"), ("USD", "0.00"), ("USD", "-1.00"), ("USD", "+1.00"), ("USD", "1.234"),
    ("USD", "1.000"), ("JPY", "1.5"), ("JPY", "1.0"), ("USD", OVER_INT64), ("JPY", OVER_INT64),
    ("JPY", "9223372036854775808"), ("USD", "9" * 40), ("USD", "1e3"), ("USD", "0x10"),
    ("USD", "01.00"), ("USD", ".5"), ("USD", "1."), ("USD", "1,00"), ("USD", "1 000"), ("USD", ""),
    ("USD", " 1"), ("USD", "NaN"), ("USD", "٣"), ("USD", 1), ("USD", 1.5), ("USD", None),
    ("USD", True), ("USD", ["1.00"]), ("USD", {"minor": 100}),
)
WRONG_CURRENCIES = ("QQQ", "usd", "US", "USDX", "", 840, ["USD"], "XAU", "U D")


def monies(route, world):
    """Amounts and parties, where money is asked for."""
    def leg(**wrong):
        return {"from": "user:" + world.ada.id, "to": "user:" + world.bob.id, "amount": "1.00",
                **wrong}

    def transfer(legs, **more):
        world.transfers.add(identity := str(uuid.uuid4()))
        return {"id": identity, "reason": "refusal", "legs": legs, **more}

    def ask(what, field, wrong_leg=None, **more):
        transfers = [transfer([leg()]), transfer([leg(), wrong_leg or leg()], **more)]
        deep = "legs[1]." if wrong_leg else ""
        if route.path == "/v1/transfers":
            return Ask(what, 422, "invalid", [deep + field], body=json.dumps(transfers[1]))
        return Ask(what, 422, "invalid", [f"transfers[1].{deep}{field}"],
                   body=json.dumps({"transfers": transfers}))

    if (route.method, route.path) == ("POST", "/v1/payments"):
        order = {"paid_to": world.bob.id, "payment_amount": "1.00", "source": "wallet"}
        wrong = [("payment_amount", {"payment_amount": amount, "currency": currency})
                 for currency, amount in WRONG_AMOUNTS]
        wrong += [("currency", {"currency": currency}) for currency in WRONG_CURRENCIES]
        wrong += [("paid_to", {"paid_to": payee}) for payee in (
            world.ada.id, "x", "", 7, world.bob.id.upper(), world.bob.id + " ")]
        wrong += [("source", {"source": source}) for source in ("cash", "", None, 1)]
        wrong += [("description", {"description": text}) for text in ("x" * 201, "a\nb", 7)]
        for field, change in wrong:
            yield Ask(f"{field}: {change}", 422, "invalid", [field],
                      body=json.dumps({**order, **change}))
        yield Ask("three wrong fields", 422, "invalid", ["paid_to", "payment_amount", "source"],
                  body=json.dumps({"paid_to": world.ada.id, "payment_amount": 1, "source": "x"}))
        yield Ask("a payee who is nobody", 404, "payee_not_found",
                  body=json.dumps({**order, "paid_to": NOBODY}))
        yield Ask("less than the provider charges", 422, "not_chargeable", ["payment_amount"],
                  body=json.dumps({"paid_to": None, "payment_amount": "0.01"}))
    elif route.path in ("/v1/transfers", "/v1/transfers/batch"):
        for currency, amount in WRONG_AMOUNTS:
            yield ask(f"amount: {currency} {amount}", "amount",
                      leg(amount=amount), currency=currency) if currency == "USD" else \
                ask_jpy(route, transfer, leg, amount)
        for currency in WRONG_CURRENCIES:
            yield ask(f"currency: {currency}", "currency", currency=currency)
        for account in ("x", "user:x", "system:fees", "user:" + NOBODY.upper(), "", 7, None):
            yield ask(f"from: {account}", "from", leg(**{"from": account}))
            yield ask(f"to: {account}", "to", leg(to=account))
        yield ask("to itself", "to", leg(to="user:" + world.ada.id))


def ask_jpy(route, transfer, leg, amount):
    """One leg alone: two would both be wrong in this currency."""
    wrong = transfer([leg(amount=amount)], currency="JPY")
    prefix = "" if route.path == "/v1/transfers" else "transfers[0]."
    body = wrong if prefix == "" else {"transfers": [wrong]}
    return Ask(f"amount: JPY {amount}", 422, "invalid", [prefix + "legs[0].amount"],
               body=json.dumps(body))


def refusals(route, world):
    path = world.path_of(route)
    yield from addresses(route, path)
    yield from tokens(route, world)
    yield from cookies(route)
    yield from ids(route)
    yield from queries(route)
    if not route.cookie:
        yield from bodies(route, {})
    yield from keys(route)
    yield from monies(route, world)


# --- the table ---

COUNTS = {}


def fault_of(route, ask, answer, text):
    """What is wrong about the answer, or None."""
    if answer.status != ask.status:
        return f"status {answer.status}, not {ask.status}: {text[:200]!r}"
    if answer.getheader("Content-Type") != "application/problem+json":
        return f"is {answer.getheader('Content-Type')}"
    problem = json.loads(text)
    if problem["type"] != f"/problems/{ask.name}" or problem["status"] != ask.status:
        return f"is {problem}"
    if PROBLEMS.get(ask.name) != ask.status:
        return "is not in docs/PROBLEMS.md with this status"
    if ask.status not in AT_ALL and str(ask.status) not in route.operation["responses"]:
        return "is a status that openapi.yaml does not have"
    if not problem["title"] or not problem["detail"]:
        return "says nothing"
    named = {each["field"] for each in problem.get("errors", [])}
    if ask.fields == "all":
        return None if len(named) > 0 else "names no field"
    if ask.fields is not None and named != set(ask.fields):
        return f"names {sorted(named)}, not {sorted(ask.fields)}"
    return None


@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_what_is_wrong_is_refused_by_name(world, before, route):
    faults = []
    for ask in refusals(route, world):
        answer, text = world.send(route, ask)
        COUNTS[str(route)] = COUNTS.get(str(route), 0) + 1
        if fault := fault_of(route, ask, answer, text):
            faults.append(f"{ask.what}: {fault}")
    assert faults == []


def test_a_key_is_for_one_request_only(world, before):
    order = {"paid_to": world.bob.id, "payment_amount": "0.00"}
    key = str(uuid.uuid4())
    payment = world.ada.pay(world.bob.id, "1.00", key=key)
    world.wait_settled(payment["id"])
    held = world.all_that_moves()
    for change in ({"payment_amount": "1.01"}, {"payment_amount": "1.0"}, {"source": "card"},
                   {"paid_to": world.eve.id}, {"description": "other"}):
        answer = world.ada.call("POST", "/v1/payments", {**order, "payment_amount": "1.00",
                                "source": "wallet", **change}, {"Idempotency-Key": key})
        COUNTS["keys"] = COUNTS.get("keys", 0) + 1
        assert (answer.status_code, answer.json()["type"]) == (
            409, "/problems/idempotency_key_reused"), change
    assert world.all_that_moves() == held
    before.clear()
    before.update(held)


def is_inside(route):
    return bool(route.scopes) or route.path in ("/oauth/token", "/.well-known/jwks.json")


@pytest.mark.parametrize("route", [route for route in ROUTES if is_inside(route)], ids=str)
def test_inside_routes_are_not_there_at_the_gateway(world, before, route):
    """With the right token, in every spelling: nothing that a service says comes out."""
    host, port = world.moneypal.base.removeprefix("http://").split(":")
    token = world.right_token(route)
    through = []
    for spelling in other_spellings(world.path_of(route)):
        for method in ("GET", "POST"):
            request = (f"{method} {spelling} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                       f"Authorization: Bearer {token}\r\nContent-Type: application/json\r\n"
                       "Content-Length: 2\r\n\r\n{}").encode()
            with socket.create_connection((host, int(port)), TIMEOUT_S) as connection:
                connection.sendall(request)
                answer = b""
                while piece := connection.recv(65536):
                    answer += piece
            COUNTS["inside"] = COUNTS.get("inside", 0) + 1
            if not re.match(rb"HTTP/1.1 40[04] .*\r\n\r\n\{\"type\":\"/problems/(not_found|bad_request)",
                            answer, re.S):
                through.append((method, spelling, answer[-200:]))
    assert through == []


def test_nothing_has_moved(world, before):
    assert world.all_that_moves() == before
    token = world.services["wallet:audit"]
    for identity in world.transfers:
        route = next(each for each in ROUTES if each.path == "/v1/transfers/{id}")
        answer, _ = world.send(route, Ask("", 404, "not_found", path=f"/v1/transfers/{identity}",
                                          token=token))
        assert answer.status == 404
    assert inside.audit(world.moneypal)["ok"] is True


def test_no_secret_is_in_any_log(world, capsys):
    system = world.moneypal
    secrets = {file.name: file.read_text().strip() for file in system.settings.secrets.iterdir()
               if file.name != "clients.json"}
    for person in (world.ada, world.bob, world.eve):
        secrets[f"password of {person.user_name}"] = person.password
        secrets[f"token of {person.user_name}"] = person.token.rsplit(".", 1)[1]
        secrets.update((f"cookie of {person.user_name}", cookie.value)
                       for cookie in person.http.cookies)
    for scope, token in world.services.items():
        secrets[f"token for {scope}"] = token.rsplit(".", 1)[1]
    logs = {file: file.read_bytes() for file in system.settings.log.rglob("*") if file.is_file()}
    logs[system.output] = system.output.read_bytes()
    assert len(logs) > len(SERVICES) and all(len(text) >= 20 for text in secrets.values())
    told = {(str(file), name) for file, text in logs.items() for name, secret in secrets.items()
            if secret.encode() in text}
    assert told == set()
    with capsys.disabled():
        print(f"\n{len(ROUTES)} routes, {sum(COUNTS.values()):,} refusals; "
              f"{len(secrets)} secrets in none of {len(logs)} logs", end=" ")


def test_every_problem_is_documented():
    """docs/PROBLEMS.md has the problems of the sources, and no other."""
    folders = [ROOT / "lib", ROOT / "services", ROOT / "gateway"]
    text = "\n".join(file.read_text() for folder in folders for file in folder.rglob("*")
                     if file.suffix in (".c", ".conf") and not file.name.startswith("test_"))
    calls = re.findall(r"(?:http_refuse|refuse_webhook|mp_request_problem)\((.*?)\);", text, re.S)
    named = {call[0] for call in (re.findall(r'"([a-z_]+)"', each) for each in calls) if call}
    named |= set(re.findall(r'\[PROBLEM_\w+\] = \{"([a-z_]+)"', text))  # services/payment/payment_http.c
    named |= set(re.findall(r'\{MP_\w+, \d{3}, "([a-z_]+)"', text))  # lib/http_server/problem.c
    named |= set(re.findall(r'"/problems/([a-z_]+)"', text))  # gateway/problems.conf
    assert named - set(PROBLEMS) == set(), "not in docs/PROBLEMS.md"
    assert set(PROBLEMS) - named == set(), "in docs/PROBLEMS.md, and nowhere else"
