"""Payments watched live: Server-Sent Events over the gateway, and of one payment service alone."""
import asyncio
import json
import os
import re
import signal
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from alone import Alone, Keys
from api import Person, pay_at_provider, wait_for

SILENCE_S_MAX = 30
WATCH_S_MAX = 120  # heartbeats are no news


class Watch:
    """One stream of a payment's events."""

    def __init__(self, base, token, payment_id, last_id=None):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if last_id is not None:
            headers["Last-Event-ID"] = str(last_id)
        self.answer = requests.get(f"{base}/v1/payments/{payment_id}/events", headers=headers,
                                   stream=True, timeout=SILENCE_S_MAX)
        self.status = self.answer.status_code
        self.told = []
        self.ends_at = time.monotonic() + WATCH_S_MAX
        self.source = self._read()

    def events(self):
        """(name, id, data) until the body ends, however it does; goes on where it stopped."""
        return self.source

    def _read(self):
        event = {}
        try:
            for line in self.answer.iter_lines(decode_unicode=True):
                assert time.monotonic() < self.ends_at, f"watched for too long; told: {self.told}"
                if line:
                    field, _, value = line.partition(": ")
                    event[field] = value
                elif "data" in event:
                    told = (event["event"], int(event.get("id", 0)), json.loads(event["data"]))
                    self.told.append(told)
                    event = {}
                    yield told
                else:
                    event = {}
        except (requests.exceptions.ChunkedEncodingError, requests.exceptions.ConnectionError):
            pass  # cut off

    def until(self, is_right):
        for event in self.events():
            if is_right(event):
                return event
        raise AssertionError(f"the stream ended before; told: {self.told}")

    def until_state(self, *states):
        return self.until(lambda e: e[0] == "payment" and e[2]["state"] in states)[2]

    def rows(self):
        return [data for name, _, data in self.told if name == "timeline"]

    def close(self):
        self.answer.close()


def watch(person, payment, last_id=None):
    stream = Watch(person.base, person.token, payment["id"], last_id)
    assert stream.status == 200, stream.answer.text
    return stream


@pytest.fixture
def ada(moneypal):
    return Person.register(moneypal.base, "Ada", "Client")


@pytest.fixture
def bob(moneypal):
    return Person.register(moneypal.base, "Bob", "Provider")


def test_a_top_up_is_watched_to_its_end_as_it_happens(moneypal, ada):
    seconds = []
    for _ in range(3):  # the quickest counts: other things run on this machine
        payment = ada.top_up("25.00")
        payment = ada.wait_checkout_url(payment["id"])
        stream = watch(ada, payment)
        assert stream.answer.headers["Content-Type"] == "text/event-stream"
        assert stream.answer.headers["Cache-Control"] == "no-store"
        assert stream.until_state("awaiting_provider") == ada.payment(payment["id"])
        assert pay_at_provider(payment["checkout_url"]).status_code == 303
        captured = time.monotonic()
        last = stream.until_state("succeeded")
        seconds.append(time.monotonic() - captured)
        assert last["status"] is True
        assert [event[0] for event in stream.events()] == ["end"]
        assert stream.told[-1][2] == {"reason": "payment_ended"}
        assert stream.rows() == ada.timeline(payment["id"])
        assert [event[1] for event in stream.told if event[0] == "timeline"] == [
            row["seq"] for row in stream.rows()]
    assert min(seconds) < 1, seconds


def test_who_comes_back_gets_the_rest_and_nothing_twice(moneypal, ada, bob):
    payment = ada.pay(bob.id, "12.00")
    ada.wait_checkout_url(payment["id"])
    stream = watch(ada, payment)
    first = stream.until(lambda e: e[0] == "timeline")
    stream.close()
    rest = watch(ada, payment, last_id=first[1])
    page = rest.until_state("requires_funding")["checkout_url"]
    assert pay_at_provider(page).status_code == 303
    rest.until_state("succeeded")
    # That the added money is in the wallet may be told last, by an event of its own.
    assert [event[0] for event in rest.events() if event[0] != "timeline"] == ["end"]
    assert [first[2], *rest.rows()] == ada.timeline(payment["id"])
    # Once it has ended: the state and the end, at once.
    again = watch(ada, payment, last_id=rest.rows()[-1]["seq"])
    assert [event[0] for event in again.events()] == ["payment", "end"]


