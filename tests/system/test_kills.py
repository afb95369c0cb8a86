"""kill -9 under a stream of payments: each accepted one settles exactly once, and the audit holds."""
import concurrent.futures
import random
import threading
import time
import uuid

import inside
import pytest
import requests
from api import ApiError, Person, wait_for

from test_journeys import fund

PAYMENTS, PAYERS = 60, 4


class Stream:
    """Payers who pay one provider, repeating a payment with its key until it is answered."""

    def __init__(self, moneypal):
        self.provider = Person.register(moneypal.base, "Bob", "Provider")
        self.payers = [Person.register(moneypal.base, "Ada", f"Client{n}") for n in range(PAYERS)]
        for payer in self.payers:
            fund(payer, "1000.00")
        self.accepted = []
        self.lock = threading.Lock()

    def pay(self, number):
        payer, key = self.payers[number % PAYERS], str(uuid.uuid4())
        deadline = time.monotonic() + 60
        while True:
            try:
                payment = payer.pay(self.provider.id, "1.25", key=key)
                with self.lock:
                    self.accepted.append((payer, payment["id"]))
                return
            except (ApiError, requests.RequestException) as error:
                if time.monotonic() > deadline or getattr(error, "status", 503) < 500:
                    raise
                time.sleep(0.1)

    def run(self, during):
        with concurrent.futures.ThreadPoolExecutor(PAYERS * 2) as pool:
            jobs = [pool.submit(self.pay, number) for number in range(PAYMENTS)]
            during(lambda: sum(job.done() for job in jobs))
            for job in jobs:
                job.result()

    def must_be_settled_once(self):
        for payer, payment_id in self.accepted:
            assert payer.wait_payment(payment_id, "succeeded", timeout_s=90)["status"] is True
        assert len({payment_id for _, payment_id in self.accepted}) == PAYMENTS
        assert self.provider.balance() == f"{PAYMENTS * 1.25:.2f}"
        paid = [entry["payment_id"] for entry in self.provider.entries()]
        assert sorted(paid) == sorted(payment_id for _, payment_id in self.accepted)
        for payer in self.payers:
            count = sum(1 for who, _ in self.accepted if who is payer)
            assert payer.balance() == f"{1000 - count * 1.25:.2f}"


@pytest.mark.parametrize("part", ["billing", "wallet", "payment", "broker"])
def test_killed_under_a_stream_of_payments_each_settles_once(moneypal, part):
    stream = Stream(moneypal)
    rng = random.Random(f"seed-{part}")

    def kill_thrice(done):
        for share in (0.2, 0.5, 0.8):
            wait_for(done, lambda n: n >= PAYMENTS * share * rng.uniform(0.8, 1.0), "payments", 90)
            moneypal.kill_and_wait(part)

    stream.run(kill_thrice)
    stream.must_be_settled_once()
    books = inside.audit(moneypal)
    assert books["ok"], books["problems"]
    assert all(float(row["total"]) == 0 for row in books["currencies"])
    wait_for(lambda: inside.outbox_rows(moneypal), lambda rows: rows == 0, "empty outboxes")
