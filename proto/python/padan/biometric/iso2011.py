"""ISO/IEC 19794-2:2011, version "030": the record format, not the formats of cards.

Checked, field by field, against two readers that share no code, Važan's FingerprintIO (whose tests have the standard's
own example) and a C library (iso_fmr_v030), and against the writer of the package afis. No record of a device was at
hand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from padan.biometric.cursor import Cursor, packed
from padan.biometric.faults import refuse
from padan.biometric.record import NOT_REPORTED, Capture, Quality, Record, Standard, View
from padan.biometric.version20 import minutiae, written

if TYPE_CHECKING:
    from padan.biometric.faults import Faults

VERSION: Final = b"030\0"
_START: Final = 12
_HEAD: Final = 15
_SHORTEST: Final = 34
_LENGTH: Final = 4
_MINUTIA_SIZES: Final = (5, 6)


def fits(data: bytes) -> bool:
    """Say whether the lengths of the representations fill the record."""
    if len(data) < _HEAD:
        return False
    at = _HEAD
    for _ in range(int.from_bytes(data[_START : _START + 2], "big")):
        length = int.from_bytes(data[at : at + _LENGTH], "big")
        if length < _SHORTEST or at + length > len(data):
            return False
        at += length
    return at == len(data)


def read(data: bytes, faults: Faults) -> Record:
    """Read a record whose version and length are known, and which `fits`.

    Raises:
        MinutiaeError: it cannot be read, or as `faults` does.
    """
    cursor = Cursor(data, _START)
    count, certified = cursor.number(2), cursor.number(1)
    if certified > 1:
        faults.note("reserved")
    views = []
    for ordinal in range(1, count + 1):
        one = Cursor(cursor.take(cursor.number(_LENGTH) - _LENGTH))
        views.append(_view(one, f"view {ordinal}, ", faults, certified=bool(certified)))
        if one.left:
            refuse("trailing", f"view {ordinal}: ")
    return Record(standard=Standard.ISO_2011, views=tuple(views), certified=bool(certified))


def _view(cursor: Cursor, place: str, faults: Faults, *, certified: bool) -> View:
    moment = cursor.take(9)
    technology, vendor, device = cursor.number(1), cursor.number(2), cursor.number(2)
    qualities = tuple(
        Quality(score=cursor.number(1), vendor=cursor.number(2), algorithm=cursor.number(2))
        for _ in range(cursor.number(1))
    )
    certificates = tuple(
        (cursor.number(2), cursor.number(1)) for _ in range(cursor.number(1) if certified else 0)
    )
    position, number = cursor.take(2)
    x_resolution, y_resolution, impression = cursor.number(2), cursor.number(2), cursor.number(1)
    width, height = cursor.number(2), cursor.number(2)
    form, count = cursor.take(2)
    size = form >> 4
    if size not in _MINUTIA_SIZES:
        refuse("minutia_size", place.replace(",", ":"))
    return View(
        position=position,
        number=number,
        impression=impression,
        width=width,
        height=height,
        x_resolution=x_resolution,
        y_resolution=y_resolution,
        qualities=qualities,
        minutiae=minutiae(cursor.take(size * count), size, NOT_REPORTED, place, faults),
        extended=cursor.take(cursor.number(2)),
        capture=Capture(
            moment=moment,
            technology=technology,
            vendor=vendor,
            device=device,
            certificates=certificates,
            ending_type=form & 0xF,
            minutia_qualities=size == max(_MINUTIA_SIZES),
        ),
    )


def write(record: Record) -> bytes:
    """Write a record that was checked."""
    body = packed((len(record.views), 2), (record.certified, 1))
    for view in record.views:
        one = _written(view, certified=record.certified)
        body += packed((_LENGTH + len(one), _LENGTH)) + one
    return b"FMR\0" + VERSION + packed((_START + len(body), 4)) + body


def _written(view: View, *, certified: bool) -> bytes:
    capture = view.capture or Capture()
    out = capture.moment
    out += packed((capture.technology, 1), (capture.vendor, 2), (capture.device, 2), (len(view.qualities), 1))
    for each in view.qualities:
        out += packed((each.score, 1), (each.vendor, 2), (each.algorithm, 2))
    if certified:
        out += packed((len(capture.certificates), 1))
        out += b"".join(packed((authority, 2), (scheme, 1)) for authority, scheme in capture.certificates)
    size = max(_MINUTIA_SIZES) if capture.minutia_qualities else min(_MINUTIA_SIZES)
    out += packed((view.position, 1), (view.number, 1), (view.x_resolution, 2), (view.y_resolution, 2))
    out += packed((view.impression, 1), (view.width, 2), (view.height, 2))
    out += packed((size << 4 | capture.ending_type, 1), (len(view.minutiae), 1))
    out += written(view.minutiae, size, NOT_REPORTED)
    return out + packed((len(view.extended), 2)) + view.extended
