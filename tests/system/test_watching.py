"""What operators watch: one trace from the gateway to the mail, metrics, every program's options."""

import os
import re
import secrets
import subprocess
import time

import pytest
import requests

import inside
from api import Person, pay_at_provider, wait_for
from local_system import ROOT

SERVICES = ("user", "wallet", "payment", "billing", "email")
BUILD = ROOT / (os.environ.get("BUILD") or "build")
PROGRAMS = {
    **{f"moneypal-{name}": f"services/{name}/moneypal-{name}" for name in SERVICES},
    "moneypal-sandbox-stripe": "sandbox/stripe/moneypal-sandbox-stripe",
    "mpctl": "cli/mpctl/mpctl",
}


@pytest.fixture(scope="module")
def journey(moneypal):
    """Ada tops up, then pays Bob by a request with a trace of its own."""
    ada = Person.register(moneypal.base, "Ada", "Watched", email="ada@example.com")
    bob = Person.register(moneypal.base, "Bob", "Watched", email="bob@example.com")
    top_up = ada.top_up("50.00")
    url = ada.wait_checkout_url(top_up["id"])["checkout_url"]
    assert pay_at_provider(url).status_code == 303
    ada.wait_payment(top_up["id"], "succeeded")
    trace = secrets.token_hex(16)
    answer = ada.call("POST", "/v1/payments", {"paid_to": bob.id, "payment_amount": "20.00"}, {
        "Idempotency-Key": trace, "traceparent": f"00-{trace}-{secrets.token_hex(8)}-01"})
    assert answer.status_code == 201
    ada.wait_payment(answer.json()["id"], "succeeded")
    for person in (ada, bob):
        wait_for(person.mails, lambda mails: mails and all(
            mail["state"] == "sent" for mail in mails), "the mails")
    return ada, bob, answer.json()["id"], trace


def test_an_audit_says_when_it_ended_and_what_it_found(moneypal, journey):
    inside.audit(moneypal)
    assert inside.metric(moneypal, "wallet", "moneypal_audit_problems") == 0
    assert inside.metric(moneypal, "wallet", "moneypal_audit_ended_timestamp_seconds") > time.time() - 60


def events_of(moneypal, part, trace):
    """The events of the log's lines with this trace."""
    return [line["event"] for line in inside.log_lines(moneypal, part, f'"trace":"{trace}"')]


@pytest.mark.parametrize("part, event", [
    ("gateway", "request"), ("payment", "request"), ("user", "request"),
    ("billing", "event_handled"), ("wallet", "request"), ("payment", "event_handled"),
    ("email", "event_handled"), ("email", "mail"),
])
def test_one_trace_leads_from_the_gateway_to_the_mail(moneypal, journey, part, event):
    wait_for(lambda: events_of(moneypal, part, journey[3]), lambda events: event in events,
             f"a line of {part} about {event}")


def test_the_mails_record_has_the_trace(moneypal, journey):
    ada, bob, payment_id, trace = journey
    token = inside.service_token(moneypal, "mpctl")
    for person, template in ((ada, "bill_paid"), (bob, "bill_received")):
        answer = requests.get(
            f"{moneypal.url_of('email')}/v1/operations/payments/{payment_id}/mails", timeout=10,
            params={"user_id": person.id}, headers={"Authorization": f"Bearer {token}"})
        mail = next(each for each in answer.json()["items"] if each["template"] == template)
        assert mail["trace"].split("-")[1] == trace


def test_without_a_trace_the_gateway_begins_one(moneypal, journey):
    journey[0].get("/v1/wallets/me")
    def last():
        lines = inside.log_lines(moneypal, "gateway", '"/v1/wallets/me"')
        return lines[-1]["trace"] if lines else ""
    trace = wait_for(last, lambda text: re.fullmatch("[0-9a-f]{32}", text), "the gateway's line")
    wait_for(lambda: events_of(moneypal, "wallet", trace), lambda events: "request" in events,
             "the wallet's line with the gateway's trace")


