"""One local system's life: from the checks before the start to the last process's end."""

import fcntl
import os
import signal
import socket
import time
import xmlrpc.client

from . import files, logs, supervisor
from .parts import all_parts, missing_programs
from .screen import Screen, last_line, short
from .settings import Refused

LAST_RUN_S_MAX = 30  # a killed launcher's parts may take this long to end
POLL_S = 0.1
WATCH_S = 0.5
NOTED = ("PORT", "STORE")  # for who asks for the running system
GIVEN_UP_S = 5  # between the launcher's own attempts, when supervisord has given a part up


class Lock:
    """Held by the launcher while the system runs; the kernel lets go of it, however it ends."""

    def __init__(self, settings):
        self.path = settings.run / "lock"
        self.var = settings.var
        self.file = None

    def take(self):
        self.file = open(self.path, "a", encoding="ascii")
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.file.close()
            raise Refused(
                f"MoneyPal already runs on {short(self.var)}; stop it first (Ctrl-C there),"
                " or give another VAR and PORT."
            ) from None


class StopSignals:
    """Ctrl-C, SIGTERM and a closed terminal ask for the end; asking again changes nothing."""

    def __init__(self):
        self.asked = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._ask)

    def _ask(self, _number, _frame):
        self.asked = True


class System:
    """The running parts."""

    def __init__(self, settings, screen, stop):
        self.settings = settings
        self.screen = screen
        self.stop = stop
        self.parts = all_parts(settings)
        self.supervisor = supervisor.Supervisor(settings)
        self.logs = logs.Logs(settings, self.parts, screen)
        self.seen = {}
        self.tried_at = {}

    def start(self):
        """Starts everything in its order. False if it was asked to stop meanwhile."""
        self.supervisor.start()
        # The broker takes longest and the services wait for it by themselves: all at once.
        for number in sorted({part.stage for part in self.parts}):
            stage = [part for part in self.parts if part.stage == number]
            for part in stage:
                self.supervisor.start_part(part)
            if not self._wait_ready(stage):
                return False
        self.seen = self.supervisor.states()
        return True

    def watch(self):
        """Until it is asked to stop: tells of parts that died, starts those given up, rotates logs."""
        while not self.stop.asked:
            time.sleep(WATCH_S)
            if self.supervisor.is_gone():
                raise Refused(
                    "supervisord ended unexpectedly, and everything with it: see"
                    f" {short(self.supervisor.log)}, then `make run` again."
                )
            supervisor.end_orphans(self.supervisor.process.pid)
            self.logs.rotate()
            states = self.supervisor.states()
            for part in self.parts:
                self._tell_change(part, self.seen[part.name], states[part.name])
            self.seen = states

    def end(self):
        self.supervisor.stop()
        supervisor.end_orphans(None)

    def _wait_ready(self, parts):
        waiting = list(parts)
        started = time.monotonic()
        while waiting and not self.stop.asked:
            states = self.supervisor.states()
            for part in list(waiting):
                elapsed = time.monotonic() - started
                if self._is_ready(part, states[part.name], elapsed):
                    waiting.remove(part)
                    self.screen.ready(part, elapsed)
            self.screen.waiting([part.name for part in waiting])
            time.sleep(POLL_S)
        return not self.stop.asked

    def _is_ready(self, part, state, elapsed):
        reason = part.probe()
        if state["statename"] in ("STARTING", "RUNNING") and not reason:
            return True
        if state["statename"] == "FATAL":
            raise Refused(self._did_not_start(part, "it ends by itself"))
        if elapsed > part.start_s_max:
            raise Refused(self._did_not_start(part, f"after {part.start_s_max} s {reason}"))
        return False

    def _did_not_start(self, part, reason):
        log = self.settings.log_of(part.name)
        line = last_line(log)
        said = f", whose last line is: {line}" if line else " (empty)"
        return f"{part.name} does not start ({reason}); its log is {short(log)}{said}"

    def _tell_change(self, part, before, now):
        log = short(self.settings.log_of(part.name))
        if now["statename"] == "FATAL":
            self._try_again(part, log)
        elif now["pid"] != before["pid"] and now["pid"] != 0:
            self.screen.notice(f"{part.name} had ended and was started again; see {log}")

    def _try_again(self, part, log):
        if time.monotonic() < self.tried_at.get(part.name, 0) + GIVEN_UP_S:
            return
        self.tried_at[part.name] = time.monotonic()
        self.screen.notice(f"{part.name} ends whenever it is started; trying again, see {log}")
        try:
            self.supervisor.start_part(part)
        except Refused as refused:
            self.screen.notice(str(refused))


def run(settings):
    """Runs the system until it is asked to stop. The exit status."""
    screen = Screen()
    stop = StopSignals()
    files.make_folders(settings)
    lock = Lock(settings)
    lock.take()
    wait_for_last_run(settings, screen)
    system = System(settings, screen, stop)
    check_ports(settings, (name for part in system.parts for name in part.ports))
    _check_programs(system.parts)
    files.write_configuration(settings, system.parts)
    supervisor.adopt_orphans()
    try:
        _run_until_asked(system)
    finally:
        screen.line()
        screen.line("stopping")
        system.end()
        screen.line("stopped")
    return 0


def _run_until_asked(system):
    settings = system.settings
    system.screen.line(f"Starting MoneyPal, with data, logs and secrets in {short(settings.var)}")
    for name, value in (("PORT", settings.port), ("STORE", settings.store)):
        _note(settings, name).write_text(str(value))
    try:
        if system.start():
            system.screen.running(settings, system.parts)
            system.watch()
    except (OSError, xmlrpc.client.Error) as error:
        raise Refused(f"supervisord does not answer: {error}.") from None
    finally:
        for name in NOTED:
            _note(settings, name).unlink(missing_ok=True)


def noted(settings):
    """With which PORT and STORE the system on this VAR runs, if it does."""
    return {name: _note(settings, name).read_text() for name in NOTED
            if _note(settings, name).exists()}


def _note(settings, name):
    return settings.run / name.lower()


def check_ports(settings, names):
    for name in names:
        host, _, port = settings.address_of(name).partition(":")
        reason = _why_not_free(host, int(port))
        if reason:
            raise Refused(
                f"Port {port} (for {name.replace('_', ' ')}) cannot be used: {reason};"
                " free it, or give another PORT."
            )


def _why_not_free(host, port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen()
        except OSError as error:
            return os.strerror(error.errno).lower()
    return ""


def _check_programs(parts):
    missing = missing_programs(parts)
    if missing:
        paths = ", ".join(str(short(part.command[0])) for part in missing)
        raise Refused(f"{paths} cannot be run; `make setup build` makes what is missing.")


def wait_for_last_run(settings, screen):
    """After a killed launcher its supervisord still ends the parts, for some seconds."""
    if not supervisor.is_listening(settings):
        return
    screen.line("The last run was killed; waiting for its parts to end")
    deadline = time.monotonic() + LAST_RUN_S_MAX
    while supervisor.is_listening(settings):
        if time.monotonic() > deadline:
            raise Refused(
                f"The last run's supervisord still runs on {short(settings.var)}: wait, or end"
                f" process {supervisor.last_pid(settings)}, then `make run` again."
            )
        time.sleep(POLL_S)
