"""A request that comes a hundred times at once has one effect; pages neither skip nor repeat."""

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from api import Person, pay_at_provider, wait_for

TWINS = 100
TIMEOUT_S = 60


@pytest.fixture(scope="module")
def ada(moneypal):
    person = Person.register(moneypal.base, "Ada", "Twin")
    payment = person.top_up("500.00")
    url = person.wait_checkout_url(payment["id"])["checkout_url"]
    assert pay_at_provider(url).status_code == 303
    person.wait_payment(payment["id"], "succeeded")
    return person


@pytest.fixture(scope="module")
def bob(moneypal):
    return Person.register(moneypal.base, "Bob", "Twin")


def at_once(count, ask):
    """ask(i) by so many threads that begin together; what each got."""
    gate = threading.Barrier(count)

    def one(i):
        gate.wait(TIMEOUT_S)
        return ask(i)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def post_payment(person, body, key):
    headers = {"Authorization": f"Bearer {person.token}", "Idempotency-Key": key}
    return requests.post(f"{person.base}/v1/payments", json=body, headers=headers,
                         timeout=TIMEOUT_S)


def test_a_hundred_twins_of_one_key_have_one_effect(ada, bob):
    before = ada.balance()
    body = {"paid_to": bob.id, "payment_amount": "3.00", "source": "wallet"}
    key = str(uuid.uuid4())
    answers = at_once(TWINS, lambda _: post_payment(ada, body, key))
    # 503: overtaken or busy, "repeat it with the same Idempotency-Key".
    assert {answer.status_code for answer in answers} <= {201, 503}
    ids = {answer.json()["id"] for answer in answers if answer.status_code == 201}
    assert len(ids) == 1
    (payment_id,) = ids
    ada.wait_payment(payment_id, "succeeded")
    replays = [answer.headers.get("Idempotent-Replayed") for answer in answers
               if answer.status_code == 201]
    assert replays.count(None) <= 1 and set(replays) <= {None, "true"}, "one at most did it"
    again = post_payment(ada, body, key)
    assert (again.status_code, again.json()["id"]) == (201, payment_id)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.json()["state"] == "succeeded"
    assert [each["id"] for each in ada.every("/v1/payments", role="payer")].count(payment_id) == 1
    assert len([bill for bill in ada.bills() if bill["payment_id"] == payment_id]) == 1
    debits = [entry for entry in ada.entries() if entry["payment_id"] == payment_id]
    assert [entry["amount"] for entry in debits] == ["-3.00"]
    assert cents(before) - cents(ada.balance()) == 300


def test_of_twins_with_different_bodies_one_wins(ada, bob):
    key = str(uuid.uuid4())
    answers = at_once(20, lambda i: post_payment(
        ada, {"paid_to": bob.id, "payment_amount": f"1.{i:02}", "source": "wallet"}, key))
    assert {answer.status_code for answer in answers} <= {201, 409, 503}
    accepted = [answer.json() for answer in answers if answer.status_code == 201]
    assert len({payment["id"] for payment in accepted}) == 1
    ada.wait_payment(accepted[0]["id"], "succeeded")
    debits = [entry["amount"] for entry in ada.entries()
              if entry["payment_id"] == accepted[0]["id"]]
    assert debits == ["-" + accepted[0]["payment_amount"]]


def test_one_key_is_each_callers_own(ada, bob):
    key = str(uuid.uuid4())
    body = {"paid_to": None, "payment_amount": "5.00"}
    first, second = (post_payment(person, body, key) for person in (ada, bob))
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["id"] != second.json()["id"]
    for person, answer in ((ada, first), (bob, second)):
        person.cancel(answer.json()["id"])


def cents(amount):
    return int(amount.replace(".", ""))


def walk(person, path, between):
    """All items page by page, a few at a time; between() runs before each next page."""
    items, cursor = [], None
    while True:
        page = person.get(path, limit=3, **({"cursor": cursor} if cursor else {}))
        assert len(page["items"]) <= 3
        items += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return items
        between()


@pytest.mark.parametrize("path, name", [
    ("/v1/payments", "id"),
    ("/v1/bills", "id"),
    ("/v1/wallets/me/entries", "seq"),
])
def test_pages_neither_skip_nor_repeat_while_rows_are_added(moneypal, ada, path, name):
    carol = Person.register(moneypal.base, "Carol", "Pages")
    for _ in range(10):
        ada.pay(carol.id, "0.10")
    wait_for(lambda: carol.balance(), lambda amount: amount == "1.00", "ten payments")
    wait_for(lambda: carol.bills(), lambda bills: len(bills) == 10, "ten bills")
    before = [item[name] for item in carol.every(path)]
    assert len(before) == 10
    seen = [item[name] for item in walk(carol, path, lambda: ada.pay(carol.id, "0.10"))]
    assert len(seen) == len(set(seen)), "repeated"
    assert [each for each in seen if each in before] == before, "skipped or out of order"
