"""Refusals that the table of test_refusals.py does not come by; and that every one is met."""

import re

import pytest
import requests

from alone import Alone, Keys
from local_system import ROOT
from test_refusals import PROBLEMS


@pytest.fixture(scope="module")
def keys():
    keys = Keys()
    yield keys
    keys.server.shutdown()


def call(service, keys, method, path, body=None):
    headers = {"Authorization": f"Bearer {keys.of_service(scope='store:backup')}"}
    answer = requests.request(method, service.base + path, json=body, headers=headers, timeout=20)
    return answer.status_code, answer.json().get("type", "").removeprefix("/problems/")


def test_a_service_without_a_place_for_backups_says_so(tmp_path, keys):
    billing = Alone("billing", tmp_path / "billing", keys)
    try:
        assert call(billing, keys, "POST", "/v1/backups", {"name": "x"}) == (422, "no_backups")
    finally:
        assert billing.stop() == 0


def test_a_backup_is_copied_once(tmp_path, keys):
    billing = Alone("billing", tmp_path / "billing", keys, BACKUP_DIR=str(tmp_path / "copies"))
    try:
        assert call(billing, keys, "POST", "/v1/backups", {"name": "x"})[0] == 201
        assert call(billing, keys, "POST", "/v1/backups", {"name": "y"}) == (503, "busy")
        assert call(billing, keys, "POST", "/v1/backups/x/copy")[0] == 200
        assert call(billing, keys, "POST", "/v1/backups/x/copy") == (409, "not_copied")
        assert call(billing, keys, "DELETE", "/v1/backups/x")[0] == 200
        assert call(billing, keys, "POST", "/v1/backups/x/copy") == (404, "not_found")
    finally:
        assert billing.stop() == 0


OUT_OF_REACH = ("report_too_large: 10,001 counterparties; services/billing/test_billing.c holds the bound",)


def test_every_problem_is_met_by_a_test():
    """Some test names it, beside the table's own."""
    sources = [*(ROOT / "tests/system").glob("test_*.py"),
               *(path for folder in ("lib", "services") for path in ROOT.glob(f"{folder}/**/test_*.c"))]
    named = {name for path in sources
             for name in re.findall(r'"(?:/problems/)?([a-z_]+)\\?"', path.read_text())}
    assert set(PROBLEMS) - named == {each.split(":")[0] for each in OUT_OF_REACH}
