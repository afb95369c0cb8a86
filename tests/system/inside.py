"""Looking inside a running system, past the gateway: the provider's sandbox, audit, queues, mails."""
import email
import email.policy
import json
import re

import requests

TIMEOUT_S = 15


class Sandbox:
    """The payment provider's stand-in, by its API and its faults on request."""

    def __init__(self, moneypal):
        self.base = moneypal.url_of("sandbox")
        self.http = requests.Session()
        self.http.headers["Authorization"] = f"Bearer {moneypal.secret('stripe_secret_key')}"

    def get(self, path, params=None):
        answer = self.http.get(self.base + path, params=params, timeout=TIMEOUT_S)
        answer.raise_for_status()
        return answer.json()

    def post(self, path, form=None):
        answer = self.http.post(self.base + path, data=form or {}, timeout=TIMEOUT_S)
        answer.raise_for_status()
        return answer.json()

    def session_of(self, payment_id):
        """The newest session that was opened for a payment."""
        sessions = self.get("/v1/checkout/sessions", {"limit": 100})["data"]
        return next(s for s in sessions if s["client_reference_id"] == payment_id)

    def session_path(self, payment_id):
        """Of its newest session, for a fault: others' pages that are still open are read, too."""
        return f"/v1/checkout/sessions/{self.session_of(payment_id)['id']}"

    def completed_event(self, payment_id):
        events = self.get("/v1/events", {"type": "checkout.session.completed", "limit": 100})["data"]
        return next(e for e in events
                    if e["data"]["object"]["client_reference_id"] == payment_id)

    def fault(self, **fault):
        """Asks for a fault, see sandbox/stripe/README.md."""
        answer = self.http.post(f"{self.base}/sandbox/faults", json=fault, timeout=TIMEOUT_S)
        answer.raise_for_status()

    def clear_faults(self):
        self.http.delete(f"{self.base}/sandbox/faults", timeout=TIMEOUT_S).raise_for_status()


def service_token(moneypal, client):
    secret = json.loads(moneypal.secret("clients.json"))[client]["secret"]
    answer = requests.post(f"{moneypal.url_of('user')}/oauth/token", auth=(client, secret),
                           data={"grant_type": "client_credentials"}, timeout=TIMEOUT_S)
    answer.raise_for_status()
    return answer.json()["access_token"]


def audit(moneypal):
    """The wallet proves its own books."""
    token = service_token(moneypal, "mpctl")
    answer = requests.get(f"{moneypal.url_of('wallet')}/v1/audit", timeout=60,
                          headers={"Authorization": f"Bearer {token}"})
    answer.raise_for_status()
    return answer.json()


def metric(moneypal, part, name):
    return metric_at(moneypal.url_of(part), name)


def metric_at(base, name):
    """A service's metric: of the labels in its name, or the sum over all; None: it has none such."""
    text = requests.get(f"{base}/metrics", timeout=TIMEOUT_S).text
    values = re.findall(rf"^{re.escape(name)}(?:\{{[^}}]*\}})? (\S+)$", text, re.M)
    return sum(float(value) for value in values) if values else None


def alarms(moneypal, payment):
    """The causes of one payment's alarms so far; `provider` is of no payment: the metric has it."""
    return [line["cause"] for line in log_lines(moneypal, "payment", payment["id"])
            if line["event"] == "payment_alarm"]


def log_lines(moneypal, part, text):
    """The lines of a part's log with a text in them."""
    return [json.loads(line) for line in whole_lines(moneypal.log_of(part)) if text in line]


def whole_lines(log):
    """The lines of a log, without the one that is being written."""
    return log.read_text(errors="replace").split("\n")[:-1]


def events(log, name):
    """What a service that runs alone has logged under a name."""
    return [line for line in map(json.loads, whole_lines(log)) if line["event"] == name]


def outbox_rows(moneypal):
    return sum(metric(moneypal, part, "moneypal_outbox_rows")
               for part in ("user", "wallet", "payment", "billing"))


def mails(moneypal):
    """The messages in the maildir, parsed."""
    folder = moneypal.settings.mail / "new"
    return [email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
            for path in sorted(folder.iterdir())]
