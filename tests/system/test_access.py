"""
Every store call of every service, under the roles that deploy/cdk gives them: none missing, none
unused. First the journeys of test_journeys.py, on tables made from the template; then what else a
service does; the verdict is last. So the file runs as a whole, as a step of its own in tools/test.
"""

import json
import re
import subprocess
import urllib.request
import uuid
from datetime import date, timedelta
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader

import inside
import pytest
import requests
from api import Person, wait_for
from iam import Call, Iam, judge, rules_of
from local_system import ROOT, LocalSystem
from test_journeys import *  # noqa: F401,F403 (each journey is a test here, too)
from test_journeys import fund
from test_mpctl import done
from test_replicas import Replica

SERVICES = ("user", "wallet", "payment", "billing", "email")
AUDITOR = "walletaudit"
TEMPLATES = ROOT / "deploy/cdk/cdk.out"
DAY_MS = 86_400_000


def template(name):
    path = TEMPLATES / f"MoneyPal-{name}.template.json"
    assert path.exists(), "there are no templates: `tools/deploy-check synth` makes them"
    return json.loads(path.read_text())


def dynamodb_run():
    """tests/dynamodb/run, as a module."""
    loader = SourceFileLoader("dynamodb_run", str(ROOT / "tests/dynamodb/run"))
    module = module_from_spec(spec_from_loader("dynamodb_run", loader))
    loader.exec_module(module)
    return module


class Tables:
    """DynamoDB itself, past the gate."""

    def __init__(self, endpoint):
        self.endpoint = endpoint

    def call(self, operation, body):
        request = urllib.request.Request(self.endpoint, json.dumps(body).encode(), {
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": f"DynamoDB_20120810.{operation}",
            "Authorization": "AWS4-HMAC-SHA256 Credential=root/20260101/eu-central-1/dynamodb/"
                             "aws4_request, SignedHeaders=host, Signature=0"})
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)

    def make(self):
        for resource in template("Data")["Resources"].values():
            if resource["Type"] == "AWS::DynamoDB::Table":
                told = resource["Properties"]
                self.call("CreateTable", {name: told[name] for name in (
                    "TableName", "KeySchema", "AttributeDefinitions", "BillingMode")})
                self.call("UpdateTimeToLive", {"TableName": told["TableName"],
                          "TimeToLiveSpecification": told["TimeToLiveSpecification"]})

    def age_signing_keys(self):
        """A day passes for them."""
        for row in self.call("Query", {
                "TableName": "moneypal-user", "KeyConditionExpression": "pk = :p",
                "ExpressionAttributeValues": {":p": {"S": "KEYS"}}})["Items"]:
            row["changed_at"]["N"] = str(int(row["changed_at"]["N"]) - DAY_MS)
            self.call("PutItem", {"TableName": "moneypal-user", "Item": row})

    def count_people(self):
        return self.call("Scan", {
            "TableName": "moneypal-user", "Select": "COUNT", "FilterExpression": "sk = :s",
            "ExpressionAttributeValues": {":s": {"S": "PROFILE"}}})["Count"]


@pytest.fixture(scope="module")
def moneypal(tmp_path_factory):
    """A whole system whose every call to DynamoDB is decided by the template's policies."""
    run = dynamodb_run()
    port = run.free_port()
    database = run.start(str(tmp_path_factory.mktemp("dynamodb")), port)
    tables = Tables(f"http://127.0.0.1:{port}")
    tables.make()
    iam = Iam(tables.endpoint, rules_of(template("Cluster")))
    system = LocalSystem(tmp_path_factory.mktemp("guarded") / "var", store="dynamodb",
                         dynamodb=iam.url)
    system.iam, system.tables = iam, tables
    try:
        system.start()
        bill_without_money(system)
        yield system
    finally:
        system.stop()
        iam.stop()
        database.kill()
        database.wait()


def bill_without_money(moneypal):
    """Its payment and it are looked at again after half a minute, which passes meanwhile."""
    ada, bob = (Person.register(moneypal.base, name, "Waits") for name in ("Ada", "Bob"))
    ada.pay(bob.id, "80.00")


def test_people_change_names_sessions_and_passwords(moneypal):
    ada = Person.register(moneypal.base, "Ada", "Access", email="ada@example.com")
    assert ada.call("PATCH", "/v1/users/me", {"first_name": "Grace"}).status_code == 200
    assert ada.call("GET", "/v1/users?query=access").status_code == 200
    ada.log_on()
    changed = ada.call("POST", "/v1/users/me/password", {
        "current_password": ada.password, "new_password": "an even longer horse"})
    assert changed.status_code == 204, changed.text


