"""Secret files: for their owner alone, never written over by accident, never half there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.disk import Disk
from verifier.secret_file import replace_secret, write_secret

if TYPE_CHECKING:
    from pathlib import Path


def test_a_new_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    """The mode is 0600 from the first byte on."""
    write_secret(tmp_path / "key", b"secret")
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "key").read_bytes() == b"secret"


def test_a_file_or_link_that_is_there_stays(tmp_path: Path) -> None:
    """Neither a file nor a link is written through."""
    (tmp_path / "target").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    for name in ("target", "link"):
        with pytest.raises(FileExistsError):
            write_secret(tmp_path / name, b"new")
    assert (tmp_path / "target").read_bytes() == b"old"


def test_replacing_keeps_the_mode(tmp_path: Path) -> None:
    """A replaced file is for its owner alone too, and nothing is left beside it."""
    for content in (b"one", b"two"):
        replace_secret(tmp_path / "key", content)
    assert (tmp_path / "key").read_bytes() == b"two"
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_what_is_replaced_is_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A power cut finds the old file or the new one: the content is durable before it has the name, the name after."""
    disk = Disk(monkeypatch)
    for content in (b"one", b"two"):
        replace_secret(tmp_path / "key", content)
        assert disk.names == {}
