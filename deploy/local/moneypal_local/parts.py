"""The table of parts: what runs, with which environment, and how one sees that it can serve."""

import os
from dataclasses import dataclass, field
from typing import Callable

from . import probes, secret_files
from .settings import ROOT

# code : ISO exponent : the provider's exponent : the provider's least charge; the first is the
# deployment's default.
CURRENCIES = "USD:2:2:0.50,EUR:2:2:0.50,GBP:2:2:0.30,JPY:0:0:50"

SERVICES = {
    "user": "people, sessions, keys",
    "wallet": "the ledger",
    "payment": "payments, and the provider",
    "billing": "bills, and their settling",
    "email": "notices",
}


@dataclass(frozen=True)
class Part:
    """One supervised program."""

    name: str
    what: str
    command: list
    probe: Callable[[], str]  # why it cannot serve, or ""
    start_s_max: int
    group: str  # groups stop one after another, the parts of a group together
    group_order: int
    stop_s_max: int
    environment: dict = field(default_factory=dict)
    run_by: tuple = ()  # a command that becomes this one, before it
    ports: tuple = ()
    # What the kernel sends when supervisord is gone; nginx must end its workers.
    orphan_signal: str = "KILL"
    stop_as_group: bool = True
    stage: int = 1  # parts of a stage start together, when those of the stage before can serve

    @property
    def control_name(self):
        return f"{self.group}:{self.name}"


def all_parts(settings):
    """Every part, in the order of starting: what others cannot start without first."""
    services = [_service(settings, name) for name in SERVICES]
    local = settings.store == "dynamodb" and not settings.dynamodb
    databases = [_dynamodb(settings)] if local else []
    return [_epmd(settings), *databases, _broker(settings), *services, _sandbox(settings),
            _gateway(settings)]


def _epmd(settings):
    """Erlang's port mapper. The broker would start one that outlives it: so it has its own."""
    port = settings.port_of("epmd")
    return Part(
        name="epmd",
        what="the broker's port mapper",
        command=["/usr/bin/epmd", "-address", "127.0.0.1", "-port", str(port)],
        probe=lambda: probes.tcp(port),
        start_s_max=20,
        group="epmd",
        group_order=10,
        stop_s_max=2,
        ports=("epmd",),
        stage=0,
    )


def _dynamodb(settings):
    """Amazon's own, for one machine. It has no option to listen on one address only."""
    port = settings.port_of("dynamodb")
    return Part(
        name="dynamodb",
        what="DynamoDB Local",
        command=[ROOT / "tools/dynamodb-local", "run", port, settings.data / "dynamodb"],
        probe=lambda: probes.tcp(port),
        start_s_max=60,
        group="dynamodb",
        group_order=15,
        stop_s_max=5,
        environment={"MONEYPAL_CACHE": settings.cache},
        ports=("dynamodb",),
        stage=0,
    )


def _broker(settings):
    port = settings.port_of("broker")
    return Part(
        name="broker",
        what="RabbitMQ",
        command=["/usr/lib/rabbitmq/bin/rabbitmq-server"],
        probe=lambda: probes.amqp(port),
        start_s_max=100,
        group="broker",
        group_order=20,
        stop_s_max=8,
        environment=_broker_environment(settings),
        ports=("broker", "broker_distribution"),
        stop_as_group=False,  # Erlang ends its own helpers, and takes their early end for a crash
    )


def _broker_environment(settings):
    """Everything that would else be looked up in /etc, /var and the caller's home."""
    run = settings.run / "broker"
    return {
        "HOME": run,  # .erlang.cookie
        "RABBITMQ_NODENAME": "rabbit@localhost",  # the data's name: never the machine's
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": settings.port_of("broker"),
        "RABBITMQ_DIST_PORT": settings.port_of("broker_distribution"),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "ERL_EPMD_PORT": settings.port_of("epmd"),
        "RABBITMQ_CONF_ENV_FILE": run / "rabbitmq-env.conf",
        "RABBITMQ_CONFIG_FILE": run / "rabbitmq.conf",
        "RABBITMQ_CONFIG_FILES": run / "conf.d",
        "RABBITMQ_ADVANCED_CONFIG_FILE": run / "advanced.config",
        "RABBITMQ_ENABLED_PLUGINS_FILE": run / "enabled_plugins",
        "RABBITMQ_PLUGINS_EXPAND_DIR": run / "plugins",
        "RABBITMQ_GENERATED_CONFIG_DIR": run / "generated",
        "RABBITMQ_PID_FILE": run / "pid",
        "RABBITMQ_MNESIA_BASE": settings.data / "broker",
        "RABBITMQ_LOG_BASE": settings.log,
        "RABBITMQ_LOGS": "-",
        "ERL_CRASH_DUMP": settings.log / "broker-crash.dump",
        # With this the script replaces itself by Erlang, which then is supervisord's own child.
        "RABBITMQ_ALLOW_INPUT": "1",
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
            "-noinput -kernel inet_dist_use_interface {127,0,0,1}"
        ),
    }


# Whose work is behind that of the others where processors are few: a mail may wait, a payment may not.
_MAY_WAIT = {"email": ("/usr/bin/nice", "-n", "10")}


