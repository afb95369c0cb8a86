"""The launcher's three commands, called by the Makefile: run, ready, clean."""

import os
import shutil
import sys
import time

from . import settings as settings_module
from . import system
from .parts import all_parts, mpctl_environment
from .screen import Screen, short
from .settings import Refused, number_of

USAGE = "usage: launch run | ready | clean, with VAR, PORT, BIND and BUILD in the environment"
READY_S_MAX = 120


def main(arguments):
    commands = {"run": run, "ready": ready, "clean": clean}
    if len(arguments) != 1 or arguments[0] not in commands:
        print(USAGE, file=sys.stderr)
        return 2
    try:
        return commands[arguments[0]]()
    except Refused as refused:
        print(refused, file=sys.stderr)
        return 1


def mpctl(arguments):
    """Becomes mpctl, with the settings of the system that runs on VAR."""
    try:
        settings = _settings_of_running_system()
    except Refused as refused:
        print(refused, file=sys.stderr)
        return 2
    program = settings.build / "cli" / "mpctl" / "mpctl"
    service = arguments[1] if len(arguments) > 1 else None  # of export, import and show
    environment = {**os.environ, **mpctl_environment(settings, service, os.environ)}
    try:
        os.execve(program, [program, *arguments], environment)
    except OSError as error:
        print(f"{short(program)} cannot be run ({error.strerror}); `make build` makes it.",
              file=sys.stderr)
        return 2


def run():
    return system.run(settings_module.from_environment())


def ready():
    """Waits until every part can serve, whether or not the launcher has started yet."""
    seconds_max = number_of(os.environ, "READY_S_MAX", READY_S_MAX, 1, 86400)
    deadline = time.monotonic() + seconds_max
    while True:
        settings = _settings_of_running_system()
        waiting = [(part, reason) for part in all_parts(settings) if (reason := part.probe())]
        if not waiting:
            return 0
        if time.monotonic() > deadline:
            parts = ", ".join(
                f"{part.name} at {settings.address_of(part.name)} ({reason})"
                for part, reason in waiting
            )
            raise Refused(f"Not ready after {seconds_max} s: {parts}.")
        time.sleep(0.2)


def clean():
    """Removes what `run` made, and nothing else that may lie in the same folder."""
    settings = settings_module.from_environment()
    if settings.run.is_dir():
        system.Lock(settings).take()
        system.wait_for_last_run(settings, Screen())
    for folder in (settings.data, settings.log, settings.run, settings.secrets, settings.mail):
        shutil.rmtree(folder, ignore_errors=True)
    if settings.var.is_dir() and not any(settings.var.iterdir()):
        settings.var.rmdir()
    print(f"removed {short(settings.var)}")
    return 0


def _settings_of_running_system():
    """What the launcher of this VAR noted when it started; but PORT, where it is given, is that."""
    settings = settings_module.from_environment()
    noted = system.noted(settings)
    if os.environ.get("PORT"):
        noted.pop("PORT", None)
    return settings_module.from_environment({**os.environ, **noted})
