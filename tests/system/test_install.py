"""make install: what it puts where, the units, and the whole story against what they start."""

import os
import shlex
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import requests
from api import wait_for
from local_system import ROOT, free_port, parts, secret_files

SERVICES = tuple(parts.SERVICES)
PLACES = ("/etc/moneypal", "/usr/lib/moneypal", "/usr/share/moneypal", "/var/lib/moneypal")
UNITS = "usr/lib/systemd/system"
GIVEN = {"stripe_secret_key": "sk_test_of_the_account", "stripe_webhook_secret": "whsec_of_the_account"}
EXPOSURE_MAX = 2.0  # of 10, as systemd counts it
BUILD = str((ROOT / (os.environ.get("BUILD") or "build")).resolve())
START_S_MAX = 60


def install(root, command="install", **environment):
    return subprocess.run(
        [ROOT / "deploy/systemd/install", command], text=True, capture_output=True, timeout=60,
        check=False, env={"PATH": os.environ["PATH"], "BUILD": BUILD, "DESTDIR": str(root),
                          **environment})


@pytest.fixture
def root(tmp_path):
    before = os.umask(0o077)  # as careful people's is
    done = install(tmp_path / "root")
    os.umask(before)
    assert done.returncode == 0, done.stderr
    return tmp_path / "root"


def files_of(root):
    return {str(path.relative_to(root)): path.stat().st_mode & 0o777
            for path in root.rglob("*") if path.is_file()}


def test_secrets_are_roots_alone_and_programs_nobodys_to_change(root):
    modes = files_of(root)
    assert (root / "etc/moneypal/secrets").stat().st_mode & 0o777 == 0o700
    secrets = {name: mode for name, mode in modes.items() if "/secrets/" in name}
    assert len(secrets) == 6 and set(secrets.values()) == {0o600}
    assert {modes[f"usr/lib/moneypal/moneypal-{name}"] for name in SERVICES} == {0o755}
    assert all(mode & 0o022 == 0 for mode in modes.values())
    assert (root / "usr/share/moneypal/gateway").stat().st_mode & 0o777 == 0o755
    assert not any("sandbox" in name for name in modes if "/doc/" not in name)


def test_installing_again_keeps_settings_and_secrets(root):
    settings = root / "etc/moneypal/moneypal.conf"
    settings.write_text("PUBLIC_URL=https://ours.example\n")
    (root / "usr/lib/moneypal/moneypal-user").unlink()
    secrets = {path: path.read_bytes() for path in (root / "etc/moneypal/secrets").iterdir()}
    assert install(root).returncode == 0
    assert settings.read_text() == "PUBLIC_URL=https://ours.example\n"
    assert {path: path.read_bytes() for path in secrets} == secrets
    assert (root / "usr/lib/moneypal/moneypal-user").exists()


def test_uninstalling_keeps_what_people_cannot_make_again(root):
    data = root / "var/lib/moneypal/wallet/data"
    data.mkdir(parents=True)
    done = install(root, "uninstall")
    assert done.returncode == 0 and "are left" in done.stdout
    assert {name.split("/")[0] for name in files_of(root)} == {"etc"} and data.exists()
    assert install(root, "uninstall", PURGE="1").returncode == 0
    assert files_of(root) == {} and not data.exists()


@pytest.fixture
def analyze(root):
    """systemd-analyze on the installed units, beside those that every machine has."""
    units = root / UNITS
    for kind in ("target", "slice", "mount"):
        for path in Path("/usr/lib/systemd/system").glob(f"*.{kind}"):
            if not (units / path.name).exists():
                shutil.copy(path, units, follow_symlinks=True)

    def run(*arguments):
        done = subprocess.run(["systemd-analyze", f"--root={root}", "--no-pager", *arguments],
                              text=True, capture_output=True, timeout=60, check=False)
        return done.returncode, done.stdout + done.stderr

    return run


def units_in(root):
    return sorted(path.name for path in (root / UNITS).glob("moneypal*.*") if path.is_file())


def test_systemd_takes_the_units_as_they_are(root, analyze):
    units = units_in(root)
    assert len(units) == len(SERVICES) + 2
    assert analyze("verify", *units) == (0, "")
    with open(root / UNITS / "moneypal-user.service", "a") as unit:
        unit.write("ProtectSytem=strict\n")
    assert "ProtectSytem" in analyze("verify", "moneypal-user.service")[1]


