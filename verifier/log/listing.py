"""Reading the log back, the same on both databases; off the hot path, so by SQLAlchemy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import false, func, or_, select, union_all

from verifier import schema
from verifier.log.store import BlindRow, Head, StoredEntry

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from sqlalchemy import ColumnElement, Select
    from sqlalchemy.engine import Connection

    from verifier.log.scope import Scope

MAX_BACKSTEP_MS = 10_000
"""How far log time may step back from one entry to a later one: groups of two workers take their time apart."""

_ENTRY = schema.entry.c


def read_head(connection: Connection) -> Head:
    """Read the last entry's place and time."""
    row = connection.execute(
        select(_ENTRY.sequence, _ENTRY.log_time_ms).order_by(_ENTRY.sequence.desc()).limit(1)
    ).first()
    return Head(0, 0) if row is None else Head(row[0], row[1])


def read_leaves(connection: Connection, after_sequence: int, limit: int) -> list[bytes]:
    """List leaves by ascending place, up to the first one that is missing."""
    rows = connection.execute(
        select(_ENTRY.sequence, _ENTRY.leaf)
        .where(_ENTRY.sequence > after_sequence)
        .order_by(_ENTRY.sequence)
        .limit(limit)
    ).all()
    return [leaf for place, (sequence, leaf) in enumerate(rows, after_sequence + 1) if sequence == place]


def read_blind_rows(connection: Connection, after_sequence: int, limit: int) -> list[BlindRow]:
    """List what the tree is made of by ascending place, up to the first one that is missing."""
    rows = connection.execute(
        select(_ENTRY.sequence, _ENTRY.log_time_ms, _ENTRY.leaf, _ENTRY.salt, _ENTRY.entry)
        .where(_ENTRY.sequence > after_sequence)
        .order_by(_ENTRY.sequence)
        .limit(limit)
    ).all()
    return [BlindRow(*row) for place, row in enumerate(rows, after_sequence + 1) if row[0] == place]


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
) -> list[StoredEntry]:
    """List entries; the arguments are those of `LogStore.entries`."""
    bounds: list[ColumnElement[bool]] = [] if scope is None else [*_bounds(scope)]
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