def test_the_payee_watches_without_what_is_the_payers(moneypal, ada, bob):
    payment = ada.pay(bob.id, "12.00")
    page = ada.wait_checkout_url(payment["id"])["checkout_url"]
    stream = watch(bob, payment)
    assert stream.until_state("requires_funding")["checkout_url"] is None
    assert pay_at_provider(page).status_code == 303
    list(stream.events())
    assert stream.told[-1][0] == "end"
    assert stream.rows() == bob.timeline(payment["id"])
    assert len(stream.rows()) < len(ada.timeline(payment["id"]))


def test_who_may_not_watch(moneypal, ada, bob):
    payment = ada.top_up("25.00")
    assert Watch(bob.base, bob.token, payment["id"]).status == 404
    assert Watch(ada.base, ada.token, uuid.uuid4()).status == 404
    assert Watch(ada.base, None, payment["id"]).status == 401
    assert Watch(ada.base, ada.token + "x", payment["id"]).status == 401
    for last_id in ("x", "-1", "99999", "9" * 30):
        refused = Watch(ada.base, ada.token, payment["id"], last_id)
        assert refused.status == 422
        assert refused.answer.json()["type"] == "/problems/last_event_id_unknown"


def test_a_sixth_stream_is_refused_until_one_is_closed(moneypal, ada):
    payment = ada.top_up("25.00")
    streams = [watch(ada, payment) for _ in range(5)]
    sixth = Watch(ada.base, ada.token, payment["id"])
    assert sixth.status == 429 and "Retry-After" in sixth.answer.headers
    assert sixth.answer.json()["type"] == "/problems/too_many_streams"
    streams.pop().close()
    # Far less than a heartbeat: the one that has gone is noticed by the one that comes.
    wait_for(lambda: Watch(ada.base, ada.token, payment["id"]), lambda s: s.status == 200,
             "a place", 5).close()
    for stream in streams:
        stream.close()


def test_killed_in_the_middle_and_watched_again(moneypal, ada):
    payment = ada.top_up("25.00")
    page = ada.wait_checkout_url(payment["id"])["checkout_url"]
    stream = watch(ada, payment)
    stream.until_state("awaiting_provider")
    moneypal.kill_and_wait("payment")
    assert not [event for event in stream.events() if event[0] == "end"]
    seen = stream.rows()
    # 503 until it has read the keys of tokens again.
    again = wait_for(lambda: Watch(ada.base, ada.token, payment["id"], seen[-1]["seq"]),
                     lambda stream: stream.status != 503, "a stream", 10)
    assert again.status == 200, again.answer.text
    assert pay_at_provider(page).status_code == 303
    again.until_state("succeeded")
    list(again.events())
    assert again.told[-1][0] == "end"
    assert seen + again.rows() == ada.timeline(payment["id"])


def test_a_restart_ends_streams_without_delay(moneypal, ada):
    payment = ada.top_up("25.00")
    stream = watch(ada, payment)
    stream.until(lambda e: e[0] == "payment")
    started = time.monotonic()
    moneypal.kill_and_wait("payment", signal.SIGTERM)
    assert not [event for event in stream.events() if event[0] == "end"], "it says: come back"
    assert time.monotonic() - started < 20
    assert '"event":"stopped"' in moneypal.log_of("payment").read_text()


