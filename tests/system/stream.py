"""A stream of payments of a known number: each accepted one settles exactly once."""
import concurrent.futures
import threading
import time
import uuid

import requests
from api import ApiError, Person

from test_journeys import fund

PAYMENTS, PAYERS = 60, 4


class Stream:
    """Payers who pay one provider, repeating a payment with its key until it is answered."""

    def __init__(self, moneypal):
        self.provider = Person.register(moneypal.base, "Bob", "Provider")
        self.payers = [Person.register(moneypal.base, "Ada", f"Client{n}") for n in range(PAYERS)]
        for payer in self.payers:
            fund(payer, "1000.00")
            payer.patience_s = 0  # pay() repeats, and sooner than a polite client
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
