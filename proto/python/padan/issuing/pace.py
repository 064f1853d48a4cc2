"""How fast a run may ask: as fast as it goes, until the service says that it is too fast.

A refusal for its rate makes everybody wait as long as the service says and then ask with a pause between any two
requests, which doubles with each refusal and shrinks with each answer.
"""

from __future__ import annotations

import threading
from typing import Final

_FIRST_GAP: Final = 0.002  # seconds
_WIDEST_GAP: Final = 1.0
_SHRINK: Final = 0.995
_WHOLE_SECOND: Final = 1.0


class Pace:
    """Hands out times to begin; safe between threads, and without a clock of its own.

    Args:
        least: seconds between any two requests in any case.
    """

    def __init__(self, least: float = 0.0) -> None:
        self._lock = threading.Lock()
        self._next = 0.0
        self._least = self._gap = least
        self._raised = 0.0

    def wait(self, now: float) -> float:
        """Take the next place; say how many seconds to wait for it.

        Args:
            now: monotonic seconds.
        """
        with self._lock:
            begin = max(self._next, now)
            self._next = begin + self._gap
            return begin - now

    def refused(self, now: float, retry_after: float | None) -> None:
        """Slow down: a request was refused for its rate. Those that were under way together count once."""
        with self._lock:
            self._next = max(self._next, now + (_WHOLE_SECOND if retry_after is None else retry_after))
            if now >= self._raised:
                self._gap = min(max(self._gap * 2, _FIRST_GAP), _WIDEST_GAP)
                self._raised = self._next

    def answered(self) -> None:
        """Speed up a little: a request was answered."""
        with self._lock:
            shrunk = self._gap * _SHRINK if self._gap > _FIRST_GAP / 8 else 0.0
            self._gap = max(shrunk, self._least)
