"""Folders that are there after a power cut: a folder's name stands in the one above it, which must be synced too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from keys.ringfile import sync_folder

if TYPE_CHECKING:
    from pathlib import Path


def make_folder(folder: Path, *, mode: int = 0o750) -> None:
    """Make a folder and those above it, each durably; what is there stays as it is.

    Raises:
        OSError: one cannot be made.
    """
    if folder.is_dir():
        return
    make_folder(folder.parent, mode=mode)
    folder.mkdir(mode=mode, exist_ok=True)
    sync_folder(folder.parent)
