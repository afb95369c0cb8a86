"""tools/test in a checkout of stand-ins: every step tells its time; one that fails ends all at once."""

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STAND_INS = ("setup", "check", "check-contracts", "build", "unit", "web", "deploy-check", "fuzz",
             "alloc", "journeys")
SUITES = (*(f"tests/system/test_{name}.py" for name in (
    "access", "chaos", "dashboard", "house", "install", "journeys", "launcher", "overload", "replicas",
    "store_start")), "tests/tools/test_one.py", "tests/client/test_two.py")
LONG_S = 50


def runs(pid):
    """Whether a process is there, and not only its exit status, which nobody may have asked for."""
    try:
        return Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def run_all(tmp_path):
    def write(name, text):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)

    for name in STAND_INS:
        write(f"tools/{name}", "#!/bin/bash\n")
    for name in SUITES:
        write(name, "def test_killed(): pass\n")
    write("bin/meson", "#!/bin/bash\n")
    (tmp_path / "build").mkdir()
    shutil.copy(ROOT / "tools/test", tmp_path / "tools")

    def run(changed=None):
        for name, text in (changed or {}).items():
            write(name, text)
        environment = {**os.environ, "PATH": f"{tmp_path}/bin:{os.environ['PATH']}"}
        environment.pop("T", None)
        return subprocess.run([tmp_path / "tools/test"], text=True, capture_output=True, timeout=60,
                              check=False, env=environment)

    return run


def test_every_step_of_every_lane_tells_its_time(run_all):
    done = run_all()
    assert done.returncode == 0, done.stdout + done.stderr
    begun = re.findall("^== (.*)$", done.stdout, re.M)
    ended = re.findall("^   (.*): [0-9]+ s$", done.stdout, re.M)
    assert len(begun) >= 23 and sorted(begun) == sorted(ended)
    assert "All tests passed" in done.stdout


@pytest.mark.parametrize("failing, long, step", [
    ("bin/meson", "tools/deploy-check", "tests with a broker"),
    ("tools/deploy-check", "bin/meson", "infrastructure, workflows, alerts"),
    ("tools/fuzz", "tools/deploy-check", "fuzzing"),
])
def test_a_step_that_fails_ends_the_lane_beside_it(run_all, tmp_path, failing, long, step):
    started = time.monotonic()
    done = run_all({failing: "#!/bin/bash\nexit 1\n",
                    long: f"#!/bin/bash\necho $$ >{tmp_path}/pid\nexec sleep {LONG_S}\n"})
    assert time.monotonic() - started < LONG_S / 2
    assert done.returncode == 1
    assert f"FAILED: {step}, after" in done.stdout + done.stderr
    if (tmp_path / "pid").exists():  # it may have failed before the other began
        pid = (tmp_path / "pid").read_text().strip()
        while runs(pid):
            assert time.monotonic() - started < LONG_S / 2, "the lane beside it goes on"
            time.sleep(0.1)
