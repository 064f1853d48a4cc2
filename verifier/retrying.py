"""When a process that cannot work yet tries again, and when it says why not.

While custodians are unsealing the keys it tries soon, and for a while after; what it says it says once. Else it tries,
and says so, every two seconds.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from keys.errors import KeyAgentSealedError

if TYPE_CHECKING:
    from collections.abc import Callable

SECONDS: Final = 2.0
_SOON_SECONDS: Final = 0.2
_EAGER_SECONDS: Final = 10.0


class Retry:
    """Paces the tries of one process.

    Args:
        monotonic: monotonic clock, seconds.
    """

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._due = 0.0
        self._eager = 0.0
        self._told = ""

    def is_due(self) -> bool:
        """Whether it is time."""
        return self._monotonic() >= self._due

    def begin(self) -> None:
        """Begin a try; the next one is due after it."""
        now = self._monotonic()
        self._due = now + (_SOON_SECONDS if now < self._eager else SECONDS)

    def is_news(self, error: Exception) -> bool:
        """Take the reason of a failure; whether it is to be said."""
        if not isinstance(error, KeyAgentSealedError):
            self._told = ""
            return True
        now, text = self._monotonic(), str(error)
        self._eager, self._due = now + _EAGER_SECONDS, now + _SOON_SECONDS
        told, self._told = self._told, text
        return text != told
