"""Writes files that only their owner may read. Nothing else here may write a secret.

Names are made as texts: pathlib has the interpreter intern each part of a path, and what is interned and dropped
leaves a gap in its table for ever. Where a file is replaced each second, the table doubles within the hour, by 2 MiB.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from keys.ringfile import sync_folder

if TYPE_CHECKING:
    from pathlib import Path


def write_secret(path: Path, data: bytes) -> None:
    """Write a new file of mode 0600, durably.

    Raises:
        FileExistsError: there is one already.
        OSError: it cannot be written.
    """
    _write(path, data)
    sync_folder(path.parent)


def replace_secret(path: Path, data: bytes) -> None:
    """Write a file of mode 0600 in the place of one that may be there; a reader sees the old or the new one.

    Raises:
        OSError: it cannot be written.
    """
    fresh = f"{path.parent}/.{path.name}.new"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(fresh)  # noqa: PTH108 - a text, as said above
    _write(fresh, data)
    os.replace(fresh, path)  # noqa: PTH105 - as above
    sync_folder(path.parent)


def _write(path: Path | str, data: bytes) -> None:
    """Write a new file whose content is durable, and its name not yet."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
