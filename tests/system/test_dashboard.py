"""What operators look at and are woken by, asked of a real Prometheus that watches a real MoneyPal."""

import subprocess

import pytest
import yaml

import inside
from api import Person, pay_at_provider, wait_for
from local_system import ROOT, LocalSystem

DASHBOARDS = ROOT / "deploy/dashboards"
WATCHED_S_MAX = 200
# Of the test itself: how often it looks, for rates within its time.
INTERVAL = "2s"


@pytest.fixture(scope="module")
def system(tmp_path_factory):
    """On DynamoDB, of which some figures are; with a broker that tells its own, too."""
    system = LocalSystem(tmp_path_factory.mktemp("watched") / "var", store="dynamodb")
    try:
        yield system.start()
    finally:
        system.stop()


@pytest.fixture(scope="module")
def broker_port(system):
    port = system.spare_port(0)
    broker = next(part for part in system.parts() if part.name == "broker")
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
                   **{name: str(value) for name, value in broker.environment.items()
                      if not name.startswith("RABBITMQ_SERVER")}}

    def ask(program, *arguments):
        subprocess.run([f"/usr/lib/rabbitmq/bin/{program}", "--quiet", *arguments], check=True,
                       capture_output=True, env=environment, timeout=120)

    ask("rabbitmqctl", "eval", "application:set_env(rabbitmq_prometheus, tcp_config, "
        f'[{{port, {port}}}, {{ip, "127.0.0.1"}}]).')
    ask("rabbitmq-plugins", "enable", "rabbitmq_prometheus")
    return port


@pytest.fixture(scope="module")
def prometheus(system, broker_port, tmp_path_factory):
    """By the configuration of deploy/dashboards, with the addresses of here."""
    folder = tmp_path_factory.mktemp("prometheus")
    config = yaml.safe_load((DASHBOARDS / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": INTERVAL, "evaluation_interval": INTERVAL}
    services, broker = config["scrape_configs"]
    names = [target.split(":")[0] for target in services["static_configs"][0]["targets"]]
    services["static_configs"] = [
        {"targets": [system.settings.address_of(name)], "labels": {"service": name}}
        for name in names]
    del services["relabel_configs"]
    broker["static_configs"] = [{"targets": [f"127.0.0.1:{broker_port}"]}]
    config["rule_files"] = [str(ROOT / "deploy/alerts/moneypal.rules.yaml")]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    port = system.spare_port(1)
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(
            ["/usr/bin/setpriv", "--pdeathsig", "TERM", "prometheus",
             f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
             f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log)
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait(30)


def test_every_panel_and_every_alert_has_its_figures(system, prometheus):
    ada = Person.register(system.base, "Ada", "Watched", email="ada@example.com")
    top_up = ada.top_up("50.00")
    url = ada.wait_checkout_url(top_up["id"])["checkout_url"]
    assert pay_at_provider(url).status_code == 303
    ada.wait_payment(top_up["id"], "succeeded", timeout_s=60)
    wait_for(ada.mails, lambda mails: mails and mails[0]["state"] == "sent", "the mail")
    inside.audit(system)
    done = subprocess.run([ROOT / "deploy/compose/watched", prometheus], capture_output=True,
                          text=True, check=False, timeout=WATCHED_S_MAX)
    assert done.returncode == 0, done.stderr
    print(done.stdout)
