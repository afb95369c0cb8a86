"""The report over the public API, as JSON and as CSV: the sums of bills and fundings, to the cent."""

import csv
import io
from collections import defaultdict
from decimal import Decimal

import pytest

from api import Person, pay_at_provider

NAMES = ("paid", "received", "funded")


def top_up(person, amount, currency):
    payment = person.post("/v1/payments", {"paid_to": None, "payment_amount": amount,
                                           "currency": currency})
    url = person.wait_checkout_url(payment["id"])["checkout_url"]
    assert pay_at_provider(url).status_code == 303
    person.wait_payment(payment["id"], "succeeded")


def pay(person, payee, amount, currency):
    payment = person.post("/v1/payments", {"paid_to": payee.id, "payment_amount": amount,
                                           "currency": currency, "source": "wallet"})
    person.wait_payment(payment["id"], "succeeded")


@pytest.fixture(scope="module")
def people(moneypal):
    """Money goes round in two currencies, and one bill is not paid."""
    ada, bob, eve = (Person.register(moneypal.base, name, "Report") for name in ("Ada", "Bob", "Eve"))
    top_up(ada, "100.01", "USD")
    top_up(ada, "5000", "JPY")
    for payee, amount, currency in ((bob, "0.01", "USD"), (bob, "33.33", "USD"), (eve, "12.34", "USD"),
                                    (bob, "777", "JPY"), (eve, "1", "JPY")):
        pay(ada, payee, amount, currency)
    pay(bob, ada, "10.10", "USD")
    unpaid = ada.pay(eve.id, "9999.99")
    ada.wait_payment(unpaid["id"], "requires_funding")
    return ada, bob, eve


def expected_of(person):
    """By (currency, counterparty), from what the person can see of bills and payments."""
    sums = defaultdict(lambda: [Decimal(0), Decimal(0), Decimal(0), 0])

    def add(currency, counterparty, column, amount):
        row = sums[currency, counterparty]
        row[column] += Decimal(amount)
        row[3] += 1

    for bill in person.bills():
        if bill["status"]:
            paid = bill["user_id"] == person.id
            add(bill["currency"], bill["provider_id" if paid else "user_id"], 0 if paid else 1,
                bill["bill_amount"])
    for payment in person.every("/v1/payments", role="payer"):
        if payment["paid_to"] is None and payment["status"]:
            add(payment["currency"], "", 2, payment["payment_amount"])
    return dict(sums)


def values(row):
    return [Decimal(row[name]) for name in NAMES] + [int(row["count"])]


@pytest.mark.parametrize("who", [0, 1, 2], ids=["ada", "bob", "eve"])
def test_a_report_is_the_sum_of_what_it_reports(people, who):
    person = people[who]
    expected = expected_of(person)
    report = person.get("/v1/reports/summary")
    told = {(row["currency"], row["counterparty"]): values(row) for row in report["counterparties"]}
    assert told == {key: row for key, row in expected.items() if key[1]}
    totals = {row["currency"]: values(row) for row in report["totals"]}
    assert totals == {currency: [sum(row[i] for key, row in expected.items() if key[0] == currency)
                                 for i in range(4)] for currency in {key[0] for key in expected}}
    assert {row["currency"]: values(row) for row in report["months"]} == totals, "one month"

    answer = person.call("GET", "/v1/reports/summary", headers={"Accept": "text/csv"})
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    file = f'moneypal-{report["from"]}-to-{report["to"]}.csv'
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{file}"'
    rows = list(csv.DictReader(io.StringIO(answer.text, newline=""), strict=True))
    assert {(row["currency"], row["counterparty"]): values(row) for row in rows} == expected
    assert len(rows) == len(expected) and {row["month"] for row in rows} == {report["to"]}


def test_other_months_are_empty(people):
    report = people[0].get("/v1/reports/summary", **{"from": "2020-01", "to": "2020-12"})
    assert (report["totals"], report["months"], report["counterparties"]) == ([], [], [])
