"""The clocks of a running service, read in one place."""

from __future__ import annotations

import datetime as dt
import threading
import time
from typing import TYPE_CHECKING

from verifier import logtime
from verifier.call import Now
from verifier.epoch import REGISTRY_ZONE
from verifier.logtime import LogClock

if TYPE_CHECKING:
    from verifier.log.store import LogStore
    from verifier.logtime import LogTime


def now() -> Now:
    """Read all clocks once."""
    wall = time.time()
    return Now(wall=wall, mono=time.monotonic(), today=dt.datetime.fromtimestamp(wall, REGISTRY_ZONE).date())


class RunningLogClock:
    """Log time of a running service; on PostgreSQL the database's clock is the wall clock."""

    def __init__(self, store: LogStore, *, confirmed_ahead: bool = False, is_beside: bool = False) -> None:
        """Continue from the log's last entry.

        Args:
            store: the log.
            confirmed_ahead: two people have confirmed a wall clock far ahead of it.
            is_beside: another process keeps the log's time: one that is far ahead is not followed, instead of refused.

        Raises:
            ClockAheadError: the wall clock is more than 24 hours ahead, unconfirmed.
            LogUnavailableError: the log cannot be read.
        """
        self._lock = threading.Lock()
        last_ms, wall_ms = store.head().log_time_ms, int(time.time() * 1000)
        self._clock = LogClock(
            last_ms=last_ms,
            wall_ms=logtime.beside(wall_ms=wall_ms, last_ms=last_ms) if is_beside else wall_ms,
            mono=time.monotonic(),
            confirmed_ahead=confirmed_ahead,
        )

    def __call__(self, database_seconds: float | None = None, last_ms: int = 0) -> LogTime:
        """Read log time.

        Args:
            database_seconds: the database's wall clock, where it has one.
            last_ms: log time of the last entry, which another process may have written.
        """
        wall = time.time() if database_seconds is None else database_seconds
        with self._lock:
            return self._clock.now(wall_ms=int(wall * 1000), mono=time.monotonic(), last_ms=last_ms)
