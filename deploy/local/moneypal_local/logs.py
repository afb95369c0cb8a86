"""The parts' logs: each part writes its own, and none grows for ever.

Nothing stands between a part and its file: copied line by line by the process manager, the logs of a
busy system took a tenth of the processor, and a part waited when the copying did.
"""

import errno
import os
import shutil

from .screen import short

BYTES_MAX = 10 * 1000 * 1000
KEPT = 3
# Appended, so that the file may be cut while it is open.
_INTO_FILE = ("/bin/sh", "-c", 'exec "$@" >>"$0" 2>&1')


def into(path, command):
    """The command, with whatever it says appended to the file."""
    return (*_INTO_FILE, path, *command)


class Logs:
    """Moves what a full log holds to NAME.log.1, and so on to NAME.log.3.

    A line that is written between the end of the copying and the cutting, some microseconds, is lost.
    """

    def __init__(self, settings, parts, screen):
        self.paths = [settings.log_of(part.name) for part in parts]
        self.screen = screen
        self.failed = set()

    def rotate(self):
        for path in self.paths:
            try:
                if path.stat().st_size > BYTES_MAX:
                    _rotate(path)
                self.failed.discard(path)
            except FileNotFoundError:
                continue  # of a part that has not begun
            except OSError as error:
                if path not in self.failed:  # said once; tried again until it works
                    self.screen.notice(f"{short(path)} cannot be rotated: {error.strerror}")
                self.failed.add(path)


def _rotate(path):
    kept = [_kept(path, number) for number in range(1, KEPT + 1)]
    if kept[0].exists():
        for number in range(KEPT - 1, 0, -1):
            if kept[number - 1].exists():
                kept[number - 1].replace(kept[number])
    while True:
        try:
            with open(path, "rb") as full, open(kept[0], "wb") as copy:
                shutil.copyfileobj(full, copy)  # up to what is its end by then
                os.truncate(path, 0)
            return
        except OSError as error:
            kept[0].unlink(missing_ok=True)
            if error.errno != errno.ENOSPC:
                raise
            oldest = next((each for each in reversed(kept) if each.exists()), None)
            if oldest is None:
                os.truncate(path, 0)  # what the stores need is worth more than old lines
                raise
            oldest.unlink()


def _kept(path, number):
    return path.with_name(f"{path.name}.{number}")
