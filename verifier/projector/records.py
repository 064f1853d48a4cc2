"""Cutting a CSV file into records without parsing it (RFC 4180 as Python's `csv` reads it).

A line feed inside a quoted field does not end a record. A quote opens a field only at its start; one that is not closed
within 64 KiB was a stray character: its line is handed on as a broken record and reading goes on at the next line, so
that one bad quote never swallows the file. Blank lines are no records.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST_RECORD: Final = 64 * 1024
_QUOTE = b'"'


def records(file: BinaryIO, delimiter: bytes) -> Iterator[bytes]:
    """Yield the records of a file from where it stands, each with its line feed.

    Args:
        file: opened for reading bytes.
        delimiter: one byte.
    """
    waiting: list[bytes] = []
    while True:
        line = waiting.pop() if waiting else file.readline(LONGEST_RECORD)
        if not line:
            return
        if _QUOTE in line and _open_after(line, delimiter, inside=False):
            record, waiting = _long_record(line, file, delimiter, waiting)
            yield record
        elif not line.isspace():
            yield line if line.endswith(b"\n") else line + b"\n"


def _long_record(
    first: bytes, file: BinaryIO, delimiter: bytes, waiting: list[bytes]
) -> tuple[bytes, list[bytes]]:
    """Gather a record of several lines; returns it and the lines, last first, that are to be read again."""
    lines, size = [first], len(first)
    while size < LONGEST_RECORD:
        line = waiting.pop() if waiting else file.readline(LONGEST_RECORD)
        if not line:
            break
        lines.append(line)
        size += len(line)
        if not _open_after(line, delimiter, inside=True):
            record = b"".join(lines)
            return record if record.endswith(b"\n") else record + b"\n", waiting
    return b"?\n", waiting + lines[:0:-1]


def _open_after(line: bytes, delimiter: bytes, *, inside: bool) -> bool:
    """Say whether a quoted field is still open at the end of a line."""
    place, end = 0, len(line)
    while True:
        if not inside:
            if line[place : place + 1] == _QUOTE:
                place += 1
            else:
                place = _next_quoted_field(line, delimiter, place)
                if place < 0:
                    return False
        close = line.find(_QUOTE, place)
        while close >= 0 and line[close + 1 : close + 2] == _QUOTE:
            close = line.find(_QUOTE, close + 2)
        if close < 0:
            return True
        after = line.find(delimiter, close + 1)
        if after < 0 or after + 1 >= end:
            return False
        place, inside = after + 1, False


def _next_quoted_field(line: bytes, delimiter: bytes, place: int) -> int:
    """Find where the content of the next field that starts with a quote begins; -1 if there is none."""
    found = line.find(delimiter + _QUOTE, place)
    return found + 2 if found >= 0 else -1
