"""What a payer may do in which state: retry and cancel in every one of them, over HTTP."""
import concurrent.futures
import uuid

import pytest
import requests
from api import Person, pay_at_provider, wait_for
from test_journeys import fund
from test_provider import SESSIONS, end_transfer, events_of, pay_by_bank

ACTIONS = ("retry from the wallet", "retry by card", "cancel")
NO_RETRY = NO_CARD = (409, "payment_not_retryable")
NO_CANCEL, ON_ITS_WAY = (409, "payment_not_cancelable"), (409, "payment_settling")

# By state, for each action: 200 and the state that the answer says, or the refusal, which changes
# nothing.
EXPECTED = {
    "created": (NO_RETRY, NO_CARD, (200, "canceled")),
    "awaiting_provider": (NO_RETRY, NO_CARD, (200, "closing")),
    "processing": (NO_RETRY, NO_CARD, ON_ITS_WAY),
    "settling": (NO_RETRY, NO_CARD, ON_ITS_WAY),
    "requires_funding": ((200, "settling"), (200, "requires_funding"), (200, "closing")),
    "funding_processing": (ON_ITS_WAY, ON_ITS_WAY, ON_ITS_WAY),
    "closing": (NO_RETRY, NO_CARD, (200, "closing")),
    "succeeded": (NO_RETRY, NO_CARD, NO_CANCEL),
    "canceled": (NO_RETRY, NO_CARD, (200, "canceled")),
    "expired": (NO_RETRY, NO_CARD, NO_CANCEL),
    "failed": (NO_RETRY, NO_CARD, NO_CANCEL),
    "review": (NO_RETRY, NO_CARD, NO_CANCEL),
}
# What the payer sees; the others are as called.
STATE_OF = {"processing": "awaiting_provider", "funding_processing": "requires_funding"}


class World:
    """Brings a payment into a state: each method is called as the state is, (payer, payment)."""

    def __init__(self, moneypal, sandbox):
        self.moneypal, self.sandbox = moneypal, sandbox
        self.bob = Person.register(moneypal.base, "Bob", "Provider")

    def payer(self):
        return Person.register(self.moneypal.base, "Ada", "Client")

    def created(self):
        ada = self.payer()
        self.sandbox.fault(path=SESSIONS, method="POST", status=500, count=100)
        return ada, ada.top_up("20.00")

    def awaiting_provider(self):
        ada = self.payer()
        payment = ada.pay(self.bob.id, "20.00", source="card")
        return ada, ada.wait_checkout_url(payment["id"])

    def processing(self):
        return paid_by_bank(*self.awaiting_provider())

    def settling(self):
        self.moneypal.stop_part("billing")
        ada = self.payer()
        return ada, ada.pay(self.bob.id, "20.00")

    def requires_funding(self):
        ada = self.payer()
        payment = ada.pay(self.bob.id, "20.00")
        return ada, ada.wait_checkout_url(payment["id"])

    def funding_processing(self):
        return paid_by_bank(*self.requires_funding())

    def closing(self):
        ada, payment = self.requires_funding()
        self.moneypal.stop_part("billing")
        assert ada.cancel(payment["id"]).status_code == 200
        return ada, payment

    def succeeded(self):
        ada = self.payer()
        return ada, fund(ada, "20.00")

    def canceled(self):
        ada, payment = self.requires_funding()
        assert ada.cancel(payment["id"]).status_code == 200
        return ada, ada.wait_payment(payment["id"], "canceled")

    def expired(self):
        ada, payment = self.awaiting_provider()
        self.sandbox.post(f"{self.sandbox.session_path(payment['id'])}/expire")
        return ada, ada.wait_payment(payment["id"], "expired")

    def failed(self):
        ada, payment = self.processing()
        end_transfer(self.sandbox, payment, "failed")
        return ada, ada.wait_payment(payment["id"], "failed")

    def review(self):
        ada, payment = self.awaiting_provider()
        path = self.sandbox.session_path(payment["id"])
        self.sandbox.fault(session="amount_mismatch", path=path)
        assert pay_at_provider(payment["checkout_url"]).status_code == 303
        return ada, ada.wait_payment(payment["id"], "review")

    def mend(self):
        self.sandbox.clear_faults()
        if self.moneypal.pid_of("billing") == 0:
            self.moneypal.start_part("billing")


def paid_by_bank(ada, payment):
    assert pay_by_bank(payment["checkout_url"]).status_code == 303
    wait_for(lambda: events_of(ada, payment), lambda e: "session.processing" in e, "the wait")
    return ada, payment


def act(ada, payment, action):
    """The status, and the state in the answer or the problem's type."""
    if action == "cancel":
        answer = ada.cancel(payment["id"])
    else:
        source = "wallet" if action == ACTIONS[0] else "card"
        answer = ada.call("POST", f"/v1/payments/{payment['id']}/retry", {"source": source},
                          {"Idempotency-Key": str(uuid.uuid4())})
    told = answer.json()
    if answer.status_code == 200:
        return 200, told["state"]
    return answer.status_code, told["type"].removeprefix("/problems/")


@pytest.mark.parametrize("state", EXPECTED)
def test_what_a_payer_may_do_in_a_state(moneypal, sandbox, state):
    world = World(moneypal, sandbox)
    wrong, payment = [], None
    try:
        for action, expected in zip(ACTIONS, EXPECTED[state]):
            if payment is None:
                ada, payment = getattr(world, state)()
            before = ada.payment(payment["id"])
            assert before["state"] == STATE_OF.get(state, state)
            entries = ada.entries()
            if expected == (200, "closing") and moneypal.pid_of("billing"):
                moneypal.stop_part("billing")  # which would cancel it before the answer is read
            told = act(ada, payment, action)
            if told != expected:
                wrong.append(f"{action}: {told}, not {expected}")
            if told[0] == 200:
                payment = None  # it goes on; the next action gets one of its own
                world.mend()
            elif ada.payment(before["id"]) != before or ada.entries() != entries:
                wrong.append(f"{action}: refused, and changed something")
    finally:
        world.mend()
    assert not wrong, "\n".join(wrong)


def race(*calls):
    """All of them at once."""
    with concurrent.futures.ThreadPoolExecutor(len(calls)) as pool:
        for future in [pool.submit(call) for call in calls]:
            future.result()


@pytest.mark.parametrize("rival", ["expiry", "cancel"])
def test_who_pays_while_it_ends_is_credited_once_or_not_at_all(moneypal, sandbox, rival):
    world = World(moneypal, sandbox)
    ada = world.payer()
    paid = 0
    for _ in range(4):
        payment = ada.top_up("20.00")
        url = ada.wait_checkout_url(payment["id"])["checkout_url"]
        session = sandbox.session_path(payment["id"])
        url_of_end = f"{sandbox.base}{session}/expire"
        ends = {"expiry": lambda url=url_of_end: sandbox.http.post(url, timeout=10),
                "cancel": lambda payment=payment: ada.cancel(payment["id"])}
        race(lambda url=url: pay_while_open(url), ends[rival])
        ended = ada.wait_payment(payment["id"], "succeeded", "expired", "canceled")
        status = sandbox.get(session)["payment_status"]
        assert (ended["state"] == "succeeded") == (status == "paid"), (ended, status)
        paid += status == "paid"
    assert ada.balance() == f"{20 * paid}.00"
    assert len(ada.entries()) == paid


def pay_while_open(url):
    """Pays, unless the page was closed meanwhile."""
    try:
        pay_at_provider(url)
    except requests.HTTPError as error:
        assert error.response.status_code == 410
