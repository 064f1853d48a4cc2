"""Log time: it follows the monotonic clock, slews to the wall clock, and never goes back.

The slew is at most one second in ten. At start a wall clock behind the last entry continues from that entry; one that
is more than 24 hours ahead of it is refused until two people confirm, since budgets and validity follow log time.
Pure: both clocks are passed in. Times are milliseconds of the Unix epoch; monotonic readings are seconds.
"""

from __future__ import annotations

from enum import IntEnum

from padan.value import value
from verifier.errors import OperatorError

MAX_AHEAD_MS = 24 * 3600 * 1000
SLEW = 0.1
DAY_MS = 86_400_000


class ClockAheadError(OperatorError):
    """The wall clock is more than 24 hours ahead of the log's last entry."""


class ClockFlag(IntEnum):
    """How log time stands to the wall clock."""

    IN_STEP = 0
    SLEWING = 1
    CONTINUED = 2


@value
class LogTime:
    """One reading of log time."""

    ms: int
    flag: ClockFlag

    @property
    def day(self) -> int:
        """The day of log time, days of the Unix epoch; budgets are counted by it."""
        return self.ms // DAY_MS


class LogClock:
    """The log's clock on SQLite; on PostgreSQL the database's clock takes the wall clock's place."""

    def __init__(self, *, last_ms: int, wall_ms: int, mono: float, confirmed_ahead: bool = False) -> None:
        """Start the clock.

        Args:
            last_ms: log time of the last entry, 0 for an empty log.
            wall_ms: the wall clock now.
            mono: the monotonic clock now, seconds.
            confirmed_ahead: two people have confirmed a wall clock far ahead.

        Raises:
            ClockAheadError: the wall clock is more than 24 hours ahead, unconfirmed.
        """
        if last_ms and wall_ms - last_ms > MAX_AHEAD_MS and not confirmed_ahead:
            raise ClockAheadError(
                "the clock is more than 24 hours ahead of the last log entry; correct it, or confirm the gap with "
                "padan-server serve --confirm-clock"
            )
        self._ms = float(max(last_ms, wall_ms))
        self._mono = mono
        self._continued = last_ms > wall_ms

    def now(self, *, wall_ms: int, mono: float, last_ms: int = 0) -> LogTime:
        """Read log time: the monotonic step, bent towards the wall clock by at most a tenth of it.

        Args:
            wall_ms: the wall clock.
            mono: the monotonic clock, seconds.
            last_ms: log time of the last entry, which another process may have written; log time goes on from there.
        """
        step = max(0.0, (mono - self._mono) * 1000)
        self._mono = max(mono, self._mono)
        target = self._ms + step
        bend = max(-step * SLEW, min(step * SLEW, wall_ms - target))
        self._ms = target + bend
        if last_ms > self._ms:
            self._ms, self._continued = float(last_ms), True
        off = abs(wall_ms - self._ms)
        if off < 1000:  # noqa: PLR2004 - one second: what two clocks in step may differ by
            self._continued = False
            return LogTime(ms=int(self._ms), flag=ClockFlag.IN_STEP)
        return LogTime(ms=int(self._ms), flag=ClockFlag.CONTINUED if self._continued else ClockFlag.SLEWING)


def beside(*, wall_ms: int, last_ms: int) -> int:
    """Fix the log time of an entry that a command writes beside the service, which has no clock that has run for long.

    It is the wall clock's, or that of the last entry where the wall clock is behind it, or more than 24 hours ahead of
    it: nobody has confirmed that, and one entry of another year would take the service's budgets along.

    Args:
        wall_ms: the wall clock.
        last_ms: log time of the last entry, 0 for an empty log.
    """
    return last_ms if last_ms and not last_ms <= wall_ms <= last_ms + MAX_AHEAD_MS else wall_ms