# --- metrics ---

METRICS = {  # by service: names that must be there after a journey; "+": and be over zero
    "every": ("moneypal_build_info+", "moneypal_http_requests_total+",
              "moneypal_http_request_seconds+", "moneypal_store_commit_seconds+"),
    "user": ("moneypal_users_registered_total+", "moneypal_log_ons_total+", "moneypal_outbox_rows",
             "moneypal_outbox_oldest_seconds", "moneypal_outbox_published_total+",
             "moneypal_outbox_failures_total", "moneypal_bus_connected"),
    "wallet": ("moneypal_transfers_total+", "moneypal_wallet_commit_seconds+",
               "moneypal_wallet_waiting", "moneypal_wallet_retries_total", "moneypal_outbox_rows",
               "moneypal_outbox_oldest_seconds", "moneypal_outbox_published_total+"),
    "payment": ("moneypal_payments_total+", "moneypal_payment_alarms_total",
                "moneypal_payment_redrives_total", "moneypal_provider_events_total+",
                "moneypal_provider_calls_total+", "moneypal_webhooks_refused_total",
                "moneypal_live_listeners", "moneypal_outbox_published_total+",
                "moneypal_bus_deliveries_total+", "moneypal_bus_event_age_seconds+",
                "moneypal_bus_connected+"),
    "billing": ("moneypal_bus_deliveries_total+", "moneypal_bus_event_age_seconds+",
                "moneypal_bus_connected+", "moneypal_outbox_published_total+"),
    "email": ("moneypal_bus_deliveries_total+", "moneypal_bus_event_age_seconds+",
              "moneypal_bus_connected+"),
}
UNITS = ("_seconds", "_bytes", "_total", "_rows", "_info")
PROCESS = {"process_cpu_seconds_total", "process_virtual_memory_bytes", "process_start_time_seconds",
           "process_resident_memory_bytes", "process_open_fds", "process_max_fds"}  # Prometheus' own
# Gauges without a unit count things,
COUNTS = ("_connected", "_waiting", "_listeners", "_trouble", "_problems")  # or say yes (1) or no (0)


def scrape(moneypal, service):
    answer = requests.get(f"{moneypal.url_of(service)}/metrics", timeout=10)
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    return answer.text


@pytest.mark.parametrize("service", SERVICES)
def test_each_service_measures_what_it_does(moneypal, journey, service):
    text = scrape(moneypal, service)
    missing = []
    for wanted in METRICS["every"] + METRICS[service]:
        name = wanted.rstrip("+")
        values = [float(value) for value in re.findall(
            rf"^{name}(?:_count)?(?:{{[^}}]*}})? (\S+)$", text, re.M)]
        if not values or (wanted.endswith("+") and sum(values) <= 0):
            missing.append(wanted)
    assert missing == []


@pytest.mark.parametrize("service", [*SERVICES, "sandbox"])
def test_metrics_are_named_as_prometheus_wants_it(moneypal, journey, service):
    faults, types, helps, seen = [], {}, set(), set()
    documented = (ROOT / "docs/METRICS.md").read_text()
    for line in scrape(moneypal, service).splitlines():
        if match := re.fullmatch(r"# HELP (\S+) (.+)", line):
            helps.add(match.group(1))
        elif match := re.fullmatch(r"# TYPE (\S+) (counter|gauge|histogram)", line):
            faults += [f"twice: {line}"] if match.group(1) in types else []
            types[match.group(1)] = match.group(2)
        elif match := re.fullmatch(r"([a-z_]+)((?:{[a-z_]+=\"[^\"]*\"(?:,[a-z_]+=\"[^\"]*\")*})?)"
                                   r" -?[0-9.]+", line):
            name = re.sub(r"_(bucket|sum|count)$", "", match.group(1))
            seen.add(name if types.get(name) == "histogram" else match.group(1))
        else:
            faults.append(f"not understood: {line}")
    for name in sorted(seen | set(types)):
        kind = types.get(name)
        if name in PROCESS:
            continue
        right = {"counter": name.endswith("_total"), "histogram": name.endswith("_seconds"),
                 "gauge": not name.endswith("_total") and name.endswith(UNITS + COUNTS)}
        if not name.startswith("moneypal_") or name not in helps or not right.get(kind, False):
            faults.append(f"{name} is a {kind}, {'with' if name in helps else 'without'} a HELP")
        if service != "sandbox" and f"`{name}`" not in documented:
            faults.append(f"{name} is not in docs/METRICS.md")
    assert faults == []
    assert PROCESS <= seen


