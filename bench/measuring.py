"""What the benches share: a user and a wallet service of their own, and a report with verdicts."""
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import requests

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build"
sys.path[:0] = [str(ROOT / "tests" / "system"), str(ROOT / "tests" / "client")]

from api import wait_for  # noqa: E402

ROUNDS = int(os.environ.get("ROUNDS", "5"))
SECONDS = int(os.environ.get("SECONDS", "3"))
PORT = int(os.environ.get("BENCH_PORT", "29000"))

# name in the report: mode and connections of bench/load
LEDGER_ROWS = {
    "spread_c1_per_s": ("spread", 1),
    "spread_c16_per_s": ("spread", 16),
    "spread_c64_per_s": ("spread", 64),
    "hot_destination_c64_per_s": ("hot_destination", 64),
    "hot_source_c64_per_s": ("hot_source", 64),
    "batch100_per_s": ("batch100", 8),
}


class Report:
    """What was measured, and whether it reaches what it must."""

    def __init__(self):
        self.values, self.missed = {}, []

    def row(self, name, value, unit="", floor=None, ceiling=None):
        self.values[name] = value
        verdict = ""
        if floor is not None:
            verdict = f"at least {floor:,g}"
        if ceiling is not None:
            verdict = f"at most {ceiling:,.1f}"
        if (floor is not None and value < floor) or (ceiling is not None and value > ceiling):
            verdict += "  MISSED"
            self.missed.append(name)
        print(f"  {name:28} {value:12,.1f} {unit:8} {verdict}", flush=True)

    def write(self, path):
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(self.values, indent=2) + "\n")
        print(f"Written to {path.parent.name}/{path.name}."
              + (f" MISSED: {', '.join(self.missed)}." if self.missed else " Nothing was missed."))


def var_folder():
    var = ROOT / (os.environ.get("VAR") or "var")
    var.mkdir(exist_ok=True)
    return var


def cpu_s(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_kib(pid):
    """PSS and private dirty."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return [int(re.search(rf"^{name}: +(\d+)", text, re.M).group(1))
            for name in ("Pss", "Private_Dirty")]


def is_ready(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


class Ledger:
    """A user and a wallet service of the bench's own, without a broker: events stay in the outbox."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.secret = uuid.uuid4().hex
        self.processes = []

    def start(self):
        self.start_user()
        self.start_wallet()
        self.refresh_token()

    def start_user(self):
        clients = self.folder / "clients.json"
        clients.write_text(json.dumps({"bench": {
            "secret": self.secret, "scopes": ["wallet:transfer", "wallet:audit"]}}))
        return self._start("user", PORT + 1, {"CLIENTS_FILE": str(clients)})

    def start_wallet(self):
        self.wallet = self._start("wallet", PORT + 2, {})
        return self.wallet

    def _start(self, name, port, more):
        environment = {
            "PATH": os.environ["PATH"], "LISTEN": f"127.0.0.1:{port}", "LOG_LEVEL": "error",
            "DATA_DIR": str(self.folder / name), "CURRENCIES": "USD:2:2:0.50",
            "AMQP_URL": f"amqp://nobody:nothing@127.0.0.1:{PORT}/%2f",
            "JWKS_URL": f"http://127.0.0.1:{PORT + 1}/.well-known/jwks.json",
            "PUBLIC_URL": f"http://127.0.0.1:{PORT}", **more}
        process = subprocess.Popen([BUILD / "services" / name / f"moneypal-{name}"],
                                   env=environment, stderr=subprocess.DEVNULL)
        self.processes.append(process)
        return process

    def refresh_token(self):
        answer = wait_for(self._token, lambda a: a and a.status_code == 200, "a service token")
        self.token = answer.json()["access_token"]

    def _token(self):
        try:
            return requests.post(f"http://127.0.0.1:{PORT + 1}/oauth/token", timeout=5,
                                 auth=("bench", self.secret),
                                 data={"grant_type": "client_credentials"})
        except requests.ConnectionError:
            return None

    def load(self, mode, connections, *options):
        """Transfers a second, then p50, p90, p99 and the longest time without an answer in ms."""
        self.refresh_token()
        out = subprocess.run(
            [BUILD / "bench" / "load", mode, "--port", str(PORT + 2), "--connections",
             str(connections), "--seconds", str(SECONDS), *options],
            env={**os.environ, "TOKEN": self.token}, check=True, capture_output=True, text=True)
        numbers = re.search(r"([\d.]+) transfers/s +p50 +([\d.]+) ms +p90 +([\d.]+) ms +"
                            r"p99 +([\d.]+) ms +stall +([\d.]+) ms", out.stdout).groups()
        return [float(number) for number in numbers]

    def audit(self):
        """What the audit found; ends the bench when the books are not right."""
        self.refresh_token()
        answer = requests.get(f"http://127.0.0.1:{PORT + 2}/v1/audit", timeout=3600,
                              headers={"Authorization": f"Bearer {self.token}"}).json()
        if not answer["ok"]:
            raise SystemExit(f"The audit does not hold: {answer['problems'][:3]}")
        return answer

    def stop(self):
        for process in reversed(self.processes):
            process.send_signal(signal.SIGTERM)
            process.wait(120)
        self.processes = []
