"""The folder of a backup: under another name until it is complete and durable, its files hashed as they are written.

Everything is for its owner alone. `NAME.partial` is never a backup: what a killed command left there, the next one in
the same folder removes, whatever its name.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import sqlite3
from typing import TYPE_CHECKING, Final

from keys.ringfile import sync_folder
from verifier.backup import manifest as manifests
from verifier.backup.errors import (
    BackupDamagedError,
    BackupFormatError,
    BackupPlaceError,
    BackupUnreadableError,
    BackupWriteError,
)
from verifier.backup.manifest import BackedUpFile
from verifier.failure import ADVICE, classify

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from typing import BinaryIO

    from verifier.backup.manifest import Manifest

PARTIAL: Final = ".partial"
_MARK: Final = "partial.lock"
_CHUNK: Final = 1 << 20
_FOLDER_MODE: Final = 0o700
_FILE_MODE: Final = 0o600


class PartialFolder:
    """A backup in the making."""

    def __init__(self, final: Path) -> None:
        self._final = final
        self.path = final.with_name(final.name + PARTIAL)
        self.files: list[BackedUpFile] = []

    def write(self, name: str, chunks: Iterable[bytes]) -> None:
        """Write a file, durably, and note its hash."""
        path = self._place(name)
        digest, size = hashlib.sha256(), 0
        with created(path) as file:
            for chunk in chunks:
                file.write(chunk)
                digest.update(chunk)
                size += len(chunk)
        self.files.append(BackedUpFile(path=name, size=size, sha256=digest.digest()))

    def place(self, name: str) -> Path:
        """Give the path of a file that somebody else writes; `take` it afterwards."""
        path = self._place(name)
        path.touch(mode=_FILE_MODE, exist_ok=False)
        return path

    def take(self, name: str) -> None:
        """Make a file that somebody else wrote durable, and note its hash."""
        path = self.path / name
        with path.open("rb") as file:
            os.fsync(file.fileno())
            self.files.append(hashed(file, name))

    def finish(self, manifest: Manifest) -> None:
        """Write the manifest and give the folder its name; from then on it is a backup."""
        with created(self.path / manifests.FILE) as file:
            file.write(manifests.encode(manifest))
        (self.path / _MARK).unlink()
        for folder in (*(each for each in self.path.iterdir() if each.is_dir()), self.path):
            sync_folder(folder)
        self.path.rename(self._final)
        sync_folder(self._final.parent)

    def _place(self, name: str) -> Path:
        path = self.path / name
        path.parent.mkdir(mode=_FOLDER_MODE, exist_ok=True)
        return path


@contextlib.contextmanager
def making(final: Path) -> Iterator[PartialFolder]:
    """Make a backup's folder; what is written is removed where an exception leaves the block.

    First goes what killed commands left beside it under other names, which may be as large as a backup. What another
    command is making stays, and what no command of ours marked. A half that cannot be removed stays too, and is tried
    again by the next command: it is no reason to have no backup tonight.

    Raises:
        BackupPlaceError: there is something of that name, or another command is making it.
        BackupWriteError: the disk refuses.
    """
    if final.exists():
        raise BackupPlaceError(f"{final}: there is something already")
    folder = PartialFolder(final)
    _sweep(folder.path)  # before anything is made: the disk may be full of them
    with contextlib.ExitStack() as held:
        _begin(folder.path, held)
        try:
            yield folder
        except (OSError, sqlite3.Error) as error:
            _give_up(folder.path)
            cause = (
                ADVICE[classify(error)] if isinstance(error, sqlite3.Error) else os.strerror(error.errno or 0)
            )
            raise BackupWriteError(
                f"{folder.path}: {cause}; what was written is removed, and there is no backup {final.name}"
            ) from error
        except BaseException:
            _give_up(folder.path)
            raise


def read_source(path: Path) -> bytes:
    """Read a file that goes into a backup.

    Raises:
        BackupUnreadableError: it cannot be read, which is not the fault of the disk that the backup goes to.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise BackupUnreadableError(
            f"{path}: cannot be read ({error.strerror}), and belongs in the backup"
        ) from error


