"""`make run`, `make ready`, `make clean`: what a person meets, and that nothing is left."""

import os
import signal
import socket
import time
import uuid
from pathlib import Path

import pytest
import requests

from api import wait_for
from local_system import STOP_S_MAX, LocalSystem, processes_of
from moneypal_local import logs, parts, supervisor
from moneypal_local.settings import PORT_OFFSETS


@pytest.fixture
def fresh(tmp_path):
    """A system of the test's own, not started."""
    system = LocalSystem(tmp_path / "var")
    yield system
    system.stop()


def assert_nothing_left(system, seconds_max=STOP_S_MAX):
    deadline = time.monotonic() + seconds_max
    while left := processes_of(system.settings.var):
        assert time.monotonic() < deadline, f"still running: {left}"
        time.sleep(0.1)


def wait_until_starting(system):
    """Until the broker's process is there, long before all is ready."""
    deadline = time.monotonic() + 30
    while not system.log_of("broker").exists() or "Starting" not in system.printed():
        assert time.monotonic() < deadline, system.printed()
        time.sleep(0.05)


def test_the_screen_tells_where_everything_is(moneypal):
    printed = moneypal.printed()
    assert f"MoneyPal runs at {moneypal.base}" in printed
    for part in parts.all_parts(moneypal.settings):
        assert moneypal.settings.address_of(part.name) in printed
        assert str(moneypal.log_of(part.name)) in printed
    assert str(moneypal.settings.mail) in printed
    assert "make demo" in printed


def test_files_are_for_their_owner_only(moneypal):
    settings = moneypal.settings
    for folder in (settings.var, settings.secrets, settings.data, settings.run, settings.mail):
        assert folder.stat().st_mode & 0o077 == 0, folder
    for path in settings.secrets.iterdir():
        assert path.stat().st_mode & 0o777 == 0o600, path


def test_no_secret_is_in_an_environment_or_a_command(moneypal):
    words = [path.read_bytes() for path in moneypal.settings.secrets.iterdir()]
    for pid in processes_of(moneypal.settings.var):
        process = Path(f"/proc/{pid}")
        seen = (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
        assert not [word for word in words if word in seen], pid


def test_every_port_is_bound_to_loopback_only(moneypal):
    # But for DynamoDB Local, which is on every address.
    ours = {f"{moneypal.settings.port + offset:04X}" for part, offset in PORT_OFFSETS.items()
            if part != "dynamodb"}
    for table, loopback in (("tcp", "0100007F"), ("tcp6", "0" * 24 + "01000000")):
        with open(f"/proc/net/{table}", encoding="ascii") as rows:
            for row in rows.readlines()[1:]:
                address, port = row.split()[1].split(":")
                if port in ours and row.split()[3] == "0A":
                    assert address == loopback, row


def test_ready_answers_at_once_when_all_is_ready(moneypal):
    done = moneypal.command("ready")
    assert (done.returncode, done.stderr) == (0, "")


def test_ready_finds_the_port_of_the_folder(moneypal):
    assert moneypal.command("ready", PORT="").returncode == 0


def test_ready_names_in_one_sentence_what_is_not_ready(fresh):
    done = fresh.command("ready", READY_S_MAX="1")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    for part in parts.all_parts(fresh.settings):
        assert part.name in done.stderr


def test_a_second_run_on_the_same_folder_is_refused(moneypal):
    done = moneypal.command("run", PORT=str(moneypal.settings.port + 100))
    assert done.returncode == 1
    assert done.stderr.startswith("MoneyPal already runs on ")
    assert done.stderr.count("\n") == 1
    assert moneypal.command("ready").returncode == 0


def test_clean_is_refused_while_it_runs(moneypal):
    done = moneypal.command("clean")
    assert done.returncode == 1
    assert done.stderr.startswith("MoneyPal already runs on ")
    assert moneypal.command("ready").returncode == 0


@pytest.mark.parametrize("part", ["gateway", "wallet", "broker_distribution", "epmd"])
def test_a_taken_port_is_named(fresh, part):
    port = fresh.settings.port_of(part)
    with socket.create_server(("127.0.0.1", port)):
        done = fresh.command("run")
    assert done.returncode == 1
    assert done.stderr.startswith(f"Port {port} (for {part.replace('_', ' ')}) cannot be used")
    assert done.stderr.count("\n") == 1
    assert not processes_of(fresh.settings.var)


@pytest.mark.parametrize(
    "name, value", [("PORT", "0"), ("PORT", "65535"), ("PORT", "http"), ("BIND", "everywhere")]
)
def test_a_wrong_setting_is_named(fresh, name, value):
    done = fresh.command("run", **{name: value})
    assert done.returncode == 1
    assert done.stderr.startswith(f"{name} is {value};")
    assert done.stderr.count("\n") == 1


def test_a_part_that_does_not_start_is_named_with_its_last_words(tmp_path):
    build = copy_of_build(LocalSystem(tmp_path / "unused").settings.build, tmp_path / "build")
    billing = build / "services" / "billing" / "moneypal-billing"
    billing.unlink()
    billing.write_text("#!/bin/sh\necho 'first word'\necho 'last word' >&2\nexit 1\n")
    billing.chmod(0o755)

    system = LocalSystem(tmp_path / "var", build=build)
    done = system.command("run")
    assert done.returncode == 1
    assert done.stderr.startswith("billing does not start ")
    assert str(system.log_of("billing")) in done.stderr
    assert done.stderr.endswith("last word\n") and done.stderr.count("\n") == 1
    assert_nothing_left(system, seconds_max=1)


def test_a_missing_binary_is_named(tmp_path):
    done = LocalSystem(tmp_path / "var", build=tmp_path).command("run")
    assert done.returncode == 1
    assert "moneypal-wallet" in done.stderr and done.stderr.count("\n") == 1


def copy_of_build(build, copy):
    """The same binaries, as links, so that one can be replaced."""
    for part in parts.all_parts(LocalSystem(copy, build=build).settings):
        binary = part.command[0]
        if str(binary).startswith(str(build)):
            link = copy / binary.relative_to(build)
            link.parent.mkdir(parents=True)
            link.symlink_to(binary)
    return copy


@pytest.mark.parametrize("part", ["user", "wallet", "sandbox", "gateway", "epmd", "broker"])
def test_a_part_that_dies_is_restarted(moneypal, part):
    moneypal.kill_and_wait(part)
    deadline = time.monotonic() + 10
    while f"{part} had ended and was started again" not in moneypal.printed():
        assert time.monotonic() < deadline, moneypal.printed()
        time.sleep(0.1)
    assert moneypal.command("ready").returncode == 0


def test_a_part_that_was_given_up_is_tried_again(moneypal):
    """supervisord gives up after some attempts; the launcher does not."""
    for _ in range(6):
        pid = moneypal.pid_of("email")
        if pid:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.3)
    moneypal.wait_restarted("email", 0)


