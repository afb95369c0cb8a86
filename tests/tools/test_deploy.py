"""tools/deploy and tools/release against stand-ins: what they ask, and what undoes a rollout.

The stand-in of kubectl keeps each Deployment's revision in a file, and the ConfigMap in another.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "deploy/local"))

from moneypal_local import secret_files  # noqa: E402

IMAGES = ("user", "wallet", "payment", "billing", "email", "gateway", "mpctl")
DEPLOYMENTS = (*IMAGES[:-1], "wallet-audit")
DIGEST = "sha256:" + "0" * 64

STAND_IN = r"""#!/bin/bash
echo "${0##*/} $*" >>"$CALLS"
name=$(grep -o 'deployment/[a-z-]*' <<<"$*" | head -n 1) revision=$STATE/${name#*/}
case "$*" in
*describe-repositories*) echo "1.dkr.ecr.eu-central-1.amazonaws.com/$(sed 's/.*names //; s/ .*//' <<<"$*")" ;;
*describe-images*) echo "$DIGEST" ;;
*"sign --yes"* | *"attest --yes"*) ;;
inspect*) echo "${!#%:*}@$DIGEST" ;;
kustomize*) cat "$STATE/rendered" 2>/dev/null || true ;;
"apply -k"*) for name in $CHANGES; do echo $((1 + $(cat "$STATE/$name" || echo 0))) >"$STATE/$name.new"
	mv "$STATE/$name.new" "$STATE/$name"; done 2>/dev/null ;;
