"""Backup while everything runs, restore, and moving house: RocksDB to DynamoDB, and back."""
import json
import os
import random
import re
import shutil
import signal
import subprocess
from dataclasses import replace

import inside
import pytest
import requests
from api import ApiError, Person, wait_for
from local_system import ROOT, LocalSystem, parts
from stream import Stream
from test_journeys import fund

SERVICES = tuple(parts.SERVICES)
COMMAND_S_MAX = 120
TROUBLE = 3  # exit status: now it cannot be done


def mpctl(moneypal, command, *arguments):
    """Starts the operator's tool, with a system's settings, as deploy/local/mpctl does."""
    environment = parts.mpctl_environment(moneypal.settings, arguments[0])
    return subprocess.Popen(
        [moneypal.settings.build / "cli/mpctl/mpctl", command, *map(str, arguments)], text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)


def done(moneypal, *arguments, status=0):
    for _ in range(10):
        process = mpctl(moneypal, *arguments)
        told, trouble = process.communicate(timeout=COMMAND_S_MAX)
        if process.returncode != TROUBLE:
            break  # otherwise the same call goes on from there
    assert process.returncode == status, told + trouble
    return told + trouble


def done_though_killed(moneypal, seed, *arguments):
    """Kills the command again and again, later each time, until it gets through."""
    rng = random.Random(seed)
    for kills in range(100):
        process = mpctl(moneypal, *arguments)
        try:
            told, trouble = process.communicate(timeout=rng.uniform(0.8, 1.2) * 0.15 * 1.3 ** kills)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            continue
        print(f"{arguments} was killed {kills} times")
        if process.returncode == TROUBLE:
            continue
        # It may have been killed between its last effect and its end.
        ended = kills and ("is there already" in trouble or "holds other data" in trouble)
        assert process.returncode == 0 or ended, told + trouble
        return
    raise AssertionError(f"never done: {arguments}")


class Database:
    """DynamoDB Local on the system's own folder and port, while no launcher runs it."""

    def __init__(self, moneypal):
        part = next(each for each in parts.all_parts(moneypal.settings) if each.name == "dynamodb")
        self.command = ["/usr/bin/setpriv", "--pdeathsig", "KILL", *map(str, part.command)]
        self.environment = {**os.environ, **{k: str(v) for k, v in part.environment.items()}}
        self.port = moneypal.settings.port_of("dynamodb")

    def __enter__(self):
        subprocess.run([ROOT / "tools/dynamodb-local", "fetch"], check=True, env=self.environment)
        self.process = subprocess.Popen(self.command, env=self.environment, text=True,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        wait_for(self.answers, lambda answer: answer, "DynamoDB Local", 60)

    def answers(self):
        """Whatever it says: its first answers take their time."""
        try:
            return requests.get(f"http://127.0.0.1:{self.port}", timeout=5).status_code
        except requests.RequestException:
            return None

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(30)


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    house = LocalSystem(tmp_path_factory.mktemp("house") / "var", store="rocksdb")
    try:
        yield house.start()
    finally:
        house.stop()


def restart(house, store=None):
    """Starts a stopped system; its people log on again, at the same address."""
    if store:
        house.settings = replace(house.settings, store=store)
    house.start()


# --- backup ---

def test_a_backup_under_load_restores_to_one_moment(house, tmp_path):
    stream, backup = Stream(house), house.settings.data / "copies"
    before = []

    def take_backup(count):
        wait_for(count, lambda n: n >= 15, "payments", 60)
        with stream.lock:
            before.extend(stream.accepted)
        assert "at one moment" in done(house, "backup", backup)
        # The running system's own store is locked; a copy is read by its name.
        account = f"ACCOUNT#user:{stream.provider.id}#USD"
        shown = subprocess.run([ROOT / "deploy/local/mpctl", "show", "wallet", account], text=True,
                               env=house.environment(DATA_DIR=str(backup / "wallet")), check=False,
                               stdin=subprocess.DEVNULL, capture_output=True, timeout=COMMAND_S_MAX)
        assert shown.returncode == 0 and '"balance"' in shown.stdout, shown.stdout + shown.stderr

    stream.run(take_backup)
    assert len(before) >= 15
    house.stop(signal.SIGKILL)
    for name in SERVICES:
        shutil.rmtree(house.settings.data / name)
        shutil.copytree(backup / name, house.settings.data / name)
    shutil.rmtree(house.settings.data / "broker")  # what it holds is of another time
    restart(house)

    kept = []
    for payer in {payer.id: payer for payer, _ in stream.accepted}.values():
        payer.log_on()
    for payer, payment_id in stream.accepted:
        try:
            payer.payment(payment_id)
            kept.append(payment_id)
        except ApiError as error:
            assert error.status == 404
            assert (payer, payment_id) not in before, "acknowledged before the backup, and lost"
    for payer, payment_id in stream.accepted:
        if payment_id in kept:
            payer.wait_payment(payment_id, "succeeded", timeout_s=90)
    stream.provider.log_on()
    assert sorted(entry["payment_id"] for entry in stream.provider.entries()) == sorted(kept)
    assert stream.provider.balance() == f"{len(kept) * 1.25:.2f}"
    books = inside.audit(house)
    assert books["ok"], books["problems"]
    wait_for(lambda: inside.outbox_rows(house), lambda rows: rows == 0, "empty outboxes")


def test_backups_are_for_the_operator_and_stay_in_their_folder(house):
    operator = {"Authorization": f"Bearer {inside.service_token(house, 'mpctl')}"}
    other = {"Authorization": f"Bearer {inside.service_token(house, 'billing')}"}
    user = {"Authorization": f"Bearer {Person.register(house.base, 'Ada', 'Client').token}"}
    for name in SERVICES:
        url, gateway = house.url_of(name) + "/v1/backups", house.base + "/v1/backups"
        for headers, at, status in (({}, url, 401), (user, url, 401), (other, url, 403),
                                    (operator, gateway, 404)):
            assert requests.post(at, json={"name": "x"}, headers=headers,
                                 timeout=15).status_code == status
            assert requests.post(at + "/x/copy", headers=headers, timeout=15).status_code == status
            assert requests.delete(at + "/x", headers=headers, timeout=15).status_code == status
        for bad in ("..", "a/b", "/tmp/x", "", "a.b", "x" * 65, "a b"):
            answer = requests.post(url, json={"name": bad}, headers=operator, timeout=15)
            assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "name")
        for bad in ("..", "%2e%2e", "a%2Fb", "never-begun"):
            answer = requests.post(f"{url}/{bad}/copy", headers=operator, timeout=15)
            assert answer.status_code in (400, 404, 405), bad
    assert not (house.settings.data / "backup" / "never-begun").exists()


