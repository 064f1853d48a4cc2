"""The files of the log's mirror to the byte: docs/formats/mirror.md, format 1. Pure.

A segment is a header and records; a record is one transaction of the log's database, with a serial number of its own.
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from verifier.log.store import EntryRow, ReplayRow, decode_replay_key, encode_replay_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

FORMAT: Final = 1
NAME_SIZE: Final = 16
SHIFT: Final = 12
"""A segment holds 4,096 serials."""
_HEADER: Final = struct.Struct(">8sI16s")
_HEADER_MAGIC: Final = b"PADANMIR"
HEADER_SIZE: Final = _HEADER.size
_FRONT: Final = struct.Struct(">4sIQ")
RECORD_MAGIC: Final = b"PMR1"
_HASH: Final = 32
LEAST: Final = _FRONT.size + _HASH
_GROUP, _STATEMENTS, _MIXED = 1, 2, 3
_GROUP_HEAD: Final = struct.Struct(">BQIIII")
_ENTRY: Final = struct.Struct(">IhQ")
_COUNTER: Final = struct.Struct(">16sQ")
_REPLAY: Final = struct.Struct(">I")
_LENGTH: Final = struct.Struct(">I")

Statement = tuple[str, list[tuple[Any, ...]]]
"""SQL, and the values of each time that it is run."""


class MirrorFormatError(ValueError):
    """The bytes are no record, or no segment, of this format."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRecord:
    """A group's transaction: what `LogTransaction.write` was given, and the place of the first entry.

    Attributes:
        statements: what it ran before that.
    """

    first: int
    entries: Sequence[EntryRow]
    day: int
    counters: Mapping[bytes, int]
    replays: Sequence[ReplayRow]
    statements: Sequence[Statement] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementsRecord:
    """A transaction that wrote no group, such as one of the directory: what it ran."""

    statements: Sequence[Statement]


def segment_of(serial: int) -> int:
    """Name the segment that holds a serial."""
    return serial >> SHIFT


def first_serial(segment: int) -> int:
    """Name the first serial of a segment."""
    return segment << SHIFT


def file_name(segment: int) -> str:
    """Name a segment's file."""
    return f"{segment:012d}.mirror"


def encode_header(name: bytes) -> bytes:
    """Write a segment's header, for the mirror of that name (16 bytes)."""
    return _HEADER.pack(_HEADER_MAGIC, FORMAT, name)


def decode_header(data: bytes) -> bytes:
    """Read a segment's header: the mirror's name.

    Raises:
        MirrorFormatError: it is none of this format.
    """
    if len(data) < HEADER_SIZE:
        raise MirrorFormatError("cut off in its header")
    magic, number, name = _HEADER.unpack_from(data)
    if (magic, number) != (_HEADER_MAGIC, FORMAT):
        raise MirrorFormatError("no segment of a format that this release knows")
    return bytes(name)


def encode_record(serial: int, payload: bytes) -> bytes:
    """Write a record."""
    data = _FRONT.pack(RECORD_MAGIC, len(payload), serial) + payload
    return data + hashlib.sha256(data).digest()


def decode_record(data: bytes | memoryview) -> tuple[int, bytes, int]:
    """Read the record with which the bytes begin: its serial, its payload, and its size.

    Raises:
        MirrorFormatError: cut off, or not what was written.
    """
    if len(data) < LEAST:
        raise MirrorFormatError("cut off")
    magic, length, serial = _FRONT.unpack_from(data)
    size = LEAST + length
    if magic != RECORD_MAGIC or len(data) < size:
        raise MirrorFormatError("cut off")
    body = bytes(data[: size - _HASH])
    if hashlib.sha256(body).digest() != data[size - _HASH : size]:
        raise MirrorFormatError("not what was written")
    return serial, body[_FRONT.size :], size


def encode_group(
    first: int,
    entries: Sequence[EntryRow],
    day: int,
    counters: Mapping[bytes, int],
    replays: Sequence[ReplayRow],
) -> bytes:
    """Write the payload of a group."""
    parts = [_GROUP_HEAD.pack(_GROUP, first, len(entries), day, len(counters), len(replays))]
    pack, length = parts.append, _LENGTH.pack
    for row in entries:
        pack(_ENTRY.pack(row.kind, row.outcome, row.log_time_ms))
        for part in (row.agency.encode(), row.purpose.encode(), row.entry, row.salt, row.leaf):
            pack(length(len(part)))
            pack(part)
    parts += [_COUNTER.pack(key, count) for key, count in counters.items()]
    for answer in replays:
        pack(_REPLAY.pack(answer.day))
        for part in (encode_replay_key(answer.key), answer.digest, answer.body):
            pack(length(len(part)))
            pack(part)
    return b"".join(parts)


