"""Finger minutiae records: strict reading and writing of five standards, told apart by version and lengths.

Guarantees: what is read is exactly as long as it says, breaks none of `padan.biometric.faults.RULES`, and is written to
the same bytes; what is written is read to the same values. Whatever the bytes are, the work is bounded by their number,
at most 65,535, and `MinutiaeError` is the only error. To the byte: docs/formats/minutiae.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from padan.biometric import iso2011, version20, version30
from padan.biometric.checking import check
from padan.biometric.faults import MAX_BYTES, RULES, Faults, MinutiaeError, refuse
from padan.biometric.record import Standard

if TYPE_CHECKING:
    from padan.biometric.record import Record

MAGIC: Final = b"FMR\0"
_VERSION_END: Final = 8
_LENGTH_END: Final = 12


def read(data: bytes) -> Record:
    """Read a record.

    Raises:
        MinutiaeError: it is none, or breaks a rule.
    """
    return _read(data, Faults())


def write(record: Record) -> bytes:
    """Write a record.

    Raises:
        MinutiaeError: a value breaks a rule.
    """
    check(record, Faults())
    if record.standard.older:
        data = version20.write(record)
    elif record.standard is Standard.ISO_2011:
        data = iso2011.write(record)
    else:
        data = version30.write(record)
    # Lengths can, by accident, fit both standards of version "030"; such a record nobody could read.
    if tell(data) is not record.standard:
        refuse("ambiguous")
    return data


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What can be said of bytes without showing a minutia.

    Attributes:
        size: in bytes.
        standard: that they are a record of; None where that cannot be told.
        record: None where it cannot be read to its end.
        problems: a sentence for each rule that is broken, with the first place and how often.
    """

    size: int
    standard: Standard | None
    record: Record | None
    problems: tuple[str, ...]


def survey(data: bytes) -> Survey:
    """Look at bytes that may be a record, and find all that is wrong, or the first thing that ends the reading."""
    faults = Faults(counting=True)
    record, standard, problems = None, None, []
    try:
        standard = tell(data)
        record = _read(data, faults)
    except MinutiaeError as error:
        problems.append(str(error))
    for reason, count in faults.counts.items():
        often = f" ({count} times)" if count > 1 else ""
        problems.append(f"{faults.first[reason]}{RULES[reason]}{often}")
    return Survey(size=len(data), standard=standard, record=record, problems=tuple(problems))


def tell(data: bytes) -> Standard:
    """Say of which standard a record is, by its version and its lengths.

    Raises:
        MinutiaeError: of none, or of two.
    """
    if len(data) > MAX_BYTES:
        refuse("size")
    if data[: len(MAGIC)] != MAGIC:
        refuse("magic")
    version = data[len(MAGIC) : _VERSION_END]
    if version == version20.VERSION:
        return version20.standard(data)
    if version not in {iso2011.VERSION, *version30.VERSIONS.values()}:
        refuse("version")
    if int.from_bytes(data[_VERSION_END:_LENGTH_END], "big") != len(data):
        refuse("length")
    if version != iso2011.VERSION:
        return Standard.ANSI_2009_AM1
    iso, ansi = iso2011.fits(data), version30.fits(data)
    if iso == ansi:
        refuse("ambiguous" if iso else "length")
    return Standard.ISO_2011 if iso else Standard.ANSI_2009


def _read(data: bytes, faults: Faults) -> Record:
    standard = tell(data)
    if standard.older:
        record = version20.read(data, faults)
    elif standard is Standard.ISO_2011:
        record = iso2011.read(data, faults)
    else:
        record = version30.read(data, standard, faults)
    check(record, faults)
    return record
