"""A whole MoneyPal for tests, started by the launcher of `make run` in a folder of its own."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "deploy" / "local"))

from moneypal_local import parts, secret_files, supervisor, system  # noqa: E402
from moneypal_local.settings import PORT_OFFSETS, Refused, Settings, cache_of  # noqa: E402

START_S_MAX = 150
STOP_S_MAX = 30
# Below the ports that the kernel gives to outgoing connections.
PORT_LEAST, PORT_MOST = 20000, 32000
# A system's range has the ports of its parts, then those of spare_port(), and last the claim on it.
PORTS_EACH = 32
PORT_SPARE, PORT_CLAIM = max(PORT_OFFSETS.values()) + 1, PORTS_EACH - 1
CLAIMS = []  # sockets, open until the tests end


class LocalSystem:
    """
    One running system. `settings` has its folders and ports; `base` is the gateway's address.

    Tests that need other rates or binaries give them; the default is no limit that a test meets.
    """

    def __init__(self, var, port=None, build=None, requests_per_s=100_000, sign_ons_per_s=100_000,
                 store=None, dynamodb=""):
        self.settings = Settings(
            var=Path(var).resolve(),
            build=Path(build or ROOT / (os.environ.get("BUILD") or "build")).resolve(),
            requests_per_s=requests_per_s,
            sign_ons_per_s=sign_ons_per_s,
            store=store or os.environ.get("STORE") or "rocksdb",
            cache=cache_of(os.environ),
            dynamodb=dynamodb,
        )
        self.settings = replace(self.settings, port=port or free_port(self.settings))
        self.output = self.settings.var.with_name(self.settings.var.name + ".output")
        self.process = None
        self.prefix = []  # a command that runs the launcher

    @property
    def base(self):
        return self.settings.url_of("gateway")

    def url_of(self, part):
        """The address of a part itself, past the gateway."""
        return self.settings.url_of(part)

    def spare_port(self, number):
        """A port for a process that the tests run beside the parts: 0 is the first one's."""
        assert PORT_SPARE + number < PORT_CLAIM
        return self.settings.port + PORT_SPARE + number

    def secret(self, name):
        return secret_files.read(self.settings, name)

    def log_of(self, part):
        return self.settings.log_of(part)

    def launch(self):
        """Starts the launcher, and does not wait. What it prints goes to `output`."""
        with open(self.output, "wb") as output:
            self.process = subprocess.Popen(
                # It must end with the tests, however these end.
                ["/usr/bin/setpriv", "--pdeathsig", "TERM", *self.prefix,
                 ROOT / "deploy/local/launch", "run"],
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def start(self):
        self.launch()
        self.wait_ready()
        return self

    def wait_ready(self, seconds_max=START_S_MAX):
        deadline = time.monotonic() + seconds_max
        while "Ctrl-C stops all" not in self.printed():
            assert self.process.poll() is None, f"the launcher ended:\n{self.printed()}"
            assert time.monotonic() < deadline, f"not ready:\n{self.printed()}"
            time.sleep(0.1)

    def stop(self, number=signal.SIGTERM):
        """Ends the launcher by a signal. Its exit status."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(STOP_S_MAX)

    def command(self, name, **environment):
        """Runs another of the launcher's commands on this system's folder."""
        return subprocess.run(
            [ROOT / "deploy/local/launch", name],
            env=self.environment(**environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=START_S_MAX,
            check=False,
        )

    def environment(self, **more):
        settings = self.settings
        return {
            "PATH": os.environ["PATH"],
            "VAR": str(settings.var),
            "PORT": str(settings.port),
            "BUILD": str(settings.build),
            "GATEWAY_RATE": str(settings.requests_per_s),
            "GATEWAY_SIGN_ON_RATE": str(settings.sign_ons_per_s),
            "STORE": settings.store,
            "MONEYPAL_CACHE": str(settings.cache),
            "DYNAMODB_ENDPOINT": settings.dynamodb,
            **more,
        }

    def printed(self):
        return self.output.read_text() if self.output.exists() else ""

    def pid_of(self, part):
        return self._state(part)["pid"]

    def parts(self):
        return parts.all_parts(self.settings)

    def kill(self, part, number=signal.SIGKILL):
        """Sends a signal to a part's process, and does not wait. The pid that it had; 0: none."""
        pid = self.pid_of(part)
        if pid:
            os.kill(pid, number)
        return pid

    def kill_and_wait(self, part, number=signal.SIGKILL):
        """Kills a part, and waits until another process of it can serve."""
        self.wait_restarted(part, self.kill(part, number))

    def wait_restarted(self, name, old_pid):
        part = next(each for each in self.parts() if each.name == name)
        deadline = time.monotonic() + part.start_s_max + 20  # supervisord comes to it, too
        while self.pid_of(name) in (0, old_pid) or part.probe():
            assert time.monotonic() < deadline, f"{name} was not restarted; see {self.log_of(name)}"
            time.sleep(0.05)

    def stop_part(self, part):
        """Stops a part until start_part; it is not restarted meanwhile."""
        supervisor.calls(self.settings).stopProcess(self._control_name(part))

    def start_part(self, part):
        supervisor.calls(self.settings).startProcess(self._control_name(part))
        self.wait_restarted(part, 0)

    def _control_name(self, part):
        state = self._state(part)
        return f"{state['group']}:{state['name']}"

    def _state(self, part):
        states = supervisor.calls(self.settings).getAllProcessInfo()
        return next(state for state in states if state["name"] == part)


def free_port(settings):
    """
    A port such that it and the parts' that are counted from it are free now, and no other tests' until
    these end: several run side by side, and each looks for ports before its parts have bound theirs.
    """
    for _ in range(200):
        port = random.randrange(PORT_LEAST, PORT_MOST, PORTS_EACH)
        try:
            claim = socket.create_server(("127.0.0.1", port + PORT_CLAIM))
        except OSError:
            continue
        try:
            system.check_ports(replace(settings, port=port), PORT_OFFSETS)
        except Refused:
            claim.close()
            continue
        CLAIMS.append(claim)
        return port
    raise AssertionError("no range of free ports was found")


def processes_of(var):
    """The processes whose command or environment names a folder: {pid: command}."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
            environment = (process / "environ").read_bytes()
        except OSError:
            continue  # it has ended, or is another user's
        if int(process.name) != os.getpid() and os.fsencode(var) in command + environment:
            found[int(process.name)] = command.replace(b"\0", b" ").decode(errors="replace")
    return found