def test_the_target_brings_every_service(root):
    target = (root / UNITS / "moneypal.target").read_text()
    wanted = {name for line in target.splitlines() if line.startswith("Wants=")
              for name in line.removeprefix("Wants=").split()}
    assert wanted == {name for name in units_in(root) if name.endswith(".service")}


def test_services_are_locked_in(root, analyze):
    services = [name for name in units_in(root) if name.endswith(".service")]
    threshold = f"--threshold={int(EXPOSURE_MAX * 10)}"
    for name in services:
        status, told = analyze("security", "--offline=yes", threshold, name)
        assert status == 0, told
    (root / UNITS / "moneypal-.service.d/10-all.conf").unlink()
    assert analyze("security", "--offline=yes", threshold, services[0])[0] != 0


def test_every_unit_has_a_user_of_its_own(root):
    (root / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\n")
    subprocess.run(["systemd-sysusers", f"--root={root}"], check=True, capture_output=True, timeout=60)
    made = {line.split(":")[0] for line in (root / "etc/passwd").read_text().splitlines()}
    assert made == {"root"} | {Unit(root, f"moneypal-{name}").one("User")
                               for name in (*SERVICES, "gateway")}


# --- run as the units say ---

class Unit:
    """One unit as systemd reads it, with the drop-in of all; the specifiers that ours use."""

    def __init__(self, root, name):
        self.root, self.name = root, name
        self.folder = root / "run/credentials" / f"{name}.service"
        self.settings = {}
        for path in (root / UNITS / f"{name}.service", root / UNITS / "moneypal-.service.d/10-all.conf"):
            for line in path.read_text().splitlines():
                key, is_setting, value = line.partition("=")
                if is_setting and not line.startswith("#"):
                    self.settings.setdefault(key, []).append(self.expand(value))

    def expand(self, text):
        for specifier, value in {"%p": self.name, "%j": self.name.rpartition("-")[2],
                                 "%S": f"{self.root}/var/lib", "%d": str(self.folder)}.items():
            text = text.replace(specifier, value)
        assert "%" not in text, text
        return text

    def one(self, key):
        value, = self.settings[key]
        return value

    def all(self, key):
        return self.settings.get(key, [])

    def environment(self):
        """Environment=, then EnvironmentFile=, which wins."""
        found = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
        for words in self.all("Environment"):
            found.update(word.split("=", 1) for word in shlex.split(words))
        for path in self.all("EnvironmentFile"):
            found.update(line.split("=", 1) for line in Path(path).read_text().splitlines()
                         if line and not line.startswith("#"))
        return found

    def start(self, log):
        environment = self.environment()
        self.folder.mkdir(parents=True)
        for credential in self.all("LoadCredential"):
            name, path = credential.split(":")
            shutil.copy(path, self.folder / name)
        for folder in self.all("StateDirectory"):
            (self.root / "var/lib" / folder).mkdir(mode=0o700, parents=True)
        for folder in self.all("RuntimeDirectory"):
            environment["RUNTIME_DIRECTORY"] = str(self.root / "run" / folder)
            (self.root / "run" / folder).mkdir(mode=0o755)
        return start(shlex.split(self.one("ExecStart")), environment, log)


def start(command, environment, log):
    with open(log, "ab") as file:
        return subprocess.Popen(["/usr/bin/setpriv", "--pdeathsig", "TERM", *map(str, command)],
                                env={key: str(value) for key, value in environment.items()},
                                stdin=subprocess.DEVNULL, stdout=file, stderr=file)


def move_into(root):
    """Every path that was installed, and that an installed file names, is now below root."""
    for path in (each for each in root.rglob("*") if each.is_file()):
        if path.suffix in (".conf", ".service") or path.read_bytes()[:3] == b"#!/":
            text = path.read_text()
            for place in PLACES:
                text = text.replace(place, f"{root}{place}")
            path.write_text(text)


def settle(root, settings, broker):
    """What an operator does after make install, here with other ports than there."""
    folder = root / "etc/moneypal"
    ports = {8080: "gateway", 8081: "user", 8082: "wallet", 8083: "payment", 8084: "billing",
             8085: "email"}
    for path in folder.glob("*.conf"):
        text = path.read_text().replace("https://pay.example.com", settings.url_of("gateway"))
        for port, name in ports.items():
            text = text.replace(f"127.0.0.1:{port}", settings.address_of(name))
        path.write_text(text.replace("https://api.stripe.com", settings.url_of("sandbox"))
                        .replace("GATEWAY_RATE=100", "GATEWAY_RATE=10000")
                        .replace("GATEWAY_SIGN_ON_RATE=2", "GATEWAY_SIGN_ON_RATE=100"))
    gateway = folder / "gateway.conf"
    log = next(line for line in gateway.read_text().splitlines() if line.startswith("GATEWAY_LOG="))
    gateway.write_text(gateway.read_text().replace(log, f"GATEWAY_LOG={root}/gateway.log"))
    for name, value in GIVEN.items():
        secret_files.write_private(folder / "secrets" / name, value)
    url = folder / "secrets/amqp_url"
    # A user of its own: the broker is that of the tests' system, which has its user moneypal.
    url.write_text(url.read_text().replace("amqp://moneypal:", "amqp://installed:")
                   .replace("127.0.0.1:5672", f"127.0.0.1:{broker}"))
    if os.geteuid() == 0:  # whose folder for tests is nobody else's
        nginx = root / "usr/share/moneypal/gateway/nginx.conf"
        nginx.write_text(nginx.read_text().replace("@USER_LINE@", "user root;"))


def make_broker_user(root, moneypal):
    part = next(each for each in moneypal.parts() if each.name == "broker")
    subprocess.run([root / "usr/lib/moneypal/broker"], check=True, timeout=START_S_MAX,
                   env={"PATH": os.environ["PATH"], **{k: str(v) for k, v in part.environment.items()},
                        "RABBITMQCTL": "/usr/lib/rabbitmq/bin/rabbitmqctl"})


def start_sandbox(root, moneypal, settings, log):
    part = next(each for each in parts.all_parts(settings) if each.name == "sandbox")
    secrets = root / "etc/moneypal/secrets"
    return start(part.command, {
        **part.environment, "DATA_DIR": root / "sandbox", "STORE": "rocksdb",
        **{f"{name.upper()}_FILE": secrets / name for name in GIVEN}}, log)


@pytest.fixture
def installed(moneypal, root, tmp_path):
    """All units, started, with the broker of the tests' own system; a stand-in for the provider."""
    settings = replace(moneypal.settings, store="rocksdb")
    settings = replace(settings, port=free_port(settings))
    move_into(root)
    settle(root, settings, moneypal.settings.port_of("broker"))
    make_broker_user(root, moneypal)
    started = [start_sandbox(root, moneypal, settings, tmp_path / "sandbox.log")]
    try:
        for name in (*SERVICES, "gateway"):
            started.append(Unit(root, f"moneypal-{name}").start(tmp_path / f"{name}.log"))
        for name in (*SERVICES, "sandbox", "gateway"):
            wait_for(lambda url=settings.url_of(name): is_ready(url), bool, f"{name}, ready",
                     START_S_MAX)
        yield settings
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait(30)


def is_ready(url):
    try:
        return requests.get(url + "/readyz", timeout=5).status_code == 200
    except requests.RequestException:
        return False


def test_the_story_holds_on_what_the_units_start(installed, root, tmp_path):
    story = subprocess.run(["/usr/bin/python3", "-B", ROOT / "tests/demo/demo.py"], text=True,
                           capture_output=True, timeout=180, check=False,
                           env={**os.environ, "BASE": installed.url_of("gateway")})
    assert story.returncode == 0, story.stdout + story.stderr
    assert '"path":"/v1/payments","status":201' in (root / "gateway.log").read_text()
    assert '"event":"audited","ok":"yes"' in (tmp_path / "wallet.log").read_text()
    letters = subprocess.run([root / "usr/sbin/mpctl", "dead", "list"], text=True, check=False,
                             capture_output=True, timeout=60, env={"PATH": os.environ["PATH"]})
    assert letters.returncode == 0, letters.stderr
    assert (root / "var/lib/moneypal/wallet/data/CURRENT").exists()
