"""The moment at which a process can first do its work, for those who wait for it; or why it will not come."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class _Moment:
    """Reached once. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reached = False
        self._waiting: list[Callable[[], object]] = []

    def reach(self) -> None:
        with self._lock:
            self._reached = True
            waiting, self._waiting = self._waiting, []
        for callback in waiting:
            callback()

    def when(self, callback: Callable[[], object]) -> None:
        with self._lock:
            if not self._reached:
                self._waiting.append(callback)
                return
        callback()


class Readiness:
    """Reached once, or given up. Thread-safe."""

    def __init__(self) -> None:
        self._ready, self._hopeless = _Moment(), _Moment()
        self._faults: list[Exception] = []

    def reach(self) -> None:
        """Say that the moment has come; again changes nothing."""
        self._ready.reach()

    def when(self, callback: Callable[[], object]) -> None:
        """Call back once when the moment has come; at once where it has."""
        self._ready.when(callback)

    def give_up(self, fault: Exception) -> None:
        """Say that the moment will not come before a person has mended something; the first fault counts.

        Args:
            fault: what is to be mended.
        """
        self._faults.append(fault)
        self._hopeless.reach()

    def when_given_up(self, callback: Callable[[], object]) -> None:
        """Call back once when it is given up; at once where it was."""
        self._hopeless.when(callback)

    def require_hope(self) -> None:
        """Raise the fault for which it was given up, where it was."""
        if self._faults:
            raise self._faults[0]
