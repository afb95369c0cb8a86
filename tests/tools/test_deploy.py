"""tools/deploy against stand-ins of aws and kubectl: what it asks of them, and what undoes a rollout."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ("user", "wallet", "payment", "billing", "email", "gateway")
DIGEST = "sha256:" + "0" * 64

STAND_IN = """#!/bin/bash
echo "${0##*/} $*" >>"$CALLS"
case "$*" in
*describe-repositories*) echo "1.dkr.ecr.eu-central-1.amazonaws.com/$(sed 's/.*names //; s/ .*//' <<<"$*")" ;;
*describe-images*) echo "$DIGEST" ;;
*"rollout status deployment/$STALLS "*) [ -e "$CALLS.undone" ] ;;
*"rollout undo"*) touch "$CALLS.undone" ;;
esac
"""


@pytest.fixture
def machine(tmp_path):
    for name in ("aws", "kubectl", "cosign"):
        (tmp_path / name).write_text(STAND_IN)
        (tmp_path / name).chmod(0o755)

    def deploy(*arguments, stalls="none", digest=DIGEST, **more):
        done = subprocess.run([ROOT / "tools/deploy", *arguments], text=True, capture_output=True,
                              check=False, timeout=60, env={
                                  **os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}",
                                  "CALLS": str(tmp_path / "calls"), "STALLS": stalls,
                                  "DIGEST": digest, **more})
        calls = tmp_path / "calls"
        return done, calls.read_text() if calls.exists() else ""

    return deploy


def test_a_version_is_rolled_out_by_digest(machine):
    done, calls = machine("roll", "v1.2.3")
    assert done.returncode == 0, done.stderr
    written = (ROOT / "build/deploy/kustomization.yaml").read_text()
    assert written.count(f"digest: {DIGEST}") == len(IMAGES)
    assert "apply -k build/deploy" in calls and "undo" not in calls


def test_a_rollout_that_stalls_is_undone_everywhere(machine):
    done, calls = machine("roll", "v1.2.3", stalls="wallet")
    assert done.returncode == 1
    assert "v1.2.3 was not rolled out" in done.stderr
    assert all(f"rollout undo deployment/{name}" in calls for name in IMAGES)


def test_every_signature_is_verified_as_the_workflows(machine):
    signer = "https://github.com/example/moneypal/.github/workflows/release.yml@refs/tags/v1.2.3"
    done, calls = machine("verify", "v1.2.3", SIGNER=signer)
    assert done.returncode == 0, done.stderr
    assert calls.count(f"cosign verify --certificate-identity {signer}") == len(IMAGES)


@pytest.mark.parametrize("arguments, digest, says", [
    (("roll", "latest"), DIGEST, "no version"),
    (("roll", "v1.2.3; rm"), DIGEST, "no version"),
    (("roll", "v9.9.9"), "None", "no image"),
    (("infrastructure",), DIGEST, "SETTINGS must name"),
    ((), DIGEST, "usage"),
])
def test_what_cannot_be_done_is_refused_before_anything_changes(machine, arguments, digest, says):
    done, calls = machine(*arguments, digest=digest)
    assert done.returncode == 1 and says in done.stderr, done.stderr
    assert "kubectl" not in calls
