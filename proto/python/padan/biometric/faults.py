"""The rules of finger minutiae records by name, and what becomes of a record that breaks one.

Guarantees: an error names the rule and the place, a view's or a minutia's ordinal, and never a value of the record.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NoReturn

from padan.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_BYTES: Final = 65_535
"""Longest record that is looked at: what the length field of ANSI INCITS 378-2004 holds in its short form."""
MAX_VIEWS: Final = 176
"""Sixteen views of each of ten fingers and of an unknown one."""
MAX_MINUTIAE: Final = 255
RESOLUTIONS: Final = range(99, 401)
"""Pixels per centimetre: 250 to 1,000 dpi, so that dots per inch in the wrong field are noticed."""

RULES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "size": "a record has at most 65,535 bytes",
        "magic": "a record begins with FMR and a zero byte; images (FIR, FAC, IIR) and card formats are not minutiae",
        "version": 'the version is " 20", "030" or "035" and a zero byte',
        "length": "the length fields of the record say exactly how many bytes there are",
        "ambiguous": "the lengths fit one standard only",
        "truncated": "the record has every byte that its counts and lengths announce",
        "trailing": "nothing follows the last view",
        "views": "a record has 1 to 176 views",
        "view_number": "views are numbered 0 to 15, and each finger's view once",
        "reserved": "reserved bits and bytes are zero",
        "position": "a view is of one finger, 1 to 10, or of an unknown one, 0",
        "impression": "the impression type is one of the standard, and neither latent nor of a palm",
        "image": "the image's width and height are 1 to 16,383 pixels, the same in all views of one header",
        "resolution": "the resolution is 99 to 400 pixels a centimetre (250 to 1,000 dpi), on both axes",
        "count": "a view has 1 to 255 minutiae",
        "kind": "a minutia is an ending, a bifurcation, or other",
        "coordinate": "a minutia lies inside the image",
        "angle": "an angle is less than a full turn, 180 units of 2 degrees or 256 of 1.40625 degrees",
        "minutia_quality": "a minutia's quality is 0 to 100, or a code of the standard for none",
        "quality": "a view's quality is 0 to 100, or a code of the standard for none",
        "extended": "the items of an extended data block fill it exactly, and none is of type 0",
        "capture": "moment, technology, certificates and kind of endings of a capture are the standard's",
        "minutia_size": "a minutia has 5 or 6 bytes",
        "field": "a number fits its field, and the standard has that field",
    }
)
"""Reason to what it asks for. Reasons are part of the interface: programs may switch on them."""


class MinutiaeError(InvalidRequestError):
    """The bytes, or the values to be written, are no finger minutiae record; `reason` is a key of `RULES`.

    Attributes:
        place: "view 1, minutia 17: ", or empty.
    """

    def __init__(self, reason: str, place: str = "") -> None:
        super().__init__(f"{place}{RULES[reason]}", reason=reason)
        self.place = place


class Faults:
    """What is wrong with one record: raised at once, or, where somebody wants to see it all, counted by rule."""

    def __init__(self, *, counting: bool = False) -> None:
        self._counting = counting
        self.counts: dict[str, int] = {}
        self.first: dict[str, str] = {}

    def note(self, reason: str, place: str = "") -> None:
        """Say that a value breaks a rule.

        Raises:
            MinutiaeError: unless they are counted.
        """
        if not self._counting:
            raise MinutiaeError(reason, place)
        self.first.setdefault(reason, place)
        self.counts[reason] = self.counts.get(reason, 0) + 1


def refuse(reason: str, place: str = "") -> NoReturn:
    """Refuse a record in which nothing more can be found.

    Raises:
        MinutiaeError: always.
    """
    raise MinutiaeError(reason, place)