*"get deployment/$HICCUPS "*) echo 'the server is currently unable' >&2; exit 1 ;;
*"get deployment/"*) [[ $* == *--ignore-not-found* && ! -e $revision ]] || cat "$revision" ;;
*"create job"*) echo '{"spec": {"template": {"spec": {"containers": [{"args": ["help"]}]}}}}' ;;
*"create -f -") cat >"$STATE/job" ;;
*"get pods"*phase*) echo "$PHASE" ;;
*"get pods"*exitCode*) echo 3 ;;
*"logs job/"*) echo 'what mpctl says' ;;
*"create configmap"*) cp build/deploy/before "$STATE/before" ;;
*"get configmap"*) [ -e "$STATE/before" ] && tr = ' ' <"$STATE/before" ;;
*"delete configmap"*) rm "$STATE/before" ;;
*"rollout undo"*) echo "${*##*=} again" >"$revision" ;;
*"rollout status deployment/$STALLS "*) grep -q again "$revision" ;;
esac
"""


@pytest.fixture
def machine(tmp_path):
    state = tmp_path / "state"
    state.mkdir()
    for name in ("aws", "kubectl", "cosign", "docker"):
        (tmp_path / name).write_text(STAND_IN)
        (tmp_path / name).chmod(0o755)

    def run(tool, *arguments, stalls="none", hiccups="none", digest=DIGEST,
            changes=DEPLOYMENTS, **more):
        calls = tmp_path / "calls"
        calls.unlink(missing_ok=True)
        done = subprocess.run([ROOT / tool, *arguments], text=True, capture_output=True,
                              check=False, timeout=60, env={
                                  **os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}",
                                  "CALLS": str(calls), "STATE": str(state), "STALLS": stalls,
                                  "HICCUPS": hiccups, "DIGEST": digest, "CHANGES": " ".join(changes), **more})
        return done, calls.read_text() if calls.exists() else ""

    run.state = state
    return run


@pytest.fixture
def deployed(machine):
    """What ran before: revision 1 of everything."""
    for name in DEPLOYMENTS:
        (machine.state / name).write_text("1\n")
    return machine


def undone(calls):
    return re.findall(r"rollout undo deployment/(\S+) --to-revision=(\d+)", calls)


def test_a_version_is_rolled_out_by_digest(deployed):
    done, calls = deployed("tools/deploy", "roll", "v1.2.3")
    assert done.returncode == 0, done.stderr
    written = (ROOT / "build/deploy/kustomization.yaml").read_text()
    assert written.count(f"digest: {DIGEST}") == len(IMAGES)
    assert "apply -k build/deploy" in calls and "undo" not in calls


def test_a_rollout_that_stalls_is_undone_everywhere(deployed):
    done, calls = deployed("tools/deploy", "roll", "v1.2.3", stalls="wallet")
    assert done.returncode == 1
    assert "v1.2.3 was not rolled out" in done.stderr
    assert sorted(undone(calls)) == sorted((name, "1") for name in DEPLOYMENTS)


def test_what_was_undone_is_not_undone_again(deployed):
    """A second `rollout undo` would bring the bad version back."""
    assert deployed("tools/deploy", "roll", "v1.2.3", stalls="wallet")[0].returncode == 1
    done, calls = deployed("tools/deploy", "undo")
    assert done.returncode == 1 and "nothing was rolled out" in done.stderr
    assert undone(calls) == []


def test_what_a_rollout_did_not_change_stays(deployed):
    assert deployed("tools/deploy", "roll", "v1.2.3", changes=["user"])[0].returncode == 0
    done, calls = deployed("tools/deploy", "undo")
    assert done.returncode == 0, done.stderr
    assert undone(calls) == [("user", "1")]


def test_the_first_rollout_has_nothing_to_go_back_to(machine):
    done, calls = machine("tools/deploy", "roll", "v1.2.3", stalls="user")
    assert done.returncode == 1 and "nothing to go back to" in done.stderr
    assert undone(calls) == []


def test_only_what_is_new_has_nothing_to_go_back_to(deployed):
    (deployed.state / "email").unlink()
    done, calls = deployed("tools/deploy", "roll", "v1.2.3", stalls="wallet")
    assert done.returncode == 1
    assert sorted(undone(calls)) == sorted((name, "1") for name in DEPLOYMENTS if name != "email")


def test_nothing_is_rolled_out_while_it_is_not_known_what_runs(deployed):
    """What is not remembered would not be brought back."""
    done, calls = deployed("tools/deploy", "roll", "v1.2.3", hiccups="wallet")
    assert done.returncode == 1
    assert "what runs of wallet is not known" in done.stderr and "unable" in done.stderr
    assert "apply" not in calls and "configmap" not in calls


def test_the_examples_names_are_not_rolled_out(deployed):
    (deployed.state / "rendered").write_text("host: pay.example.com\n")
    done, calls = deployed("tools/deploy", "roll", "v1.2.3")
    assert done.returncode == 1 and "pay.example.com" in done.stdout
    assert "apply" not in calls


def test_the_workflow_undoes_a_rollout_that_does_not_serve_and_nothing_else():
    steps = yaml.safe_load((ROOT / ".github/workflows/deploy.yml").read_text())[
        "jobs"]["deploy"]["steps"]
    undo = next(step for step in steps if step.get("run") == "tools/deploy undo")
    smoke = next(step for step in steps if step.get("run") == "tools/deploy smoke")
    assert undo["if"] == f"failure() && steps.{smoke['id']}.outcome == 'failure'"
    assert steps.index(undo) > steps.index(smoke)


def test_a_credential_is_a_clients(tmp_path):
    """Of another the user service has never heard: nobody is handed one."""
    secret_files.make_clients(tmp_path)
    clients = set(json.loads((tmp_path / "clients.json").read_text()))
    assert {path.name for path in tmp_path.iterdir()} == {
        "clients.json", *(f"client_{name}" for name in clients)}
    files = subprocess.run(["git", "ls-files", "deploy"], cwd=ROOT, text=True, check=True,
                           capture_output=True).stdout.split()
    handed = {name for file in files
              for name in re.findall(r"\bclient[_-]([a-z]+)\b", (ROOT / file).read_text())}
    assert handed == clients


def test_a_release_is_pushed_once_and_signed_by_digest(machine):
    version = re.search(r"version: '([0-9.]+)'", (ROOT / "meson.build").read_text())[1]
    done, calls = machine("tools/release", f"v{version}", "registry.example")
    assert done.returncode == 0, done.stderr
    for name in IMAGES:
        image = f"registry.example/moneypal/{name}"
        assert f"docker push --quiet {image}:v{version}\n" in calls
        assert f"cosign sign --yes {image}@{DIGEST}\n" in calls
        assert re.search(f"cosign attest --yes --type cyclonedx --predicate "
                         f"build/images/{name}.cdx.json {image}@{DIGEST}\n", calls)
    assert not re.search(r"cosign (sign|attest) .*:v[0-9]", calls), "a tag is no image"


def test_a_release_is_of_the_version_that_the_programs_tell(machine):
    done, calls = machine("tools/release", "v9.9.9", "registry.example")
    assert done.returncode == 1 and "meson.build" in done.stderr
    assert calls == ""


def test_every_signature_is_verified_as_the_workflows(machine):
    signer = "https://github.com/example/moneypal/.github/workflows/release.yml@refs/tags/v1.2.3"
    done, calls = machine("tools/deploy", "verify", "v1.2.3", SIGNER=signer)
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
    done, calls = machine("tools/deploy", *arguments, digest=digest)
    assert done.returncode == 1 and says in done.stderr, done.stderr
    assert "kubectl" not in calls


def test_mpctl_is_a_job_of_its_own_that_is_gone_when_it_has_ended(machine):
    done, calls = machine("deploy/k8s/mpctl", "dead", "show", "billing", "a b", PHASE="Failed")
    assert (done.returncode, done.stdout) == (3, "what mpctl says\n"), done.stderr
    job = json.loads((machine.state / "job").read_text())
    assert job["spec"]["template"]["spec"]["containers"][0]["args"] == [
        "dead", "show", "billing", "a b"]
    assert "delete job mpctl-" in calls.splitlines()[-1]
