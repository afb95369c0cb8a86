"""The gateway alone, in front of stand-ins that say what reached them: routes, limits, headers."""

import contextlib
import json
import re
import select
import socket
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from local_system import ROOT, LocalSystem
from moneypal_local import files, parts

UUID = "0197a3b2-7c1d-7e2f-8a3b-4c5d6e7f8091"
IN_FLIGHT_MAX = 1000  # to one service; gateway/nginx.conf
SERVICES = ("user", "wallet", "payment", "billing", "email")


class StandIn(BaseHTTPRequestHandler):
    """Answers what it was asked; /v1/payments/x/events goes on until the peer is gone."""

    protocol_version = "HTTP/1.1"
    timeout = 60

    def answer(self):
        if self.server.is_stopped:  # a connection that was kept open: a stopped program has none
            self.close_connection = True
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path.endswith("/events"):
            self.stream()
            return
        told = {
            "service": self.server.name,
            "method": self.command,
            "path": self.path,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "body_bytes": len(body),
        }
        self.server.asked.append(told)
        text = json.dumps(told).encode()
        self.send_response(int(self.headers.get("X-Test-Status") or 200))
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = answer  # noqa: N815

    def stream(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(b"data: first\n\n")
        self.server.more.wait(10)
        self.wfile.write(b"data: second\n\n")
        self.close_connection = True

    def log_message(self, *_arguments):
        pass


class Gateway:
    """nginx with the launcher's own configuration, and stand-ins for all services."""

    def __init__(self, folder, behind_balancer=False, **rates):
        self.behind_balancer = behind_balancer
        self.settings = LocalSystem(folder / "var", **rates).settings
        self.host, self.port = "127.0.0.1", self.settings.port
        self.base = self.settings.url_of("gateway")
        self.log = self.settings.var.with_name("nginx.log")
        self.asked = []
        self.more = threading.Event()
        self.servers = {name: self.stand_in(name) for name in SERVICES}
        self.process = self._nginx()

    def stand_in(self, name):
        server = ThreadingHTTPServer((self.host, self.settings.port_of(name)), StandIn)
        server.daemon_threads = True
        server.name, server.asked, server.more = name, self.asked, self.more
        server.is_stopped = False
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server

    def _nginx(self):
        every = parts.all_parts(self.settings)
        files.make_folders(self.settings)
        files.write_configuration(self.settings, every)
        if self.behind_balancer:  # as deploy/systemd/gateway does
            with open(self.settings.run / "gateway/upstreams.conf", "a") as more:
                more.write("set_real_ip_from 127.0.0.1;\nreal_ip_header X-Forwarded-For;\n")
        gateway = every[-1]
        command = ["/usr/bin/setpriv", "--pdeathsig", "TERM", *gateway.command]
        with open(self.log, "wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + 10
        while gateway.probe():
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.02)
        return process

    def stop_service(self, name):
        self.servers[name].is_stopped = True
        self.servers[name].shutdown()
        self.servers[name].server_close()

    def stop(self):
        self.process.terminate()
        self.process.wait(10)
        for server in self.servers.values():
            server.shutdown()
            server.server_close()

    def raw(self, request):
        """Sends bytes as they are; the status and the whole answer."""
        with socket.create_connection((self.host, self.port), 10) as connection:
            connection.sendall(request)
            answer = b""
            while piece := connection.recv(65536):
                answer += piece
        return int(answer.split(b" ", 2)[1]), answer

    def raw_path(self, path, method=b"GET"):
        return self.raw(method + b" " + path + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    running = Gateway(tmp_path_factory.mktemp("gateway"))
    yield running
    running.stop()


@pytest.fixture
def asked(gateway):
    gateway.asked.clear()
    return gateway.asked


def assert_problem(answer, status, name):
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert problem["type"] == f"/problems/{name}" and problem["status"] == status
    assert set(problem) == {"type", "title", "status", "detail"}, "as the services write them"
    assert problem["title"] and problem["detail"]
    assert_api_headers(answer)


def assert_api_headers(answer):
    headers = answer.headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Server"] == "nginx"
    assert len(headers["X-Request-Id"]) == 32


@pytest.mark.parametrize(
    "path, service",
    [
        ("/v1/users", "user"),
        ("/v1/users?query=ann", "user"),
        ("/v1/users/me", "user"),
        ("/v1/sessions", "user"),
        ("/v1/sessions/refresh", "user"),
        ("/v1/sessions/current", "user"),
        ("/v1/wallets/me", "wallet"),
        ("/v1/wallets/me/all", "wallet"),
        ("/v1/wallets/me/entries?cursor=a%2Fb..//;", "wallet"),
        ("/v1/payments", "payment"),
        (f"/v1/payments/{UUID}", "payment"),
        (f"/v1/payments/{UUID}/timeline", "payment"),
        (f"/v1/payments/{UUID}/retry", "payment"),
        ("/v1/bills", "billing"),
        (f"/v1/bills/{UUID}", "billing"),
        ("/v1/reports/summary?from=2026-01-01", "billing"),
        ("/v1/mails", "email"),
    ],
)
def test_public_paths_reach_their_service_unchanged(gateway, asked, path, service):
    answer = requests.get(gateway.base + path, timeout=10)
    assert answer.status_code == 200
    assert_api_headers(answer)
    assert [(told["service"], told["path"]) for told in asked] == [(service, path)]


INSIDE = (
    "/v1/transfers",
    "/v1/transfers/batch",
    f"/v1/transfers/{UUID}",
    "/v1/audit",
    "/v1/operations/fundings",
    "/v1/operations/captures",
    "/v1/operations/republish",
    f"/v1/operations/payments/{UUID}",
    f"/v1/operations/payments/{UUID}/redrive",
    f"/v1/operations/payments/{UUID}/mails",
    "/oauth/token",
    "/.well-known/jwks.json",
    "/metrics",
    f"/v1/users/{UUID}",
)


def other_spellings(path):
    """The same path as some server might read it."""
    first = path[1:].split("/")[0]
    rest = path[len(first) + 1 :]
    last = f"%{ord(path[-1]):02x}"
    yield path
    yield path + "/"
    yield path + "?x=/v1/users/me"
    yield path + ";x=1"
    yield path + "%00"
    yield path + "%20"
    yield path + "%23"
    yield path[:-1] + last
    yield path[:-1] + last.replace("%", "%25")
    yield "/" + path
    yield f"/{first}/{rest}"
    yield f"/{first}/.{rest}"
    yield f"/{first}%2f{rest[1:]}"
    yield path.replace("/", "%2f")
    yield path.replace("/", "\\")
    yield path.replace("/", "%5c")
    yield path.upper()
    yield f"http://127.0.0.1{path}"
    for public in ("/v1/users/me", "/v1/wallets", "/v1/payments", "/v1/sessions", "/assets"):
        up = public.count("/")
        yield public + "/.." * up + path
        yield public + "/%2e%2e" * up + path
        yield public + "/.%2E" * up + path
        yield public + "/..%2f" * up + path[1:]
        yield public + "/..%252f" * up + path[1:]
        yield public + "/..%5c" * up + path[1:]
        yield public + "/..;" * up + path
        yield public + "/..\\" * up + path[1:]
        yield public + "%2f.." * up + path
        yield public + "/..%c0%af" * up + path[1:]
        yield public + "/" + path
        yield public + "%0d%0aGET%20" + path
        yield public + "#/.." + path


@pytest.mark.parametrize("path", INSIDE)
@pytest.mark.parametrize("method", [b"GET", b"POST"])
def test_inside_paths_are_reached_in_no_spelling(gateway, asked, path, method):
    for spelling in other_spellings(path):
        status, answer = gateway.raw_path(spelling.encode(), method)
        assert status in (400, 404), (spelling, answer)
        assert b"application/problem+json" in answer, (spelling, answer)
        assert not asked, (spelling, asked)


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET /v1/users/me\x00/../../../metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /v1/users/me /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /v1/users/me\t/metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET v1/transfers HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"POST /v1/users HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 5\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /v1/users HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 5\r\n"
        b"Content-Length: 0\r\n\r\n12345",
        b"GET /v1/users HTTP/1.1\r\nConnection: close\r\n\r\n",
    ],
)
def test_malformed_requests_reach_nobody(gateway, asked, request_bytes):
    status, _answer = gateway.raw(request_bytes)
    assert status == 400
    assert not asked


def test_what_is_not_listed_is_not_found(gateway, asked):
    for path in ("/v1", "/v1/", "/v1/usersx", "/v1/users/", "/v2/users", "/nothing.css", "/a/b"):
        assert_problem(requests.get(gateway.base + path, timeout=10), 404, "not_found")
    assert not asked


def test_what_a_client_says_about_itself_is_replaced(gateway, asked):
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    said = {
        "X-Forwarded-For": "10.0.0.1",
        "X-Forwarded-Host": "evil.example",
        "X-Real-IP": "10.0.0.1",
        "Forwarded": "for=10.0.0.1",
        "X-Request-Id": "chosen-by-a-client",
        "X_Request_Id": "chosen-by-a-client",
        "Upgrade": "websocket",
        "traceparent": trace,
        "Authorization": "Bearer x",
        "Idempotency-Key": "k1",
    }
    answer = requests.get(gateway.base + "/v1/users/me", headers=said, timeout=10)
    headers = asked[0]["headers"]
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert headers["x-request-id"] == answer.headers["X-Request-Id"]
    assert headers["traceparent"] == trace
    assert headers["authorization"] == "Bearer x" and headers["idempotency-key"] == "k1"
    replaced = {"x-forwarded-host", "x-real-ip", "forwarded", "upgrade", "x_request_id"}
    assert not replaced & set(headers)


def test_an_answer_of_a_service_passes_whatever_its_status(gateway):
    for status in (200, 201, 400, 401, 404, 409, 422, 429, 500, 503):
        headers = {"X-Test-Status": str(status)}
        answer = requests.get(gateway.base + "/v1/bills", headers=headers, timeout=10)
        assert answer.status_code == status
        assert answer.json()["service"] == "billing"
        assert_api_headers(answer)


def test_the_webhook_takes_post_only(gateway, asked):
    url = gateway.base + "/v1/webhooks/stripe"
    for method in ("GET", "PUT", "DELETE", "PATCH"):
        answer = requests.request(method, url, timeout=10)
        assert_problem(answer, 405, "method_not_allowed")
        assert answer.headers["Allow"] == "POST"
    assert not asked
    assert requests.post(url, data=b"{}", timeout=10).json()["service"] == "payment"


def test_bodies_have_a_limit(gateway, asked):
    url = gateway.base + "/v1/payments"
    assert requests.post(url, data=b"x" * 65536, timeout=10).json()["body_bytes"] == 65536
    asked.clear()
    assert_problem(requests.post(url, data=b"x" * 65537, timeout=10), 413, "too_large")
    pieces = (b"x" * 8192 for _ in range(9))
    assert_problem(requests.post(url, data=pieces, timeout=10), 413, "too_large")
    assert not asked
    url, most = gateway.base + "/v1/webhooks/stripe", 256 * 1024
    assert requests.post(url, data=b"x" * most, timeout=10).json()["body_bytes"] == most
    assert_problem(requests.post(url, data=b"x" * (most + 1), timeout=10), 413, "too_large")


def test_long_headers_and_paths_are_refused(gateway, asked):
    headers = {"X-Long": "x" * 40000}
    answer = requests.get(gateway.base + "/v1/users", headers=headers, timeout=10)
    assert_problem(answer, 400, "bad_request")
    answer = requests.get(gateway.base + "/v1/users?" + "x" * 40000, timeout=10)
    assert_problem(answer, 400, "bad_request")
    assert not asked


