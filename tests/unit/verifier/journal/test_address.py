"""The journal's socket: who may be where."""

from __future__ import annotations

import os
import socket
import stat
from typing import TYPE_CHECKING

import pytest

from verifier.journal import address
from verifier.journal.address import JournalAddressError, StrangerError

if TYPE_CHECKING:
    from pathlib import Path


def test_the_socket_is_its_owners(path: Path) -> None:
    """Nobody else may connect, whatever the process's umask."""
    before = os.umask(0)
    try:
        with address.listen(path):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
    finally:
        assert os.umask(before) == 0, "the umask is as it was"


def test_a_dead_socket_is_replaced(path: Path) -> None:
    """What a killed writer has left is no obstacle."""
    address.listen(path).close()
    with pytest.raises(ConnectionRefusedError):
        address.connect(path)
    with address.listen(path), address.connect(path):
        assert path.is_socket()


def test_a_path_that_fits_no_address_is_refused(tmp_path: Path) -> None:
    """The message says what to shorten."""
    long = tmp_path / ("x" * address.MAX_PATH) / "journal.sock"
    with pytest.raises(JournalAddressError, match="shorten data_dir"):
        address.listen(long)
    with pytest.raises(JournalAddressError, match="shorten data_dir"):
        address.connect(long)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    """A missing folder is the operator's to mend."""
    with pytest.raises(JournalAddressError, match="No such file"):
        address.listen(tmp_path / "missing" / "journal.sock")
    with pytest.raises(JournalAddressError, match="No such file"), address.only_writer(tmp_path / "no" / "j"):
        pass


def test_there_is_one_writer(path: Path) -> None:
    """A second writer of the same folder is refused while the first one lives."""
    with (
        address.only_writer(path),
        pytest.raises(JournalAddressError, match="another service"),
        address.only_writer(path),
    ):
        pass
    with address.only_writer(path):
        pass


def test_a_stranger_is_not_talked_to(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each end refuses a process of another user."""
    with address.listen(path) as listener, socket.socket(socket.AF_UNIX) as stream:
        stream.connect(str(path))
        accepted, _ = listener.accept()
        me = os.geteuid()
        monkeypatch.setattr(os, "geteuid", lambda: me + 1)
        with accepted, pytest.raises(StrangerError):
            address.prepare(accepted)
        with pytest.raises(StrangerError):
            address.connect(path)
