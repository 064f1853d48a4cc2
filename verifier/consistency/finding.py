"""What became of one row, of the source or of the vault, in 22 bytes. Pure."""

from __future__ import annotations

import enum
import struct
from typing import Final, NamedTuple

from verifier.consistency.comparison import SAME, Masks

_LAYOUT = struct.Struct(">BIIIIIB")
SIZE: Final = _LAYOUT.size


class Kind(enum.IntEnum):
    """What a row turned out to be; the first of the source, from 16 on of the vault."""

    AGREES = 1
    DIFFERS = 2
    MISSING = 3
    """The vault has no row for the person."""
    WITHDRAWN = 4
    """The vault has a row in the person's place that is nobody's."""
    UNREADABLE = 5
    """The vault's row does not open."""
    NEWER = 6
    """It is not the same, and a change that the source does not hold wrote the vault's row."""
    REJECTED = 7
    """The source's row breaks a rule of the loader's, but has a number."""
    WITHDRAWN_NEWER = 8
    """As WITHDRAWN, by a change that the source does not hold."""
    ERASED = 9
    """The source has a row of somebody who was erased."""
    HELD = 16
    HELD_NEWER = 17
    """Held, and written by a change that the source does not hold."""
    NOBODY = 18
    """In the place of a person who was withdrawn."""
    DECOY = 19
    DAMAGED = 20
    """Does not open."""


AMISS: Final = (Kind.DIFFERS, Kind.MISSING, Kind.WITHDRAWN, Kind.UNREADABLE)
"""What counts against the copy."""
NOBODY_TO_COMPARE: Final = (Kind.REJECTED, Kind.ERASED)
"""Rows of the source that the vault must not show."""
LATER: Final = (Kind.NEWER, Kind.WITHDRAWN_NEWER)
"""What the source is too old to tell."""
NOT_THERE: Final = (Kind.MISSING, Kind.WITHDRAWN, Kind.WITHDRAWN_NEWER, Kind.UNREADABLE)
"""Where the vault holds nothing of the person under their own number, as far as can be read."""


class Finding(NamedTuple):
    """One row.

    Attributes:
        kind: what it is.
        masks: what differs.
        compared: bits of what the source or the vault holds, where both hold the person.
        region: code of the region of residence, as far as regions are told apart; 0 where there is none.
        age: number of the age group.
    """

    kind: Kind
    masks: Masks = SAME
    compared: int = 0
    region: int = 0
    age: int = 0

    def pack(self) -> bytes:
        """Write it, `SIZE` bytes."""
        return _LAYOUT.pack(self.kind, *self.masks, self.compared, self.region, self.age)

    @classmethod
    def unpack(cls, data: bytes) -> Finding:
        """Read it back."""
        kind, only_source, only_vault, value, compared, region, age = _LAYOUT.unpack(data)
        return cls(Kind(kind), Masks(only_source, only_vault, value), compared, region, age)
