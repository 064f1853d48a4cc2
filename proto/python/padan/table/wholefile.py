"""A file that is written as a whole or not at all: under a temporary name, on the disk before it gets its own name."""

from __future__ import annotations

import contextlib
import errno
import os
from typing import IO, TYPE_CHECKING

from padan.table.errors import TableError
from padan.table.file import Stamp

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextlib.contextmanager
def whole(path: Path) -> Iterator[IO[bytes]]:
    """Write a file, mode 0600, that stands under its name when all of it is on the disk.

    Raises:
        TableError: the disk does not take it.
    """
    with _renamed(path) as file:
        yield file


@contextlib.contextmanager
def replaced(path: Path, stamp: Stamp) -> Iterator[IO[bytes]]:
    """Write a file anew in the place of the one that is there, with its owner, its mode and its access list.

    Args:
        path: the file, no link to it.
        stamp: what the file was when it was read.

    Raises:
        TableError: the disk does not take it, the owner cannot be kept, or the file is another one by now.
    """
    with _renamed(path) as file:
        yield file
        file.flush()
        _as_before(path, file.fileno())
        require_unchanged(path, stamp)


def require_unchanged(path: Path, stamp: Stamp) -> None:
    """Require that a file is still the one that was read.

    Raises:
        TableError: it is not.
    """
    if Stamp.of(path) != stamp:
        raise TableError(
            f"{path} was changed while it was read",
            reason="changed",
            next_step="put it back as it was, let no other program write to it meanwhile, and run the same command; "
            "what was answered is kept",
        )


@contextlib.contextmanager
def _renamed(path: Path) -> Iterator[IO[bytes]]:
    new = path.with_name(path.name + ".new")
    try:
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        new.rename(path)
        _sync(path.parent)
    except OSError as error:
        raise TableError(
            f"{path}: cannot be written ({error.strerror})",
            reason="file",
            next_step="name a file in a folder that you may write to, on a disk with room, and run the same command",
        ) from None
    finally:
        with contextlib.suppress(OSError):
            new.unlink(missing_ok=True)


def _as_before(path: Path, descriptor: int) -> None:
    """Give a new file what the old one has beside its contents."""
    old, new = path.stat(), os.fstat(descriptor)
    if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
        os.fchown(descriptor, old.st_uid, old.st_gid)
    os.fchmod(descriptor, old.st_mode & 0o7777)
    for name in _attributes(path):
        # What the system gives to every file by itself it may not let others set.
        with contextlib.suppress(OSError) if name.startswith("security.") else contextlib.nullcontext():
            os.setxattr(descriptor, name, os.getxattr(path, name))


def _attributes(path: Path) -> list[str]:
    """List a file's extended attributes, its access list among them; none where the system has none."""
    try:
        return os.listxattr(path) if hasattr(os, "listxattr") else []
    except OSError as error:
        if error.errno != errno.ENOTSUP:
            raise
        return []


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
