"""What the documents say can be typed in, is: README's first calls and docs/QUICKSTART.md, by bash."""

import os
import re
import subprocess

import pytest

from local_system import ROOT

SECONDS_MAX = 60


def typed(moneypal, document, first):
    """The document's commands from the block with `first` on, all in one shell; what it printed."""
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / document).read_text(), re.S)
    begin = next(i for i, block in enumerate(blocks) if first in block)
    commands = "\n".join(blocks[begin:]).replace("http://127.0.0.1:8080", moneypal.base)
    commands = commands.replace("sleep 1\n", "sleep 4\n")  # other things run on this machine
    ended = subprocess.run(["bash", "-euo", "pipefail", "-c", commands], timeout=SECONDS_MAX, text=True,
                           capture_output=True, check=False, env={"PATH": os.environ["PATH"]})
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout + ended.stderr


def in_order(told, wanted):
    at = 0
    for pattern in wanted:
        match = re.compile(pattern, re.S).search(told, at)
        assert match, (pattern, told[at:])
        at = match.end()


def test_the_quick_start_does_what_it_says(moneypal):
    told = typed(moneypal, "docs/QUICKSTART.md", "B=http://")
    in_order(told, [
        r'"first_name": "Ada"', r'"user_name": "ada-\d+"', r'"user_name": "bob-\d+"',
        r"/pay/cs_test_\w+", r"\n303\n", r'"amount": "100.00"',
        r'"state": "succeeded",\s+"status": true,\s+"payment_amount": "30.00"',
        r'"event": "payment.requested"', r'"event": "bill.settled"', r'"invoice_no": "INV-',
        r'"amount": "-30.00",\s+"balance_after": "70.00"', r'"type": "/problems/invalid"',
        r'"field": "paid_to"', r'"field": "payment_amount"'])


def test_the_readmes_first_calls_work(moneypal):
    told = typed(moneypal, "README.md", "B=http://")
    in_order(told, [r'"user_name":"ada"', r'"amount":"0.00"', r'"checkout_url":"http'])


@pytest.mark.parametrize("document", ["README.md", "docs/QUICKSTART.md"])
def test_what_the_documents_point_at_is_there(document):
    text = (ROOT / document).read_text()
    links = re.findall(r"\]\((?!http)([^)#]+)", text) + re.findall(r'src="(?!http)([^"]+)"', text)
    folder = (ROOT / document).parent
    assert links and [link for link in links if not (folder / link).exists()] == []