# --- moving ---

class Story:
    """Two people with a past, and all that they can see of it."""

    def __init__(self, house):
        self.ada = Person.register(house.base, "Ada", "Client", email="ada@example.com")
        self.bob = Person.register(house.base, "Bob", "Provider", email="bob@example.com")
        self.ada.wait_mail(fund(self.ada, "100.00")["id"])
        self.pay("30.00", "succeeded")
        self.pay("12.50", "succeeded")
        self.open = self.pay("500.00", "requires_funding")  # stays so

    def pay(self, amount, state):
        payment = self.ada.pay(self.bob.id, amount)
        self.ada.wait_payment(payment["id"], state, timeout_s=60)
        # Until those concerned were told of it, what they see still changes.
        for who in (self.ada, self.bob) if state == "succeeded" else (self.ada,):
            who.wait_mail(payment["id"], timeout_s=60)
        return payment["id"]

    def seen(self):
        """What they see, after logging on with their old passwords."""
        seen = []
        for who in (self.ada, self.bob):
            who.log_on()
            seen.append([who.balance(), who.entries(), who.bills(), who.mails(),
                         who.every("/v1/payments")])
        seen.append(self.ada.timeline(self.open))
        return json.loads(json.dumps(seen))


def totals(house):
    books = inside.audit(house)
    assert books["ok"], books["problems"]
    return books["currencies"]


def move(house, direction, folder):
    """All services; the largest through any number of kill -9."""
    for name in SERVICES:
        if name == "payment":
            done_though_killed(house, name, direction, name, folder / f"{name}.jsonl")
        else:
            told = done(house, direction, name, folder / f"{name}.jsonl")
            assert re.search(r"^\w+: \d+ items .*, digest [0-9a-f]{64}$", told, re.M), told


def test_a_house_moves_to_dynamodb_and_back(house, tmp_path):
    story = Story(house)
    refused = done(house, "export", "wallet", tmp_path / "no.jsonl", status=1)
    assert "is used by another process" in refused
    account = json.loads(done(house, "show", "wallet", f"ACCOUNT#user:{story.ada.id}#USD",
                              "ACCOUNT"))
    assert account["attributes"]["balance"] == 5750
    assert "nothing under that key" in done(house, "show", "wallet", "NOBODY", status=1)
    seen, books = story.seen(), totals(house)

    house.stop()
    out, back = tmp_path / "out", tmp_path / "back"
    out.mkdir()
    back.mkdir()
    move(house, "export", out)
    house.settings = replace(house.settings, store="dynamodb")
    with Database(house):
        move(house, "import", out)
        refused = done(house, "import", "wallet", out / "wallet.jsonl", status=1)
        assert "holds other data" in refused
    restart(house)
    assert story.seen() == seen
    assert totals(house) == books
    story.pay("7.50", "succeeded")  # versions were kept: accounts can be written
    seen, books = story.seen(), totals(house)

    house.stop()
    with Database(house):
        move(house, "export", back)
    house.settings = replace(house.settings, store="rocksdb")
    for name in SERVICES:
        shutil.rmtree(house.settings.data / name)
    move(house, "import", back)
    restart(house)
    assert story.seen() == seen
    assert totals(house) == books
    story.pay("2.50", "succeeded")
