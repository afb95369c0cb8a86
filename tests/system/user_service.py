"""The user service alone, its real binary: no broker, no gateway."""

import json
import os
import re
import signal
import subprocess
import time

import requests

from local_system import ROOT

PUBLIC_URL = "http://127.0.0.1:8080"
COOKIE = "moneypal_refresh"
PASSWORD = "correct horse battery staple"
CLIENTS = {
    "payment": {"secret": "payment-secret-0123456789", "scopes": ["user:read"]},
    "billing": {"secret": "billing:secret/0123456789+", "scopes": ["wallet:transfer", "a:b"]},
    "mpctl": {"secret": "mpctl-secret-0123456789", "scopes": ["keys:rotate"]},
}
START_S_MAX = 20
JSON = {"Content-Type": "application/json"}


class UserService:
    """One process of moneypal-user over a folder; what it logs is kept."""

    def __init__(self, folder, **environment):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "clients.json").write_text(json.dumps(CLIENTS))
        build = ROOT / (os.environ.get("BUILD") or "build")
        self.binary = build / "services" / "user" / "moneypal-user"
        self.log = folder / "log"
        self.environment = {
            "LISTEN": "127.0.0.1:0",
            "DATA_DIR": str(folder / "data"),
            "CLIENTS_FILE": str(folder / "clients.json"),
            "PUBLIC_URL": PUBLIC_URL,
            "AMQP_URL": "amqp://nobody:nothing@127.0.0.1:1/%2f",
            "JWKS_URL": "http://127.0.0.1:1/jwks.json",
            "ARGON2_MIB": "1",
            "ARGON2_T": "1",
            **{name: text for name, text in os.environ.items() if name.endswith("SAN_OPTIONS")},
            **environment,
        }
        self.process = None
        self.base = None

    def start(self):
        offset = self.log.stat().st_size if self.log.exists() else 0
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([self.binary], env=self.environment, stderr=log)
        deadline = time.monotonic() + START_S_MAX
        while not (told := re.search(r'"event":"listening".*"port":(\d+)', self.text()[offset:])):
            assert self.process.poll() is None, self.text()[offset:]
            assert time.monotonic() < deadline, self.text()[offset:]
            time.sleep(0.01)
        self.base = f"http://127.0.0.1:{told.group(1)}"
        return self

    def stop(self, number=signal.SIGTERM):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(10) if self.process else None

    def text(self):
        return self.log.read_text() if self.log.exists() else ""

    def call(self, method, path, **more):
        return requests.request(method, self.base + path, timeout=20, **more)

    def register(self, user_name, **fields):
        body = {"first_name": "Ada", "last_name": "Lovelace", "user_name": user_name,
                "password": PASSWORD, **fields}
        return self.call("POST", "/v1/users", json=body)

    def log_on(self, user_name, password=PASSWORD, address=None):
        body = {"user_name": user_name, "password": password}
        headers = {"X-Forwarded-For": address} if address else {}
        return self.call("POST", "/v1/sessions", json=body, headers=headers)

    def change_password(self, token, current, fresh):
        body = {"current_password": current, "new_password": fresh}
        return self.call("POST", "/v1/users/me/password", json=body, headers=bearer(token))

    def with_cookie(self, method, path, cookie, **headers):
        headers = {"Origin": PUBLIC_URL, "X-Requested-With": "moneypal", **headers}
        if cookie is not None:
            headers["Cookie"] = f"{COOKIE}={cookie}"
        return self.call(method, path, headers=headers)

    def refresh(self, cookie):
        return self.with_cookie("POST", "/v1/sessions/refresh", cookie)

    def me(self, token):
        return self.call("GET", "/v1/users/me", headers=bearer(token))

    def service_token(self, client="payment", **form):
        form = {"grant_type": "client_credentials", **form}
        secret = CLIENTS[client]["secret"]
        quoted = requests.utils.quote(secret, safe="")
        return self.call("POST", "/oauth/token", data=form, auth=(client, quoted))


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def cookie_of(answer):
    return re.match(rf"{COOKIE}=([^;]*)", answer.headers["Set-Cookie"]).group(1)


def problem_of(answer):
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["status"] == answer.status_code
    return answer.json()["type"].removeprefix("/problems/")


def new_name():
    return "u" + os.urandom(6).hex()
