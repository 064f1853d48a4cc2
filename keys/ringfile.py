"""A file that is replaced whole or not at all, with the last good version beside it.

Writing: a temporary file in the same folder (mode 0600) is written and fsynced, the present file is linked to
`.bak`, the temporary file is renamed over it, and the folder is fsynced. Whoever reads, at any moment and
after any crash, finds the old file or the new one. Writers hold an exclusive lock on `NAME.lock` from their
reading to their writing. What a killed writer left under a temporary name, the next one removes. Assumes a local
file system with atomic rename.
"""

from __future__ import annotations

import contextlib
import fcntl
import glob
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from keys.errors import KeyringConflictError, KeyringExistsError, KeyringMissingError
from keys.step import Step, ignore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OWNER_ONLY: Final = 0o600
_TEMPORARY: Final = ".{}.????????.tmp".format
"""Names that mkstemp gives to what is written beside a file."""


def sync_folder(folder: Path | str) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class RingFile:
    """A small file that is replaced atomically: the keyring, and the KEK file.

    Args:
        path: where the file is or will be; its folder exists.
        keep_last: whether the version before the present one stays as `.bak`.
        reached: is told each step of a writing.
    """

    def __init__(
        self, path: Path, *, keep_last: bool = True, reached: Callable[[Step], object] = ignore
    ) -> None:
        self.path = path
        self.backup = path.with_name(path.name + ".bak")
        self._keep_last = keep_last
        self._reached = reached

    def read(self) -> bytes:
        """Read the file whole.

        Raises:
            KeyringMissingError: there is none; the message says whether a backup is there.
        """
        try:
            return self.path.read_bytes()
        except FileNotFoundError as error:
            hint = f"; {self.backup} is there" if self.backup.exists() else ""
            raise KeyringMissingError(f"there is no file {self.path}{hint}") from error

    def write(self, data: bytes) -> None:
        """Replace the file; durable when this returns.

        The caller holds the lock and has read and checked the present file, so what becomes `.bak` is good.

        Raises:
            OSError: the disk refuses; the present file stands unchanged.
        """
        self._replace(self.path, data, keep_last=self._keep_last)
        self._reached(Step.KEYRING_WRITTEN)

    def forget(self) -> None:
        """Let the present file be its own backup, so that what was destroyed is in neither."""
        if self.backup.exists():
            self._replace(self.backup, self.read(), keep_last=False)

    def leftovers(self) -> list[Path]:
        """Name what killed writers left: whole or half versions that never came to be, or did under the file's name."""
        places = (self.path, self.backup)
        found = [path for place in places for path in place.parent.glob(_TEMPORARY(glob.escape(place.name)))]
        return sorted([*found, *self.path.parent.glob(glob.escape(self._link.name))])

    def _replace(self, target: Path, data: bytes, *, keep_last: bool) -> None:
        for left in self.leftovers():
            left.unlink(missing_ok=True)
        temporary = _write_beside(target, data)
        self._reached(Step.KEYRING_BESIDE)
        try:
            if keep_last and target.exists():
                self._link_backup()
                self._reached(Step.BACKUP_KEPT)
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(target.parent)

    def _link_backup(self) -> None:
        os.link(self.path, self._link)
        try:
            self._link.replace(self.backup)
        finally:
            self._link.unlink(missing_ok=True)  # of two names of one file, rename leaves both

    @property
    def _link(self) -> Path:
        return self.backup.with_name(self.backup.name + ".new")

    def refuse_existing(self) -> None:
        """Refuse to stand in the way of a file that is there.

        Raises:
            KeyringExistsError: the file or its backup exists.
        """
        for path in (self.path, self.backup):
            if path.exists():
                raise KeyringExistsError(f"there is a file {path} already")

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the writers' lock.

        Raises:
            KeyringConflictError: another process holds it.
            KeyringMissingError: the folder does not exist.
        """
        path = self.path.with_name(self.path.name + ".lock")
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, OWNER_ONLY)
        except FileNotFoundError as error:
            raise KeyringMissingError(f"there is no folder {self.path.parent}") from error
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise KeyringConflictError(f"another command is writing {self.path}") from error
            yield
        finally:
            os.close(descriptor)


def _write_beside(target: Path, data: bytes) -> Path:
    """Write and fsync a temporary file in the target's folder; mkstemp gives it mode 0600."""
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary
