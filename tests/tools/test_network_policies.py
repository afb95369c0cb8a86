"""Who may talk to whom by the NetworkPolicies of deploy/k8s, computed, against a table of who must.

A connection is allowed when no policy of that direction selects its pod, or one of them names the other
end and the port: at its source for what goes out, at its destination for what comes in. Whatever the table
does not have must be denied.
"""

import ipaddress
import os
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("user", "wallet", "wallet-audit", "payment", "billing", "email")
BY_BROKER = (*(name for name in SERVICES if name != "wallet-audit"), "mpctl")
# Ends outside the namespace: an address, or a namespace of the cluster's.
OUTSIDE = {
    "internet": "198.51.100.7",  # a browser, the provider, DynamoDB's endpoint
    "instance metadata": "169.254.169.254",
    "pod identity": "169.254.170.23",
    "names": "172.20.0.10",
    "load balancer": "10.64.4.20",
    "broker": "10.64.128.70",
    "metrics reader": "10.64.128.200",
    "other pod": "10.64.40.9",
}
NAMESPACES = ("kube-system", "monitoring", "default")
PORTS = (25, 53, 80, 443, 465, 587, 1025, 1080, 5671, 5672, 8000, 8080, 15672, 22)

INSIDE = {
    *(("mpctl", name, 8080) for name in SERVICES),
    *(("gateway", name, 8080) for name in ("user", "wallet", "payment", "billing", "email")),
    *((name, "user", 8080) for name in SERVICES if name != "user"),  # keys, tokens, people
    ("billing", "wallet", 8080),
}
MUST = {
    "local": {
        *INSIDE,
        *((name, "rabbitmq", 5672) for name in BY_BROKER),
        *((name, "dynamodb", 8000) for name in (*SERVICES, "sandbox")),
        ("payment", "sandbox", 8080),
        ("sandbox", "gateway", 8080),
        ("email", "mail", 1025),
        *((name, "kube-system", 53) for name in (
            *SERVICES, "gateway", "mpctl", "sandbox", "mail", "rabbitmq", "dynamodb")),
        *(("monitoring", name, 8080) for name in SERVICES),
        # Its page, and the way in; whoever comes, from wherever.
        *((end, name, 8080) for name in ("gateway", "sandbox")
          for end in (*OUTSIDE, *NAMESPACES)),
    },
    "aws": {
        *INSIDE,
        # Who reads metrics has addresses among the broker's.
        *((name, end, 5671) for name in BY_BROKER for end in ("broker", "metrics reader")),
        *((end, name, 8080) for name in SERVICES for end in ("broker", "metrics reader")),
        *((name, "pod identity", 80) for name in SERVICES),
        *((name, "internet", 443) for name in SERVICES),
        ("email", "internet", 587),
        *((name, "names", 53) for name in (*SERVICES, "gateway", "mpctl")),
        ("load balancer", "gateway", 8080),
    },
}


class Cluster:
    """The pods and policies of one overlay, as kustomize makes them."""

    def __init__(self, text):
        objects = [each for each in yaml.safe_load_all(text) if each]
        self.pods = {
            each["metadata"]["name"]:
                each["spec"].get("jobTemplate", each)["spec"]["template"]["metadata"]["labels"]
            for each in objects if each["kind"] in ("Deployment", "StatefulSet", "CronJob")}
        self.policies = [each["spec"] for each in objects if each["kind"] == "NetworkPolicy"]

    def allows(self, source, destination, port):
        return (self._passes(source, "Egress", destination, port)
                and self._passes(destination, "Ingress", source, port))

    def _passes(self, end, direction, other, port):
        if end not in self.pods:
            return True  # nobody's policy here
        mine = [policy for policy in self.policies
                if direction in policy["policyTypes"]
                and selects(policy["podSelector"], self.pods[end])]
        assert mine, f"no policy is about what {end} may do ({direction})"
        return any(self._names(rule, direction, other, port)
                   for policy in mine for rule in policy.get(direction.lower()) or ())

    def _names(self, rule, direction, other, port):
        peers = rule.get("to" if direction == "Egress" else "from")
        ports = [each["port"] for each in rule.get("ports") or ()]
        return (not ports or port in ports) and (
            not peers or any(self._is(peer, other) for peer in peers))

    def _is(self, peer, other):
        if "ipBlock" in peer:
            return other in OUTSIDE and holds(peer["ipBlock"], OUTSIDE[other])
        if "namespaceSelector" in peer:
            assert "podSelector" not in peer, "not understood"
            return other in NAMESPACES and selects(
                peer["namespaceSelector"], {"kubernetes.io/metadata.name": other})
        return other in self.pods and selects(peer["podSelector"], self.pods[other])

    def allowed(self):
        ends = (*self.pods, *OUTSIDE, *NAMESPACES)
        return {(source, destination, port) for source in ends for destination in ends
                for port in PORTS
                if source != destination and (source in self.pods or destination in self.pods)
                and self.allows(source, destination, port)}


