"""The client, against a server that answers as it is told to."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import api
import pytest

PROFILE = {"id": "01", "user_name": "ada"}
RETRY_AFTER_S = 1


class Server(ThreadingHTTPServer):
    """Answers each path's requests by its statuses, the last one for ever; keeps what was asked."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.base = f"http://127.0.0.1:{self.server_port}"
        self.statuses, self.asked = {}, []

    def asked_of(self, path):
        return [each for each in self.asked if each["path"] == path]


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):  # noqa: N802
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.asked.append({"path": self.path, "body": body, "at": time.monotonic(),
                                  "key": self.headers.get("Idempotency-Key")})
        statuses = self.server.statuses.get(self.path, [201])
        status = statuses.pop(0) if len(statuses) > 1 else statuses[0]
        answer = json.dumps({**PROFILE, "access_token": "token", "amount": "1.00"}).encode()
        self.send_response(status)
        if status == 503:
            self.send_header("Retry-After", str(RETRY_AFTER_S))
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST  # noqa: N815

    def log_message(self, *_arguments):
        pass


@pytest.fixture
def server():
    server = Server()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def ada(server):
    return api.Person(server.base, PROFILE, "correct horse")


def test_a_payment_that_is_not_served_is_repeated_after_its_time_with_its_key(server, ada):
    server.statuses["/v1/payments"] = [503, 503, 201]
    assert ada.top_up("1.00")["id"] == PROFILE["id"]
    asked = server.asked_of("/v1/payments")
    assert len(asked) == 3
    assert asked[0]["key"] and len({each["key"] for each in asked}) == 1
    assert len({each["body"] for each in asked}) == 1
    for one, next_one in zip(asked, asked[1:]):
        assert next_one["at"] - one["at"] >= RETRY_AFTER_S


def test_what_is_read_is_read_again(server, ada):
    server.statuses["/v1/wallets/me"] = [503, 200]
    assert ada.balance() == "1.00"
    assert len(server.asked_of("/v1/wallets/me")) == 2


def test_people_register_and_log_on_though_it_takes_two_tries(server):
    server.statuses = {"/v1/users": [503, 201], "/v1/sessions": [503, 201]}
    assert api.Person.register(server.base, "Ada", "Client").token == "token"
    for path in ("/v1/users", "/v1/sessions"):
        asked = server.asked_of(path)
        assert len(asked) == 2 and asked[0]["body"] == asked[1]["body"]


def test_patience_ends(server, ada):
    server.statuses["/v1/payments"] = [503]
    ada.patience_s = 2.5 * RETRY_AFTER_S
    with pytest.raises(api.ApiError) as raised:
        ada.top_up("1.00")
    assert raised.value.status == 503
    assert 2 <= len(server.asked_of("/v1/payments")) <= 3


def test_any_other_refusal_is_the_answer_at_once(server, ada):
    for status in (400, 401, 409, 422, 429, 500):
        server.statuses["/v1/payments"] = [status]
        with pytest.raises(api.ApiError) as raised:
            ada.top_up("1.00")
        assert raised.value.status == status
    assert len(server.asked_of("/v1/payments")) == 6


def test_who_looks_for_a_503_sees_it(server, ada):
    server.statuses["/v1/payments"] = [503, 201]
    assert ada.call("POST", "/v1/payments", {}).status_code == 503
    assert len(server.asked_of("/v1/payments")) == 1
