#!/usr/bin/python3
"""MoneyPal's main job, played over the public API and checked to the cent.

Usage: make demo            against http://127.0.0.1:8080 (PORT= for another port)
       make demo BASE=URL   against any deployment whose provider is the sandbox
"""
import json
import os
import pathlib
import sys
import textwrap

import requests

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "client"))
import api  # noqa: E402  (its folder was just added to the path)

BASE = os.environ.get("BASE") or f"http://127.0.0.1:{os.environ.get('PORT') or 8080}"
COLOR = sys.stdout.isatty() and "NO_COLOR" not in os.environ


def style(code, text):
    return f"\033[{code}m{text}\033[0m" if COLOR else text


def chapter(number, title):
    print(f"\n{style('1', f'{number}. {title}')}")


def say(text):
    print(textwrap.fill(text, 88, initial_indent="   ", subsequent_indent="   "))


def shown(value):
    """As the API says it: "true", not Python's True."""
    return "-" if value is None else value if isinstance(value, str) else json.dumps(value)


def table(rows, *columns):
    """Prints the named columns of rows, as wide as they need."""
    lines = [[shown(row.get(c)) for c in columns] for row in rows]
    widths = [max(len(line[i]) for line in [list(columns), *lines]) for i in range(len(columns))]
    for number, line in enumerate([list(columns), *lines]):
        text = "   " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip()
        print(style("2", text) if number == 0 else text)


CHECKED = 0


def must(what, seen, expected):
    """The demo is a test: a figure that is not exactly right ends it."""
    global CHECKED
    if seen != expected:
        print(style("31", f"\nWRONG: {what} is {seen!r}, and should be {expected!r}."), file=sys.stderr)
        sys.exit(1)
    CHECKED += 1


def clock(date):
    return date[11:23]


def must_be_paid_at_page(checkout_url):
    answer = api.pay_at_provider(checkout_url)
    must("the answer of the provider's page", answer.status_code, 303)


def register():
    chapter(1, "Two people register and log on")
    ada = api.Person.register(BASE, "Ada", "Client", email="ada@example.com")
    bob = api.Person.register(BASE, "Bob", "Provider", email="bob@example.com")
    table([ada.profile, bob.profile], "first_name", "user_name", "id")
    must("Ada's first balance", ada.balance(), "0.00")
    must("Bob's first balance", bob.balance(), "0.00")
    return ada, bob


def top_up(ada):
    chapter(2, "Ada tops up 100.00 at the payment provider's page")
    payment = ada.top_up("100.00")
    payment = ada.wait_checkout_url(payment["id"])
    say(f"She is sent to {payment['checkout_url']}, fills in a card and pays.")
    must_be_paid_at_page(payment["checkout_url"])
    say("The provider's signed webhook comes back; billing credits her wallet.")
    payment = ada.wait_payment(payment["id"], "succeeded")
    must("the top-up's status", payment["status"], True)
    must("Ada's balance", ada.balance(), "100.00")
    say("Her wallet holds 100.00.")
    return payment


def pay_from_wallet(ada, bob):
    chapter(3, "Ada pays Bob 30.00 from her wallet")
    payment = ada.pay(bob.id, "30.00", description="Fixing the tap")
    payment = ada.wait_payment(payment["id"], "succeeded")
    must("the payment's status", payment["status"], True)
    must("Ada's balance", ada.balance(), "70.00")
    must("Bob's balance", bob.balance(), "30.00")
    say("Billed, debited and credited: Ada 70.00, Bob 30.00.")
    return payment


def pay_with_too_little(ada, bob):
    chapter(4, "Ada pays Bob 200.00, but her wallet holds 70.00")
    payment = ada.pay(bob.id, "200.00", description="A new bathroom")
    payment = ada.wait_payment(payment["id"], "requires_funding")
    must("Ada's balance meanwhile", ada.balance(), "70.00")
    payment = ada.wait_checkout_url(payment["id"])
    say("Nothing was moved. She is sent to the provider for the missing 130.00 and pays there.")
    must_be_paid_at_page(payment["checkout_url"])
    payment = ada.wait_payment(payment["id"], "succeeded")
    must("the payment's status", payment["status"], True)
    must("Ada's balance", ada.balance(), "0.00")
    must("Bob's balance", bob.balance(), "230.00")
    say("The wallet was funded with 130.00, and the bill settled: Ada 0.00, Bob 230.00.")
    return payment


def show_statements(ada, bob):
    chapter(5, "What their wallets say")
    expected = {
        ada.id: [("-200.00", "0.00"), ("130.00", "200.00"), ("-30.00", "70.00"),
                 ("100.00", "100.00")],
        bob.id: [("200.00", "230.00"), ("30.00", "30.00")],
    }
    for person in (ada, bob):
        entries = person.entries()
        say(f"{person.profile['first_name']}: {person.balance()}")
        table(entries, "seq", "amount", "balance_after", "reason", "counterparty")
        must("the statement", [(e["amount"], e["balance_after"]) for e in entries],
             expected[person.id])


def show_bills(ada, bob):
    chapter(6, "Bills")
    bills = ada.bills(role="client")
    table(bills, "invoice_no", "bill_amount", "currency", "state", "status", "date")
    must("Ada's bills", sorted(b["bill_amount"] for b in bills), ["200.00", "30.00"])
    must("their status", [b["status"] for b in bills], [True, True])
    must("invoice numbers, each its own", len({b["invoice_no"] for b in bills}), 2)
    must("Bob's bills, the same", sorted(b["id"] for b in bob.bills(role="provider")),
         sorted(b["id"] for b in bills))


def show_timelines(ada, payments):
    chapter(7, "Where the money went: the payments' timelines")
    for title, payment in payments:
        say(title)
        rows = ada.timeline(payment["id"])
        table([{**row, "at": clock(row["at"])} for row in rows], "at", "service", "event", "detail")
        must("the timeline has rows", len(rows) > 0, True)


def show_mails(ada, bob):
    chapter(8, "Mails")
    # Two fundings, two bills settled, one request for funding; to Bob: two bills settled.
    for person, count in ((ada, 5), (bob, 2)):
        mails = api.wait_for(
            person.mails,
            lambda mails: len(mails) >= count and all(m["state"] == "sent" for m in mails),
            f"{count} mails to {person.user_name}")
        say(f"to {person.profile['first_name']}:")
        table([{**m, "date": clock(m["date"])} for m in mails], "date", "event", "template", "state")
        must("the number of mails", len(mails), count)


def main():
    print(style("1", f"MoneyPal at {BASE}"))
    try:
        ada, bob = register()
        payments = [("Top-up of 100.00:", top_up(ada)),
                    ("30.00 from the wallet:", pay_from_wallet(ada, bob)),
                    ("200.00 with too little:", pay_with_too_little(ada, bob))]
        show_statements(ada, bob)
        show_bills(ada, bob)
        show_timelines(ada, payments)
        show_mails(ada, bob)
    except requests.ConnectionError:
        print(style("31", f"Nothing answers at {BASE}: start the system first, with `make run`."),
              file=sys.stderr)
        return 1
    except (AssertionError, api.ApiError, requests.RequestException) as error:
        print(style("31", f"\nFAILED: {error}"), file=sys.stderr)
        return 1
    print(style("32", f"\nAll right: {CHECKED} figures checked, exact to the cent."))
    return 0


if __name__ == "__main__":
    sys.exit(main())
