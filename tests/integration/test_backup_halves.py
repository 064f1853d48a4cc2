"""What killed commands leave of backups: it goes with the next backup in the same folder, and nothing else does."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.installation import install
from tests.operating import operate
from verifier.backup.create import create

if TYPE_CHECKING:
    from pathlib import Path

    from tests.installation import Installation

MARK = "partial.lock"


@pytest.fixture
def made(tmp_path: Path) -> Installation:
    """An installation with a folder for its backups."""
    (tmp_path / "backups").mkdir()
    return install(tmp_path / "installation", people=[])


def leave_half(made: Installation, name: str) -> Path:
    """Kill a command when all of its backup is written, and give what it leaves."""
    program = (
        "import os, signal; from verifier.backup.folder import PartialFolder;"
        "PartialFolder.finish = lambda *_: os.kill(os.getpid(), signal.SIGKILL);"
        "from verifier.cli.server import main; main()"
    )
    place = made.root.parent / "backups" / name
    subprocess.run(
        [sys.executable, "-c", program, "--config", str(made.config_path), "backup", "create", str(place)],
        check=False,
    )
    half = place.with_name(f"{name}.partial")
    assert (half / "log/log.sqlite").is_file()
    return half


def test_a_half_goes_with_the_next_backup_of_any_name(made: Installation) -> None:
    """The unit names each backup by its second, so that no later one has the name of the one that was killed."""
    half = leave_half(made, "20260131T021500Z")
    operate(made, "backup", "create", half.with_name("20260201T021500Z"))
    assert [path.name for path in half.parent.iterdir()] == ["20260201T021500Z"]


def test_a_half_that_is_being_made_stays(made: Installation) -> None:
    """Whoever holds its lock is at work on it; when nobody does, it goes."""
    half = leave_half(made, "sunday")
    with (half / MARK).open("r+b") as mark:
        fcntl.flock(mark, fcntl.LOCK_EX)
        create(made.settings, half.with_name("monday"))
        assert (half / "log/log.sqlite").is_file()
    create(made.settings, half.with_name("tuesday"))
    assert not half.exists()


def test_what_is_not_ours_stays(made: Installation, tmp_path: Path) -> None:
    """A folder without the mark, one that a command has only begun, a link and a file are left alone."""
    backups = tmp_path / "backups"
    for name in ("theirs.partial", "begun.partial"):
        (backups / name).mkdir()
    (backups / "theirs.partial/log").write_bytes(b"theirs")
    (backups / "begun.partial" / MARK).touch()
    (backups / "film.partial").write_bytes(b"theirs")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name in (MARK, "log"):
        (elsewhere / name).touch()
    (backups / "link.partial").symlink_to(elsewhere)
    before = {*backups.rglob("*"), *elsewhere.rglob("*")}
    create(made.settings, backups / "monday")
    assert before <= {*backups.rglob("*"), *elsewhere.rglob("*")}


def test_a_half_that_cannot_go_costs_no_backup(made: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where its removal fails the backup is made, and since the mark goes last, a later one removes it."""
    half = leave_half(made, "sunday")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError

    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", refuse)
        create(made.settings, half.with_name("monday"))
    assert (half / MARK).is_file()
    operate(made, "backup", "verify", half.with_name("monday"))
    create(made.settings, half.with_name("tuesday"))
    assert not half.exists()


def test_one_that_begins_anew_meanwhile_stays(made: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lock of a mark that is gone is no right to what another command has made in its place."""
    half, flock = leave_half(made, "sunday"), fcntl.flock

    def late(descriptor: int, operation: int) -> None:
        monkeypatch.setattr(fcntl, "flock", flock)
        half.rename(half.with_name("gone"))
        half.mkdir()
        for name in (MARK, "manifest.json"):
            (half / name).touch()
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    create(made.settings, half.with_name("monday"))
    assert sorted(path.name for path in half.iterdir()) == ["manifest.json", MARK]