def selects(selector, labels):
    for rule in selector.get("matchExpressions") or ():
        inside = labels.get(rule["key"]) in rule["values"]
        assert rule["operator"] in ("In", "NotIn"), rule
        if inside != (rule["operator"] == "In"):
            return False
    return all(labels.get(key) == value
               for key, value in (selector.get("matchLabels") or {}).items())


def holds(block, address):
    address = ipaddress.ip_address(address)
    return address in ipaddress.ip_network(block["cidr"]) and not any(
        address in ipaddress.ip_network(cidr) for cidr in block.get("except") or ())


@pytest.fixture(scope="module")
def rendered():
    done = subprocess.run([ROOT / "tools/deploy-check", "manifests"], capture_output=True, text=True,
                          check=False, timeout=300, env={**os.environ, "ROOT": str(ROOT)})
    assert done.returncode == 0, done.stdout
    return {name: (ROOT / f"build/{name}.manifests.yaml").read_text() for name in MUST}


@pytest.mark.parametrize("overlay", MUST)
def test_those_talk_that_must_and_nobody_else(rendered, overlay):
    allowed = Cluster(rendered[overlay]).allowed()
    assert sorted(MUST[overlay] - allowed) == [], "must, and may not"
    assert sorted(allowed - MUST[overlay]) == [], "may, and need not"


@pytest.mark.parametrize("overlay, good, bad, says", [
    ("aws", "169.254.0.0/16", "169.254.0.0/30", ("email", "instance metadata", 587)),
    ("aws", "cidr: 10.64.0.0/20", "cidr: 10.64.0.0/16", ("other pod", "gateway", 8080)),
    ("local", "app.kubernetes.io/name: billing\n    ports", "app.kubernetes.io/name: email\n    ports",
     ("billing", "wallet", 8080)),
])
def test_a_planted_mistake_is_found(rendered, overlay, good, bad, says):
    assert good in rendered[overlay]
    wrong = Cluster(rendered[overlay].replace(good, bad, 1)).allowed()
    assert says in wrong ^ MUST[overlay]


def test_pods_without_a_policy_are_found(rendered):
    with pytest.raises(AssertionError, match="no policy is about"):
        Cluster(rendered["local"].replace("kind: NetworkPolicy", "kind: Nothing")).allowed()


# --- what the services are told is where they may go


def test_who_is_told_an_address_may_go_there(rendered):
    """Every http:// in a Deployment's environment, of a Service of the same overlay."""
    cluster = Cluster(rendered["local"])
    for each in yaml.safe_load_all(rendered["local"]):
        if each and each["kind"] == "Deployment":
            for setting in each["spec"]["template"]["spec"]["containers"][0].get("env") or ():
                host = str(setting.get("value")).partition("http://")[2].split("/")[0]
                name, _, port = host.partition(":")
                if name in cluster.pods:
                    assert cluster.allows(each["metadata"]["name"], name, 8080), setting
