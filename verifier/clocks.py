"""The clocks of a running service, read in one place."""

from __future__ import annotations

import datetime as dt
import threading
import time
from typing import TYPE_CHECKING

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

    def __init__(self, store: LogStore, *, confirmed_ahead: bool = False) -> None:
        """Continue from the log's last entry.

        Raises:
            ClockAheadError: the wall clock is more than 24 hours ahead, unconfirmed.
            LogUnavailableError: the log cannot be read.
        """
        self._lock = threading.Lock()
        self._clock = LogClock(
            last_ms=store.head().log_time_ms,
            wall_ms=int(time.time() * 1000),
            mono=time.monotonic(),
            confirmed_ahead=confirmed_ahead,
        )

    def __call__(self, database_seconds: float | None) -> LogTime:
        """Read log time.

        Args:
            database_seconds: the database's wall clock, where it has one.
        """
        wall = time.time() if database_seconds is None else database_seconds
        with self._lock:
            return self._clock.now(wall_ms=int(wall * 1000), mono=time.monotonic())