def encode_mixed(group: bytes, statements: Iterable[Statement]) -> bytes:
    """Write the payload of a group that ran statements too."""
    return bytes((_MIXED,)) + _LENGTH.pack(len(group)) + group + encode_statements(statements)


def encode_statements(statements: Iterable[Statement]) -> bytes:
    """Write the payload of a transaction of the directory."""
    document = [[text, [[_plain(value) for value in row] for row in rows]] for text, rows in statements]
    return bytes((_STATEMENTS,)) + json.dumps(document, separators=(",", ":")).encode()


def decode_payload(payload: bytes) -> GroupRecord | StatementsRecord:
    """Read a payload.

    Raises:
        MirrorFormatError: of another kind, or malformed.
    """
    try:
        if payload[0] == _STATEMENTS:
            return _statements(payload)
        if payload[0] == _GROUP:
            return _group(payload)
        if payload[0] == _MIXED:
            return _mixed(payload)
    except (IndexError, KeyError, TypeError, ValueError, struct.error) as error:
        raise MirrorFormatError("malformed") from error
    raise MirrorFormatError("of a kind that this release does not know")


def _statements(payload: bytes) -> StatementsRecord:
    return StatementsRecord(
        statements=[
            (str(text), [tuple(_rich(value) for value in row) for row in rows])
            for text, rows in json.loads(payload[1:])
        ]
    )


def _mixed(payload: bytes) -> GroupRecord:
    begin = 1 + _LENGTH.size
    (size,) = _LENGTH.unpack_from(payload, 1)
    group, statements = payload[begin : begin + size], payload[begin + size :]
    if group[0] != _GROUP or statements[0] != _STATEMENTS:
        raise MirrorFormatError("malformed")
    return replace(_group(group), statements=_statements(statements).statements)


def _group(payload: bytes) -> GroupRecord:
    _, first, entry_count, day, counter_count, replay_count = _GROUP_HEAD.unpack_from(payload)
    reader = _Reader(payload, _GROUP_HEAD.size)
    entries = []
    for _ in range(entry_count):
        kind, outcome, log_time_ms = reader.take(_ENTRY)
        agency, purpose, data, salt, leaf = (reader.text() for _ in range(5))
        entries.append(
            EntryRow(
                kind=kind,
                agency=agency.decode(),
                purpose=purpose.decode(),
                outcome=outcome,
                log_time_ms=log_time_ms,
                entry=data,
                salt=salt,
                leaf=leaf,
            )
        )
    counters = dict(reader.take(_COUNTER) for _ in range(counter_count))
    replays = []
    for _ in range(replay_count):
        (kept_day,) = reader.take(_REPLAY)
        key, digest, body = reader.text(), reader.text(), reader.text()
        replays.append(ReplayRow(key=decode_replay_key(key), digest=digest, body=body, day=kept_day))
    if reader.position != len(payload):
        raise MirrorFormatError("longer than it says")
    return GroupRecord(first=first, entries=entries, day=day, counters=counters, replays=replays)


class _Reader:
    def __init__(self, data: bytes, position: int) -> None:
        self._data = data
        self.position = position

    def take(self, form: struct.Struct) -> tuple[Any, ...]:
        values = form.unpack_from(self._data, self.position)
        self.position += form.size
        return values

    def text(self) -> bytes:
        (size,) = self.take(_LENGTH)
        end = self.position + size
        if end > len(self._data):
            raise MirrorFormatError("cut off")
        part = self._data[self.position : end]
        self.position = end
        return part


def _plain(value: Any) -> Any:
    if isinstance(value, bytes | bytearray | memoryview):
        return {"base64": base64.b64encode(value).decode()}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError("the directory writes numbers, texts and bytes")


def _rich(value: Any) -> Any:
    return base64.b64decode(value["base64"], validate=True) if isinstance(value, dict) else value