def was_moved(moneypal, service):
    return moneypal.iam.has_seen(service, "DeleteItem", "DUE#")


def is_removed(folder):
    try:
        folder.rmdir()
    except OSError:
        return False  # a mail is being written
    return True


def test_what_stands_still_is_looked_at_again_later(moneypal):
    folder = moneypal.settings.mail / "tmp"
    wait_for(lambda: is_removed(folder), bool, "no place for mails")
    fund(Person.register(moneypal.base, "Ada", "Mails", email="ada@example.com"), "10.00")
    wait_for(lambda: was_moved(moneypal, "email"), bool, "a mail put off", 60)
    moneypal.kill_and_wait("email")  # which makes the folder
    for service in ("payment", "billing"):
        wait_for(lambda name=service: was_moved(moneypal, name), bool, f"{service}'s work put off", 90)


def test_all_people_are_told_again_though_no_service_may_look_through_its_table(moneypal):
    assert done(moneypal, "republish", "users") == (
        f"{moneypal.tables.count_people()} users told again.\n")
    told = done(moneypal, "republish", "notices", "--from", str(date.today() - timedelta(days=1)))
    assert re.search(r"^[1-9]\d* credits told again.$", told, re.M), told


NOBODIES = [f"user:{uuid.uuid4()}" for _ in range(16)]


def credit_many(moneypal):
    """One transfer to many wallets."""
    token = inside.service_token(moneypal, "billing")
    answer = requests.post(
        f"{moneypal.url_of('wallet')}/v1/transfers", timeout=20,
        headers={"Authorization": f"Bearer {token}"}, json={
            "id": str(uuid.uuid4()), "currency": "USD", "reason": "funding", "legs": [
                {"from": "system:psp", "to": wallet, "amount": "1.00"} for wallet in NOBODIES]})
    assert answer.status_code < 300, answer.text


def audit_at(moneypal, base):
    token = inside.service_token(moneypal, "mpctl")
    return requests.get(f"{base}/v1/audit", timeout=60, headers={"Authorization": f"Bearer {token}"})


def test_only_the_auditor_reads_the_whole_ledger(moneypal):
    for _ in range(8):  # more rows than the audit reads at once
        credit_many(moneypal)
    moneypal.iam.before = lambda role, operation, body: (
        # Between two pages of its own: so some transfers are seen in part, and looked up.
        credit_many(moneypal) if (role, operation) == (AUDITOR, "Scan")
        and "ExclusiveStartKey" in body
        and not moneypal.iam.has_seen(AUDITOR, "BatchGetItem", "TRANSFER#") else None)
    auditor = Replica(moneypal, "wallet", moneypal.spare_port(0), AWS_ACCESS_KEY_ID=AUDITOR,
                      AUDIT_EVERY_S=86400, AUDIT_ONLY="true",  # as in deploy/k8s/base/wallet-audit.yaml
                      AMQP_URL="amqp://nobody:nothing@localhost", AMQP_URL_FILE="")
    try:
        wait_for(lambda: requests.get(f"{auditor.base}/metrics", timeout=20).text,
                 lambda told: "\nmoneypal_audit_ended_timestamp_seconds 1" in told
                 and "\nmoneypal_audit_problems 0\n" in told, "an audit that nobody asked for", 120)
        assert "\"event\":\"audited\"" in auditor.log.read_text()
        books = audit_at(moneypal, auditor.base)
        assert books.status_code == 200 and books.json()["ok"], books.text
        assert audit_at(moneypal, moneypal.url_of("wallet")).status_code == 503
    finally:
        moneypal.iam.before = lambda role, operation, body: None
        auditor.stop()


def restart(moneypal, service):
    moneypal.stop_part(service)
    moneypal.start_part(service)


def rotate_keys(moneypal):
    """Until a retired key is removed."""
    for _ in range(2):
        moneypal.tables.age_signing_keys()
        restart(moneypal, "user")
        answer = requests.post(moneypal.url_of("user") + "/v1/signing-keys/rotate", timeout=20, headers={
            "Authorization": f"Bearer {inside.service_token(moneypal, 'mpctl')}"})
        assert answer.status_code < 300, answer.text


