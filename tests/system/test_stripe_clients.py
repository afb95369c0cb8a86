"""Stripe's own libraries, unchanged, do with the sandbox what they do with Stripe."""
import json
import subprocess
import time

import pytest
from api import pay_at_provider, wait_for
from test_sandbox import KEY, ROOT, SECRETS, Endpoint, Provider

FOLDER = ROOT / "tests/stripe_clients"
COMMANDS = {
    "python": [ROOT / ".venv/bin/python", FOLDER / "client.py"],
    "node": [ROOT / "build-node/bin/node", FOLDER / "client.mjs"],
}


@pytest.fixture(scope="module")
def installed():
    subprocess.run([ROOT / "tools/web", "packages", FOLDER], check=True, timeout=300)


@pytest.mark.parametrize("language", COMMANDS)
def test_the_official_client_works_unchanged(installed, tmp_path, language):
    endpoint = Endpoint()
    provider = Provider(tmp_path, endpoint).start()

    def client(step, given):
        ended = subprocess.run([*COMMANDS[language], provider.base, KEY, step], timeout=60,
                               input=json.dumps(given), capture_output=True, text=True,
                               check=False)
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout)

    try:
        opened = client("open", {})
        expect_opened(opened)
        assert pay_at_provider(opened["url"]).status_code == 303
        wait_for(endpoint.types, lambda types: "checkout.session.completed" in types, "its webhook")
        expect_seen(client("look", opened), opened)
        deliveries = deliveries_to_verify(endpoint)
        told = client("verify", {"deliveries": [each for each, _ in deliveries]})
        assert told == [expected for _, expected in deliveries]
    finally:
        provider.stop()
        endpoint.close()


def expect_opened(opened):
    assert opened["same"], "one key, one session"
    assert opened["fields"] == ["open", "unpaid", 13000, "usd", "order-7", "p-1", False]
    assert opened["yen_total"] == 500, "a currency without decimals"
    assert opened["expired"] == ["expired", "expired"]
    assert opened["too_small"][:3] == ["InvalidRequestError", 400, "amount_too_small"]
    assert opened["unknown"] == ["InvalidRequestError", 404, "resource_missing", "session"]
    assert opened["expired_again"][:2] == ["InvalidRequestError", 400]
    assert opened["other_body"][:2] == ["IdempotencyError", 400]
    assert opened["other_key"][:2] == ["AuthenticationError", 401]


def expect_seen(seen, opened):
    assert seen["session"] == ["complete", "paid"]
    assert seen["intent"] == ["succeeded", 13000, 13000, "usd"]
    assert seen["intents"] is True
    assert seen["listed"] == [opened["doomed"], opened["yen"], opened["session"]]
    assert seen["event"] == ["event", "checkout.session.completed"]
    assert {"checkout.session.completed", "checkout.session.expired",
            "payment_intent.succeeded"} <= set(seen["types"])


def deliveries_to_verify(endpoint):
    """What came, with what a library says to it: each secret verifies it, and nothing else does."""
    signature, raw = next((header, body) for header, body in endpoint.deliveries
                          if b"checkout.session.completed" in body)
    good = {"signature": signature, "body": raw.decode()}
    stale = signature.replace(signature.split(",")[0], f"t={int(time.time()) - 301}")
    return [
        *(({**good, "secret": secret}, "checkout.session.completed") for secret in SECRETS),
        ({**good, "secret": "whsec_other"}, "refused"),
        ({**good, "secret": SECRETS[0], "body": good["body"] + " "}, "refused"),
        ({**good, "secret": SECRETS[0], "signature": stale}, "refused"),
    ]
