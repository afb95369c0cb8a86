"""The services keep their contracts: generated requests, answers as openapi.yaml has them.

Schemathesis makes the requests, right ones and wrong ones, from each openapi.yaml; SEED=n gives
others than the usual ones. It runs as a program of its own, from .venv (`tools/setup test`).
"""

import json
import os
import subprocess

import pytest
import requests

import inside
from alone import Alone, Keys
from api import Person, pay_at_provider
from local_system import ROOT

SCHEMATHESIS = ROOT / ".venv" / "bin" / "schemathesis"
RUN_S_MAX = 120
EXAMPLES = 10  # of each operation, beside its own examples and the coverage of every bound
CHECKS = ("not_a_server_error", "status_code_conformance", "content_type_conformance",
          "response_headers_conformance", "response_schema_conformance")
USER_CLIENTS = {"all": {"secret": "all-secret-0123456789", "scopes": [
    "user:read", "keys:rotate", "operations:write"]}}


def check(folder, service, base, token, *more):
    """Runs it against a service; what it found is the failure's text."""
    command = [
        SCHEMATHESIS, "--config-file", folder / "schemathesis.toml",
        "run", ROOT / "services" / service / "openapi.yaml", "--url", base,
        "--header", f"Authorization: Bearer {token}",
        "--phases", "examples,coverage,fuzzing", "--checks", ",".join(CHECKS),
        "--max-examples", str(EXAMPLES), "--seed", os.environ.get("SEED", "1"), "--no-shrink",
        "--request-timeout", "20", "--warnings", "off", "--continue-on-failure", *more,
    ]
    (folder / "schemathesis.toml").write_text("")
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False,
                           timeout=RUN_S_MAX)
    assert ended.returncode == 0, ended.stdout[-12000:] + ended.stderr[-2000:]


@pytest.fixture(scope="module")
def ada(moneypal):
    """Somebody of whom every list has something."""
    ada, bob = (Person.register(moneypal.base, name, "Contract", email=f"{name}@example.com")
                for name in ("Ada", "Bob"))
    payment = ada.pay(bob.id, "12.50", source="card")
    url = ada.wait_checkout_url(payment["id"])["checkout_url"]
    assert pay_at_provider(url).status_code == 303
    ada.wait_payment(payment["id"], "succeeded")
    return ada


@pytest.mark.parametrize("service, more", [
    ("wallet", ("--include-tag", "wallets")),
    # A stream has no end while its payment has none; test_live.py compares it with the other reads.
    ("payment", ("--exclude-operation-id", "watchPayment")),
    ("billing", ()),
    ("email", ()),
])
def test_answers_are_as_the_contract_has_them(moneypal, ada, tmp_path, service, more):
    check(tmp_path, service, moneypal.url_of(service), ada.token, *more)
    assert inside.audit(moneypal)["ok"] is True


@pytest.mark.parametrize("service", ["payment", "billing", "email"])
def test_answers_to_operators_are_as_the_contract_has_them(moneypal, ada, tmp_path, service):
    check(tmp_path, service, moneypal.url_of(service), inside.service_token(moneypal, "mpctl"),
          "--include-tag", "operations")


def test_answers_of_transfers_are_as_the_contract_has_them(tmp_path):
    """By itself: what is generated here moves money."""
    keys = Keys()
    wallet = Alone("wallet", tmp_path / "wallet", keys)
    try:
        check(tmp_path, "wallet", wallet.base, keys.of_service(), "--exclude-tag", "wallets")
    finally:
        assert wallet.stop() == 0
        keys.server.shutdown()


def test_answers_of_users_are_as_the_contract_has_them(tmp_path):
    """By itself: wrong passwords without number would slow down other tests' log-ons."""
    clients = tmp_path / "clients.json"
    clients.write_text(json.dumps(USER_CLIENTS))
    user = Alone("user", tmp_path / "user", CLIENTS_FILE=str(clients),
                 ARGON2_MIB="1", ARGON2_T="1")
    try:
        ada = Person.register(user.base, "Ada", "Contract", email="ada@example.com")
        sign_out = "signOutEverywhere"  # last: it ends what the token may do
        check(tmp_path, "user", user.base, ada.token, "--exclude-tag", "inside",
              "--exclude-operation-id", sign_out)
        check(tmp_path, "user", user.base, ada.token, "--include-operation-id", sign_out)
        token = requests.post(f"{user.base}/oauth/token", timeout=20, auth=(
            "all", USER_CLIENTS["all"]["secret"]), data={"grant_type": "client_credentials"})
        check(tmp_path, "user", user.base, token.json()["access_token"], "--include-tag", "inside")
    finally:
        assert user.stop() == 0
