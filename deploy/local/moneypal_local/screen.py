"""What a person sees: progress line by line, then one screen; plain where it is not a terminal."""

import os
import sys
import time

from .settings import ROOT


class Screen:
    """Writes to standard output, and goes on in silence when the terminal has been closed."""

    def __init__(self, out=sys.stdout):
        self.out = out
        self.live = out.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        self.colours = self.live and "NO_COLOR" not in os.environ
        self.started = time.monotonic()

    def line(self, text=""):
        self._write(self._clear() + text + "\n")

    def ready(self, part, seconds):
        mark = self._colour("32", "ok") if self.colours else "ok"
        self.line(f"  {mark}  {part.name:<10}{part.what:<28}{seconds:6.1f} s")

    def waiting(self, names):
        """The one line that is written over and over; nothing where lines are kept."""
        if self.live and names:
            seconds = time.monotonic() - self.started
            text = f"      waiting for {', '.join(names)} ({seconds:.0f} s)"
            self._write(self._clear() + text[: _columns() - 1])

    def notice(self, text):
        self.line(f"{time.strftime('%H:%M:%S')}  {text}")

    def bold(self, text):
        return self._colour("1", text) if self.colours else text

    def running(self, settings, parts):
        """The one screen when all is ready."""
        self.line()
        self.line(f"MoneyPal runs at {self.bold(settings.url_of('gateway'))}")
        self.line()
        self.line(f"  {'part':<10}{'address':<18}{'what':<28}log")
        mapper, broker, *services, gateway = parts
        for part in (gateway, *services, broker, mapper):
            log = short(settings.log_of(part.name))
            self.line(f"  {part.name:<10}{settings.address_of(part.name):<18}{part.what:<28}{log}")
        self.line()
        var = short(settings.var)
        mails = f"land in {short(settings.mail)}"
        if settings.smtp:
            mails = f"go to {settings.smtp['SMTP_URL']}"
        self.line(f"  Mails {mails}; data and secrets are in {var}")
        self.line(f"  Next, in a second terminal: {self.bold(_make('demo', settings))}")
        self.line("  Ctrl-C stops all of it")

    def _colour(self, code, text):
        return f"\033[{code}m{text}\033[0m"

    def _clear(self):
        return "\r\033[K" if self.live else ""

    def _write(self, text):
        try:
            self.out.write(text)
            self.out.flush()
        except OSError:
            pass  # a closed terminal; its hang-up is on its way


def short(path):
    """A path as a person in the checkout writes it."""
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path


def last_line(path, characters_max=300):
    """The end of a log, for a sentence; "" where there is none."""
    try:
        with open(path, "rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 8192))
            lines = file.read().decode(errors="replace").split("\n")
    except OSError:
        return ""
    written = [line.strip() for line in lines if line.strip()]
    return written[-1][:characters_max] if written else ""


def _make(target, settings):
    words = ["make", target]
    if settings.port != 8080:
        words.append(f"PORT={settings.port}")
    if settings.var != ROOT / "var":
        words.append(f"VAR={settings.var}")
    return " ".join(words)


def _columns():
    try:
        return os.get_terminal_size().columns
    except OSError:
        return 80
