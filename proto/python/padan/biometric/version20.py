"""The two older layouts, version " 20": ISO/IEC 19794-2:2005 and ANSI INCITS 378-2004.

They share everything but what stands between the version and the image's size: ISO has a length of four bytes, ANSI one
of two, then owner and product. (ANSI's long form, for records over 65,535 bytes, is not read.) Checked against records
of a SecuGen device (ISO, to the byte), NIST's BiomDI and Važan's FingerprintIO (both, field by field), and OpenAFIS
(ISO). What the sources do not agree on is in `padan.biometric.checking`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from padan.biometric.cursor import Cursor, packed
from padan.biometric.faults import refuse
from padan.biometric.record import NOT_REPORTED, Minutia, Quality, Record, Standard, View

if TYPE_CHECKING:
    from padan.biometric.faults import Faults

VERSION: Final = b" 20\0"
_START: Final = 8
_LENGTHS: Final = {Standard.ISO_2005: 4, Standard.ANSI_2004: 2}
_ZERO: Final = 0  # of a minutia's quality that was not reported
_LOW_14: Final = 2**14 - 1
_LOW_12: Final = 2**12 - 1
_CERTIFIED: Final = 0x8000
_RESERVED: Final = 0x7000


def standard(data: bytes) -> Standard:
    """Say which of the two a record is, by its length field: both at once it cannot be.

    Raises:
        MinutiaeError: neither.
    """
    fitting = [
        each
        for each, size in _LENGTHS.items()
        if int.from_bytes(data[_START : _START + size], "big") == len(data)
    ]
    return fitting[0] if fitting else refuse("length")


def read(data: bytes, faults: Faults) -> Record:
    """Read a record whose version is known.

    Raises:
        MinutiaeError: it cannot be read, or as `faults` does.
    """
    kind = standard(data)
    cursor = Cursor(data, _START + _LENGTHS[kind])
    owner, product = (0, 0) if kind.iso else (cursor.number(2), cursor.number(2))
    equipment = cursor.number(2)
    if equipment & _RESERVED:
        faults.note("reserved")
    width, height, x_resolution, y_resolution = (cursor.number(2) for _ in range(4))
    count = cursor.number(1)
    if cursor.number(1):
        faults.note("reserved")
    views = []
    for ordinal in range(1, count + 1):
        position, shared, score, number = cursor.take(4)
        view = View(
            position=position,
            number=shared >> 4,
            impression=shared & 0xF,
            width=width,
            height=height,
            x_resolution=x_resolution,
            y_resolution=y_resolution,
            qualities=(Quality(score=score),),
            minutiae=minutiae(cursor.take(6 * number), 6, _ZERO, f"view {ordinal}, ", faults),
            extended=cursor.take(cursor.number(2)),
        )
        views.append(view)
    if cursor.left:
        refuse("trailing")
    return Record(
        standard=kind,
        views=tuple(views),
        owner=owner,
        product=product,
        certified=bool(equipment & _CERTIFIED),
        device=equipment & _LOW_12,
    )


def write(record: Record) -> bytes:
    """Write a record that was checked."""
    first = record.views[0]
    head = [] if record.standard.iso else [(record.owner, 2), (record.product, 2)]
    head += [(_CERTIFIED * record.certified | record.device, 2), (first.width, 2), (first.height, 2)]
    head += [(first.x_resolution, 2), (first.y_resolution, 2), (len(record.views), 1), (0, 1)]
    body = packed(*head)
    for view in record.views:
        shared = view.number << 4 | view.impression
        body += packed((view.position, 1), (shared, 1), (view.qualities[0].score, 1), (len(view.minutiae), 1))
        body += written(view.minutiae, 6, _ZERO) + packed((len(view.extended), 2)) + view.extended
    size = _LENGTHS[record.standard]
    return b"FMR\0" + VERSION + packed((_START + size + len(body), size)) + body


def minutiae(block: bytes, size: int, unknown: int, place: str, faults: Faults) -> tuple[Minutia, ...]:
    """Read minutiae: 2 bits kind, 14 bits x, 2 bits reserved, 14 bits y, u8 angle, and u8 quality where `size` is 6.

    Args:
        block: a multiple of `size` bytes.
        size: 5 or 6.
        unknown: what stands for a quality that was not reported.
        place: for errors.
        faults: of the record.
    """
    found = []
    for at in range(0, len(block), size):
        across, down = block[at] << 8 | block[at + 1], block[at + 2] << 8 | block[at + 3]
        if down > _LOW_14:
            faults.note("reserved", f"{place}minutia {at // size + 1}: ")
        quality = block[at + 5] if size == 6 else unknown  # noqa: PLR2004 - as the docstring says
        if quality == NOT_REPORTED != unknown:  # the newer code, which the older standards do not have
            faults.note("minutia_quality", f"{place}minutia {at // size + 1}: ")
        found.append(
            Minutia(
                kind=across >> 14,
                x=across & _LOW_14,
                y=down & _LOW_14,
                angle=block[at + 4],
                quality=NOT_REPORTED if quality == unknown else quality,
            )
        )
    return tuple(found)


def written(found: tuple[Minutia, ...], size: int, unknown: int) -> bytes:
    """Write minutiae as `minutiae` reads them."""
    out = bytearray()
    for each in found:
        quality = unknown if each.quality == NOT_REPORTED else each.quality
        across, down = each.kind << 14 | each.x, each.y
        out += bytes((across >> 8, across & 0xFF, down >> 8, down & 0xFF, each.angle, quality))[:size]
    return bytes(out)