def test_server_sent_events_are_not_held_back(gateway):
    url = gateway.base + f"/v1/payments/{UUID}/events"
    with requests.get(url, stream=True, timeout=5) as answer:
        lines = answer.iter_lines()
        assert next(lines) == b"data: first"
        gateway.more.set()
        assert b"data: second" in list(lines)


def test_health_and_the_page(gateway, asked):
    for path in ("/healthz", "/readyz"):
        answer = requests.get(gateway.base + path, timeout=10)
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
        assert_api_headers(answer)
    page = requests.get(gateway.base + "/", timeout=10)
    assert page.status_code == 200 and page.headers["Content-Type"] == "text/html"
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert not asked


def test_only_the_front_pages_files_are_served(gateway):
    for path in ("/nginx.conf", "/../nginx.conf", "/README.md", "/.git/config", "/html/"):
        assert gateway.raw_path(path.encode())[0] in (400, 404)
    assert (ROOT / "gateway" / "nginx.conf").exists()


def test_the_log_has_the_path_and_not_the_query(gateway):
    requests.get(gateway.base + "/v1/users?query=a-secret-word", timeout=10)
    requests.get(gateway.base + "/v1/users/%20", timeout=10)
    deadline = time.monotonic() + 10
    while '"path":"/v1/users/%20"' not in gateway.log.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert '"path":"/v1/users",' in gateway.log.read_text()
    assert "a-secret-word" not in gateway.log.read_text()


class TestTrouble:
    """Gateways of their own: one changes what all clients meet."""

    @pytest.fixture
    def own(self, tmp_path):
        running = Gateway(tmp_path)
        yield running
        running.stop()

    def test_a_service_that_is_away_is_unavailable_and_found_again(self, own):
        url = own.base + "/v1/wallets/me"
        assert requests.get(url, timeout=10).status_code == 200
        own.stop_service("wallet")
        answer = requests.get(url, timeout=10)
        assert_problem(answer, 503, "unavailable")
        assert answer.headers["Retry-After"] == "1"
        assert_problem(requests.patch(url, timeout=10), 503, "unavailable")  # it was never reached
        assert requests.get(own.base + "/v1/bills", timeout=10).status_code == 200
        own.servers["wallet"] = own.stand_in("wallet")
        assert requests.get(url, timeout=10).status_code == 200

    @pytest.mark.usefixtures("many_sockets")
    def test_a_service_that_hangs_holds_up_only_itself(self, own):
        own.stop_service("wallet")
        at_wallet = b"GET /v1/wallets/me HTTP/1.1\r\nHost: x\r\n\r\n"
        with contextlib.ExitStack() as held:
            held.enter_context(socket.create_server(  # it takes connections, and says nothing
                ("127.0.0.1", own.settings.port_of("wallet")), backlog=2 * IN_FLIGHT_MAX))
            clients, answered = {}, select.poll()  # select.select() knows a thousand descriptors
            for _ in range(IN_FLIGHT_MAX + 1):
                client = held.enter_context(socket.create_connection((own.host, own.port), 10))
                client.sendall(at_wallet)
                clients[client.fileno()] = client
                answered.register(client, select.POLLIN)
            refused = [clients[descriptor].recv(12) for descriptor, _ in answered.poll(10_000)]
            assert refused == [b"HTTP/1.1 503"]
            answer = requests.get(own.base + "/v1/wallets/me", timeout=10)
            assert_problem(answer, 503, "busy")
            assert answer.headers["Retry-After"] == "1"
            for path in ("/v1/bills", f"/v1/payments/{UUID}", "/healthz"):
                assert requests.get(own.base + path, timeout=10).status_code == 200

    def test_what_is_not_idempotent_is_never_repeated(self, own):
        """A service reads a POST and closes without an answer: the client decides, not nginx."""
        own.stop_service("payment")
        seen = []
        with socket.create_server(("127.0.0.1", own.settings.port_of("payment"))) as listener:

            def serve():
                while True:
                    try:
                        connection, _ = listener.accept()
                    except OSError:
                        return
                    seen.append(connection.recv(65536))
                    connection.close()

            threading.Thread(target=serve, daemon=True).start()
            answer = requests.post(own.base + "/v1/payments", data=b"{}", timeout=10)
            assert_problem(answer, 503, "unknown_outcome")
            time.sleep(0.3)
            assert len(seen) == 1
            answer = requests.get(own.base + "/v1/payments", timeout=10)
            assert_problem(answer, 503, "unavailable")


