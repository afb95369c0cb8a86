"""What one local system is told from outside, and where its files and ports are."""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

# Ports are counted from the gateway's, so that one PORT moves the whole system.
PORT_OFFSETS = {
    "gateway": 0,
    "user": 1,
    "wallet": 2,
    "payment": 3,
    "billing": 4,
    "email": 5,
    "sandbox": 6,
    "broker": 10,
    "broker_distribution": 11,
    "epmd": 12,
    "dynamodb": 13,
}
STORES = ("rocksdb", "dynamodb")
# Handed on to the email service as they are, when SMTP_URL is given.
SMTP_TEXTS = ("SMTP_URL", "SMTP_TLS", "SMTP_USER", "MAIL_FROM")
SMTP_FILES = ("SMTP_PASSWORD_FILE", "SMTP_CA_FILE")
PORT_MAX = 65535 - max(PORT_OFFSETS.values())

# The control socket's path must fit into a socket address (108 bytes), with room for the name
# under which supervisord first binds it.
VAR_PATH_BYTES_MAX = 80


class Refused(Exception):
    """The system cannot be started or used as asked; the message is one sentence for a person."""


@dataclass(frozen=True)
class Settings:
    """One local system: its folder, its ports, and the binaries that it runs."""

    var: Path
    port: int = 8080
    bind: str = "127.0.0.1"
    build: Path = ROOT / "build"
    requests_per_s: int = 100  # per client address, at the gateway
    sign_ons_per_s: int = 2  # registrations, log-ons, password changes; per client address
    store: str = "rocksdb"
    cache: Path = Path("/nonexistent")  # where DynamoDB Local was fetched to
    dynamodb: str = ""  # the address of another DynamoDB, which is then not started here
    smtp: dict = field(default_factory=dict)  # the email service's settings; none: a maildir

    @property
    def data(self):
        return self.var / "data"

    @property
    def log(self):
        return self.var / "log"

    def log_of(self, part_name):
        return self.log / f"{part_name}.log"

    @property
    def run(self):
        return self.var / "run"

    @property
    def secrets(self):
        return self.var / "secrets"

    @property
    def mail(self):
        return self.var / "mail"

    @property
    def socket(self):
        return self.run / "supervisor.sock"

    def port_of(self, part):
        return self.port + PORT_OFFSETS[part]

    def address_of(self, part):
        host = self.bind if part == "gateway" else "127.0.0.1"
        return f"{host}:{self.port_of(part)}"

    def url_of(self, part):
        """Where a program on this machine reaches a part."""
        return f"http://127.0.0.1:{self.port_of(part)}"


def from_environment(environment=os.environ):
    """The settings that VAR, PORT, BIND, BUILD and the rates give."""
    settings = Settings(
        var=_absolute(environment.get("VAR") or "var"),
        port=number_of(environment, "PORT", 8080, 1, PORT_MAX),
        bind=environment.get("BIND") or "127.0.0.1",
        build=_absolute(environment.get("BUILD") or "build"),
        requests_per_s=number_of(environment, "GATEWAY_RATE", 100, 1, 1_000_000),
        sign_ons_per_s=number_of(environment, "GATEWAY_SIGN_ON_RATE", 2, 1, 1_000_000),
        store=environment.get("STORE") or "rocksdb",
        cache=cache_of(environment),
        dynamodb=environment.get("DYNAMODB_ENDPOINT") or "",
        smtp=smtp_of(environment),
    )
    check(settings)
    return settings


def smtp_of(environment):
    """What the email service is told of its mail server; nothing without SMTP_URL."""
    if not environment.get("SMTP_URL"):
        return {}
    if environment.get("SMTP_PASSWORD"):
        raise Refused(
            "SMTP_PASSWORD is not read here: put it into a file, and name that by SMTP_PASSWORD_FILE."
        )
    texts = {name: environment[name] for name in SMTP_TEXTS if environment.get(name)}
    files = {name: environment[name] for name in SMTP_FILES if environment.get(name)}
    smtp = {**texts, **{name: str(_absolute(path)) for name, path in files.items()}}
    for name, text in smtp.items():
        if not text.isprintable() or '"' in text:
            raise Refused(f"{name} has a quotation mark or a control character.")
    return smtp


def cache_of(environment):
    """The same folder as tools/dynamodb-local has."""
    if given := environment.get("MONEYPAL_CACHE"):
        return _absolute(given)
    caches = environment.get("XDG_CACHE_HOME") or Path(environment.get("HOME") or "~") / ".cache"
    return Path(caches).expanduser() / "moneypal"


def check(settings):
    """Refuses what the programs' configuration files could not carry."""
    if settings.store not in STORES:
        raise Refused(f"STORE is {settings.store}; it must be {' or '.join(STORES)}.")
    for path in (ROOT, settings.var, settings.build, settings.cache):
        if not re.fullmatch(r"[A-Za-z0-9/._+@-]+", str(path)):
            raise Refused(
                f"The path {path} has a character other than letters, digits and / . _ + @ -,"
                " which not every part can carry; use another folder."
            )
    if len(str(settings.var)) > VAR_PATH_BYTES_MAX:
        raise Refused(
            f"The path {settings.var} is longer than {VAR_PATH_BYTES_MAX} bytes,"
            " too long for a socket in it; use another VAR."
        )
    if not re.fullmatch(r"[0-9]+(\.[0-9]+){3}", settings.bind):
        raise Refused(f"BIND is {settings.bind}; it must be an IPv4 address such as 127.0.0.1.")


def _absolute(text):
    path = Path(text).expanduser()
    return path.resolve() if path.is_absolute() else (ROOT / path).resolve()


def number_of(environment, name, default, least, most):
    """A setting that is a whole number within bounds, or its default where it is not given."""
    text = environment.get(name) or str(default)
    if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
        raise Refused(f"{name} is {text}; it must be a number from {least} to {most}.")
    return int(text)
