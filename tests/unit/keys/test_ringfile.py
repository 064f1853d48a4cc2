"""Files that are replaced whole or not at all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from keys.errors import KeyringConflictError, KeyringExistsError, KeyringMissingError
from keys.ringfile import RingFile

if TYPE_CHECKING:
    from pathlib import Path

OLD, NEW = b"old " * 1000, b"new " * 2000
STEPS = ("fsync", "link", "replace", "rename")


class Breaker:
    """Lets the n-th step of writing a file fail, and counts the steps."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen: list[str] = []
        self.fail_at = 0
        for name in STEPS:
            monkeypatch.setattr(os, name, self._breaking(name, getattr(os, name)))

    def _breaking(self, name: str, real: Any) -> Any:
        def step(*args: Any, **kwargs: Any) -> Any:
            self.seen.append(name)
            if len(self.seen) == self.fail_at:
                raise OSError(28, "no space left", name)
            return real(*args, **kwargs)

        return step

    def reset(self, fail_at: int) -> None:
        """Count anew and fail at a step; 0 is never."""
        self.seen.clear()
        self.fail_at = fail_at


def test_a_file_is_replaced_and_the_last_one_kept(tmp_path: Path) -> None:
    """After two writes the second is the file and the first its backup; both for the owner alone."""
    file = RingFile(tmp_path / "ring")
    file.write(OLD)
    assert not file.backup.exists()
    file.write(NEW)
    assert (file.read(), file.backup.read_bytes()) == (NEW, OLD)
    assert {path.stat().st_mode & 0o777 for path in (file.path, file.backup)} == {0o600}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ring", "ring.bak"]


def test_a_file_may_do_without_a_backup(tmp_path: Path) -> None:
    """A KEK file keeps no last version: it would hold a retired KEK."""
    file = RingFile(tmp_path / "ring", keep_last=False)
    file.write(OLD)
    file.write(NEW)
    assert [path.name for path in tmp_path.iterdir()] == ["ring"]


def test_forgetting_leaves_no_copy_of_the_last_version(tmp_path: Path) -> None:
    """What was destroyed is in neither file."""
    file = RingFile(tmp_path / "ring")
    file.write(OLD)
    file.write(NEW)
    file.forget()
    assert file.read() == file.backup.read_bytes() == NEW


def test_what_a_killed_writer_left_goes_with_the_next_version(tmp_path: Path) -> None:
    """Half a version, a whole one, and a second name of the backup are gone; those of other files stay."""
    file = RingFile(tmp_path / "ring")
    file.write(OLD)
    (tmp_path / "ring.bak").hardlink_to(file.path)
    for name in (".ring.abcd1234.tmp", ".ring.bak.abcd1234.tmp", "ring.bak.new", ".ring.json.abcd1234.tmp"):
        (tmp_path / name).write_bytes(NEW)
    assert [path.name for path in file.leftovers()] == [
        ".ring.abcd1234.tmp",
        ".ring.bak.abcd1234.tmp",
        "ring.bak.new",
    ]
    file.write(NEW)
    assert (file.leftovers(), file.read(), file.backup.read_bytes()) == ([], NEW, OLD)
    assert (tmp_path / ".ring.json.abcd1234.tmp").exists()


def test_a_failure_at_any_step_leaves_the_old_file_or_the_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between write and rename, or anywhere else, a full disk loses nothing and leaves no rubbish."""
    file = RingFile(tmp_path / "ring")
    breaker = Breaker(monkeypatch)
    file.write(OLD)
    breaker.reset(0)
    file.write(OLD)
    steps = len(breaker.seen)
    assert steps >= 4
    for step in range(1, steps + 1):
        breaker.reset(step)
        with pytest.raises(OSError, match="no space"):
            file.write(NEW)
        renamed = step == steps
        assert file.read() == (NEW if renamed else OLD)
        assert file.backup.read_bytes() == OLD
        assert not list(tmp_path.glob(".*.tmp"))
        breaker.reset(0)
        file.write(OLD)
        file.write(OLD)


def test_a_killed_writer_leaves_a_whole_file(tmp_path: Path) -> None:
    """After kill -9 at any moment of a writing loop the file is one of the two versions, never a mixture."""
    script = (
        "import sys; from pathlib import Path; from keys.ringfile import RingFile\n"
        "file = RingFile(Path(sys.argv[1]))\n"
        "while True:\n    file.write(b'old ' * 1000); file.write(b'new ' * 2000)\n"
    )
    file = RingFile(tmp_path / "ring")
    file.write(OLD)
    for attempt in range(8):
        before = file.path.stat().st_mtime_ns
        with subprocess.Popen([sys.executable, "-c", script, str(file.path)]) as process:
            while file.path.stat().st_mtime_ns == before:
                time.sleep(0.002)
            time.sleep(0.003 * attempt)
            process.send_signal(signal.SIGKILL)
        assert file.read() in {OLD, NEW}
        assert file.backup.read_bytes() in {OLD, NEW}


def test_a_missing_file_says_whether_a_backup_is_there(tmp_path: Path) -> None:
    """The message leads to what can be put back."""
    file = RingFile(tmp_path / "ring")
    with pytest.raises(KeyringMissingError) as bare:
        file.read()
    assert "bak" not in str(bare.value)
    file.backup.write_bytes(OLD)
    with pytest.raises(KeyringMissingError, match=r"ring\.bak is there"):
        file.read()


def test_an_existing_file_or_backup_is_not_overwritten_by_a_new_one(tmp_path: Path) -> None:
    """Neither a keyring nor its backup stands in for a free place."""
    file = RingFile(tmp_path / "ring")
    file.refuse_existing()
    for path in (file.path, file.backup):
        path.write_bytes(OLD)
        with pytest.raises(KeyringExistsError):
            file.refuse_existing()
        path.unlink()


def test_two_writers_do_not_meet(tmp_path: Path) -> None:
    """While one holds the lock the other is told to wait, and afterwards may write."""
    one, other = RingFile(tmp_path / "ring"), RingFile(tmp_path / "ring")
    with one.lock(), pytest.raises(KeyringConflictError), other.lock():
        pass
    with other.lock():
        pass


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    """A path into nowhere is a missing folder, not a traceback."""
    with pytest.raises(KeyringMissingError, match="no folder"), RingFile(tmp_path / "no" / "ring").lock():
        pass
