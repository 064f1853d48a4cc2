"""The columns of private entries: what SQL sees of them, computed from their bytes and from nothing else.

A whole batch is read at once: numpy walks all entries field by field, and DuckDB cuts the texts out. Per entry that is
some ten times faster than decoding one after the other, so that a check of a copy can afford to compute all columns
anew instead of trusting those that are stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import duckdb
import numpy as np
import pyarrow as pa

from padan import canonical
from padan.entry import FORMAT, Field
from padan.errors import DamageError
from padan.vocabulary import Attribute, label

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

NUMBERS: Final = {
    "kind": (Field.KIND, "USMALLINT"),
    "agreement_version": (Field.AGREEMENT_VERSION, "UINTEGER"),
    "lawful_use": (Field.LAWFUL_USE, "UTINYINT"),
    "legal_basis": (Field.LEGAL_BASIS, "UTINYINT"),
    "epoch": (Field.EPOCH, "UINTEGER"),
    "sensitivity": (Field.SENSITIVITY, "UTINYINT"),
    "retention": (Field.RETENTION, "UTINYINT"),
    "reason": (Field.REASON, "USMALLINT"),
    "log_time_ms": (Field.LOG_TIME, "UBIGINT"),
    "clock_flag": (Field.CLOCK_FLAG, "UTINYINT"),
    "outcome": (Field.OUTCOME, "UTINYINT"),
    "agency_bucket": (Field.AGENCY_BUCKET, "UTINYINT"),
    "officer_bucket": (Field.OFFICER_BUCKET, "UTINYINT"),
    "final_reason": (Field.FINAL_REASON, "USMALLINT"),
}
"""Columns that are whole numbers, at most as wide as their type."""
TEXTS: Final = {
    "agency": Field.AGENCY,
    "officer": Field.OFFICER,
    "on_behalf_of": Field.ON_BEHALF_OF,
    "agreement": Field.AGREEMENT,
    "clause": Field.CLAUSE,
    "purpose": Field.PURPOSE,
    "consent_receipt": Field.CONSENT_RECEIPT,
    "delayed_disclosure": Field.DELAYED_DISCLOSURE,
}
BYTES: Final = {"certificate": Field.CERTIFICATE, "request_id": Field.REQUEST_ID}
LISTS: Final = {"claims": Field.CLAIMS, "detail": Field.DETAIL, "tokens": Field.TOKENS}
"""Texts that are put together: names of attributes, and token domains, with spaces between; `name=value` with line ends
between."""
ADDED: Final = ("tokens",)
"""Columns that this release has added, the last ones: a copy of the release before has none of them, and gets none."""

_TYPES: Final = {
    **{name: kind for name, (_, kind) in NUMBERS.items()},
    **dict.fromkeys(TEXTS, "VARCHAR"),
    **dict.fromkeys(BYTES, "BLOB"),
    **dict.fromkeys(LISTS, "VARCHAR"),
}
NAMES: Final = tuple(_TYPES)
BEFORE: Final = NAMES[: -len(ADDED)]
"""The columns of a copy that the release before has made."""
TABLE: Final = "entry"


def ddl(names: tuple[str, ...]) -> str:
    """Write the table of entries; `raw` and `salt` are NULL where an entry was erased, and so is every column then."""
    own = ", ".join(f"{name} {_TYPES[name]}" for name in names)
    return f"CREATE TABLE {TABLE} (sequence UBIGINT NOT NULL, raw BLOB, salt BLOB, {own})"


DDL: Final = ddl(NAMES)
"""The table that this release makes."""

_SLICES: Final = (*TEXTS.values(), *BYTES.values())
_WIDTHS: Final = {"UTINYINT": 1, "USMALLINT": 2, "UINTEGER": 4, "UBIGINT": 8}
_ARROW: Final = {1: pa.uint8(), 2: pa.uint16(), 4: pa.uint32(), 8: pa.uint64()}
_SLOTS: Final = {field: slot for slot, field in enumerate(Field)}
_UNKNOWN: Final = len(_SLOTS)
_SLOT_OF: Final = np.full(1 << 16, _UNKNOWN, np.intp)
for _field, _slot in _SLOTS.items():
    _SLOT_OF[int(_field)] = _slot
_BLOCK: Final = 4_096
"""Entries that are walked at once: so many that their bytes stay in the processor's cache."""
_HEADER: Final = 6


