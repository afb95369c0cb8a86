"""What a service does at its start while its DynamoDB is away, or is not what it must be."""

import json
import os
import signal
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import inside
import pytest
import requests
from api import wait_for
from local_system import ROOT

PROGRAM = (ROOT / (os.environ.get("BUILD") or "build")).resolve() / "services/wallet/moneypal-wallet"
TABLE = {"Table": {
    "TableStatus": "ACTIVE",
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"},
                  {"AttributeName": "sk", "KeyType": "RANGE"}],
    "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
}}
OTHER_KEYS = {"Table": {**TABLE["Table"], "KeySchema": TABLE["Table"]["KeySchema"][:1]}}
NO_TABLE = {"__type": "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException"}


class Database(BaseHTTPRequestHandler):
    """As much of DynamoDB as a start needs: DescribeTable is answered as told, the rest with {}."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        told = self.server.told if "DescribeTable" in self.headers["X-Amz-Target"] else {}
        body = json.dumps(told).encode()
        self.send_response(400 if "__type" in told else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def database():
    """At a port of its own from the start on, and away until it is to come."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Database, bind_and_activate=False)
    server.server_bind()
    server.daemon_threads = True
    yield server
    if hasattr(server, "told"):
        server.shutdown()
    server.server_close()


def come(database, told):
    database.told = told
    database.server_activate()
    threading.Thread(target=database.serve_forever, daemon=True).start()


class Start:
    """A service on a database. What it logs is in `log`."""

    def __init__(self, folder, database, wait_s, **more):
        self.log = folder / f"{wait_s}.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                ["/usr/bin/setpriv", "--pdeathsig", "KILL", PROGRAM], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, env={
                    "LISTEN": "127.0.0.1:0", "STORE": "dynamodb", "AWS_REGION": "eu-central-1",
                    "DYNAMODB_ENDPOINT": f"http://127.0.0.1:{database.server_port}",
                    "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
                    "STORE_WAIT_S": str(wait_s), "PUBLIC_URL": "http://127.0.0.1:1",
                    "AMQP_URL": "amqp://guest:guest@127.0.0.1:1/",
                    "JWKS_URL": "http://127.0.0.1:1/jwks.json", **more})

    def events(self, name):
        return inside.events(self.log, name)

    def waits(self):
        return self.events("store_awaited")

    def refused(self):
        """Its exit status, and the sentence."""
        status = self.process.wait(30)
        return status, self.events("not_started")[0]["reason"]


@pytest.fixture
def start(tmp_path):
    started = []

    def starting(*arguments, **more):
        started.append(Start(tmp_path, *arguments, **more))
        return started[-1]

    yield starting
    for each in started:
        each.process.kill()
        each.process.wait()


def test_a_database_that_comes_later_is_waited_for(start, database):
    service = start(database, 300)
    waits = wait_for(service.waits, bool, "a line that it waits", 30)
    assert waits[0]["reason"] == away(database)
    come(database, TABLE)
    listening = wait_for(lambda: service.events("listening"), bool, "a start", 30)
    health = requests.get(f"http://127.0.0.1:{listening[0]['port']}/healthz", timeout=10)
    assert health.status_code == 200


def away(database):
    return f"DynamoDB at http://127.0.0.1:{database.server_port} cannot be reached."


def test_one_that_does_not_come_is_given_up_in_one_sentence_and_who_waits_can_be_ended(start, database):
    impatient, patient = start(database, 0), start(database, 300)
    assert impatient.refused() == (1, away(database))
    assert impatient.waits() == []
    wait_for(patient.waits, bool, "a line that it waits", 30)
    patient.process.send_signal(signal.SIGTERM)
    assert patient.refused()[0] == 1


@pytest.mark.parametrize("told, sentence", [
    (NO_TABLE, "There is no table moneypal-wallet"), (OTHER_KEYS, "has another key schema")])
def test_what_waiting_does_not_mend_is_told_at_once(start, database, told, sentence):
    come(database, told)
    service = start(database, 300)
    status, reason = service.refused()
    assert status == 1 and sentence in reason and service.waits() == []


def test_missing_credentials_are_told_at_once(start, database):
    service = start(database, 300, AWS_ACCESS_KEY_ID="")
    status, reason = service.refused()
    assert status == 1 and "There are no AWS credentials" in reason