@pytest.fixture(scope="module")
def calls(moneypal):
    """All that was asked for, until the orderly end of each service."""
    rotate_keys(moneypal)
    wait_for(lambda: inside.outbox_rows(moneypal), lambda rows: rows == 0, "empty outboxes", 60)
    for service in ("user", "wallet", "payment", "billing"):
        wait_for(lambda name=service: has_given_its_lease_back(moneypal, name), bool,
                 f"{service}'s lease, given back", 60)
    return set(moneypal.iam.calls)


def has_given_its_lease_back(moneypal, service):
    if not moneypal.iam.has_seen(service, "DeleteItem", "LEASE#"):
        restart(moneypal, service)
    return moneypal.iam.has_seen(service, "DeleteItem", "LEASE#")


THE_WALLETS_OWN_AUDIT = Call("wallet", "Scan", "moneypal-wallet", frozenset())


def of_services(rules):
    return {rule for rule in rules if rule.role in (*SERVICES, AUDITOR)}


def test_each_role_allows_what_its_service_does_and_nothing_else(moneypal, calls):
    rules = of_services(moneypal.iam.rules)
    denied, unused = judge(rules, calls)
    assert denied == {THE_WALLETS_OWN_AUDIT}, "missing in deploy/cdk/lib/access.ts"
    assert unused == set(), "unused in deploy/cdk/lib/access.ts"
    assert {rule.role for rule in rules} == {call.role for call in calls}


def statement_of(cluster, role, sid):
    """A statement of a role's policy, to be changed."""
    resources = cluster["Resources"]
    name = next(key for key, value in resources.items() if value["Type"] == "AWS::IAM::Role"
                and value["Properties"].get("RoleName") == f"moneypal-{role}")
    return next(statement for value in resources.values() if value["Type"] == "AWS::IAM::Policy"
                and {"Ref": name} in value["Properties"]["Roles"]
                for statement in value["Properties"]["PolicyDocument"]["Statement"]
                if statement["Sid"] == sid)


def add(action):
    return lambda statement: statement["Action"].append(f"dynamodb:{action}")


def without(action):
    return lambda statement: statement["Action"].remove(f"dynamodb:{action}")


def on(*partitions):
    return lambda statement: statement["Condition"]["ForAllValues:StringLike"].update(
        {"dynamodb:LeadingKeys": list(partitions)})


def of_table(*services):
    return lambda statement: statement.update(Resource=[
        f"arn:aws:dynamodb:eu-central-1:000000000000:table/moneypal-{name}" for name in services])


MISTAKES = {  # what is planted: (role, statement, change, and whether something is denied or unused)
    "an action that is missing": ("wallet", "Table", without("ConditionCheckItem"), "denied"),
    "an action that nobody needs": ("billing", "Table", add("UpdateItem"), "unused"),
    "a service that scans": ("user", "Table", add("Scan"), "unused"),
    "an auditor that writes": ("wallet-audit", "Table", add("PutItem"), "unused"),
    "a table of another": ("email", "Table", of_table("email", "user"), "unused"),
    "the wrong table": ("email", "Table", of_table("user"), "denied"),
    "rows that nobody removes": ("wallet", "Remove", on("LEASE#*", "ACCOUNT#*"), "unused"),
    "rows that have to be removed": ("user", "Remove", on("LEASE#*"), "denied"),
    "rows that nobody erases": ("payment", "Erase", on("OUTBOX#*", "DUE#*", "PAYMENT#*"), "unused"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_planted_mistake_is_found(calls, mistake):
    role, sid, change, found_as = MISTAKES[mistake]
    cluster = template("Cluster")
    change(statement_of(cluster, role, sid))
    found = dict(zip(("denied", "unused"), judge(of_services(rules_of(cluster)), calls)))
    assert found[found_as] - {THE_WALLETS_OWN_AUDIT}


def test_every_call_of_the_sources_is_one_that_the_roles_were_tried_with():
    """Whoever removes rows in a new place has to come by here."""
    places = subprocess.run(
        ["git", "grep", "-lE", r"mp_txn_remove\(|mp_store_erase\(|mp_store_scan\(", "--", "lib/*.c",
         "services/*.c"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    places = {place for place in places if not re.search(r"/test_|^lib/store/", place)}
    assert places == {"lib/outbox/relay.c", "lib/outbox/lease.c", "lib/due/due.c",
                      "services/user/session_db.c", "services/user/key_db.c",
                      "services/user/user_db.c", "services/wallet/wallet_db.c"}
