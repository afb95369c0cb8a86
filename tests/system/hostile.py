"""A system to which anything may happen: its clocks can jump, and its disk is small where it may be."""

import os
import shutil
import stat
import struct
import subprocess
from pathlib import Path

from local_system import ROOT, LocalSystem, supervisor

SERVICES = ("user", "wallet", "payment", "billing", "email")
DISK_MIB = 320  # the broker wants 200 of them free
REACH_S_MAX = 10
# What stands still is driven again sooner than in 30 s, so that a storm's end is not waited for; a
# person has to look as late as ever.
DRIVEN_AGAIN = "REDRIVE_S=5 REDRIVES_MAX=60"


class HostileSystem(LocalSystem):
    """
    Every program reads its wall clock through tests/clock, by a build folder of wrappers.

    `var/data` is a file system of its own in a mount namespace of the launcher's, which goes when
    the launcher does; `why_no_disk` says why there is none, where mounting is not allowed.
    """

    def __init__(self, folder):
        folder = Path(folder)
        self.real_build = (ROOT / (os.environ.get("BUILD") or "build")).resolve()
        self.clocks = folder / "clocks"
        self.clocks.mkdir(parents=True)
        self._wrap(folder / "wrappers")
        super().__init__(folder / "var", build=folder / "wrappers")
        self.why_no_disk = _why_no_mount()
        if not self.why_no_disk:
            self.settings.data.mkdir(parents=True)
            self.prefix = [
                *_namespace(), "--", "/bin/sh", "-ec",
                f'mount -t tmpfs -o size={DISK_MIB}m,mode=700 small "$0"; exec "$@"',
                self.settings.data]

    def _wrap(self, wrappers):
        for name in (*SERVICES, "sandbox"):
            self.set_clock(name, 0)
            program = "sandbox/stripe/moneypal-sandbox-stripe" if name == "sandbox" \
                else f"services/{name}/moneypal-{name}"
            wrapper = wrappers / program
            wrapper.parent.mkdir(parents=True)
            wrapper.write_text(
                "#!/bin/sh\n"
                f"export LD_PRELOAD={self.real_build}/tests/clock/clock_shift.so {DRIVEN_AGAIN}\n"
                f"export CLOCK_SHIFT_FILE={self.clocks / name}\n"
                f'exec {self.real_build / program} "$@"\n')
            wrapper.chmod(wrapper.stat().st_mode | stat.S_IXUSR)

        (wrappers / "cli").symlink_to(self.real_build / "cli")

    def set_clock(self, part, seconds):
        """Shifts a part's wall clock, at once; 0 puts it right."""
        path = self.clocks / part
        with open(path, "r+b" if path.exists() else "wb") as clock:
            clock.write(struct.pack("=q", seconds * 1000))

    def data_from_here(self):
        """var/data as the parts see it."""
        if self.why_no_disk:
            return self.settings.data
        pid = supervisor.calls(self.settings).getPID()
        return Path(f"/proc/{pid}/root{self.settings.data}")

    def fill_disk(self, mib_left):
        """Leaves so much free, or no byte. The file that does."""
        data = self.data_from_here()
        ballast = data / "ballast"
        with open(ballast, "wb", buffering=0) as file:
            for size in (1 << 20, 4096, 1):
                try:
                    while shutil.disk_usage(data).free > mib_left << 20:
                        file.write(bytes(size))
                except OSError:
                    pass  # full, for pieces of this size
        return ballast

    def wipe(self, part):
        """Deletes a stopped part's data."""
        shutil.rmtree(self.data_from_here() / part)

    def command_of_mpctl(self, *arguments):
        subprocess.run([ROOT / "deploy/local/mpctl", *arguments], env=self.environment(),
                       stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=True)

    def queues(self):
        """The messages in each queue, dead letters as well."""
        broker = next(p for p in self.parts() if p.name == "broker")
        environment = {name: str(value) for name, value in broker.environment.items()
                       if name not in ("RABBITMQ_ALLOW_INPUT", "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
                                       "RABBITMQ_LOGS")}
        told = subprocess.run(
            ["/usr/lib/rabbitmq/bin/rabbitmqctl", "-q", "list_queues", "--no-table-headers", "name",
             "messages"],
            env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **environment},
            capture_output=True, text=True, timeout=60, check=True).stdout
        rows = [line.split() for line in told.splitlines() if line.strip()]
        return {name: int(count) for name, count in rows}


def _namespace():
    user = [] if os.geteuid() == 0 else ["--map-root-user"]
    return ["/usr/bin/unshare", "--mount", "--propagation", "private", *user]


def _why_no_mount():
    tried = subprocess.run([*_namespace(), "/bin/mount", "-t", "tmpfs", "small", "/mnt"],
                           capture_output=True, text=True, timeout=REACH_S_MAX, check=False)
    return tried.stderr.strip() if tried.returncode else ""
