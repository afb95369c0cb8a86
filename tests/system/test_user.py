"""The user service alone, its real binary: accounts, sessions, tokens; no broker, no gateway."""

import base64
import json
import os
import signal
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from user_service import (CLIENTS, COOKIE, JSON, PASSWORD, UserService, bearer, cookie_of, new_name,
                          problem_of)


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    running = UserService(tmp_path_factory.mktemp("user")).start()
    yield running
    assert running.stop() == 0


@pytest.fixture
def name():
    return new_name()


def test_from_registration_to_sign_out(service, name):
    answer = service.register(name, email="ada@example.com")
    assert answer.status_code == 201
    user = answer.json()
    assert set(user) == {"id", "first_name", "last_name", "user_name", "email", "created_at"}
    assert (user["user_name"], user["email"]) == (name, "ada@example.com")

    answer = service.log_on(name.upper())
    assert answer.status_code == 201
    assert answer.headers["Cache-Control"] == "no-store"
    session = answer.json()
    assert (session["token_type"], session["expires_in"]) == ("Bearer", 900)
    assert session["user"] == user
    set_cookie = answer.headers["Set-Cookie"]
    attributes = set(set_cookie.split("; ")[1:])
    assert attributes == {"Max-Age=2592000", "Path=/v1/sessions", "HttpOnly", "SameSite=Strict"}
    assert service.me(session["access_token"]).json() == user

    first = cookie_of(answer)
    answer = service.refresh(first)
    assert answer.status_code == 200
    second = cookie_of(answer)
    assert second != first
    assert service.me(answer.json()["access_token"]).json() == user

    token = answer.json()["access_token"]
    answer = service.with_cookie("DELETE", "/v1/sessions/current", second)
    assert (answer.status_code, answer.content) == (204, b"")
    assert service.me(token).status_code == 200  # its 15 minutes: to read, not to change anything
    for path, body in (("/v1/users/me", {"email": "thief@example.com"}),
                       ("/v1/users/me/password", {"current_password": PASSWORD,
                                                  "new_password": PASSWORD + "!"})):
        method = "PATCH" if path == "/v1/users/me" else "POST"
        refused = service.call(method, path, json=body, headers=bearer(token))
        assert (refused.status_code, problem_of(refused)) == (401, "session_ended")
        assert "WWW-Authenticate" in refused.headers
    assert cookie_of(answer) == "" and "Max-Age=0" in answer.headers["Set-Cookie"]
    answer = service.refresh(second)
    assert (answer.status_code, problem_of(answer)) == (401, "session_ended")
    assert cookie_of(answer) == ""
    assert service.with_cookie("DELETE", "/v1/sessions/current", second).status_code == 204
    assert service.with_cookie("DELETE", "/v1/sessions/current", None).status_code == 204


def test_a_token_comes_again_once_in_its_grace(service, name):
    service.register(name)
    first = cookie_of(service.log_on(name))
    second = cookie_of(service.refresh(first))
    sibling = service.refresh(first)
    assert sibling.status_code == 200
    third = cookie_of(service.refresh(second))  # either of the two that came from the first
    for stolen in (cookie_of(sibling), third):  # the other one shows a theft: nobody stays
        assert problem_of(service.refresh(stolen)) == "session_ended"


def test_a_reused_token_ends_the_session_and_no_other(service, name):
    service.register(name)
    other = cookie_of(service.log_on(name))
    first = cookie_of(service.log_on(name))
    second = cookie_of(service.refresh(first))
    third = cookie_of(service.refresh(second))
    assert service.refresh(first).status_code == 401
    assert service.refresh(third).status_code == 401
    assert service.refresh(other).status_code == 200