@dataclass(frozen=True, slots=True)
class _Walked:
    """Where the fields of a batch lie: rows are fields, columns are entries; a length of 0 where there is none."""

    starts: np.ndarray[Any, np.dtype[np.int32]]
    lengths: np.ndarray[Any, np.dtype[np.int32]]


def connect(
    path: str = ":memory:", *, read_only: bool = False, settings: Mapping[str, str] | None = None
) -> duckdb.DuckDBPyConnection:
    """Open a database that prints nothing and takes no Python object for a table."""
    found = duckdb.connect(
        path, read_only=read_only, config={**(settings or {}), "python_enable_replacements": "false"}
    )
    found.execute("SET enable_progress_bar = false")  # it would go to standard output
    return found


def computer() -> duckdb.DuckDBPyConnection:
    """Open a connection that computes columns and holds nothing; use as a context manager."""
    return connect(settings={"memory_limit": "128MB", "threads": "1"})


def compute(
    database: duckdb.DuckDBPyConnection, sequences: pa.Array, raw: pa.Array, salt: pa.Array
) -> pa.Table:
    """Compute the rows of a batch of entries.

    Args:
        database: computes; any connection.
        sequences: places in the log, u64.
        raw: the entries, large_binary; null where erased.
        salt: their salts.

    Returns:
        A table with the columns of `DDL`.

    Raises:
        DamageError: an entry is not one; with its place.
    """
    offsets, data = _bytes_of(raw)
    starts = np.zeros((_UNKNOWN + 1, len(raw)), np.int32)
    walked = _Walked(starts, np.zeros_like(starts))
    for first in range(0, len(raw), _BLOCK):
        _walk(data, offsets, first, min(first + _BLOCK, len(raw)), walked, sequences)
    columns: dict[str, Any] = {"sequence": sequences, "raw": raw, "salt": salt}
    for name, (field, kind) in NUMBERS.items():
        columns[name] = _numbers(data, offsets, walked, field, _WIDTHS[kind])
    for field in _SLICES:
        slot = _SLOTS[field]
        columns[f"s{slot}"] = pa.array(walked.starts[slot])
        columns[f"l{slot}"] = pa.array(walked.lengths[slot])
    for name, field in LISTS.items():
        columns[name] = pa.array(_lists(data, offsets, walked, field), pa.string())
    batch = pa.table(columns)
    database.register("padan_batch", batch)
    try:
        return database.sql(_QUERY).to_arrow_table().combine_chunks()
    except duckdb.ConversionException:
        first, last = sequences[0].as_py(), sequences[-1].as_py()
        raise DamageError(
            f"an entry between {first} and {last} holds a text that is none",
            next_step=_REPORT,
            reason="entry",
        ) from None
    finally:
        database.unregister("padan_batch")


_REPORT: Final = "the log holds bytes that are no entry: show them to the registry's operator"


def _query() -> str:
    def cut(field: Field) -> str:
        slot = _SLOTS[field]
        return f"raw[s{slot} + 1 : s{slot} + l{slot}]"

    parts = ["sequence", "raw", "salt", *NUMBERS]
    parts += [
        f"CASE WHEN l{_SLOTS[field]} > 0 THEN decode({cut(field)}) END AS {name}"
        for name, field in TEXTS.items()
    ]
    parts += [
        f"CASE WHEN l{_SLOTS[field]} > 0 THEN {cut(field)} END AS {name}" for name, field in BYTES.items()
    ]
    return f"SELECT {', '.join([*parts, *LISTS])} FROM padan_batch"  # noqa: S608 - our own names


_QUERY: Final = _query()


def _bytes_of(raw: pa.Array) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Give a binary array's offsets, and its bytes with room behind the last for a read of eight."""
    _, places, values = raw.buffers()
    offsets = np.frombuffer(places, np.int64)[raw.offset : raw.offset + len(raw) + 1]
    data = np.zeros(int(offsets[-1] - offsets[0]) + 8, np.uint8)
    if values is not None:
        data[:-8] = np.frombuffer(values, np.uint8)[offsets[0] : offsets[-1]]
    return offsets - offsets[0], data


