"""Rows of the tables that stand beside the log: found by names that are MACs, written in a group's transaction.

A table is a name of 16 bytes and a box. What a group writes is written in the order of tables and names, so that on
PostgreSQL two groups never wait for each other in a circle.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any

from padan.value import value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

NAME_SIZE = 16


class Beside(enum.IntEnum):
    """The tables; the number is part of the journal's bytes."""

    TOKEN = 1
    PROGRESS = 2

    @property
    def table(self) -> str:
        """Name of the table."""
        return f"{self.name.lower()}_row"


class How(enum.IntEnum):
    """What is done to a row; the number is part of the journal's bytes."""

    ADD = 1
    """One that is there stays as it is."""
    PUT = 2
    """One that is there is replaced."""
    DELETE = 3


@value
class Kept:
    """One row that a commit writes.

    Attributes:
        beside: of which table.
        how: what is done.
        name: 16 bytes.
        box: the row; empty where it is deleted.
    """

    beside: Beside
    how: How
    name: bytes
    box: bytes = b""


def write(run: Callable[[str, Sequence[Any]], object], kept: Iterable[Kept], mark: str) -> None:
    """Write rows.

    Args:
        run: runs a statement in the transaction.
        kept: the rows.
        mark: the driver's placeholder.
    """
    for row in sorted(kept, key=lambda each: (each.beside, each.name)):
        table = row.beside.table
        if row.how is How.DELETE:
            run(f"DELETE FROM {table} WHERE name = {mark}", (row.name,))  # noqa: S608 - our own names
            continue
        then = "NOTHING" if row.how is How.ADD else "UPDATE SET box = excluded.box"
        conflict = "" if row.how is How.ADD else " (name)"
        run(
            f"INSERT INTO {table} (name, box) VALUES ({mark}, {mark}) ON CONFLICT{conflict} DO {then}",  # noqa: S608 - as above
            (row.name, row.box),
        )
