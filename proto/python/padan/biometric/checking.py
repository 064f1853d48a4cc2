"""What every value of a finger minutiae record must be, whether it was read or is to be written. Pure.

Impression types that come from no finger before a device, latent prints and palms, are refused in all standards; so are
positions of several fingers at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from padan.biometric.faults import MAX_MINUTIAE, MAX_VIEWS, RESOLUTIONS
from padan.biometric.record import FAILED, NOT_REPORTED, MinutiaKind, Quality, Standard

if TYPE_CHECKING:
    from collections.abc import Mapping

    from padan.biometric.faults import Faults
    from padan.biometric.record import Capture, Minutia, Record, View

_FINGERS: Final = range(11)
_NUMBERS: Final = range(16)
_PIXELS: Final = range(1, 2**14)
_KINDS: Final = frozenset(MinutiaKind)
_TECHNOLOGIES: Final = range(21)
_ENDING_TYPES: Final = range(2)
_MOST_DEVICES: Final = {True: 2**12, False: 2**16}
_ITEM_HEAD: Final = 4

_CONTACT: Final = frozenset({0, 1, 2, 3, 8})
IMPRESSIONS: Final[Mapping[Standard, frozenset[int]]] = {
    Standard.ISO_2005: _CONTACT,
    Standard.ANSI_2004: _CONTACT | {9},
    Standard.ISO_2011: _CONTACT | {9, 24, 28, 29},
    Standard.ANSI_2009: _CONTACT | set(range(20, 30)),
    Standard.ANSI_2009_AM1: _CONTACT | set(range(20, 30)),
}
"""Codes that are accepted: 0 live plain, 1 live rolled, 2 and 3 the same of a card, 8 swipe; 9 contactless in ANSI
INCITS 378-2004 and a vertical roll in ISO/IEC 19794-2:2011; 20 to 27 by kind of sensor, 28 other, 29 unknown."""

_REPORTED: Final = frozenset(range(101))
_MINUTIA_QUALITIES: Final[Mapping[bool, frozenset[int]]] = {
    True: frozenset(range(1, 101)) | {NOT_REPORTED},
    False: _REPORTED | {NOT_REPORTED, FAILED},
}
_VIEW_QUALITIES: Final[Mapping[Standard, frozenset[int]]] = {
    Standard.ISO_2005: _REPORTED,
    Standard.ANSI_2004: _REPORTED,
    Standard.ISO_2011: _REPORTED | {FAILED},
    Standard.ANSI_2009: _REPORTED | {NOT_REPORTED, FAILED},
    Standard.ANSI_2009_AM1: _REPORTED | {NOT_REPORTED, FAILED},
}
# Lowest and highest of each part of a moment, with its size; all ones stands for a part that is unknown.
_MOMENT: Final = ((2, 1, 65_534), (1, 1, 12), (1, 1, 31), (1, 0, 23), (1, 0, 59), (1, 0, 59), (2, 0, 999))
_MOMENT_SIZE: Final = 9


def check(record: Record, faults: Faults) -> None:
    """Check a record.

    Raises:
        MinutiaeError: as `faults` does.
    """
    standard = record.standard
    if not 1 <= len(record.views) <= MAX_VIEWS:
        faults.note("views")
    if standard.iso and (record.owner or record.product):
        faults.note("field")
    if standard is Standard.ISO_2011 and record.device:
        faults.note("field")
    if not 0 <= record.device < _MOST_DEVICES[standard.older]:
        faults.note("field")
    seen: set[tuple[int, int]] = set()
    for ordinal, view in enumerate(record.views, 1):
        place = f"view {ordinal}: "
        if view.number not in _NUMBERS or (view.position, view.number) in seen:
            faults.note("view_number", place)
        seen.add((view.position, view.number))
        _image(record, view, place, faults)
        _impression(record, view, place, faults)
        _minutiae(standard, view, place, faults)
        if not filled(view.extended, bare_too=standard is Standard.ISO_2005):
            faults.note("extended", place)


def _image(record: Record, view: View, place: str, faults: Faults) -> None:
    sizes = (view.width, view.height)
    if not all(size in _PIXELS for size in sizes):
        faults.note("image", place)
    resolutions = (view.x_resolution, view.y_resolution)
    if not all(resolution in RESOLUTIONS for resolution in resolutions):
        faults.note("resolution", place)
    first = record.views[0]
    shared = (first.width, first.height, first.x_resolution, first.y_resolution)
    if record.standard.older and (*sizes, *resolutions) != shared:
        faults.note("image", place)


def _impression(record: Record, view: View, place: str, faults: Faults) -> None:
    standard = record.standard
    if view.position not in _FINGERS:
        faults.note("position", place)
    if view.impression not in IMPRESSIONS[standard]:
        faults.note("impression", place)
    newest = standard is Standard.ISO_2011
    if any(each.score not in _VIEW_QUALITIES[standard] for each in view.qualities):
        faults.note("quality", place)
    if not newest and len(view.qualities) != 1:
        faults.note("quality", place)
    if standard.older and any(each != Quality(score=each.score) for each in view.qualities):
        faults.note("field", place)
    if newest != (view.capture is not None):
        faults.note("field", place)
    if view.capture is not None and not _captured(view.capture, certified=record.certified):
        faults.note("capture", place)


def _captured(capture: Capture, *, certified: bool) -> bool:
    if capture.technology not in _TECHNOLOGIES or capture.ending_type not in _ENDING_TYPES:
        return False
    if (capture.certificates and not certified) or len(capture.moment) != _MOMENT_SIZE:
        return False
    at = 0
    for size, lowest, highest in _MOMENT:
        part = int.from_bytes(capture.moment[at : at + size], "big")
        if not lowest <= part <= highest and part != 256**size - 1:
            return False
        at += size
    return True


def _minutiae(standard: Standard, view: View, place: str, faults: Faults) -> None:
    if not 1 <= len(view.minutiae) <= MAX_MINUTIAE:
        faults.note("count", place)
    bare = view.capture is not None and not view.capture.minutia_qualities
    for ordinal, minutia in enumerate(view.minutiae, 1):
        reason = _broken(standard, view, minutia, bare=bare)
        if reason:
            faults.note(reason, f"{place.removesuffix(': ')}, minutia {ordinal}: ")


def _broken(standard: Standard, view: View, minutia: Minutia, *, bare: bool) -> str:
    """Name the first rule that a minutia breaks; empty where it breaks none."""
    if minutia.kind not in _KINDS:
        return "kind"
    if not (0 <= minutia.x < view.width and 0 <= minutia.y < view.height):
        return "coordinate"
    if not 0 <= minutia.angle < standard.angles:
        return "angle"
    if minutia.quality not in _MINUTIA_QUALITIES[standard.older] or (
        bare and minutia.quality != NOT_REPORTED
    ):
        return "minutia_quality"
    return ""


def filled(block: bytes, *, bare_too: bool) -> bool:
    """Say whether the items of an extended data block fill it: u16 type, u16 length, data.

    Args:
        block: behind its own length.
        bare_too: a length may also count the data alone, without the four bytes before it. Which of the two
            ISO/IEC 19794-2:2005 means its readers do not agree on, so that either is taken, the same for all items.
    """
    return _filled(block, _ITEM_HEAD) or (bare_too and _filled(block, 0))


def _filled(block: bytes, counted: int) -> bool:
    at = 0
    while at < len(block):
        if len(block) - at < _ITEM_HEAD:
            return False
        kind = int.from_bytes(block[at : at + 2], "big")
        length = int.from_bytes(block[at + 2 : at + _ITEM_HEAD], "big")
        if not kind or length < counted:
            return False
        at += _ITEM_HEAD - counted + length
    return at == len(block)
