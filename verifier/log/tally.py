"""Counts the newest entries of the log by kind and outcome; the same on both databases, and bounded in its work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from verifier import schema
from verifier.log.listing import MAX_BACKSTEP_MS, first_at, read_head

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sqlalchemy.engine import Connection

_ENTRY = schema.entry.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Entries by kind and outcome.

    Attributes:
        counts: (kind, outcome) to entries.
        is_whole: whether all since the given time were counted, and not only the newest of them.
    """

    counts: Mapping[tuple[int, int], int]
    is_whole: bool

    @property
    def entries(self) -> int:
        """How many were counted."""
        return sum(self.counts.values())

    def of_kind(self, kind: int) -> int:
        """How many are of a kind."""
        return sum(count for (each, _), count in self.counts.items() if each == kind)

    def with_outcome(self, outcome: int) -> int:
        """How many have an outcome."""
        return sum(count for (_, each), count in self.counts.items() if each == outcome)


def count_recent(connection: Connection, *, since_ms: int, at_most: int) -> Tally:
    """Count the entries since a log time, the newest ones first where there are too many.

    Args:
        connection: of the log's database.
        since_ms: milliseconds of the Unix epoch.
        at_most: places of the log that are looked at.
    """
    newest = read_head(connection).sequence
    first = first_at(connection, since_ms - MAX_BACKSTEP_MS)
    begin = max(first, newest - at_most + 1)
    rows = connection.execute(
        select(_ENTRY.kind, _ENTRY.outcome, func.count())
        .where(_ENTRY.sequence >= begin, _ENTRY.log_time_ms >= since_ms)
        .group_by(_ENTRY.kind, _ENTRY.outcome)
    )
    counts = {(row[0], row[1]): row[2] for row in rows}
    return Tally(counts=counts, is_whole=begin == first)


class Growth:
    """Counts the entries of some kinds that the log gets from now on; each call reads what is new since the last.

    Args:
        connection: of the log's database.
        kinds: of entries.
    """

    def __init__(self, connection: Connection, kinds: Collection[int]) -> None:
        self._kinds = tuple(int(kind) for kind in kinds)
        self._place = read_head(connection).sequence
        self._entries = 0

    def read(self, connection: Connection) -> int:
        """Give how many there are by now."""
        head = read_head(connection).sequence
        self._entries += connection.execute(
            select(func.count()).where(
                _ENTRY.sequence > self._place, _ENTRY.sequence <= head, _ENTRY.kind.in_(self._kinds)
            )
        ).scalar_one()
        self._place = head
        return self._entries
