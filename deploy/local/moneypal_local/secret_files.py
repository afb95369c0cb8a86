"""The system's secrets: random, made at the first start, kept in var/secrets for the owner only.

Programs get the paths of these files, never the secrets: an environment is easily printed.
"""

import json
import os
import secrets

# What each service may ask of others: OAuth scopes of its client credentials.
CLIENT_SCOPES = {
    "billing": ["wallet:transfer"],
    "payment": ["user:read"],
    "mpctl": ["wallet:audit", "keys:rotate", "store:backup", "operations:read", "operations:write"],
}


def make(settings):
    """Makes the secrets that are missing, and the files that are derived from them."""
    make_random(settings.secrets)
    _write_amqp_url(settings)


def make_random(folder):
    """What does not depend on where the parts run."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _make_once(folder / "stripe_secret_key", "sk_test_" + secrets.token_hex(24))
    _make_once(folder / "stripe_webhook_secret", "whsec_" + secrets.token_hex(24))
    make_named(folder, "rabbitmq_password")
    make_named(folder, "erlang_cookie")
    _make_once(folder / "aws_secret_access_key", secrets.token_hex(20))
    make_clients(folder)


def make_named(folder, name):
    """One that is random and nothing else."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _make_once(folder / name, secrets.token_hex(24))


def make_clients(folder):
    """Those by which services know one another, and the user service's list of them."""
    for client in CLIENT_SCOPES:
        make_named(folder, f"client_{client}")
    _write_clients(folder)


def read(settings, name):
    return (settings.secrets / name).read_text()


def write_private(path, text):
    """Replaces a file as a whole; nobody else can read it at any moment."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.rename(path)


def _make_once(path, text):
    if not path.exists():
        write_private(path, text)


def _write_clients(folder):
    clients = {
        client: {"secret": (folder / f"client_{client}").read_text(), "scopes": scopes}
        for client, scopes in CLIENT_SCOPES.items()
    }
    write_private(folder / "clients.json", json.dumps(clients, indent=1) + "\n")


def _write_amqp_url(settings):
    password = read(settings, "rabbitmq_password")
    url = f"amqp://moneypal:{password}@127.0.0.1:{settings.port_of('broker')}/%2f"
    write_private(settings.secrets / "amqp_url", url)