@pytest.mark.parametrize("count", [2, 10])
def test_one_token_shown_by_many_at_once_is_good_twice_at_most(service, name, count):
    service.register(name)
    first = cookie_of(service.log_on(name))
    with ThreadPoolExecutor(count) as pool:
        answers = list(pool.map(lambda _: service.refresh(first), range(count)))
    good = [answer for answer in answers if answer.status_code == 200]
    assert {answer.status_code for answer in answers} <= {200, 401, 503}
    assert 1 <= len(good) <= 2


@pytest.mark.parametrize("headers", [
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": ""},
    {"X-Requested-With": ""},
])
def test_cookie_calls_are_our_own_pages_only(service, name, headers):
    service.register(name)
    cookie = cookie_of(service.log_on(name))
    for method, path in (("POST", "/v1/sessions/refresh"), ("DELETE", "/v1/sessions/current")):
        answer = service.with_cookie(method, path, cookie, **headers)
        assert (answer.status_code, problem_of(answer)) == (403, "forbidden")
    assert service.refresh(cookie).status_code == 200  # it was not touched


@pytest.mark.parametrize("cookie", [None, "", "x", "." * 118, "a" * 118, "%00", "é" * 59])
def test_what_is_no_refresh_token_is_refused(service, cookie):
    cookie = cookie.encode() if cookie and not cookie.isascii() else cookie
    if isinstance(cookie, bytes):
        headers = {"Cookie": COOKIE.encode() + b"=" + cookie}
        answer = service.with_cookie("POST", "/v1/sessions/refresh", None, **headers)
    else:
        answer = service.refresh(cookie)
    assert answer.status_code in (400, 401)


def test_names_are_unique_whatever_their_case(service, name):
    assert service.register(name).status_code == 201
    answer = service.register(name.upper(), email="other@example.com")
    assert (answer.status_code, problem_of(answer)) == (409, "user_name_taken")


def test_one_name_for_many_at_once_is_given_once(service, name):
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: service.register(name), range(10)))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [201] + [409] * 9


WRONG_REGISTRATIONS = [
    ({"user_name": "ab"}, {"user_name"}),
    ({"user_name": "x" * 33}, {"user_name"}),
    ({"user_name": "has space"}, {"user_name"}),
    ({"user_name": "ümlaut"}, {"user_name"}),
    ({"user_name": None}, {"user_name"}),
    ({"user_name": 7}, {"user_name"}),
    ({"password": "short12"}, {"password"}),
    ({"password": "é" * 7}, {"password"}),
    ({"password": "x" * 129}, {"password"}),
    ({"password": "é" * 65}, {"password"}),
    ({"first_name": ""}, {"first_name"}),
    ({"first_name": "x" * 65}, {"first_name"}),
    ({"last_name": "a\u202eb"}, {"last_name"}),
    ({"last_name": " padded"}, {"last_name"}),
    ({"email": "nonsense"}, {"email"}),
    ({"email": "a@b.c\r\nBcc: x@y.z"}, {"email"}),
    ({"admin": True}, {"admin"}),
    ({"user_name": "?", "password": "x", "first_name": "", "last_name": 1, "email": "e"},
     {"user_name", "password", "first_name", "last_name", "email"}),
]


@pytest.mark.parametrize("fields, wrong", WRONG_REGISTRATIONS)
def test_every_wrong_field_is_named_at_once(service, name, fields, wrong):
    answer = service.register(**{"user_name": name, **fields})
    assert (answer.status_code, problem_of(answer)) == (422, "invalid")
    assert {error["field"] for error in answer.json()["errors"]} == wrong
    assert service.log_on(name).status_code == 401  # and nobody was registered


@pytest.mark.parametrize("body, status", [
    (b"", 400), (b"{", 400), (b"[]", 422), (b"null", 422), (b'"x"', 422), (b"\xff\xfe", 400),
    (b'{"user_name":"a","user_name":"b"}', 400), (b"[" * 40 + b"]" * 40, 400),
    (b'{"user_name":"' + b"x" * 20000 + b'"}', 413),
])
def test_what_is_no_json_object_is_refused(service, body, status):
    for path in ("/v1/users", "/v1/sessions"):
        answer = service.call("POST", path, data=body, headers=JSON)
        assert answer.status_code == status, answer.text
        problem_of(answer)
    answer = service.call("POST", "/v1/users", data=b"{}", headers={"Content-Type": "text/plain"})
    assert answer.status_code == 415


