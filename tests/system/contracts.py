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


def resolved(service, part):
    """A part of the contract with what its references stand for, parameters of its path included."""
    whole = contract(service)

    def walk(node):
        if isinstance(node, list):
            return [walk(each) for each in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            found = whole
            for name in node["$ref"].removeprefix("#/").split("/"):
                found = found[name]
            return walk(found)
        return {name: walk(each) for name, each in node.items()}

    return walk(part)
