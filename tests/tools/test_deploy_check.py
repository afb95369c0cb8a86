"""Each check of tools/deploy-check finds a mistake that is planted for it, and says where."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CHECK_S_MAX = 300
PARTS = ("deploy/cdk", "deploy/alerts", "deploy/images", "deploy/k8s", ".github")


@pytest.fixture
def copy(tmp_path):
    """What a deployment is made of, to be spoilt; the packages are the checkout's own."""
    for part in PARTS:
        if (ROOT / part).exists():
            shutil.copytree(ROOT / part, tmp_path / part, symlinks=True,
                            ignore=shutil.ignore_patterns("node_modules"))
    (tmp_path / "deploy/cdk/node_modules").symlink_to(ROOT / "deploy/cdk/node_modules")
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    return tmp_path


def check(folder, name):
    done = subprocess.run([ROOT / "tools/deploy-check", name], text=True, capture_output=True,
                          env={**os.environ, "ROOT": str(folder)}, check=False,
                          timeout=CHECK_S_MAX)
    return done.returncode, done.stdout + done.stderr


def plant(folder, name, good, bad):
    path = folder / name
    text = path.read_text()
    assert good in text, f"{name} has no {good!r} to spoil"
    path.write_text(text.replace(good, bad, 1))


def template(name):
    return f"deploy/cdk/cdk.out/MoneyPal-{name}.template.json"


MISTAKES = {
    "a table that no service prints": (
        "tables", "deploy/cdk/tables.json", '"PAY_PER_REQUEST"', '"PROVISIONED"', "--print-table"),
    "a type that does not fit": (
        "types", "deploy/cdk/lib/network-stack.ts", "natGateways: 3", "natGateways: 'three'", "TS2322"),
    "a key that is never rotated": (
        "synth", "deploy/cdk/lib/data-stack.ts", "enableKeyRotation: true",
        "enableKeyRotation: false", "KMS5"),
    "a template without protection from deletion": (
        "assertions", template("Data"), '"DeletionProtectionEnabled": true',
        '"DeletionProtectionEnabled": false', "guarded against loss"),
    "a role that scans": (
        "assertions", template("Cluster"), '"dynamodb:PutItem"', '"dynamodb:Scan"', "nobody scans"),
    "an image whose tag moves": (
        "assertions", template("Registry"), '"IMMUTABLE"', '"MUTABLE"', "for ever"),
    "a GitHub of anybody's": (
        "assertions", template("Registry"), ":environment:deploy", ":*", "GitHub becomes a role"),
    "a balancer's subnet that is not believed": (
        "assertions", "deploy/k8s/overlays/aws/network.yaml", "10.64.0.0/20", "10.64.0.0/22", "the manifests have"),
    "a secret that a pod is not handed": (
        "assertions", "deploy/k8s/overlays/aws/secrets.yaml", "moneypal/smtp", "moneypal/mail", "the manifests have"),
    "dead letters that nobody hears of": (
        "assertions", template("Watch"), '"moneypal.billing.dead"', '"moneypal.billing"', "somebody is told"),
    "an action that does not exist": (
        "cfn-lint", template("Cluster"), '"dynamodb:PutItem"', '"dynamodb:PutItems"', "putitems"),
    "an action by its tag": (
        "workflows", ".github/workflows/ci.yml",
        "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1", "actions/checkout@v7",
        "not pinned"),
    "an expression of nothing": (
        "workflows", ".github/workflows/deploy.yml", "vars.AWS_REGION", "varz.AWS_REGION", "varz"),
    "a permission for everything": (
        "workflows", ".github/workflows/deploy.yml", "contents: read", "contents: write-all", "write-all"),
    "a run that an input can write": (
        "workflows", ".github/workflows/deploy.yml", 'run: tools/deploy roll "$VERSION"',
        "run: tools/deploy roll ${{ inputs.version }}", "template-injection"),
    "an alert that never fires": (
        "alerts", "deploy/alerts/moneypal.rules.yaml", "moneypal_audit_problems) > 0",
        "moneypal_audit_problem) > 0", "AuditProblems"),
    "a Dockerfile without a base's version": (
        "dockerfiles", "deploy/images/Dockerfile", "\nFROM ", "\nFROM debian:latest AS last\nFROM ",
        "DL3007"),
    "a service that is gone without a word": (
        "alerts", "deploy/alerts/moneypal.rules.yaml", "unless group", "and group", "ServiceDown"),
    "a cluster's own manifest that is none": (
        "manifests", "deploy/k8s/eks/access.yaml", "roleRef:", "roleReference:", "roleRef"),
    "a manifest with a field of nobody": (
        "manifests", "deploy/k8s/base/user.yaml", "\nspec:", "\nspec:\n  replicaz: 2", "replicaz"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_planted_mistake_is_found(copy, mistake):
    name, path, good, bad, says = MISTAKES[mistake]
    plant(copy, path, good, bad)
    status, output = check(copy, name)
    assert status == 1, output
    assert f"{name}: FAILED" in output and says in output.replace("\n", " "), output
