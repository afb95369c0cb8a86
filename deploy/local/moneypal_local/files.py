"""The folders under var/ and the configuration files in var/run, made at every start."""

import os
import re
import resource
import shlex

from . import logs, secret_files
from .settings import ROOT, Refused

TEMPLATES = ROOT / "deploy" / "local" / "templates"
GATEWAY = ROOT / "gateway"
FILES_MAX = 16384  # open files and sockets of one program
PLACE = "@([A-Z_]+)@"


def make_folders(settings):
    try:
        settings.var.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (settings.data, settings.log, settings.run, settings.secrets, settings.mail):
            folder.mkdir(mode=0o700, exist_ok=True)
        for folder in ("broker", "broker/conf.d", "gateway"):
            (settings.run / folder).mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise Refused(f"{error.filename} cannot be made: {error.strerror}.") from None


def write_configuration(settings, parts):
    """Everything that the parts read at their start, apart from their environment."""
    secret_files.make(settings)
    _write_broker(settings)
    _write_gateway(settings)
    secret_files.write_private(
        settings.run / "supervisord.conf", _supervisord_conf(settings, parts)
    )


def fill(template, values):
    """Puts values in the place of @NAMES@; a name without a value is a mistake of ours."""
    return re.sub(PLACE, lambda match: str(values[match.group(1)]), template)


def _fill_file(path, values):
    return fill(path.read_text(), values)


def _write_broker(settings):
    folder = settings.run / "broker"
    values = {
        "PORT": settings.port_of("broker"),
        "PASSWORD": secret_files.read(settings, "rabbitmq_password"),
    }
    conf = _fill_file(TEMPLATES / "rabbitmq.conf", values)
    secret_files.write_private(folder / "rabbitmq.conf", conf)
    # Present and empty, so that the machine's own files in /etc are not looked at.
    secret_files.write_private(folder / "rabbitmq-env.conf", "")
    secret_files.write_private(folder / "advanced.config", "[].\n")
    secret_files.write_private(folder / "enabled_plugins", "[].\n")
    cookie = secret_files.read(settings, "erlang_cookie")
    secret_files.write_private(folder / ".erlang.cookie", cookie)


def _write_gateway(settings):
    folder = settings.run / "gateway"
    built = ROOT / "web" / "dist"
    values = {
        "USER_LINE": _nginx_user_line(),
        "RUN": folder,
        "WEB": built if built.is_dir() else GATEWAY / "html",
        "LISTEN": settings.address_of("gateway"),
        # Buffered below a pipe's atomic write, so that lines of two workers are never mixed.
        "ACCESS_LOG": "/dev/stdout json buffer=4k flush=1s",
        "REQUESTS_PER_S": settings.requests_per_s,
        "REQUESTS_BURST": 4 * settings.requests_per_s,
        "SIGN_ONS_PER_S": settings.sign_ons_per_s,
        "SIGN_ONS_BURST": 10 * settings.sign_ons_per_s,
        **{
            name.upper(): settings.address_of(name)
            for name in ("user", "wallet", "payment", "billing", "email")
        },
    }
    for conf in GATEWAY.glob("*.conf"):  # they include one another by name
        secret_files.write_private(folder / conf.name, _fill_file(conf, values))


def _nginx_user_line():
    # Started by root, nginx's workers would be www-data, who cannot read a checkout in root's home.
    return "user root;" if os.geteuid() == 0 else ""


def _supervisord_conf(settings, parts):
    values = {
        "FILES_MAX": min(FILES_MAX, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),
        "LOG": settings.log,
        "RUN": settings.run,
        "SOCKET": settings.socket,
        "USER_LINE": "user=root" if os.geteuid() == 0 else "",
    }
    text = _fill_file(TEMPLATES / "supervisord.conf", values)
    for part in parts:
        text += _fill_file(TEMPLATES / "program.conf", _program_values(settings, part))
    for group in dict.fromkeys(part.group for part in parts):
        text += _fill_file(TEMPLATES / "group.conf", _group_values(group, parts))
    return text


def _program_values(settings, part):
    environment = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG": "C.UTF-8",
        "HOME": settings.run,
        **part.environment,
    }
    until_orphan = ("/usr/bin/setpriv", "--pdeathsig", part.orphan_signal, "--")
    command = logs.into(
        settings.log_of(part.name), (*until_orphan, *part.run_by, *part.command)
    )
    return {
        "WHAT": part.what,
        "NAME": part.name,
        "COMMAND": _escape(shlex.join(str(word) for word in command)),
        "ENVIRONMENT": ",".join(
            f'{name}="{_escape(str(value))}"' for name, value in environment.items()
        ),
        "STOP_S_MAX": part.stop_s_max,
        "STOP_AS_GROUP": "true" if part.stop_as_group else "false",
    }


def _group_values(group, parts):
    members = [part for part in parts if part.group == group]
    return {
        "GROUP": group,
        "PROGRAMS": ",".join(part.name for part in members),
        "PRIORITY": members[0].group_order,
    }


def _escape(text):
    return text.replace("%", "%%")