def _words(data: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """See bytes as overlapping words of eight, one from each byte on."""
    return np.ndarray(shape=(len(data) - 7,), dtype="<u8", buffer=data.data, strides=(1,))


def _walk(  # noqa: PLR0917 - one batch, seen from six sides
    data: np.ndarray[Any, Any],
    offsets: np.ndarray[Any, Any],
    first: int,
    last: int,
    walked: _Walked,
    sequences: pa.Array,
) -> None:
    """Walk through the entries from `first` to `last`, one field of each at a time."""
    base = int(offsets[first])
    part = data[base : int(offsets[last]) + 8]
    words = _words(part)
    begin, end = offsets[first:last] - base, offsets[first + 1 : last + 1] - base
    rows = np.flatnonzero(end > begin)
    position, end = begin[rows] + 1, end[rows]
    wrong = part[position - 1] != FORMAT[0]
    bare = (position == end) & ~wrong  # an entry without fields
    rows, position, end, wrong = rows[~bare], position[~bare], end[~bare], wrong[~bare]
    before = np.zeros(len(rows), np.int64)
    while len(rows):
        header = words[position].byteswap()
        number = (header >> np.uint64(48)).astype(np.int64)
        length = ((header >> np.uint64(16)) & np.uint64(0xFFFFFFFF)).astype(np.int64)
        value = position + _HEADER
        position = value + length
        wrong |= (number <= before) | (position > end)
        if wrong.any():
            place = sequences[first + int(rows[np.flatnonzero(wrong)[0]])].as_py()
            raise DamageError(f"entry {place} is not canonically encoded", next_step=_REPORT, reason="entry")
        slot = _SLOT_OF[number]
        # From the entry's own first byte.
        walked.starts[slot, first + rows] = value - begin[rows]
        walked.lengths[slot, first + rows] = length
        more = position < end
        if not more.all():
            rows, position, end, number = rows[more], position[more], end[more], number[more]
        before, wrong = number, np.zeros(len(rows), np.bool_)


def _numbers(
    data: np.ndarray[Any, Any], offsets: np.ndarray[Any, Any], walked: _Walked, field: Field, width: int
) -> pa.Array:
    """Read a field of every entry as a number; null where it has none or is wider than its column."""
    slot = _SLOTS[field]
    lengths = walked.lengths[slot]
    there = (lengths > 0) & (lengths <= width)
    position = np.where(there, offsets[:-1] + walked.starts[slot], 0)
    shift = np.where(there, 64 - 8 * lengths.astype(np.int64), 0).astype(np.uint64)
    values = _words(data)[position].byteswap() >> shift
    return pa.array(values.astype(_ARROW[width].to_pandas_dtype()), _ARROW[width], mask=~there)


def _lists(
    data: np.ndarray[Any, Any], offsets: np.ndarray[Any, Any], walked: _Walked, field: Field
) -> list[str | None]:
    """Write a field of every entry as one text; equal ones are written once."""
    slot = _SLOTS[field]
    lengths = walked.lengths[slot]
    found: list[str | None] = [None] * len(lengths)
    known: dict[bytes, str | None] = {}
    rows = np.flatnonzero(lengths > 0)
    begin = offsets[rows] + walked.starts[slot, rows]
    write, whole = _WRITE[field], data.tobytes() if len(rows) else b""
    for row, start, end in zip(rows.tolist(), begin.tolist(), (begin + lengths[rows]).tolist(), strict=True):
        value = whole[start:end]
        if value not in known:
            known[value] = write(value)
        found[row] = known[value]
    return found


def _claims(value: bytes) -> str:
    return " ".join(
        label(Attribute, int.from_bytes(value[at : at + 2], "big")) for at in range(0, len(value), 2)
    )


def _joined(value: bytes, between: str) -> str | None:
    try:
        return between.join(item.decode() for item in canonical.decode_list(value))
    except (canonical.CanonicalError, UnicodeDecodeError):
        return None


_WRITE: Final[Mapping[Field, Callable[[bytes], str | None]]] = {
    Field.CLAIMS: _claims,
    Field.DETAIL: lambda value: _joined(value, "\n"),
    Field.TOKENS: lambda value: _joined(value, " "),
}