def test_log_on_does_not_tell_who_is_there(service, name):
    service.register(name)
    wrong = service.log_on(name, "another password")
    unknown = service.log_on("nobody-" + name, "another password")
    impossible = service.log_on("no body@all", "another password")
    for answer in (wrong, unknown, impossible):
        assert (answer.status_code, problem_of(answer)) == (401, "wrong_credentials")
        assert answer.json() == wrong.json()
        assert "Set-Cookie" not in answer.headers


def test_a_change_of_password_ends_the_other_sessions(service, name):
    service.register(name)
    here, elsewhere = service.log_on(name), service.log_on(name)
    token = here.json()["access_token"]
    answer = service.change_password(token, PASSWORD, "an even longer horse")
    assert (answer.status_code, answer.content) == (204, b"")
    assert service.refresh(cookie_of(here)).status_code == 200
    assert problem_of(service.refresh(cookie_of(elsewhere))) == "session_ended"
    assert problem_of(service.log_on(name)) == "wrong_credentials"
    assert service.log_on(name, "an even longer horse").status_code == 201


@pytest.mark.parametrize("body, wrong", [
    ({"current_password": "not this one", "new_password": "long enough"}, {"current_password"}),
    ({"current_password": PASSWORD, "new_password": "short"}, {"new_password"}),
    ({"current_password": "", "new_password": "x" * 129}, {"current_password", "new_password"}),
    ({}, {"current_password", "new_password"}),
    ({"current_password": PASSWORD, "new_password": PASSWORD, "more": 1}, {"more"}),
])
def test_a_wrong_change_of_password_changes_nothing(service, name, body, wrong):
    service.register(name)
    answer = service.log_on(name)
    told = service.call("POST", "/v1/users/me/password", json=body,
                        headers=bearer(answer.json()["access_token"]))
    assert (told.status_code, problem_of(told)) == (422, "invalid")
    assert {error["field"] for error in told.json()["errors"]} == wrong
    assert service.refresh(cookie_of(answer)).status_code == 200
    assert service.log_on(name).status_code == 201


def test_a_change_of_password_by_who_signed_out_is_refused_where_it_may_wait(service, name):
    service.register(name)
    token = service.log_on(name).json()["access_token"]
    assert service.call("DELETE", "/v1/sessions", headers=bearer(token)).status_code == 204
    # What the body alone decides comes first: the store is not asked on the network's thread.
    assert problem_of(service.change_password(token, PASSWORD, "short")) == "invalid"
    answer = service.change_password(token, PASSWORD, "an even longer horse")
    assert (answer.status_code, problem_of(answer)) == (401, "session_ended")
    assert service.log_on(name).status_code == 201


def test_many_changes_of_password_at_once_are_one_after_the_other(service, name):
    service.register(name)
    tokens = [service.log_on(name).json()["access_token"] for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(
            lambda i: service.change_password(tokens[i], PASSWORD, f"new password {i}"), range(6)))
    done = [i for i, answer in enumerate(answers) if answer.status_code == 204]
    assert len(done) == 1
    # 401: the first one ended this one's session; 422: its password.
    assert {answer.status_code for answer in answers} <= {204, 401, 409, 422, 503}
    assert {problem_of(answer) for answer in answers if answer.status_code == 401} <= {"session_ended"}
    assert service.log_on(name, f"new password {done[0]}").status_code == 201


