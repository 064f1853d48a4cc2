"""The moment at which a process can first do its work, for those who wait for it; or why it will not come."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Readiness:
    """Reached once, or given up. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reached = False
        self._waiting: list[Callable[[], object]] = []
        self._fault: Exception | None = None
        self._on_fault: list[Callable[[], object]] = []

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

    def give_up(self, fault: Exception) -> None:
        """Say that the moment will not come before a person has mended something; the first fault counts.

        Args:
            fault: what is to be mended.
        """
        with self._lock:
            if self._fault is not None:
                return
            self._fault = fault
            told, self._on_fault = self._on_fault, []
        for callback in told:
            callback()

    def when_given_up(self, callback: Callable[[], object]) -> None:
        """Call back once when it is given up; at once where it was."""
        with self._lock:
            if self._fault is None:
                self._on_fault.append(callback)
                return
        callback()

    def require_hope(self) -> None:
        """Raise the fault for which it was given up, where it was."""
        if self._fault is not None:
            raise self._fault