def _service(settings, name):
    return Part(
        name=name,
        what=SERVICES[name],
        command=[settings.build / "services" / name / f"moneypal-{name}"],
        run_by=_MAY_WAIT.get(name, ()),
        probe=lambda: probes.http(settings.port_of(name), "/readyz"),
        start_s_max=60,
        group="services",
        group_order=30,
        stop_s_max=5,
        environment={**_common_environment(settings, name), **_own_environment(settings)[name]},
        ports=(name,),
    )


def _common_environment(settings, name):
    environment = {
        "LISTEN": settings.address_of(name),
        **_store_environment(settings, name),
        "LOG_LEVEL": "info",
        "CURRENCIES": CURRENCIES,
        "AMQP_URL_FILE": settings.secrets / "amqp_url",
        "JWKS_URL": settings.url_of("user") + "/.well-known/jwks.json",
        "TOKEN_URL": settings.url_of("user") + "/oauth/token",
        "PUBLIC_URL": settings.url_of("gateway"),
    }
    if name in secret_files.CLIENT_SCOPES:
        environment["CLIENT_ID"] = name
        environment["CLIENT_SECRET_FILE"] = settings.secrets / f"client_{name}"
    return environment


def mpctl_environment(settings, service=None, given=None):
    """
    Of the operator's tool: where everything is, and who it is there; and a service's data, unless
    it is given another folder, such as a backup.
    """
    is_other = "DATA_DIR" in (given or {})
    store = _store_environment(settings, service) if service in SERVICES and not is_other else {}
    return {
        **{name: str(value) for name, value in store.items()},
        **{f"{name.upper()}_URL": settings.url_of(name) for name in SERVICES},
        "TOKEN_URL": settings.url_of("user") + "/oauth/token",
        "CLIENT_ID": "mpctl",
        "CLIENT_SECRET_FILE": str(settings.secrets / "client_mpctl"),
        "AMQP_URL_FILE": str(settings.secrets / "amqp_url"),
    }


def _store_environment(settings, name):
    if settings.store == "rocksdb":
        return {"STORE": "rocksdb", "DATA_DIR": settings.data / name,
                "BACKUP_DIR": settings.data / "backup"}
    return {
        "STORE": "dynamodb",
        "DYNAMODB_ENDPOINT": settings.dynamodb or settings.url_of("dynamodb"),
        "CREATE_TABLES": "true",
        "AWS_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": name,  # DynamoDB Local takes any
        "AWS_SECRET_ACCESS_KEY_FILE": settings.secrets / "aws_secret_access_key",
    }


def _own_environment(settings):
    return {
        "user": {"CLIENTS_FILE": settings.secrets / "clients.json"},
        "wallet": {},
        "payment": {
            "USER_URL": settings.url_of("user"),
            "STRIPE_API_BASE": settings.url_of("sandbox"),
            **_stripe_secrets(settings),
        },
        "billing": {"WALLET_URL": settings.url_of("wallet")},
        "email": {
            "MAIL_FROM": "MoneyPal <no-reply@localhost>",
            **(settings.smtp or {"MAILDIR": settings.mail}),
        },
    }


def _stripe_secrets(settings):
    return {
        "STRIPE_SECRET_KEY_FILE": settings.secrets / "stripe_secret_key",
        "STRIPE_WEBHOOK_SECRET_FILE": settings.secrets / "stripe_webhook_secret",
    }


# What services/payment/README.md asks of the provider's endpoint.
WEBHOOK_EVENTS = (
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
    "payment_intent.payment_failed",
)


def _sandbox(settings):
    return Part(
        name="sandbox",
        what="stands in for the provider",
        command=[settings.build / "sandbox" / "stripe" / "moneypal-sandbox-stripe"],
        probe=lambda: probes.http(settings.port_of("sandbox"), "/readyz"),
        start_s_max=60,
        group="services",
        group_order=30,
        stop_s_max=5,
        environment={
            "LISTEN": settings.address_of("sandbox"),
            "DATA_DIR": settings.data / "sandbox",
            "LOG_LEVEL": "info",
            "PUBLIC_URL": settings.url_of("sandbox"),
            "WEBHOOK_URL": settings.url_of("gateway") + "/v1/webhooks/stripe",
            "WEBHOOK_EVENTS": ",".join(WEBHOOK_EVENTS),
            **_stripe_secrets(settings),
        },
        ports=("sandbox",),
    )


def _gateway(settings):
    folder = settings.run / "gateway"
    return Part(
        name="gateway",
        what="nginx, the way in",
        command=["/usr/sbin/nginx", "-p", folder, "-e", "stderr", "-c", folder / "nginx.conf"],
        probe=lambda: probes.http(settings.port_of("gateway"), "/readyz", host=_reach(settings)),
        start_s_max=20,
        group="gateway",
        group_order=40,
        stop_s_max=3,
        ports=("gateway",),
        orphan_signal="TERM",
        stage=2,
    )


def _reach(settings):
    return "127.0.0.1" if settings.bind == "0.0.0.0" else settings.bind


def missing_programs(parts):
    """The programs that are not there, or not executable."""
    return [part for part in parts if not os.access(part.command[0], os.X_OK)]
