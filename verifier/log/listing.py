"""Reading the log back, the same on both databases; off the hot path, so by SQLAlchemy, but for the tree's part."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import psycopg
from sqlalchemy import false, func, or_, select, union_all

from verifier import schema
from verifier.log.store import Head, StoredEntry

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from sqlalchemy import ColumnElement, Select
    from sqlalchemy.engine import Connection

    from verifier.log.beside import Beside
    from verifier.log.scope import Scope
    from verifier.log.store import BlindRow

_NAMES = 30_000
"""At once, so that all names of a resident are looked for in one statement: a row may be on its way between two."""
MAX_BACKSTEP_MS = 10_000
"""How far log time may step back from one entry to a later one: groups of two workers take their time apart."""

_ENTRY = schema.entry.c
_LAST = "SELECT sequence, log_time_ms FROM entry ORDER BY sequence DESC LIMIT 1"
TERM = "SELECT 1 FROM leader WHERE term = ?"
_LEAVES = "SELECT sequence, leaf FROM entry WHERE sequence > ? ORDER BY sequence LIMIT ?"
_BLIND = (
    "SELECT sequence, log_time_ms, leaf, salt, entry FROM entry WHERE sequence > ? ORDER BY sequence LIMIT ?"
)


def read_head(connection: Connection) -> Head:
    """Read the last entry's place and time."""
    rows = _fetch(connection, _LAST)
    return Head(*rows[0]) if rows else Head(0, 0)


def is_term(connection: Connection, term: int) -> bool:
    """Say whether this is the leader's term."""
    return bool(_fetch(connection, TERM, term))


def read_leaves(connection: Connection, after_sequence: int, limit: int) -> list[bytes]:
    """List leaves by ascending place, up to the first one that is missing."""
    rows = _fetch(connection, _LEAVES, after_sequence, limit)
    return [leaf for _, leaf in _without_gap(rows, after_sequence)]


def read_blind_rows(connection: Connection, after_sequence: int, limit: int) -> Sequence[BlindRow]:
    """List what the tree is made of by ascending place, up to the first one that is missing."""
    return _without_gap(_fetch(connection, _BLIND, after_sequence, limit), after_sequence)


def read_beside(connection: Connection, beside: Beside, names: Sequence[bytes]) -> dict[bytes, bytes]:
    """Read rows beside the log by their names; absent ones are left out."""
    found: dict[bytes, bytes] = {}
    for start in range(0, len(names), _NAMES):
        part = names[start : start + _NAMES]
        marks = ",".join("?" * len(part))
        statement = f"SELECT name, box FROM {beside.table} WHERE name IN ({marks})"  # noqa: S608 - our own names
        found.update(_fetch(connection, statement, *part))
    return found


def _fetch(connection: Connection, statement: str, *values: int | bytes) -> Sequence[Any]:
    """Fetch plain tuples by the driver itself: every entry is read so twice, and SQLAlchemy's rows cost more."""
    driver = connection.connection.driver_connection
    if isinstance(driver, psycopg.Connection):
        with driver.cursor(binary=True) as cursor:
            return cursor.execute(statement.replace("?", "%s").encode(), values).fetchall()
    if not isinstance(driver, sqlite3.Connection):
        raise TypeError("the engine is neither sqlite3's nor psycopg's")
    return driver.execute(statement, values).fetchall()


def _without_gap(rows: Sequence[Any], after_sequence: int) -> Sequence[Any]:
    """Cut rows, whose first column is the place, off before the first place that is missing."""
    if not rows or rows[-1][0] == after_sequence + len(rows):
        return rows  # they ascend and none is twice
    return [row for place, row in enumerate(rows, after_sequence + 1) if row[0] == place]


def read_entries(
    connection: Connection,
    after_sequence: int,
    limit: int,
    *,
    agency: str | None,
    purpose: str | None,
    outcome: int | None,
    from_ms: int | None,
    until_ms: int | None,
    scope: Scope | None,
    through: int | None,
) -> list[StoredEntry]:
    """List entries; the arguments are those of `LogStore.entries`."""
    bounds: list[ColumnElement[bool]] = [] if scope is None else [*_bounds(scope)]
    if through is not None:
        bounds.append(_ENTRY.sequence <= through)
    if purpose is not None:
        bounds.append(_ENTRY.purpose == purpose)
    if outcome is not None:
        bounds.append(_ENTRY.outcome == outcome)
    if from_ms is not None:
        after_sequence = max(after_sequence, first_at(connection, from_ms - MAX_BACKSTEP_MS) - 1)
        bounds.append(_ENTRY.log_time_ms >= from_ms)
    if until_ms is not None:
        bounds.append(_ENTRY.log_time_ms < until_ms)
        bounds.append(_ENTRY.sequence < first_at(connection, until_ms + MAX_BACKSTEP_MS))
    bounds.append(_ENTRY.sequence > after_sequence)
    rows = connection.execute(_query(_agencies(agency, scope), bounds, limit))
    return [
        StoredEntry(
            sequence=row.sequence,
            kind=row.kind,
            agency=row.agency,
            purpose=row.purpose,
            outcome=row.outcome,
            log_time_ms=row.log_time_ms,
            entry=row.entry,
            salt=row.salt,
            leaf=row.leaf,
        )
        for row in rows
    ]


def _agencies(agency: str | None, scope: Scope | None) -> Collection[str] | None:
    """Join the filter and the scope; None for any."""
    allowed = None if scope is None else scope.agencies
    if agency is None:
        return allowed
    return {agency} if allowed is None or agency in allowed else ()


def _query(
    agencies: Collection[str] | None, bounds: Sequence[ColumnElement[bool]], limit: int
) -> Select[Any]:
    query = select(schema.entry).order_by(_ENTRY.sequence)
    if agencies is None:
        return query.where(*bounds).limit(limit)
    # One ordered walk of the index an agency, merged: a single IN would sort all that they have for each page.
    walks = [select(_ENTRY.sequence).where(_ENTRY.agency == agency, *bounds) for agency in sorted(agencies)]
    if len(walks) <= 1:
        return query.where(*bounds, _ENTRY.agency == next(iter(agencies)) if walks else false()).limit(limit)
    places = union_all(*walks).order_by("sequence").limit(limit)
    return query.where(_ENTRY.sequence.in_(places))


def _bounds(scope: Scope) -> Iterator[ColumnElement[bool]]:
    if scope.purposes is not None:
        yield _ENTRY.purpose.in_(sorted(scope.purposes))
    # One of none is never: a scope without kinds shows nothing.
    yield or_(false(), *(_ENTRY.kind.between(kinds.start, kinds.stop - 1) for kinds in scope.kinds))
    if scope.hidden:
        yield _ENTRY.kind.not_in(sorted(scope.hidden))


def first_at(connection: Connection, time_ms: int) -> int:
    """Find the first place at or after a log time by bisection: places have no gaps and time hardly steps back."""
    low, high = 1, (connection.execute(select(func.max(_ENTRY.sequence))).scalar() or 0) + 1
    while low < high:
        middle = (low + high) // 2
        found = connection.execute(select(_ENTRY.log_time_ms).where(_ENTRY.sequence == middle)).scalar()
        if found is not None and found < time_ms:
            low = middle + 1
        else:
            high = middle
    return low
