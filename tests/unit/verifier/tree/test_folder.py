"""The folder of a tree: what is written there is there after a power cut."""

from __future__ import annotations

import errno
import os
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.disk import Disk
from verifier.tree.errors import TreeStoreError
from verifier.tree.folder import TreeFolder

if TYPE_CHECKING:
    from pathlib import Path

FILES = [
    ("tile/0/000", b"0"),
    ("tile/0/x001/000.p/3", b"1"),
    ("tile/entries/000", b"2"),
    ("tile/0/001", b"3"),
]


def test_what_is_written_is_durable_with_every_folder_above_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each content is synced before it gets its name, and each folder after it got a new one: at first, and later."""
    disk = Disk(monkeypatch)
    folder = TreeFolder(tmp_path / "public" / "tree")
    for some in ([FILES[0]], FILES):
        folder.write(some)
        assert disk.names == {}
    empty = TreeFolder(tmp_path / "empty" / "tree")
    assert empty.publish(b"of no leaves", may_replace=lambda before: before is None)
    assert disk.names == {}
    assert folder.publish(b"first", may_replace=lambda before: before is None)
    assert folder.publish(b"second", may_replace=lambda before: before == b"first")
    assert disk.names == {}
    assert {name: folder.read(name) for name, _ in FILES} == dict(FILES)
    assert folder.checkpoint() == b"second"


def test_what_a_dead_process_left_is_made_durable_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its files stand and its folders are there, and nobody knows whether their names are on the disk."""
    disk = Disk(monkeypatch)
    with monkeypatch.context() as failing:
        failing.setattr("verifier.tree.folder.sync_folder", full)
        with pytest.raises(TreeStoreError, match="No space left"):
            TreeFolder(tmp_path / "tree").write(FILES[:3])
    assert len(disk.names) > 3
    folder = TreeFolder(tmp_path / "tree")
    folder.write([(f"places/{number}", b"") for number in range(2)])
    folder.write(FILES)
    assert disk.names == {}


def full(_folder: object) -> None:
    """Fail as a full disk does."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_folder_that_leads_nowhere_is_told(tmp_path: Path) -> None:
    """As when the disk behind a link is not there."""
    (tmp_path / "tree" / "tile").mkdir(parents=True)
    (tmp_path / "tree" / "tile" / "0").symlink_to(tmp_path / "unmounted")
    with pytest.raises(TreeStoreError, match="cannot be used"):
        TreeFolder(tmp_path / "tree").write(FILES)


def test_no_folder_is_taken_for_durable_that_was_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder of partial files goes and may come again; only some are remembered, and none is left out."""
    disk = Disk(monkeypatch)
    monkeypatch.setattr("verifier.tree.folder._REMEMBERED", 5)
    folder = TreeFolder(tmp_path / "tree")
    for number in (1, *range(1, 20)):
        folder.write([(f"tile/0/{number:03d}.p/1", b"1")])
        shutil.rmtree(folder.path / f"tile/0/{number:03d}.p")
        assert (disk.names, len(folder._durable) <= 5 + 5) == ({}, True)


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_any_web_server_may_read_and_nobody_write(tmp_path: Path, umask: int) -> None:
    """Whatever the process's mask says."""
    before = os.umask(umask)
    try:
        folder = TreeFolder(tmp_path / "tree")
        folder.write(FILES)
    finally:
        os.umask(before)
    modes = {each.stat().st_mode & 0o777 for each in folder.path.rglob("*") if each.is_dir()}
    assert modes == {0o755}
    assert {(folder.path / name).stat().st_mode & 0o777 for name, _ in FILES} == {0o644}
