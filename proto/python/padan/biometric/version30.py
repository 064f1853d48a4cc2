"""ANSI INCITS 378-2009 (version "030") and its amendment 1 of 2010 (version "035"), which have the same layout.

Checked against Važan's FingerprintIO, field by field; no record of a device was at hand. The amendment took a version
number of its own because "030" is also that of ISO/IEC 19794-2:2011; `padan.biometric.minutiae` tells the two apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from padan.biometric.cursor import Cursor, packed
from padan.biometric.faults import refuse
from padan.biometric.record import NOT_REPORTED, Quality, Record, Standard, View
from padan.biometric.version20 import minutiae, written

if TYPE_CHECKING:
    from padan.biometric.faults import Faults

VERSIONS: Final = {Standard.ANSI_2009: b"030\0", Standard.ANSI_2009_AM1: b"035\0"}
_START: Final = 12
_HEAD: Final = 21
_COUNT_AT: Final = 19
_VIEW: Final = 17
_MINUTIA: Final = 6
_CERTIFIED: Final = 0x80


def fits(data: bytes) -> bool:
    """Say whether counts and lengths, read by this layout, fill the record, and its reserved byte is zero."""
    if len(data) < _HEAD or data[_HEAD - 1]:
        return False
    at = _HEAD
    for _ in range(data[_COUNT_AT]):
        at += _VIEW + _MINUTIA * int.from_bytes(data[at + _VIEW - 1 : at + _VIEW], "big")
        at += 2 + int.from_bytes(data[at : at + 2], "big")
    return at == len(data)


def read(data: bytes, standard: Standard, faults: Faults) -> Record:
    """Read a record whose version and length are known.

    Raises:
        MinutiaeError: it cannot be read, or as `faults` does.
    """
    cursor = Cursor(data, _START)
    owner, product = cursor.number(2), cursor.number(2)
    certified = cursor.number(1)
    device = cursor.number(2)
    count = cursor.number(1)
    if certified & ~_CERTIFIED or cursor.number(1):
        faults.note("reserved")
    views = tuple(_view(cursor, f"view {ordinal}, ", faults) for ordinal in range(1, count + 1))
    if cursor.left:
        refuse("trailing")
    return Record(
        standard=standard,
        views=views,
        owner=owner,
        product=product,
        certified=bool(certified & _CERTIFIED),
        device=device,
    )


def _view(cursor: Cursor, place: str, faults: Faults) -> View:
    position, number, impression, score = cursor.take(4)
    quality = Quality(score=score, vendor=cursor.number(2), algorithm=cursor.number(2))
    width, height, x_resolution, y_resolution = (cursor.number(2) for _ in range(4))
    block = cursor.take(_MINUTIA * cursor.number(1))
    return View(
        position=position,
        number=number,
        impression=impression,
        width=width,
        height=height,
        x_resolution=x_resolution,
        y_resolution=y_resolution,
        qualities=(quality,),
        minutiae=minutiae(block, _MINUTIA, NOT_REPORTED, place, faults),
        extended=cursor.take(cursor.number(2)),
    )


def write(record: Record) -> bytes:
    """Write a record that was checked."""
    body = packed((record.owner, 2), (record.product, 2), (_CERTIFIED * record.certified, 1))
    body += packed((record.device, 2), (len(record.views), 1), (0, 1))
    for view in record.views:
        (quality,) = view.qualities
        body += packed((view.position, 1), (view.number, 1), (view.impression, 1), (quality.score, 1))
        body += packed((quality.vendor, 2), (quality.algorithm, 2), (view.width, 2), (view.height, 2))
        body += packed((view.x_resolution, 2), (view.y_resolution, 2), (len(view.minutiae), 1))
        body += written(view.minutiae, _MINUTIA, NOT_REPORTED)
        body += packed((len(view.extended), 2)) + view.extended
    return b"FMR\0" + VERSIONS[record.standard] + packed((_START + len(body), 4)) + body
