"""tools/ship-test in a checkout of stand-ins: what fails, what is skipped and why, what is bounded."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STEPS = ("tools/clean-room", "tests/systemd/run", "deploy/images/build", "deploy/compose/test",
         "tools/kube-binaries", "tests/kube/run")
OURS = ("tools/clean-room", "tests/systemd/run", "deploy/images/build", "deploy/compose/test",
        "tests/kube/run")
HELPERS = ("tools/setup", "deploy/images/stand-ins")
ENGINE = """ENGINE=true DEBIAN=debian
fail() { echo "$*" >&2; exit 1; }
build_image() { :; }
base_image() { echo debian; }
"""


@pytest.fixture
def ship_test(tmp_path):
    def write(name, text):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"#!/bin/bash\n{text}\n")
        (tmp_path / name).chmod(0o755)

    for name in (*STEPS, *HELPERS):
        write(name, "true")
    write("bin/id", "echo 0")
    write("bin/df", "echo 50000")
    write("bin/awk", "echo 8000")
    for name in ("mmdebstrap", "unshare"):
        write(f"bin/{name}", "true")
    write("deploy/images/engine", ENGINE)
    shutil.copy(ROOT / "tools/ship-test", tmp_path / "tools")

    def run(changed=None, bounds=None, **more):
        for name, text in (changed or {}).items():
            write(name, text)
        for name, seconds in (bounds or {}).items():
            script = tmp_path / "tools/ship-test"
            text, count = re.subn(rf"' \d+ {name}\b", f"' {seconds} {name}", script.read_text())
            assert count == 1, f"no step is {name}"
            script.write_text(text)
        return subprocess.run([tmp_path / "tools/ship-test"], text=True, capture_output=True,
                              check=False, timeout=60, env={
                                  **os.environ, **more,
                                  "PATH": f"{tmp_path}/bin:{os.environ['PATH']}"})

    return run


def test_every_step_tells_its_time(ship_test):
    done = ship_test()
    assert done.returncode == 0, done.stderr
    for name in ("a room on this machine", "run and demo in a bare Debian 12",
                 "installed, and run by systemd",
                 "containers on this machine", "images", "the composed system",
                 "Kubernetes' programs", "a cluster of one machine"):
        assert re.search(rf"^   {name}: [0-9]+ s$", done.stdout, re.M), name
    assert "SKIPPED" not in done.stdout


@pytest.mark.parametrize("changed, reason", [
    ({"tools/setup": "echo 'no network' >&2; exit 1"}, "no network"),
    ({"bin/id": "echo 1000"}, "it needs root"),
    ({"bin/df": "echo 100"}, "free in /var"),
    ({"deploy/images/engine": ENGINE + "build_image() { echo 'no mounts' >&2; return 1; }"}, "no mounts"),
])
def test_what_the_machine_cannot_do_is_skipped_and_said(ship_test, changed, reason):
    done = ship_test({**changed, "deploy/images/build": "exit 1"})
    assert done.returncode == 0, done.stderr
    assert any("SKIPPED: containers on this machine: " in line and reason in line
               for line in done.stdout.split("\n")), done.stdout


def test_a_cluster_that_cannot_be_is_skipped(ship_test):
    done = ship_test({"tests/kube/run": "echo 'NOT RUN: no cgroups'; exit 77"})
    assert done.returncode == 0, done.stderr
    assert "SKIPPED: a cluster of one machine: the line above says why" in done.stdout


@pytest.mark.parametrize("name", OURS)
def test_what_is_ours_fails(ship_test, name):
    done = ship_test({name: "exit 1"})
    assert done.returncode == 1
    assert f"({name})" in done.stderr and "FAILED" in done.stderr


def test_a_dockerfile_of_ours_that_does_not_build_fails(ship_test):
    spoilt = ENGINE + """build_image() {
        [[ $* != *"-f deploy/images/Dockerfile "* ]] || { echo 'no such package' >&2; return 1; }
    }"""
    done = ship_test({"deploy/images/engine": spoilt, "deploy/images/build":
                      ". deploy/images/engine; build_image -f deploy/images/Dockerfile ."})
    assert done.returncode == 1
    assert "FAILED: images" in done.stderr and "SKIPPED" not in done.stdout


@pytest.mark.parametrize("name", OURS)
def test_what_hangs_is_ours_and_fails(ship_test, name):
    done = ship_test({name: "sleep 50"}, {name: 2})
    assert done.returncode == 1, done.stdout
    assert re.search(rf"FAILED: .*, not ended after \d+ s \({name}\)", done.stderr)


def test_no_step_outlives_the_budget(ship_test):
    done = ship_test({"deploy/images/build": "sleep 50"}, BUDGET_S="4")
    assert done.returncode == 0, done.stderr
    # The first one, where the machine is that slow.
    assert re.search("SKIPPED: (images: no time left|containers on this machine:),? after", done.stdout)
