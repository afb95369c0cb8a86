"""IAM as far as our policies go, in front of DynamoDB Local: who may do what, and who asked for what.

The policies are those of the template that deploy/cdk makes. A request is decided as AWS documents
it: a transaction by its Puts, Deletes and ConditionChecks, a batch by its keys.
"""

import fnmatch
import json
import sys
import threading
from pathlib import Path
from typing import NamedTuple, Optional

sys.path.insert(0, str(Path(__file__).parents[1] / "dynamodb"))

from proxy import Handler, Server, State  # noqa: E402

IN_TRANSACTION = {"Put": "PutItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem",
                  "Update": "UpdateItem"}
LEADING_KEYS = "dynamodb:LeadingKeys"


class Rule(NamedTuple):
    """One action on one table; on the partitions of one pattern, where there is one."""

    role: str
    action: str
    table: str
    partition: Optional[str]


class Call(NamedTuple):
    """What somebody asked for. Keys are told by their first word: DUE# of DUE#event#03."""

    role: str
    action: str
    table: str
    keys: frozenset


def rules_of(template):
    """What the template of the cluster allows each role on tables."""
    resources = template["Resources"]
    names = {key: value["Properties"]["RoleName"] for key, value in resources.items()
             if value["Type"] == "AWS::IAM::Role" and "RoleName" in value["Properties"]}
    return {rule for value in resources.values() if value["Type"] == "AWS::IAM::Policy"
            for role in value["Properties"]["Roles"] if role["Ref"] in names
            for statement in value["Properties"]["PolicyDocument"]["Statement"]
            for rule in _rules(key_of(names[role["Ref"]]), statement)}


def _rules(role, statement):
    actions = _list(statement["Action"])
    if not any(action.startswith("dynamodb:") for action in actions):
        return
    assert statement["Effect"] == "Allow"
    for action in actions:
        for table in _list(statement["Resource"]):
            for partition in _partitions(statement.get("Condition")):
                yield Rule(role, action.removeprefix("dynamodb:"), table.rpartition("/")[2],
                           partition)


def _partitions(condition):
    if condition is None:
        return [None]
    assert condition["Null"] == {LEADING_KEYS: "false"} and len(condition) == 2
    return _list(condition["ForAllValues:StringLike"][LEADING_KEYS])


def _list(one_or_many):
    return one_or_many if isinstance(one_or_many, list) else [one_or_many]


def key_of(role):
    """The access key that stands for a role: DynamoDB Local takes letters and digits only."""
    return role.removeprefix("moneypal-").replace("-", "")


def allowing(rules, call):
    """The rules that together allow it; none: it is denied."""
    fitting = [rule for rule in rules if rule[:3] == call[:3]]
    whole = {rule for rule in fitting if rule.partition is None}
    if whole or not call.keys:
        return whole
    by_key = [{rule for rule in fitting if fnmatch.fnmatchcase(key, rule.partition)}
              for key in call.keys]
    return set().union(*by_key) if all(by_key) else set()


def judge(rules, calls):
    """(calls that are denied, rules that allowed none)."""
    by_call = {call: allowing(rules, call) for call in calls}
    return ({call for call, by in by_call.items() if not by},
            set(rules) - set().union(*by_call.values()))


def calls_of(role, operation, body):
    """What a request asks for."""
    def call(action, table, keys=()):
        return Call(role, action, table, frozenset(map(_kind, keys)))

    if operation == "TransactWriteItems":
        return [call(IN_TRANSACTION[kind], what["TableName"], [_leading(what)])
                for item in body["TransactItems"] for kind, what in item.items()]
    if operation == "BatchGetItem":
        return [call(operation, table, [key["pk"]["S"] for key in what["Keys"]])
                for table, what in body["RequestItems"].items()]
    if operation == "BatchWriteItem":
        return [call(operation, table, [_leading(each) for write in writes
                                        for each in write.values()])
                for table, writes in body["RequestItems"].items()]
    if operation in ("GetItem", "PutItem", "DeleteItem", "UpdateItem"):
        return [call(operation, body["TableName"], [_leading(body)])]
    return [call(operation, body["TableName"])]


def _leading(what):
    return (what.get("Key") or what.get("Item"))["pk"]["S"]


def _kind(key):
    word, hash_sign, _ = key.partition("#")
    return word + hash_sign


class Gate(Handler):
    """Passes on what the rules allow, and notes it. Who asks is told by the access key."""

    def act(self, raw):
        iam, body = self.server.iam, json.loads(raw)
        operation = self.headers.get("X-Amz-Target", "").partition(".")[2]
        role = self.headers.get("Authorization", "").partition("Credential=")[2].partition("/")[0]
        calls = calls_of(role, operation, body)
        with iam.lock:
            iam.calls.update(calls)
        iam.before(role, operation, body)
        if all(allowing(iam.rules, call) for call in calls):
            self.pass_on(raw, "pass", 0)
        else:
            self.refuse("AccessDeniedException")


class Iam:
    """The gate, listening at `url`. `calls` is what was asked for; `before` sees each request."""

    def __init__(self, upstream, rules):
        self.rules, self.calls, self.lock = rules, set(), threading.Lock()
        self.before = lambda role, operation, body: None
        self.server = Server(("127.0.0.1", 0), Gate)
        self.server.upstream, self.server.state, self.server.iam = upstream, State(), self
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def has_seen(self, role, action, kind):
        with self.lock:
            return any((call.role, call.action) == (role, action) and kind in call.keys
                       for call in self.calls)

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