class PaymentAlone(Alone):
    """One payment service by itself; the provider's sandbox is the shared system's."""

    def __init__(self, moneypal, folder):
        super().__init__("payment", folder, Keys(),
                         STRIPE_API_BASE=moneypal.url_of("sandbox"),
                         STRIPE_SECRET_KEY=moneypal.secret("stripe_secret_key"))

    def stop(self):
        self.keys.server.shutdown()
        return super().stop()

    def call(self, method, path, token, body=None):
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": str(uuid.uuid4())}
        return requests.request(method, self.base + path, json=body, headers=headers, timeout=20)

    def top_up(self, token):
        body = {"paid_to": None, "payment_amount": "20.00"}
        answer = self.call("POST", "/v1/payments", token, body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def cpu_s(self):
        fields = open(f"/proc/{self.process.pid}/stat").read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def pss_kib(self):
        text = open(f"/proc/{self.process.pid}/smaps_rollup").read()
        return int(re.search(r"^Pss:\s+(\d+) kB", text, re.M).group(1))


@pytest.fixture
def alone(moneypal, tmp_path):
    service = PaymentAlone(moneypal, tmp_path)
    yield service
    assert service.stop() == 0, service.log.read_text()[-4000:]


def test_a_stream_ends_with_its_token(alone):
    user_id = str(uuid.uuid4())
    payment = alone.top_up(alone.keys.of_user(sub=user_id))
    now = int(time.time())
    # Clocks may differ by 30 s: so long a token is taken after its end.
    token = alone.keys.of_user(sub=user_id, iat=now - 900, exp=now + 4 - 30)
    started = time.monotonic()
    stream = Watch(alone.base, token, payment["id"])
    assert stream.status == 200
    events = list(stream.events())
    assert events[-1][::2] == ("end", {"reason": "token_expired"})
    assert 2 < time.monotonic() - started < 12
    assert Watch(alone.base, token, payment["id"]).status == 401


def refusals_of(person, payment, payee):
    """What a token may not do any more once its session has ended: (status, problem) of each."""
    key = {"Idempotency-Key": str(uuid.uuid4())}
    path = f"/v1/payments/{payment['id']}"
    answers = [
        person.call("POST", "/v1/payments", {"paid_to": payee.id, "payment_amount": "1.00"}, key),
        person.call("POST", f"{path}/retry", {"source": "card"}, key),
        person.call("POST", f"{path}/cancel"),
        person.call("GET", f"{path}/events"),
        person.call("PATCH", "/v1/users/me", {"email": "thief@example.com"}),
        person.call("POST", "/v1/users/me/password", {"current_password": person.password,
                                                      "new_password": "a thief's own"}),
        person.call("DELETE", "/v1/sessions"),
    ]
    return {(answer.status_code, answer.json()["type"] if answer.status_code >= 400 else None)
            for answer in answers}


def test_who_is_signed_out_watches_and_moves_nothing_any_more(moneypal, ada, bob):
    payment = ada.pay(bob.id, "12.00")
    ada.wait_checkout_url(payment["id"])
    lost = Person(ada.base, ada.profile, ada.password)  # on another device
    lost.log_on()
    streams = [watch(person, payment) for person in (ada, lost)]
    for stream in streams:
        stream.until_state("requires_funding")
    changed = ada.call("POST", "/v1/users/me/password", {
        "current_password": ada.password, "new_password": "an even longer horse"})
    assert changed.status_code == 204
    started = time.monotonic()
    assert list(streams[1].events())[-1][::2] == ("end", {"reason": "session_ended"})
    assert time.monotonic() - started < 15
    lost.password = "an even longer horse"  # even so
    assert refusals_of(lost, payment, bob) == {(401, "/problems/session_ended")}
    assert lost.payment(payment["id"])["state"] == "requires_funding", "it reads, for minutes"
    assert ada.cancel(payment["id"]).status_code in (200, 202)  # 202: the provider is slow
    assert streams[0].until_state("canceled"), "the session that was kept"

    ada.password = "an even longer horse"
    assert ada.call("DELETE", "/v1/sessions").status_code == 204
    wait_for(lambda: refusals_of(ada, payment, bob),
             lambda told: told == {(401, "/problems/session_ended")}, "payment to hear of it")
    ada.log_on()
    assert ada.top_up("5.00")["state"] in ("created", "awaiting_provider")


USERS, STREAMS_EACH, BUSY, BUSY_S = 200, 5, 64, 3
OPENED_AT_ONCE = 100  # fewer than may wait for a worker: more are answered 503, come again


class Listener:
    """A stream as bytes, so that a thousand of them cost the test little."""

    def __init__(self):
        self.bytes = b""
        self.ended = False

    async def open(self, port, token, payment_id):
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port)
        self.writer.write(f"GET /v1/payments/{payment_id}/events HTTP/1.1\r\nHost: x\r\n"
                          f"Authorization: Bearer {token}\r\n\r\n".encode())

    async def follow(self):
        while data := await self.reader.read(65536):
            self.bytes += data
        self.ended = True

    async def told(self, text, seconds_max):
        deadline = time.monotonic() + seconds_max
        while text not in self.bytes:
            assert time.monotonic() < deadline and not self.ended, self.bytes[-500:]
            await asyncio.sleep(0.02)


