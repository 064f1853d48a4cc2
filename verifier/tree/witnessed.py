"""Since when the log is without its witnesses, as every process sees it, and which questions that refuses.

One row of the log's database says when the quorum of witnesses was last known to be there. A worker reads it once a
second, beside the requests; a request costs a comparison. Whatever it is that fails, witnesses, leader, database or a
clock, the time grows old and the classes that need witnesses are refused.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Final

from verifier.agreement import vocabulary
from verifier.errors import LogUnwitnessedError, OperatorError
from verifier.housekeeping import Duty

if TYPE_CHECKING:
    from collections.abc import Callable

NAME: Final = "witnessed"
"""The setting in the log's database."""
FORMAT: Final = 1
REFUSED_FROM: Final = vocabulary.SENSITIVITIES["specific"]
"""The lowest class of sensitivity that is refused while the quorum is missing for too long (docs/agreements.md)."""
EVERY: Final = 1.0
"""Seconds between two readings."""


class WitnessedFormatError(OperatorError):
    """What stands in the database is of another release, or damaged."""


def text(seconds: float) -> str:
    """Write a time, seconds of the Unix epoch."""
    return json.dumps({"format": FORMAT, "quorum_ms": int(seconds * 1000)}, separators=(",", ":"))


def parse(value: str | None) -> float | None:
    """Read a time as `text` wrote it, seconds of the Unix epoch; None where there is none.

    Raises:
        WitnessedFormatError: another format, or damaged.
    """
    if not value:
        return None
    try:
        found = json.loads(value)
        if found["format"] != FORMAT:
            raise WitnessedFormatError(
                f"setting {NAME} of the log's database is of a newer release of padan-server; use that"
            )
        return int(found["quorum_ms"]) / 1000
    except (ValueError, KeyError, TypeError) as error:
        raise WitnessedFormatError(
            f"setting {NAME} of the log's database is damaged; remove it, and the bound begins anew"
        ) from error


class Witnessed:
    """What one process knows of the quorum. Any thread asks; one reads.

    Args:
        read: reads the row; None where there is none. Any exception means that it could not be read.
        seconds: for how long the log goes on without the quorum.
        required: whether witnesses are asked for at all.
        now: seconds of the Unix epoch.
    """

    def __init__(
        self,
        read: Callable[[], str | None],
        *,
        seconds: float,
        required: bool = True,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._read = read
        self._seconds = seconds
        self._now = now
        self._refused_from = REFUSED_FROM if required else max(vocabulary.SENSITIVITIES.values()) + 1
        self._there_at = now()  # until the row was read, the bound counts from here
        self._ahead: float | None = None

    def require(self, sensitivity: int, now: float) -> None:
        """Refuse a question whose class needs witnesses that are away for too long.

        Args:
            sensitivity: class of the agreement's purpose.
            now: seconds of the Unix epoch.

        Raises:
            LogUnwitnessedError: that is so.
        """
        if sensitivity >= self._refused_from and now - self._there_at > self._seconds:
            raise LogUnwitnessedError("the log's witnesses are away for too long")

    def look(self) -> float:
        """Read the row, and give the seconds since the quorum was last there.

        A time that is still to come counts as of when it was first seen here, and no more: the clock that wrote it is
        ahead of this one, or was, and until this one is there the age would be none.

        Raises:
            WitnessedFormatError: it cannot be understood.
            LogUnavailableError: it cannot be read now.
        """
        self._there_at = min(self._there_at, self._now())
        found = parse(self._read())
        now = self._now()
        if found is not None and found != self._ahead:
            self._ahead = found if found > now else None
            self._there_at = min(found, now)
        return max(0.0, now - self._there_at)


def duty(witnesses: Witnessed, show: Callable[[float], object]) -> Duty:
    """Make the duty that reads, and shows the seconds since the quorum was last there."""
    return Duty(name="witnesses", every=EVERY, act=lambda: show(witnesses.look()))