def test_one_signs_out_everywhere(service, name):
    other = "o" + name
    for each in (name, other):
        service.register(each)
    answers = [service.log_on(name) for _ in range(3)]
    stranger = service.log_on(other)
    ended = service.call("DELETE", "/v1/sessions", headers=bearer(answers[0].json()["access_token"]))
    assert (ended.status_code, ended.content) == (204, b"")
    assert cookie_of(ended) == "" and "Max-Age=0" in ended.headers["Set-Cookie"]
    again = service.log_on(name)
    for answer in answers:
        late = service.call("DELETE", "/v1/sessions", headers=bearer(answer.json()["access_token"]))
        assert (late.status_code, problem_of(late)) == (401, "session_ended")
    assert service.refresh(cookie_of(again)).status_code == 200, "it is not theirs to end"
    for answer in answers:
        assert problem_of(service.refresh(cookie_of(answer))) == "session_ended"
    assert service.refresh(cookie_of(stranger)).status_code == 200
    assert service.log_on(name).status_code == 201


def test_a_profile_changes_by_what_is_sent(service, name):
    service.register(name, email="ada@example.com")
    token = service.log_on(name).json()["access_token"]

    def change(body):
        return service.call("PATCH", "/v1/users/me", json=body, headers=bearer(token))

    before = service.me(token).json()
    assert change({}).json() == before
    assert change({"last_name": "King"}).json() == {**before, "last_name": "King"}
    assert change({"email": None}).json()["email"] is None
    assert service.me(token).json() == {**before, "last_name": "King", "email": None}
    for body, wrong in (({"user_name": "other"}, "user_name"), ({"first_name": None}, "first_name"),
                        ({"email": "x"}, "email"), ({"password": PASSWORD}, "password")):
        answer = change(body)
        assert answer.status_code == 422
        assert [error["field"] for error in answer.json()["errors"]] == [wrong]


def test_people_are_found_by_names_only(service, name):
    family = "Q" + os.urandom(5).hex()
    service.register(name, first_name="Émilie", last_name=family, email=f"{family}x@example.com")
    token = service.log_on(name).json()["access_token"]

    def search(query):
        return service.call("GET", "/v1/users", params={"query": query}, headers=bearer(token))

    for query in (name, name[:5].upper(), family.lower(), "ÉMILIE " + family):
        answer = search(query).json()
        assert answer["next_cursor"] is None
        assert [person["user_name"] for person in answer["items"]] == [name], query
        assert set(answer["items"][0]) == {"id", "user_name", "first_name", "last_name"}
    assert search(f"{family}x@example.com").json()["items"] == []
    for query in ("", "ab", "  a  ", "é" * 130):
        answer = search(query)
        assert answer.status_code == 422
        assert answer.json()["errors"] == [
            {"field": "query", "message": "must have 3 to 129 characters"}]
    assert service.call("GET", "/v1/users", headers=bearer(token)).status_code == 422


def test_people_are_named_by_their_ids(service, name):
    first, second = (service.register(f"{name}{i}").json() for i in range(2))
    token = service.log_on(f"{name}0").json()["access_token"]
    absent = "01a20628-57e9-75de-9284-f2e89100d63d"

    def named(*ids):
        return service.call("GET", "/v1/users", params={"ids": ",".join(ids)}, headers=bearer(token))

    answer = named(second["id"], absent, first["id"], second["id"]).json()
    assert [person["id"] for person in answer["items"]] == [second["id"], first["id"]]
    assert set(answer["items"][0]) == {"id", "user_name", "first_name", "last_name"}
    many = [f"{absent[:-2]}{i:02x}" for i in range(21)]
    assert named(*many[:20]).json()["items"] == []
    for wrong in (many, [""], [absent, ""], ["", absent], [absent + absent], [absent.upper()]):
        refused = named(*wrong)
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "ids"), wrong


def parts_of(token):
    header, claims, signature = token.split(".")
    return json.loads(unbase64(header)), json.loads(unbase64(claims)), signature