def test_a_full_log_begins_anew_and_three_are_kept(moneypal):
    log = moneypal.log_of("wallet")
    traces = [uuid.uuid4().hex for _ in range(5)]
    for trace in traces:
        with open(log, "ab") as file:
            file.write(b"." * logs.BYTES_MAX + b"\n")
        wait_for(lambda: log.stat().st_size, lambda size: size < logs.BYTES_MAX, "a new log")
        requests.get(f"{moneypal.url_of('wallet')}/nowhere", timeout=5, headers={
            "traceparent": f"00-{trace}-{trace[:16]}-01"})
        wait_for(log.read_text, lambda text: trace in text, "the part's next line")
    kept = [log.with_name(f"wallet.log.{number}") for number in (1, 2, 3)]
    for path, trace in zip(kept, traces[3:0:-1], strict=True):
        assert trace in path.read_text()
        path.unlink()
    assert not list(log.parent.glob("wallet.log.*"))


def test_hang_up_while_starting_leaves_nothing(fresh):
    fresh.launch()
    wait_until_starting(fresh)
    assert fresh.stop(signal.SIGHUP) == 0
    assert fresh.printed().endswith("stopped\n")
    assert_nothing_left(fresh, seconds_max=1)


def test_killed_and_stopped_it_leaves_nothing_and_finds_its_data_again(fresh):
    fresh.start()
    secrets = {path.name: path.read_text() for path in fresh.settings.secrets.iterdir()}
    first = processes_of(fresh.settings.var)
    assert len(first) >= len(parts.all_parts(fresh.settings))
    fresh.stop(signal.SIGKILL)

    # At once again: it waits for the parts of the killed one to end, then starts on their data.
    fresh.start()
    assert not set(first) & set(processes_of(fresh.settings.var))
    assert secrets == {path.name: path.read_text() for path in fresh.settings.secrets.iterdir()}
    assert "empty_db_check" in fresh.log_of("broker").read_text(errors="replace")
    assert "Will not seed" in fresh.log_of("broker").read_text(errors="replace")

    fresh.stop(signal.SIGKILL)
    assert_nothing_left(fresh)

    fresh.start()
    log = fresh.settings.log / "supervisord.log"
    told = len(log.read_bytes())
    started = time.monotonic()
    assert fresh.stop(signal.SIGTERM) == 0
    assert time.monotonic() - started < supervisor.STOP_S_MAX
    assert b"SIGKILL" not in log.read_bytes()[told:], "each part ends by itself"
    assert fresh.printed().endswith("stopped\n")
    assert_nothing_left(fresh, seconds_max=1)

    done = fresh.command("clean")
    assert done.returncode == 0, done.stderr
    assert not fresh.settings.var.exists()


def test_when_supervisord_is_killed_everything_ends(fresh):
    fresh.launch()
    wait_until_starting(fresh)
    os.kill(int((fresh.settings.run / "supervisord.pid").read_text()), signal.SIGKILL)
    assert fresh.process.wait(STOP_S_MAX) == 1
    assert "supervisord" in fresh.printed().splitlines()[-1]
    assert_nothing_left(fresh)
