"""A finger minutiae record as values, whichever standard it is written in.

Numbers are those of the record, so that writing what was read gives the same bytes: pixels from the upper left corner,
x to the right and y downwards; pixels per centimetre; angles in the standard's units, counter-clockwise from the x
axis. Minutiae of a real finger lead to a person, so nothing here shows one in a repr.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from typing import Final

CM_PER_INCH: Final = 2.54
NOT_REPORTED: Final = 254
"""Quality of a minutia or view that nobody measured; 0 in the bytes of the two older standards' minutiae."""
FAILED: Final = 255
"""Quality that could not be computed; the two older standards do not have it."""


class Standard(enum.Enum):
    """Which standard a record is written in."""

    ISO_2005 = "ISO/IEC 19794-2:2005"
    ISO_2011 = "ISO/IEC 19794-2:2011"
    ANSI_2004 = "ANSI INCITS 378-2004"
    ANSI_2009 = "ANSI INCITS 378-2009"
    ANSI_2009_AM1 = "ANSI INCITS 378-2009/AM1"

    @property
    def iso(self) -> bool:
        """Whether ISO and IEC wrote it."""
        return self in {Standard.ISO_2005, Standard.ISO_2011}

    @property
    def older(self) -> bool:
        """Whether it is of the first generation, version " 20"."""
        return self in {Standard.ISO_2005, Standard.ANSI_2004}

    @property
    def angles(self) -> int:
        """How many units of angle a full turn has: 256 of 1.40625 degrees, or 180 of 2 degrees."""
        return 256 if self.iso else 180

    def radians(self, angle: int) -> float:
        """Turn a record's angle into radians, 0 to 2 pi."""
        return math.tau * angle / self.angles

    def angle(self, radians: float) -> int:
        """Turn any finite number of radians into the nearest unit."""
        return round(radians / math.tau * self.angles) % self.angles


class MinutiaKind(enum.IntEnum):
    """What a minutia is."""

    OTHER = 0
    ENDING = 1
    BIFURCATION = 2


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Minutia:
    """One minutia.

    Attributes:
        x: pixels from the left, below the image's width; 14 bits.
        y: pixels from the top, below the image's height; 14 bits.
        angle: units of the standard, below `Standard.angles`.
        kind: a `MinutiaKind`.
        quality: 0 (1 in the two older standards) to 100, NOT_REPORTED or FAILED.
    """

    x: int
    y: int
    angle: int
    kind: int = MinutiaKind.OTHER
    quality: int = NOT_REPORTED


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """How good somebody's algorithm found a view to be.

    Attributes:
        score: 0 to 100; NOT_REPORTED in ANSI INCITS 378-2009, FAILED in that and in ISO/IEC 19794-2:2011.
        vendor: whose algorithm, an IBIA number; 0 in the two older standards.
        algorithm: the vendor's number of it; 0 in the two older standards.
    """

    score: int
    vendor: int = 0
    algorithm: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """What ISO/IEC 19794-2:2011 says of a capture.

    Attributes:
        moment: 9 bytes: u16 year, month, day, hour, minute, second, u16 millisecond; all ones where unknown.
        technology: of the device, 0 to 20.
        vendor: of the device.
        device: type of the device.
        certificates: (authority, scheme) each; only where the record has `certified`.
        ending_type: 0 where a ridge ending stands at the fork of the valley, 1 where at the end of the ridge.
        minutia_qualities: whether each minutia has a byte for its quality.
    """

    moment: bytes = b"\xff" * 9
    technology: int = 0
    vendor: int = 0
    device: int = 0
    certificates: tuple[tuple[int, int], ...] = ()
    ending_type: int = 0
    minutia_qualities: bool = True


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class View:
    """One impression of one finger.

    Attributes:
        position: 0 unknown, 1 right thumb to 5 right little finger, 6 left thumb to 10 left little finger.
        number: of the view among those of the finger, 0 to 15.
        impression: the standard's code of how it was taken; 0 is a live plain one.
        width: of the image in pixels; the same in all views of the two older standards.
        height: of the image in pixels; as `width`.
        x_resolution: pixels per centimetre across; as `width`. 197 is 500 dpi.
        y_resolution: pixels per centimetre down; as `width`.
        minutiae: 1 to 255.
        qualities: exactly one, but any number in ISO/IEC 19794-2:2011.
        extended: the extended data block behind its length; nothing here reads what it says.
        capture: in ISO/IEC 19794-2:2011 and nowhere else.
    """

    width: int
    height: int
    minutiae: tuple[Minutia, ...]
    position: int = 0
    number: int = 0
    impression: int = 0
    x_resolution: int = 197
    y_resolution: int = 197
    qualities: tuple[Quality, ...] = (Quality(score=0),)
    extended: bytes = b""
    capture: Capture | None = None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Record:
    """A whole record.

    Attributes:
        standard: that it is written in.
        views: 1 to 176.
        owner: of the product that made it, an IBIA number; ANSI only.
        product: the owner's number of it; ANSI only.
        certified: whether the device is certified (2011: whether the views have room for certificates).
        device: the device's number; not in ISO/IEC 19794-2:2011, whose views have their own. 12 bits in the two older
            standards, 16 bits in the others.
    """

    standard: Standard
    views: tuple[View, ...]
    owner: int = 0
    product: int = 0
    certified: bool = False
    device: int = 0

    def __repr__(self) -> str:
        return f"Record({self.standard.name}, views={len(self.views)})"


def dpi(resolution: int) -> float:
    """Turn pixels per centimetre into pixels per inch."""
    return resolution * CM_PER_INCH
