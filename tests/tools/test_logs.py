"""A full log of `make run` gives way to what needs the disk more."""

import errno
import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "deploy" / "local"))

from moneypal_local import logs  # noqa: E402


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "wallet.log"
    path.write_text("now\n")
    for number in (1, 2, 3):
        path.with_name(f"wallet.log.{number}").write_text(f"{number}\n")
    return path


def kept(log):
    return {path.name[len("wallet.log."):]: path.read_text()
            for path in log.parent.glob("wallet.log.*")}


def full_disk(monkeypatch, times, error=errno.ENOSPC):
    """The copying fails so many times."""
    copy = shutil.copyfileobj
    left = iter(range(times))

    def fail(*files):
        if next(left, None) is not None:
            raise OSError(error, "injected")
        copy(*files)

    monkeypatch.setattr(shutil, "copyfileobj", fail)


def test_each_moves_one_on_and_the_oldest_goes(log):
    logs._rotate(log)
    assert log.read_text() == ""
    assert kept(log) == {"1": "now\n", "2": "1\n", "3": "2\n"}


def test_on_a_full_disk_the_oldest_make_room_for_the_newest(log, monkeypatch):
    full_disk(monkeypatch, 1)
    logs._rotate(log)
    assert log.read_text() == ""
    assert kept(log) == {"1": "now\n", "2": "1\n"}


def test_a_disk_that_stays_full_keeps_no_log(log, monkeypatch):
    full_disk(monkeypatch, 100)
    with pytest.raises(OSError):
        logs._rotate(log)
    assert log.read_text() == "" and kept(log) == {}


def test_other_trouble_loses_no_line(log, monkeypatch):
    full_disk(monkeypatch, 100, errno.EIO)
    for _ in range(3):
        with pytest.raises(OSError):
            logs._rotate(log)
    assert log.read_text() == "now\n"
    assert kept(log) == {"2": "1\n", "3": "2\n"}