async def busy(port, token, payment_id, until, seconds):
    """Request after request on one connection; how long each took."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while time.monotonic() < until:
        started = time.monotonic()
        writer.write(f"GET /v1/payments/{payment_id} HTTP/1.1\r\nHost: x\r\n"
                     f"Authorization: Bearer {token}\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        await reader.readexactly(int(re.search(rb"Content-Length: (\d+)", head).group(1)))
        seconds.append(time.monotonic() - started)
    writer.close()


async def crowd(alone, tokens, payments):
    listeners = [Listener() for _ in range(USERS * STREAMS_EACH)]
    before_kib = alone.pss_kib()
    tasks = []
    for begin in range(0, len(listeners), OPENED_AT_ONCE):
        group = listeners[begin:begin + OPENED_AT_ONCE]
        for i, listener in enumerate(group, begin):
            await listener.open(alone.port, tokens[i % USERS], payments[i % USERS]["id"])
        tasks += [asyncio.create_task(listener.follow()) for listener in group]
        for listener in group:
            await listener.told(b"event: payment", 30)
    kib_each = (alone.pss_kib() - before_kib) / len(listeners)
    cpu_s = alone.cpu_s()
    await asyncio.sleep(4)
    idle_share = (alone.cpu_s() - cpu_s) / 4

    # Everybody is busy, and one payment changes: its five watchers hear of it meanwhile.
    times = [[] for _ in range(BUSY)]
    until = time.monotonic() + BUSY_S
    work = [asyncio.create_task(busy(alone.port, tokens[i], payments[i]["id"], until, times[i]))
            for i in range(BUSY)]
    await asyncio.sleep(BUSY_S / 3)
    canceled = await asyncio.to_thread(
        alone.call, "POST", f"/v1/payments/{payments[-1]['id']}/cancel", tokens[-1])
    assert canceled.status_code in (200, 202), canceled.text
    for listener in listeners[USERS - 1::USERS]:
        await listener.told(b'"event":"payment.canceled"', 5)
    await asyncio.gather(*work)
    for task in tasks:
        task.cancel()
    left = sum(listener.ended for listener in listeners)
    for listener in listeners:
        listener.writer.close()
    return kib_each, idle_share, times, left


@pytest.mark.usefixtures("many_sockets")
def test_a_thousand_idle_listeners_and_64_busy_connections_starve_nobody(alone):
    tokens = [alone.keys.of_user() for _ in range(USERS)]
    with ThreadPoolExecutor(8) as pool:
        payments = list(pool.map(alone.top_up, tokens))
    kib_each, idle_share, times, left = asyncio.run(crowd(alone, tokens, payments))
    counts = [len(each) for each in times]
    slowest = max(max(each) for each in times)
    print(f"{kib_each:.1f} KiB a listener, {idle_share:.1%} of a core while idle; "
          f"{sum(counts) / BUSY_S:.0f} requests/s, slowest {slowest:.3f} s")
    assert left <= STREAMS_EACH, "only those of the payment that has ended may have ended"
    assert kib_each < 64
    assert idle_share < 0.10
    assert min(counts) * 4 > max(counts), counts
    assert slowest < 2, slowest
