"""Shares that wait for others: checked, counted once a custodian, and zeroed after a time. Pure but for a clock.

Fewer than it takes reveal nothing and do not stay: the time begins with the first share, and when it is over all must
hand in again.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from keys.errors import ShareHereError, ShareRefusedError
from keys.secret import Material, Secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from keys.kek import Kek
    from keys.quorum import Generation

SECONDS: Final = 900.0
"""How long shares wait for others."""
_MOST_REFUSED: Final = 64


class Gathering(Secret):
    """The shares of one generation that are here. Not thread-safe: its owner holds a lock.

    Args:
        generation: whose shares these are.
        seconds: how long they wait for others.
        monotonic: monotonic clock, seconds.
    """

    def __init__(
        self,
        generation: Generation,
        *,
        seconds: float = SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.generation = generation
        self.refused: list[str] = []
        """Names of those whose shares were refused, each time that one was."""
        self._seconds = seconds
        self._monotonic = monotonic
        self._shares: dict[int, Material] = {}
        self._ends = 0.0

    @property
    def present(self) -> tuple[str, ...]:
        """Name those whose shares are here."""
        self.expire()
        return tuple(self.generation.names[member - 1] for member in sorted(self._shares))

    @property
    def seconds_left(self) -> float:
        """Count the time until the shares are zeroed; 0 where there are none."""
        return max(0.0, self._ends - self._monotonic()) if self._shares else 0.0

    @property
    def is_complete(self) -> bool:
        """Whether there are as many as it takes."""
        self.expire()
        return len(self._shares) >= self.generation.threshold

    @property
    def missing(self) -> str:
        """Say who is here and how many more it takes."""
        self.expire()
        return self.generation.missing(self._shares)

    def hand_in(self, member: int, share: bytearray) -> None:
        """Take a share; the caller's buffer is zeroed.

        Raises:
            ShareHereError: this custodian's is here already.
            ShareRefusedError: it is not the one that was dealt; names the holder.
        """
        self.expire()
        kept = Material(share)
        share[:] = bytes(len(share))
        try:
            self.generation.check(member, kept.view())
        except ShareRefusedError:
            self.refuse(member)
            kept.wipe()
            raise
        if member in self._shares:
            kept.wipe()
            raise ShareHereError(
                f"the share of {self.generation.names[member - 1]} is here already, and counts once"
            )
        if not self._shares:
            self._ends = self._monotonic() + self._seconds
        self._shares[member] = kept

    def refuse(self, member: int) -> None:
        """Note that a custodian's share was refused."""
        if len(self.refused) < _MOST_REFUSED:
            self.refused.append(self.generation.names[member - 1])

    def combine(self) -> Kek:
        """Come to the KEK, and zero the shares whatever comes of it.

        Raises:
            SharesMissingError: fewer are here than it takes.
            QuorumFileError: the quorum's file names another KEK.
        """
        try:
            return self.generation.combine({member: kept.view() for member, kept in self._shares.items()})
        finally:
            self.wipe()

    def expire(self) -> bool:
        """Zero the shares where their time is over; whether it was."""
        if self._shares and self._monotonic() >= self._ends:
            self.wipe()
            return True
        return False

    def wipe(self) -> None:
        """Zero the shares."""
        for kept in self._shares.values():
            kept.wipe()
        self._shares.clear()
