"""Three replicas each of wallet, payment and billing on one DynamoDB, under load and kill -9."""
import random
import signal
import subprocess
import time
import uuid

import inside
import pytest
import requests
from api import Person, pay_at_provider, wait_for
from local_system import LocalSystem, parts
from stream import PAYMENTS, Stream
from test_journeys import fund

SERVICES = ("wallet", "payment", "billing")
EXTRA = 2  # of each, beside the one that the launcher runs
START_S_MAX = 60


class Replica:
    """One more process of a service, with the settings of the launcher's and a port of its own."""

    def __init__(self, moneypal, name, port, **environment):
        part = next(each for each in parts.all_parts(moneypal.settings) if each.name == name)
        self.name, self.base, self.killed = f"{name}-{port}", f"http://127.0.0.1:{port}", 0
        self.command = ["/usr/bin/setpriv", "--pdeathsig", "KILL", *part.command]
        self.environment = {key: str(value) for key, value in {
            **part.environment, "LISTEN": f"127.0.0.1:{port}", **environment}.items()}
        self.log = moneypal.settings.log / f"{self.name}.log"
        self.start()

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command, env=self.environment, stdout=log,
                                            stderr=log, stdin=subprocess.DEVNULL)
        wait_for(self.is_ready, lambda ready: ready, f"{self.name} ready", START_S_MAX)

    def is_ready(self):
        assert self.process.poll() is None, f"{self.name} ended; see {self.log}"
        try:
            return requests.get(self.base + "/readyz", timeout=5).status_code == 200
        except requests.RequestException:
            return False

    def kill_and_wait(self):
        self.process.kill()
        self.process.wait()
        self.killed += 1
        self.start()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)


class Fleet:
    def __init__(self, folder):
        self.moneypal = LocalSystem(folder / "var", store="dynamodb")
        self.replicas = {name: [] for name in SERVICES}

    def start(self):
        self.moneypal.start()
        for number in range(EXTRA):
            ports = [self.moneypal.spare_port(3 * number + i) for i in range(3)]
            wallet = Replica(self.moneypal, "wallet", ports[0])
            self.replicas["wallet"].append(wallet)
            self.replicas["payment"].append(Replica(self.moneypal, "payment", ports[1]))
            # Each billing has a wallet of its own: their writes meet in the store only.
            self.replicas["billing"].append(
                Replica(self.moneypal, "billing", ports[2], WALLET_URL=wallet.base))
        return self

    def stop(self):
        for replicas in self.replicas.values():
            for replica in replicas:
                replica.stop()
        self.moneypal.stop()

    def payment_bases(self):
        return [self.moneypal.url_of("payment"),
                *(replica.base for replica in self.replicas["payment"])]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    fleet = Fleet(tmp_path_factory.mktemp("fleet"))
    try:
        yield fleet.start()
    finally:
        fleet.stop()


def at(person, base):
    """The same person, who asks another process."""
    twin = Person(base, person.profile, person.password)
    twin.token, twin.patience_s = person.token, person.patience_s
    return twin


class SpreadStream(Stream):
    """Each try of a payment goes to any of the payment replicas, always with its key."""

    def __init__(self, fleet):
        super().__init__(fleet.moneypal)
        spread = fleet

        class Spread(Person):
            def pay(self, *arguments, **more):
                base = random.choice(spread.payment_bases())
                return Person.pay(at(self, base), *arguments, **more)

        for payer in self.payers:
            payer.__class__ = Spread


def test_each_payment_settles_once_while_replicas_are_killed(fleet):
    stream = SpreadStream(fleet)
    rng = random.Random(6)
    names = [*SERVICES, *SERVICES]
    rng.shuffle(names)

    def kill_in_turn(done):
        for number, name in enumerate(names):
            share = (number + 0.5) / len(names)
            wait_for(done, lambda n: n >= PAYMENTS * share, "payments", 120)
            victim = rng.randrange(EXTRA + 1)
            if victim == EXTRA:
                fleet.moneypal.kill_and_wait(name)
            else:
                fleet.replicas[name][victim].kill_and_wait()

    stream.run(kill_in_turn)
    stream.must_be_settled_once()
    books = inside.audit(fleet.moneypal)
    assert books["ok"], books["problems"]
    assert all(float(row["total"]) == 0 for row in books["currencies"])


def test_a_key_sent_to_every_replica_at_once_is_one_payment(fleet):
    ada = Person.register(fleet.moneypal.base, "Ada", "Client")
    bob = Person.register(fleet.moneypal.base, "Bob", "Provider")
    fund(ada, "100.00")
    key = str(uuid.uuid4())
    payments = [at(ada, base).pay(bob.id, "10.00", key=key) for base in fleet.payment_bases() * 3]
    assert len({payment["id"] for payment in payments}) == 1
    ada.wait_payment(payments[0]["id"], "succeeded")
    wait_for(ada.balance, lambda amount: amount == "90.00", "one debit")


def test_a_payment_is_told_live_by_a_replica_that_did_not_take_it(fleet):
    ada = Person.register(fleet.moneypal.base, "Ada", "Client")
    bob = Person.register(fleet.moneypal.base, "Bob", "Provider")
    fund(ada, "100.00")
    first, *others = fleet.payment_bases()
    payment = at(ada, first).pay(bob.id, "10.00")
    started = time.monotonic()
    answer = requests.get(f"{others[0]}/v1/payments/{payment['id']}/events", stream=True, timeout=20,
                          headers={"Authorization": f"Bearer {ada.token}"})
    assert answer.status_code == 200
    for line in answer.iter_lines():
        if b"succeeded" in line:
            break
        assert time.monotonic() - started < 30, "never told"
    answer.close()


def test_a_watcher_whose_replica_is_killed_is_told_by_another(fleet):
    ada = Person.register(fleet.moneypal.base, "Ada", "Client")
    bob = Person.register(fleet.moneypal.base, "Bob", "Provider")
    payment = at(ada, fleet.payment_bases()[0]).pay(bob.id, "10.00", source="card")
    payment = ada.wait_checkout_url(payment["id"])
    victim, other = fleet.replicas["payment"]

    def watch(base):
        return requests.get(f"{base}/v1/payments/{payment['id']}/events", stream=True, timeout=30,
                            headers={"Authorization": f"Bearer {ada.token}"})

    with watch(victim.base) as first:
        assert first.status_code == 200
        victim.kill_and_wait()
        with pytest.raises(requests.RequestException):
            for _ in first.iter_lines():
                pass
    with watch(other.base) as second:
        assert pay_at_provider(payment["checkout_url"]).status_code == 303
        assert any(b"succeeded" in line for line in second.iter_lines())
