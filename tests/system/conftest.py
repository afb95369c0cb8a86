"""Fixtures of the system tests: the real binaries, a real broker, a real gateway."""

import re
import resource
import sys
from pathlib import Path

import pytest

from local_system import LocalSystem

sys.path.insert(0, str(Path(__file__).parents[1] / "client"))

from inside import Sandbox  # noqa: E402


@pytest.fixture(scope="session")
def moneypal(tmp_path_factory):
    """The system that the tests share. Who stops a part of it starts it again."""
    system = LocalSystem(tmp_path_factory.mktemp("shared") / "var")
    try:
        yield system.start()
    finally:
        system.stop()
    assert sanitizers_words(system) == []


def sanitizers_words(system):
    """What a build with sanitizers (BUILD=) found; of those that were killed, too."""
    return [line for log in sorted(system.settings.log.glob("*.log"))
            for line in log.read_text(errors="replace").splitlines()
            if re.search(r"(Address|Leak|Thread)Sanitizer: |: runtime error: ", line)]


@pytest.fixture
def sandbox(moneypal):
    """The payment provider, without faults again afterwards."""
    sandbox = Sandbox(moneypal)
    yield sandbox
    sandbox.clear_faults()


@pytest.fixture
def many_sockets():
    """Room for thousands of them in this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 8192)), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Says with a failure where the logs are; pytest keeps the folders of its last three runs."""
    report = (yield).get_result()
    if report.failed:
        systems = [each for each in item.funcargs.values() if isinstance(each, LocalSystem)]
        for system in systems:
            report.sections.append(("logs", f"{system.settings.log}\n{system.output}"))
