"""The process manager, supervisord, seen from the launcher and from the tests."""

import os
import signal
import subprocess
import time
import xmlrpc.client
from pathlib import Path

from .screen import short
from .settings import Refused

SUPERVISORD = "/usr/bin/supervisord"
START_S_MAX = 20
STOP_S_MAX = 25


class Supervisor:
    """Starts supervisord, asks it for the state of the parts, and ends it with all of them."""

    def __init__(self, settings):
        self.settings = settings
        self.log = settings.log / "supervisord.log"
        self.process = None

    def start(self):
        """Starts supervisord, which gets SIGTERM from the kernel when this process is gone."""
        if not Path(SUPERVISORD).exists():
            raise Refused(f"{SUPERVISORD} is missing; `make setup` installs it.")
        conf = self.settings.run / "supervisord.conf"
        self.process = subprocess.Popen(
            ["/usr/bin/setpriv", "--pdeathsig", "TERM", SUPERVISORD, "-c", conf],
            cwd=self.settings.run,
            env={"PATH": os.defpath, "LANG": "C.UTF-8"},  # nothing of the caller's reaches a part
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            umask=0o077,
            start_new_session=True,  # the terminal's Ctrl-C is for the launcher alone
        )
        self._wait_for_socket()

    def is_gone(self):
        return self.process.poll() is not None

    def states(self):
        """What is known of each part, by its name: statename, pid, start, spawnerr."""
        return {info["name"]: info for info in self._calls().getAllProcessInfo()}

    def start_part(self, part):
        try:
            self._calls().startProcess(part.control_name, False)
        except xmlrpc.client.Fault as fault:
            if "ALREADY_STARTED" not in fault.faultString:
                raise Refused(
                    f"{part.name} cannot be started ({fault.faultString}): see {short(self.log)}."
                ) from None

    def stop_part(self, part):
        self._calls().stopProcess(part.control_name)

    def signal_part(self, part, number):
        """Sends a signal to the part's own process."""
        os.kill(self.states()[part.name]["pid"], number)

    def stop(self):
        """Ends all parts, the gateway first and the broker last, then supervisord itself."""
        if self.process is None or self.is_gone():
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()  # each part then gets its own signal from the kernel
            self.process.wait()

    def _wait_for_socket(self):
        deadline = time.monotonic() + START_S_MAX
        while time.monotonic() < deadline:
            if self.is_gone():
                break
            if is_listening(self.settings):
                return
            time.sleep(0.05)
        raise Refused(f"supervisord does not start: see {short(self.log)}.")

    def _calls(self):
        return calls(self.settings)


def calls(settings):
    """supervisord's own calls, over its socket in var/run."""
    from supervisor.xmlrpc import SupervisorTransport  # installed by tools/setup

    transport = SupervisorTransport(None, None, f"unix://{settings.socket}")
    return xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport).supervisor


def is_listening(settings):
    """Whether a supervisord answers on this system's socket, and be it that it is ending."""
    try:
        calls(settings).getState()
    except xmlrpc.client.Fault:
        return True
    except (OSError, ImportError, xmlrpc.client.Error):
        return False
    return True


def last_pid(settings):
    """The process of the supervisord that wrote its id there last; it keeps the file to its end."""
    try:
        return (settings.run / "supervisord.pid").read_text(encoding="ascii").strip()
    except OSError:
        return "supervisord"


def end_orphans(supervisord_pid):
    """
    Ends what has lost its part: the launcher is its adoptive parent (see adopt_orphans).

    A gateway's worker, for one, outlives a killed nginx and would keep its port.
    """
    # Of one that ends, its own children come here next.
    while orphans := [pid for pid in _children_of(os.getpid()) if pid != supervisord_pid]:
        for orphan in orphans:
            os.kill(orphan, signal.SIGKILL)
            os.waitpid(orphan, 0)


def adopt_orphans():
    """From now on, processes below this one that lose their parent become its children."""
    import ctypes

    set_child_subreaper = 36  # PR_SET_CHILD_SUBREAPER
    ctypes.CDLL(None).prctl(set_child_subreaper, 1, 0, 0, 0)


def _children_of(pid):
    children = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended meanwhile
        if int(fields[1]) == pid:
            children.append(int(stat.parent.name))
    return children
