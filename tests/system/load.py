"""Journeys under load, from a seed, and the proof of what became of each when the storm is over."""

import itertools
import random
import re
import threading
import time
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal

import inside
import requests
from api import ApiError, Person, pay_at_provider, wait_for

PEOPLE, THREADS = 6, 6
PATIENCE_S = 150  # a request is repeated for so long; a page of the provider is waited for
ENDED = ("succeeded", "canceled", "expired", "failed")
MAILS = (  # by their subjects
    ("credited", re.compile("has arrived in your wallet$")),
    ("paid", re.compile("^You paid ")),
    ("received", re.compile(" paid you ")),
)


@dataclass
class Accepted:
    """A payment that was accepted: its answer came, with this id."""

    payer: Person
    provider: Person | None  # None: a top-up
    amount: Decimal
    id: str


class Gone(Exception):
    """The provider's page is not open any more."""


class Load:
    """Threads of people who top up, pay, pay with too little, and change their minds."""

    def __init__(self, moneypal, seed):
        self.moneypal, self.seed = moneypal, seed
        self.people = [self.patiently(self._register, number) for number in range(PEOPLE)]
        self.accepted, self.errors = [], []
        self.answers = Counter()  # of requests that were repeated, by status
        self.lock = threading.Lock()
        self.over = threading.Event()
        self.threads = []

    def _register(self, number):
        person = Person.register(self.moneypal.base, "Ada", f"Number{number}",
                                 email=f"ada{number}-{self.seed}@example.com")
        person.patience_s = 0  # patiently() repeats, sooner than a polite client, and counts
        return person

    # Going through what fails.

    def patiently(self, call, *arguments, **more):
        """A call again and again, until it is answered by something that is final."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                return call(*arguments, **more)
            except (ApiError, requests.RequestException) as error:
                status = getattr(error, "status", 0)
                if status == 401:
                    self._log_on_again(arguments[0] if arguments else None)
                elif status == 429 or status >= 500 or isinstance(error, requests.RequestException):
                    pass
                else:
                    raise
                if time.monotonic() > deadline:
                    raise
                with self.lock:
                    self.answers[status] += 1
            time.sleep(0.1)

    def _log_on_again(self, person):
        try:
            person.log_on()
        except (ApiError, requests.RequestException):
            pass  # the next round tries again

    def _ask(self, person, method, *arguments, **more):
        return self.patiently(lambda who: getattr(who, method)(*arguments, **more), person)

    # Journeys.

    def start(self):
        self.threads = [threading.Thread(target=self._run, args=(number,), daemon=True)
                        for number in range(THREADS)]
        for thread in self.threads:
            thread.start()
        return self

    def stop(self):
        self.over.set()
        for thread in self.threads:
            thread.join(2 * PATIENCE_S)
            assert not thread.is_alive(), "a journey hangs"
        assert not self.errors, self.errors

    def _run(self, number):
        rng = random.Random(f"{self.seed}-{number}")
        try:
            for turn in itertools.count():
                if self.over.is_set():
                    return
                payer = self.people[number % PEOPLE]
                journey = self._top_up if turn == 0 else rng.choices(
                    [self._pay, self._top_up, self._pay_too_much, self._change_mind],
                    [12, 3, 3, 1])[0]
                journey(rng, payer, f"{self.seed}-{number}-{turn}")
        except Exception as error:  # noqa: BLE001 - told by stop()
            self.errors.append(error)

    def _open(self, payer, key, provider, amount):
        if provider:
            payment = self._ask(payer, "pay", provider.id, str(amount), key=key)
        else:
            payment = self._ask(payer, "top_up", str(amount), key=key)
        with self.lock:
            self.accepted.append(Accepted(payer, provider, amount, payment["id"]))
        return payment["id"]

    def _someone_else(self, rng, payer):
        return rng.choice([person for person in self.people if person is not payer])

    def _top_up(self, rng, payer, key):
        payment_id = self._open(payer, key, None, Decimal(rng.randrange(3000, 9000)) / 100)
        self._pay_page(payer, payment_id)

    def _pay(self, rng, payer, key):
        self._open(payer, key, self._someone_else(rng, payer),
                   Decimal(rng.randrange(1, 300)) / 100)

    def _pay_too_much(self, rng, payer, key):
        amount = Decimal(rng.randrange(50000, 90000)) / 100
        payment_id = self._open(payer, key, self._someone_else(rng, payer), amount)
        self._pay_page(payer, payment_id)

    def _change_mind(self, rng, payer, key):
        payment_id = self._open(payer, key, None, Decimal("33.00"))
        self.patiently(self._cancel, payer, payment_id)

    @staticmethod
    def _cancel(payer, payment_id):
        answer = payer.cancel(payment_id)
        if answer.status_code not in (200, 202, 409):
            raise ApiError(answer)

    def _pay_page(self, payer, payment_id):
        """Pays at the provider, if the payment comes to that."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            payment = self._ask(payer, "payment", payment_id)
            if payment["state"] in ENDED:
                return
            if payment.get("checkout_url"):
                try:
                    self.patiently(self._press, payment["checkout_url"])
                    return
                except Gone:
                    pass
            time.sleep(0.1)

    @staticmethod
    def _press(url):
        try:
            answer = pay_at_provider(url)
        except requests.HTTPError as error:
            if error.response.status_code < 500:
                raise Gone from None
            raise
        if answer.status_code >= 500:
            raise ApiError(answer)
        if answer.status_code != 303:
            raise Gone

    # The proof.

    def must_be_right(self, seconds_max=150):
        """Waits for the end of everything, and proves it. How many payments ended how."""
        deadline = time.monotonic() + seconds_max
        self._page_payments_that_wait(deadline)
        states = {each.id: self._ended_state(each, deadline) for each in self.accepted}
        self._drained(deadline)
        self._accounts(states)
        self._bills(states)
        self._mails(states, deadline)
        books = inside.audit(self.moneypal)
        assert books["ok"], books["problems"]
        assert all(float(row["total"]) == 0 for row in books["currencies"])
        return Counter(states.values())

    def _page_payments_that_wait(self, deadline):
        """A payment that was unfunded again after its page was paid has another page."""
        waiting = self.accepted
        while waiting and time.monotonic() < deadline:
            seen = [(each, self._ask(each.payer, "payment", each.id)) for each in waiting]
            waiting = [each for each, payment in seen if payment["state"] not in ENDED]
            for each, payment in seen:
                if payment.get("checkout_url") and payment["state"] not in ENDED:
                    try:
                        self.patiently(self._press, payment["checkout_url"])
                    except Gone:
                        pass
            time.sleep(0.3)

    def _ended_state(self, each, deadline):
        payment = each.payer.wait_payment(each.id, *ENDED,
                                          timeout_s=max(1, deadline - time.monotonic()))
        assert payment["status"] is (payment["state"] == "succeeded"), payment
        return payment["state"]

    def _drained(self, deadline):
        left = max(1, deadline - time.monotonic())
        wait_for(lambda: inside.outbox_rows(self.moneypal), lambda rows: rows == 0,
                 "empty outboxes", left)
        wait_for(self.moneypal.queues, lambda q: len(q) == 6 and not any(q.values()),
                 "empty queues, and no dead letters", left)

    def _accounts(self, states):
        """Each captured intent credited once, each settled bill moved once, nothing else."""
        captured = self._captured()
        for person in self.people:
            mine = [each for each in self.accepted if each.payer is person]
            listed = [p["id"] for p in person.every("/v1/payments", role="payer", limit=100)]
            assert sorted(listed) == sorted(each.id for each in mine), "exactly what was accepted"
            wanted = Counter()
            for each in mine:
                wanted.update((each.id, amount) for amount in captured.get(each.id, ()))
                if each.provider and states[each.id] == "succeeded":
                    wanted[each.id, -each.amount] += 1
            for each in self.accepted:
                if each.provider is person and states[each.id] == "succeeded":
                    wanted[each.id, each.amount] += 1
            entries = person.entries()
            seen = Counter((e["payment_id"], Decimal(e["amount"])) for e in entries)
            assert seen == wanted, (person.id, seen - wanted, wanted - seen)
            assert sum(Decimal(e["amount"]) for e in entries) == Decimal(person.balance())

    def _captured(self):
        """What the provider has taken: the amounts of each payment."""
        captured, after = {}, None
        sandbox = inside.Sandbox(self.moneypal)
        ids = {each.id for each in self.accepted}
        while True:
            page = sandbox.get("/v1/checkout/sessions",
                               {"limit": 100, **({"starting_after": after} if after else {})})
            for session in page["data"]:
                if session["payment_status"] == "paid" and session["client_reference_id"] in ids:
                    captured.setdefault(session["client_reference_id"], []).append(
                        Decimal(session["amount_total"]) / 100)
            if not page["has_more"]:
                return captured
            after = page["data"][-1]["id"]

    def _bills(self, states):
        for person in self.people:
            bills = person.bills(role="client", limit=100)
            once = Counter(bill["payment_id"] for bill in bills)
            assert not [p for p, count in once.items() if count > 1], "two bills of a payment"
            settled = {b["payment_id"] for b in bills if b["state"] == "settled"}
            assert settled == {each.id for each in self.accepted if each.provider and
                               each.payer is person and states[each.id] == "succeeded"}

    def _mails(self, states, deadline):
        """Every credit was told once, and both sides of every bill."""
        captured = self._captured()
        wanted = Counter()
        for each in self.accepted:
            wanted["credited", each.payer.profile["email"], each.id] += len(
                captured.get(each.id, ()))
            if each.provider and states[each.id] == "succeeded":
                wanted["paid", each.payer.profile["email"], each.id] += 1
                wanted["received", each.provider.profile["email"], each.id] += 1
        wanted = +wanted
        seen = wait_for(self._told, lambda told: not wanted - told, "all mails",
                        max(1, deadline - time.monotonic()))
        assert not wanted - seen, wanted - seen
        assert not seen - wanted, f"told twice: {seen - wanted}"

    def _told(self):
        ids = {each.id for each in self.accepted}
        told = Counter()
        for mail in inside.mails(self.moneypal):
            payment_id = re.search(r"/payments/([0-9a-f-]{36})",
                                   mail.get_body(("plain",)).get_content()).group(1)
            kind = next((kind for kind, words in MAILS if words.search(mail["Subject"])), None)
            if kind and payment_id in ids:
                told[kind, mail["To"].addresses[0].addr_spec, payment_id] += 1
        return told
