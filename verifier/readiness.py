"""The moment at which a process can first do its work, for those who wait for it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Readiness:
    """Reached once. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reached = False
        self._waiting: list[Callable[[], object]] = []

    def reach(self) -> None:
        """Say that the moment has come; again changes nothing."""
        with self._lock:
            self._reached = True
            waiting, self._waiting = self._waiting, []
        for callback in waiting:
            callback()

    def when(self, callback: Callable[[], object]) -> None:
        """Call back once when the moment has come; at once where it has."""
        with self._lock:
            if not self._reached:
                self._waiting.append(callback)
                return
        callback()