def _begin(path: Path, held: contextlib.ExitStack) -> None:
    try:
        if path.exists():
            if not (path / _MARK).exists():
                raise BackupPlaceError(f"{path}: there is something already, and no killed backup left it")
            _lock(path, held)
            _clear(path)
        path.mkdir(mode=_FOLDER_MODE, parents=True)
        (path / _MARK).touch(mode=_FILE_MODE)
        _lock(path, held)
    except OSError as error:
        raise BackupWriteError(f"{path}: cannot be made ({error.strerror})") from error


def _sweep(own: Path) -> None:
    """Remove the halves that killed commands left in the folder under other names."""
    halves: list[Path] = []
    with contextlib.suppress(OSError):
        halves = [path for path in own.parent.glob(f"*{PARTIAL}") if path != own and not path.is_symlink()]
    for path in halves:
        with contextlib.suppress(OSError, BackupPlaceError), contextlib.ExitStack() as held:
            # Between its mark and its lock, a command that begins has nothing but the mark: it is not disturbed. Who
            # has written more has the lock.
            if _has_more(path):
                _lock(path, held)
                if _has_more(path):  # and is not, since, one that began anew
                    _clear(path)


def _has_more(path: Path) -> bool:
    return (path / _MARK).is_file() and any(each.name != _MARK for each in path.iterdir())


def _clear(path: Path) -> None:
    """Remove a half whose lock is held; the mark last, so that one whose removal is killed is still known as a half."""
    for each in path.iterdir():
        if each.is_dir() and not each.is_symlink():
            shutil.rmtree(each)
        elif each.name != _MARK:
            each.unlink()
    shutil.rmtree(path)


def _give_up(path: Path) -> None:
    with contextlib.suppress(OSError):  # what stays has its mark, and goes with the next command
        _clear(path)


def _lock(path: Path, held: contextlib.ExitStack) -> None:
    descriptor = os.open(path / _MARK, os.O_RDWR)
    held.callback(os.close, descriptor)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise BackupPlaceError(f"{path}: another command is making this backup") from error
    if not os.path.samestat(
        os.fstat(descriptor), (path / _MARK).stat()
    ):  # its holder ended, and one began anew
        raise BackupPlaceError(f"{path}: another command is making this backup")


@contextlib.contextmanager
def created(path: Path) -> Iterator[BinaryIO]:
    """Write a new file of mode 0600; durable at the end of the block."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, _FILE_MODE)
    with os.fdopen(descriptor, "wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def chunks_of(file: BinaryIO) -> Iterator[bytes]:
    """Read an open file to its end."""
    while chunk := file.read(_CHUNK):
        yield chunk


def hashed(file: BinaryIO, name: str) -> BackedUpFile:
    """Hash an open file."""
    digest, size = hashlib.sha256(), 0
    for chunk in chunks_of(file):
        digest.update(chunk)
        size += len(chunk)
    return BackedUpFile(path=name, size=size, sha256=digest.digest())


def read_manifest(folder: Path) -> Manifest:
    """Read a backup's manifest.

    Raises:
        BackupFormatError: no backup, half a one, or of a later format.
        BackupDamagedError: the manifest was changed.
    """
    if folder.name.endswith(PARTIAL) or (folder / _MARK).exists():
        raise BackupFormatError(f"{folder}: half a backup, whose command did not end")
    try:
        data = (folder / manifests.FILE).read_bytes()
    except OSError as error:
        raise BackupFormatError(f"{folder}: no backup ({manifests.FILE}: {error.strerror})") from error
    try:
        return manifests.decode(data)
    except (BackupFormatError, BackupDamagedError) as error:
        raise type(error)(f"{folder}: {error}") from error


def require_files(folder: Path, manifest: Manifest) -> None:
    """Check that the files are those of the manifest, all of them and no other.

    Raises:
        BackupDamagedError: one is missing, changed or too much.
    """
    wanted = {each.path: each for each in manifest.files}
    found = {
        str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir() or path.is_symlink()
    } - {manifests.FILE}
    if len(wanted) != len(manifest.files) or found != wanted.keys():
        odd = sorted(found ^ wanted.keys()) or ["a file twice"]
        raise BackupDamagedError(f"{folder}: missing or too much: {', '.join(odd[:5])}")
    for name, each in wanted.items():
        try:
            with (folder / name).open("rb") as file:
                if hashed(file, name) != each:
                    raise BackupDamagedError(f"{folder / name}: not what was written")
        except OSError as error:
            raise BackupDamagedError(f"{folder / name}: cannot be read ({error.strerror})") from error
