"""The services' contracts: what their openapi.yaml files say."""

import yaml

from local_system import ROOT

SERVICES = ("user", "wallet", "payment", "billing", "email")
METHODS = ("get", "post", "put", "patch", "delete")


def contract(service):
    return yaml.safe_load((ROOT / "services" / service / "openapi.yaml").read_text())


def operations(service):
    """Every (method, path) of a service with its description."""
    for path, item in contract(service)["paths"].items():
        for method in METHODS:
            if method in item:
                yield (method.upper(), path), item[method]
