"""Marks on a number: what a resident's rights ask of every answer about it. Pure.

A mark is on the number that a person has now, held or not, under two names that outlive index rotations: the tombstone
(design 4, Erasure), by which loads and feeds know the number again, and the budget handle, which the person's row
carries too, so that a number that was merged into the person's finds the mark as well.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple, NoReturn

from padan.value import value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from verifier.vault.epoch import Followed

NAME_SIZE: Final = 16
"""Bytes of a tombstone and of a handle."""


class Mark(enum.IntFlag):
    """What is marked; stored by name."""

    ERASED = 1
    """The number is answered as an unknown one, and no load or feed brings it back."""
    RESTRICTED = 2
    """Processing is restricted (UU 27/2022 Art. 41): NOT_AVAILABLE, but for purposes that are exempt."""
    LOCKED = 4
    """The resident asked for it: likewise."""
    FACE_LOCKED = 8
    """The resident asked for it: no question by the face is answered; others are."""
    FINGER_LOCKED = 16
    """Likewise, by a finger."""
    IRIS_LOCKED = 32
    """Likewise, by an iris."""


NONE: Final = Mark(0)
_WITHHELD: Final = int(Mark.RESTRICTED | Mark.LOCKED)
ERASED: Final = int(Mark.ERASED)
NAMES: Final = {mark.name.lower(): mark for mark in Mark if mark.name}


MODALITY_LOCKS: Final = {
    "face": Mark.FACE_LOCKED,
    "finger": Mark.FINGER_LOCKED,
    "iris": Mark.IRIS_LOCKED,
}
"""Modalities to the marks that lock them."""
MODALITIES: Final = {mark: modality for modality, mark in MODALITY_LOCKS.items()}


def name_of(mark: Mark) -> str:
    """Give the stored name of one mark."""
    return next(name for name, each in NAMES.items() if each is mark)


def is_withheld(marks: int) -> bool:
    """Say whether nothing is said under these marks; who was erased is answered as unknown, whatever else is marked."""
    return bool(marks & _WITHHELD) and not marks & ERASED


def is_locked(marks: int, modality: str) -> bool:
    """Say whether nothing is said by a modality under these marks, beside what `is_withheld` says of everything."""
    return bool(marks & MODALITY_LOCKS[modality]) and not marks & ERASED


NEW: Final = -1
"""In the place of a time: of a mark that is not written down yet."""


class Taken(NamedTuple):
    """How a number took a mark over from another one.

    Attributes:
        since_ms: since when the other one bore it, milliseconds of the Unix epoch.
        place: the last change that said so; of another source than the one that is followed the beginning.
        is_parted: that change said that the other number is its holder's own again.
    """

    since_ms: int
    place: Followed
    is_parted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Borne:
    """What a number bears, as somebody sees it who follows a source of changes.

    Attributes:
        since: when each mark was put on it, milliseconds of the Unix epoch.
        places: how far the source was followed by then, of those marks of which that is known, and when a mark that
            was lifted was put.
        carried: marks that it took over, each with the tombstone of whom it took it from.
    """

    since: Mapping[Mark, int] = field(default_factory=dict)
    places: Mapping[Mark, Followed] = field(default_factory=dict)
    carried: Mapping[tuple[Mark, bytes], Taken] = field(default_factory=dict)

    def __repr__(self) -> str:
        return "Borne(<redacted>)"


@value
class Marked:
    """The names of a number.

    Attributes:
        tombstone: 16 bytes, by the tombstone key.
        handle: 16 bytes, by the budget key.
    """

    tombstone: bytes
    handle: bytes

    def __repr__(self) -> str:
        return "Marked(<redacted>)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("names of residents are not pickled")