def test_the_process_is_measured_as_prometheus_clients_do_it(moneypal, journey):
    of = {name: inside.metric(moneypal, "wallet", name) for name in PROCESS}
    pid = moneypal.pid_of("wallet")
    age_s = time.time() - of["process_start_time_seconds"]
    told_s = float(subprocess.check_output(["ps", "-o", "etimes=", "-p", str(pid)]))
    assert abs(age_s - told_s) < 5, (age_s, told_s)
    assert of["process_resident_memory_bytes"] > 1 << 20
    assert of["process_virtual_memory_bytes"] > of["process_resident_memory_bytes"]
    assert abs(of["process_open_fds"] - len(os.listdir(f"/proc/{pid}/fd"))) <= 16
    assert of["process_open_fds"] < of["process_max_fds"]
    assert 0 < of["process_cpu_seconds_total"] < 2 * os.cpu_count() * (age_s + 5)
    assert inside.metric(moneypal, "wallet", "moneypal_build_info") == 1


# --- options ---


def run(program, *arguments, **environment):
    return subprocess.run([BUILD / PROGRAMS[program], *arguments], env=environment, text=True,
                          capture_output=True, timeout=20, check=False)


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_program_tells_about_itself(program):
    told = run(program, "--help")
    assert (told.returncode, told.stderr) == (0, "")
    assert re.match(rf"{program}: .+\n\nUsage: {program} ", told.stdout), "what it is, and how to use it"
    settings = re.findall(r"^  [A-Z][A-Z0-9_]+.* \((required|optional|default .*)\)$", told.stdout, re.M)
    required = [each == "required" for each in settings]
    assert any(required) and required == sorted(required, reverse=True), "what must be set, first"
    told = run(program, "--version")
    assert (told.returncode, told.stderr) == (0, "")
    assert re.fullmatch(rf"{program} \d+\.\d+\.\d+\n", told.stdout)
    told = run(program, "--no-such-option")
    assert told.returncode == 2 and told.stdout == "" and "--no-such-option" in told.stderr


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_program_checks_its_settings_and_opens_nothing(program, tmp_path):
    """Without any, every required one is named at once, a sentence a line."""
    told = run(program, "--check-config")
    assert told.returncode == 2 and told.stdout == ""
    required = re.findall(r"^  ([A-Z][A-Z0-9_]+)(?: or \w+)? \(required\)$",
                          run(program, "--help").stdout, re.M)
    lines = told.stderr.splitlines()
    assert required and all(line.endswith(".") for line in lines)
    assert all(any(line.startswith(name) for line in lines) for name in required), told.stderr

    url = "http://127.0.0.1:1"
    data = tmp_path / "data"
    right = {"STRIPE_SECRET_KEY": "sk_test_x", "AMQP_URL": "amqp://a:b@127.0.0.1:1/",
             "MAIL_FROM": "MoneyPal <no-reply@example.com>", "MAILDIR": str(tmp_path / "mail"),
             "CLIENTS_FILE": str(tmp_path / "clients.json"), "DATA_DIR": str(data)}
    settings = {name: right.get(name, url if name.endswith("URL") else "x" * 32)
                for name in [*required, "DATA_DIR", "MAILDIR"]}
    told = run(program, "--check-config", **settings)
    assert (told.returncode, told.stdout) == (0, "The settings are right.\n"), told.stderr
    assert not data.exists()
