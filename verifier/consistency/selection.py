"""Which rows a sample takes: those whose number, under a key and a seed of the check, is small enough.

Nobody can tell beforehand, and every row of one number is taken or none is, so that a number which comes twice shows as
it does in a load. A check that goes on after a kill takes the same rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from keys.mac import BoundMac

ALL: Final = 1 << 64
SEED_SIZE: Final = 16
_NUMBER = b"number"
_ROW = b"row"


def threshold(share: float) -> int:
    """Say below what a row is taken.

    Args:
        share: of the rows, above 0; from 1 on all of them.
    """
    return ALL if share >= 1 else max(1, int(share * ALL))


class Selection:
    """Takes rows.

    Args:
        mac: bound to selecting.
        seed: 16 bytes, of the check.
        below: from `threshold`.
    """

    __slots__ = ("_below", "_mac", "_seed")

    def __init__(self, mac: BoundMac, seed: bytes, below: int) -> None:
        self._mac = mac.mac
        self._seed = seed
        self._below = below

    @property
    def is_all(self) -> bool:
        """Whether every row is taken."""
        return self._below >= ALL

    def takes(self, nik: str) -> bool:
        """Say whether the rows of a number are taken, valid or not."""
        return self._small(_NUMBER + nik.encode(errors="surrogateescape"))

    def takes_row(self, number: int) -> bool:
        """Say whether a row is taken that has no number to go by."""
        return self._small(_ROW + number.to_bytes(8, "big"))

    def _small(self, what: bytes) -> bool:
        if self._below >= ALL:
            return True
        return int.from_bytes(self._mac(self._seed + what)[:8], "big") < self._below