def unbase64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def rebase64(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_a_forged_token_opens_nothing(service, name):
    service.register(name)
    token = service.log_on(name).json()["access_token"]
    header, claims, signature = parts_of(token)
    assert set(header) == {"alg", "kid", "typ"}
    assert (header["alg"], header["typ"]) == ("ES256", "at+jwt")
    assert service.me(token).status_code == 200
    forged = {
        "none": f"{rebase64({**header, 'alg': 'none'})}.{rebase64(claims)}.",
        "none with the signature": f"{rebase64({**header, 'alg': 'none'})}.{rebase64(claims)}."
                                   f"{signature}",
        "another subject": f"{rebase64(header)}.{rebase64({**claims, 'sub': 'x'})}.{signature}",
        "crit": f"{rebase64({**header, 'crit': ['x'], 'x': 1})}.{rebase64(claims)}.{signature}",
        "no kid": f"{rebase64({'alg': 'ES256', 'typ': 'at+jwt'})}.{rebase64(claims)}.{signature}",
        "cut": token[:-1],
        "longer": token + "A",
        "unsigned": token[:token.rindex(".") + 1],
        "nothing": "",
        "text": "x",
        "huge": "A" * 5000,
    }
    for what, text in forged.items():
        answer = service.me(text)
        assert answer.status_code == 401, what
        assert problem_of(answer) == "unauthenticated"
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert service.call("GET", "/v1/users/me").status_code == 401
    basic = service.call("GET", "/v1/users/me", auth=(name, PASSWORD))
    assert basic.status_code == 401


# method, path, who may: nobody else gets past the door.
ROUTES = [
    ("GET", "/v1/users/me", "user"),
    ("DELETE", "/v1/sessions", "user"),
    ("POST", "/v1/users/me/password", "user"),
    ("PATCH", "/v1/users/me", "user"),
    ("GET", "/v1/users?query=abc", "user"),
    ("GET", "/v1/users/01a20628-57e9-75de-9284-f2e89100d63d", "payment"),
    ("POST", "/v1/sessions/refresh", "cookie"),
    ("DELETE", "/v1/sessions/current", "cookie"),
]


@pytest.mark.parametrize("method, path, allowed", ROUTES)
def test_every_route_lets_in_its_own_callers_only(service, name, method, path, allowed):
    service.register(name)
    tokens = {
        "nobody": None,
        "user": service.log_on(name).json()["access_token"],
        "payment": service.service_token("payment").json()["access_token"],
        "billing": service.service_token("billing").json()["access_token"],
    }
    for who, token in tokens.items():
        headers = {} if token is None else bearer(token)
        status = service.call(method, path, headers=headers).status_code
        if who == allowed:
            assert status not in (401, 403), who
        elif allowed == "payment" and who == "billing":
            assert status == 403  # a service, but without the scope
        else:
            assert status == (403 if allowed == "cookie" else 401), who


def test_services_get_tokens_for_their_secrets(service, name):
    user = service.register(name).json()
    answer = service.service_token("payment")
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    told = answer.json()
    assert (told["token_type"], told["expires_in"], told["scope"]) == ("Bearer", 900, "user:read")
    header, claims, _ = parts_of(told["access_token"])
    assert (header["typ"], claims["aud"], claims["sub"]) == (
        "svc+jwt", "moneypal:services", "payment")
    person = service.call("GET", f"/v1/users/{user['id']}", headers=bearer(told["access_token"]))
    assert person.json() == {key: user[key] for key in
                             ("id", "user_name", "first_name", "last_name")}
    for unknown in ("01a20628-57e9-75de-9284-f2e89100d63d", "nonsense"):
        answer = service.call("GET", f"/v1/users/{unknown}", headers=bearer(told["access_token"]))
        assert (answer.status_code, problem_of(answer)) == (404, "not_found")

    form = {"grant_type": "client_credentials", "client_id": "billing",
            "client_secret": CLIENTS["billing"]["secret"]}
    assert service.call("POST", "/oauth/token", data=form).json()["scope"] == "wallet:transfer a:b"
    assert service.service_token("billing", scope="a:b").json()["scope"] == "a:b"


@pytest.mark.parametrize("more, status, error", [
    ({"client_secret": "wrong-secret-0123456789"}, 401, "invalid_client"),
    ({"client_id": "nobody"}, 401, "invalid_client"),
    ({"client_id": None}, 401, "invalid_client"),
    ({"grant_type": "password"}, 400, "unsupported_grant_type"),
    ({"grant_type": None}, 400, "unsupported_grant_type"),
    ({"scope": "wallet:transfer"}, 400, "invalid_scope"),
    ({"scope": "user:read wallet:transfer"}, 400, "invalid_scope"),
    ({"scope": ""}, 400, "invalid_scope"),
    ({"scope": " ".join(["user:read"] * 13)}, 400, "invalid_scope"),  # more than a token has room for
    ({"scope": ["user:read", "user:read"]}, 400, "invalid_request"),
])
def test_services_are_refused_as_oauth_has_it(service, more, status, error):
    form = {"grant_type": "client_credentials", "client_id": "payment",
            "client_secret": CLIENTS["payment"]["secret"], **more}
    form = {key: value for key, value in form.items() if value is not None}
    answer = service.call("POST", "/oauth/token", data=form)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert ("WWW-Authenticate" in answer.headers) == (status == 401)


def test_a_token_request_is_a_form_with_one_credential(service):
    form = {"grant_type": "client_credentials", "client_id": "payment",
            "client_secret": CLIENTS["payment"]["secret"]}
    assert service.call("POST", "/oauth/token", json=form).json()["error"] == "invalid_request"
    both = service.call("POST", "/oauth/token", data=form, auth=("payment", "x"))
    assert both.json()["error"] == "invalid_request"


def test_published_keys_are_public(service):
    answer = service.call("GET", "/.well-known/jwks.json")
    keys = answer.json()["keys"]
    assert len(keys) == 2 and len({key["kid"] for key in keys}) == 2
    for key in keys:
        assert set(key) == {"kty", "crv", "x", "y", "kid", "alg", "use"}
        assert (key["kty"], key["crv"], key["alg"]) == ("EC", "P-256", "ES256")


def test_keys_rotate_by_command_once_the_next_is_known(service, name):
    service.register(name)
    answer = service.log_on(name)
    token = service.service_token("mpctl").json()["access_token"]
    early = service.call("POST", "/v1/signing-keys/rotate", headers=bearer(token))
    assert (early.status_code, problem_of(early)) == (409, "too_early")
    assert 0 < int(early.headers["Retry-After"]) <= 180
    assert len(service.call("GET", "/.well-known/jwks.json").json()["keys"]) == 2
    assert service.me(answer.json()["access_token"]).status_code == 200


def test_a_killed_service_comes_back_with_everybody_logged_on(tmp_path, name):
    service = UserService(tmp_path / "user").start()
    try:
        user = service.register(name).json()
        answer = service.log_on(name)
        service.stop(signal.SIGKILL)
        service.start()
        assert service.me(answer.json()["access_token"]).json() == user
        assert service.refresh(cookie_of(answer)).status_code == 200
        assert service.log_on(name).status_code == 201
    finally:
        service.stop()


def test_what_was_answered_survives_a_kill_in_the_midst(tmp_path):
    service = UserService(tmp_path / "user").start()
    answered, ending = [], threading.Event()

    def register(worker):
        count = 0
        while not ending.is_set():
            user_name = f"w{worker}-{count}"
            count += 1
            try:
                if service.register(user_name).status_code == 201:
                    answered.append(user_name)
            except requests.RequestException:
                return

    try:
        with ThreadPoolExecutor(4) as pool:
            for worker in range(4):
                pool.submit(register, worker)
            time.sleep(1)
            service.stop(signal.SIGKILL)
            ending.set()
        service.start()
        assert answered
        for user_name in answered[-20:]:
            assert service.log_on(user_name).status_code == 201
            assert service.register(user_name).status_code == 409
    finally:
        service.stop()


def test_the_cookie_is_secure_behind_https(tmp_path, name):
    service = UserService(tmp_path / "user", PUBLIC_URL="https://pay.example.com").start()
    try:
        service.register(name)
        assert "; Secure" in service.log_on(name).headers["Set-Cookie"]
    finally:
        service.stop()


@pytest.mark.parametrize("environment, told", [
    ({"CLIENTS_FILE": "/nowhere/clients.json"}, "/nowhere/clients.json"),
    ({"LISTEN": "192.0.2.1:1"}, "192.0.2.1"),
])
def test_what_cannot_start_says_why(tmp_path, environment, told):
    service = UserService(tmp_path / "user", **environment)
    with open(service.log, "wb") as log:
        ended = subprocess.run([service.binary], env=service.environment, stderr=log, timeout=20)
    assert ended.returncode == 1
    assert told in service.text()


@pytest.mark.parametrize("environment, told", [
    ({"ARGON2_MIB": "0"}, "ARGON2_MIB"),
    ({"ARGON2_T": "two"}, "ARGON2_T"),
    ({"LISTEN": "300.0.0.1:1"}, "LISTEN"),
    ({"CLIENTS_FILE": None}, "CLIENTS_FILE"),
    ({"HASHING_MAX": "-1", "PUBLIC_URL": None}, "PUBLIC_URL"),
])
def test_wrong_settings_are_told_by_name(tmp_path, environment, told):
    service = UserService(tmp_path / "user", **environment)
    kept = {key: value for key, value in service.environment.items() if value is not None}
    ended = subprocess.run([service.binary, "--check-config"], env=kept, capture_output=True,
                           text=True, timeout=20)
    assert ended.returncode == 2
    assert told in ended.stderr


def test_no_secret_is_in_the_log(service, name):
    service.register(name, email="secretaddress@example.com")
    service.log_on(name, "the wrong password, but secret")
    answer = service.log_on(name)
    again = service.refresh(cookie_of(answer))
    token = service.service_token("payment").json()["access_token"]
    service.me(answer.json()["access_token"])
    text = service.text()
    assert '"route":"/v1/sessions"' in text
    for secret in (PASSWORD, "the wrong password", "secretaddress", cookie_of(answer),
                   cookie_of(again), answer.json()["access_token"], token,
                   CLIENTS["payment"]["secret"]):
        assert secret not in text
        assert secret.split(".")[-1] not in text


def test_sessions_through_the_gateway(moneypal, name):
    """As a browser has them: the cookie comes and goes by itself, and to its own path only."""
    browser = requests.Session()

    def call(method, path, **more):
        return browser.request(method, moneypal.base + path, timeout=20, **more)

    ours = {"Origin": moneypal.base, "X-Requested-With": "moneypal"}
    body = {"first_name": "Ada", "last_name": "Lovelace", "user_name": name, "password": PASSWORD}
    assert call("POST", "/v1/users", json=body).status_code == 201
    assert call("POST", "/v1/sessions", json=body).status_code == 422  # it takes no names
    credentials = {"user_name": name, "password": PASSWORD}
    assert call("POST", "/v1/sessions", json=credentials).status_code == 201
    assert call("POST", "/v1/sessions/refresh").status_code == 403
    answer = call("POST", "/v1/sessions/refresh", headers=ours)
    assert answer.status_code == 200
    token = answer.json()["access_token"]
    assert call("GET", "/v1/users/me", headers=bearer(token)).json()["user_name"] == name
    assert call("GET", "/v1/wallets/me", headers=bearer(token)).json()["amount"] == "0.00"
    assert call("DELETE", "/v1/sessions/current", headers=ours).status_code == 204
    assert not browser.cookies
    assert call("POST", "/v1/sessions/refresh", headers=ours).status_code == 401