class TestRates:
    @pytest.fixture(scope="class")
    def slow(self, tmp_path_factory):
        running = Gateway(tmp_path_factory.mktemp("slow"), requests_per_s=10, sign_ons_per_s=1)
        yield running
        running.stop()

    def test_signing_on_is_limited_more_than_the_rest(self, slow):
        for path in ("/v1/sessions", "/v1/users", "/v1/users/me/password"):
            # Ten times the rate may come at once, and what was refused is not counted.
            answers = [requests.post(slow.base + path, timeout=10) for _ in range(30)]
            refused = [answer for answer in answers if answer.status_code == 429]
            assert refused
            assert_problem(refused[-1], 429, "too_many_requests")
            assert int(refused[-1].headers["Retry-After"]) >= 1
            assert requests.get(slow.base + path, timeout=10).status_code == 200

    def test_a_network_of_ipv6_is_one_client_and_an_address_of_ipv4(self, tmp_path):
        behind = Gateway(tmp_path, behind_balancer=True, requests_per_s=1000, sign_ons_per_s=1)

        def log_on(address):
            return requests.post(behind.base + "/v1/sessions", timeout=10,
                                 headers={"X-Forwarded-For": address}).status_code

        try:
            for mine, another in (("2001:db8:0:1::%x", "2001:db8:0:2::1"),
                                  ("::ffff:192.0.2.1", "::ffff:192.0.2.2")):
                addresses = [mine.replace("%x", f"{n:x}") for n in range(1, 31)]
                assert 429 in [log_on(address) for address in addresses]
                assert log_on(another) == 200
        finally:
            behind.stop()

    def test_all_else_is_limited_too_but_not_webhooks(self, slow):
        request = b"GET /?a-secret-word HTTP/1.1\r\nHost: x\r\n%s\r\n"
        # At once, of what nginx answers by itself: more than the rate however slow this machine is.
        _, answers = slow.raw(request % b"" * 79 + request % b"Connection: close\r\n")
        assert b"HTTP/1.1 200 " in answers
        assert b"HTTP/1.1 429 " in answers and b'"/problems/too_many_requests"' in answers
        deadline = time.monotonic() + 10
        while '"path":"/","status":429' not in slow.log.read_text():
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert "a-secret-word" not in slow.log.read_text()
        url = slow.base + "/v1/webhooks/stripe"
        statuses = {requests.post(url, data=b"{}", timeout=10).status_code for _ in range(100)}
        assert statuses == {200}


@pytest.mark.skipif(not (ROOT / "web" / "dist").is_dir(), reason="the web UI is not built")
def test_docs_show_the_contracts_of_all_services(gateway):
    answer = requests.get(f"{gateway.base}/docs", timeout=10, allow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (308, "/docs/")
    page = requests.get(f"{gateway.base}/docs/", timeout=10)
    assert page.status_code == 200
    assert "script-src 'self';" in page.headers["Content-Security-Policy"]
    named = re.findall(r'(?:src|href)="(/[^"]+)"', page.text)
    assert len(named) == 5
    for path in [*named, *(f"/docs/{service}.yaml" for service in SERVICES)]:
        answer = requests.get(gateway.base + path, timeout=10)
        assert answer.status_code == 200 and answer.content, path
    for service in SERVICES:
        shown = requests.get(f"{gateway.base}/docs/{service}.yaml", timeout=10).content
        assert shown == (ROOT / "services" / service / "openapi.yaml").read_bytes()
