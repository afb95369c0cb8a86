"""Payments from wallet to wallet, one after another in some threads, while other things happen."""

import sys
import threading
import time
import uuid
from pathlib import Path

import requests

sys.path.insert(0, str(Path(__file__).parents[1] / "client"))
import api  # noqa: E402  (its folder was just added to the path)

PAYERS, FUNDS, PAUSE_S = 3, "5000.00", 0.05


class Load:
    """Each payer pays one payee 1.00 again and again, as a good client does: what is answered 503
    is repeated under the same key. No answer of MoneyPal's own, or none that accepts it in the end:
    that request is lost."""

    def __init__(self, base):
        self.base = base
        self.payee = api.Person.register(base, "Pat", "Payee")
        self.payers = [self._payer(number) for number in range(PAYERS)]
        self.lost, self.told_again = [], []
        self.paid = {payer.id: [] for payer in self.payers}
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self._pay, args=(payer,), daemon=True)
                        for payer in self.payers]

    def _payer(self, number):
        payer = api.Person.register(self.base, f"Payer{number}", "Client")
        top_up = payer.top_up(FUNDS)
        checkout = payer.wait_checkout_url(top_up["id"])["checkout_url"]
        assert api.pay_at_provider(checkout).status_code == 303
        payer.wait_payment(top_up["id"], "succeeded")
        return payer

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_failure):
        self.over.set()
        for thread in self.threads:
            thread.join(2 * api.PATIENCE_S)

    def _pay(self, payer):
        while not self.over.is_set():
            try:
                self.paid[payer.id].append(self._accepted(payer, str(uuid.uuid4())))
            except (requests.RequestException, AssertionError) as error:
                self.lost.append(f"{time.strftime('%X')} {type(error).__name__}: {error}")
            self.over.wait(PAUSE_S)

    def _accepted(self, payer, key):
        """The id of a payment, once it is accepted."""
        body = {"paid_to": self.payee.id, "payment_amount": "1.00", "source": "wallet"}
        headers = {"Authorization": f"Bearer {payer.token}", "Idempotency-Key": key}

        def ask():
            # A connection for each call, as a new client has.
            answer = requests.post(f"{self.base}/v1/payments", json=body, headers=headers,
                                   timeout=30)
            if answer.status_code == 503:
                self.told_again.append(f"{time.strftime('%X')} {answer.json()['type']}")
            return answer

        answer = api.until_served(ask)
        assert answer.status_code == 201, f"{answer.status_code} {answer.text[:200]}"
        return answer.json()["id"]

    def check(self):
        """Every accepted payment ends, and both sides agree to the cent. How many there were."""
        for person in (*self.payers, self.payee):
            person.log_on()
        count = 0
        for payer in self.payers:
            for payment_id in self.paid[payer.id]:
                payer.wait_payment(payment_id, "succeeded", timeout_s=90)
            left = f"{float(FUNDS) - len(self.paid[payer.id]):.2f}"
            assert payer.balance() == left, f"{payer.user_name} has {payer.balance()}, not {left}"
            count += len(self.paid[payer.id])
        assert self.payee.balance() == f"{count:.2f}", f"{self.payee.balance()}, not {count}"
        return count
