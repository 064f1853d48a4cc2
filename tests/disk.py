"""A disk that is watched: what a power cut would take, since no call of fsync has made it durable yet."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest


class Disk:
    """Notes names that are not durable yet, and refuses one for a file whose content is not."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Watch the calls of this process from now on.

        Args:
            monkeypatch: ends it.
        """
        self.names: dict[Path, set[str]] = {}
        """By folder, those that are not durable."""
        self._synced: set[int] = set()
        self._real_fsync = os.fsync
        monkeypatch.setattr(os, "fsync", self._fsync)
        self._watch(monkeypatch, "mkdir", lambda path, *_: self._named(path))
        self._watch(monkeypatch, "replace", lambda _, target: self._named(target))
        self._watch(monkeypatch, "write", lambda descriptor, _: self._synced.discard(_inode(descriptor)))

    def _named(self, path: Any) -> None:
        path = Path(path)
        self.names.setdefault(path.parent, set()).add(path.name)
        assert path.is_dir() or path.stat().st_ino in self._synced, f"{path} was moved before it was synced"

    def _fsync(self, descriptor: int) -> None:
        self._real_fsync(descriptor)
        self._synced.add(_inode(descriptor))
        self.names.pop(Path(f"/proc/self/fd/{descriptor}").readlink(), None)

    def _watch(self, monkeypatch: pytest.MonkeyPatch, name: str, note: Callable[..., object]) -> None:
        real = getattr(os, name)

        def watched(*arguments: Any, **named: Any) -> Any:
            result = real(*arguments, **named)
            note(*arguments)
            return result

        monkeypatch.setattr(os, name, watched)


def _inode(descriptor: int) -> int:
    return os.fstat(descriptor).st_ino
