"""Rows of the tables that stand beside the log: found by names that are MACs, written in a group's transaction.

A table is a name of 16 bytes and a box. What a group deletes goes first, then comes what it writes, each in the order
of tables and names, so that on PostgreSQL two groups never wait for each other in a circle.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any

from padan.value import value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

NAME_SIZE = 16
_NAMES = 200
"""Rows that one statement deletes."""


class Beside(enum.IntEnum):
    """The tables; the number is part of the journal's bytes."""

    TOKEN = 1
    PROGRESS = 2
    ENROLMENT = 3
    ASKED = 4
    CONVERSION = 5

    @property
    def table(self) -> str:
        """Name of the table."""
        return f"{self.name.lower()}_row"

    @property
    def lock(self) -> int:
        """PostgreSQL's advisory lock between commits that replace or delete rows, and commands that move them.

        0 for none: no commit does.
        """
        return 0x7061_6461_6E03 if self is Beside.ENROLMENT else 0


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
    rows = sorted(kept, key=lambda each: (each.beside, each.how is not How.DELETE, each.name))
    for beside in Beside:
        gone = list(dict.fromkeys(row.name for row in rows if row.beside is beside and row.how is How.DELETE))
        for start in range(0, len(gone), _NAMES):
            part = gone[start : start + _NAMES]
            marks = ",".join([mark] * len(part))
            run(f"DELETE FROM {beside.table} WHERE name IN ({marks})", part)  # noqa: S608 - our own names
    for row in rows:
        table = row.beside.table
        if row.how is How.DELETE:
            continue
        then = "NOTHING" if row.how is How.ADD else "UPDATE SET box = excluded.box"
        conflict = "" if row.how is How.ADD else " (name)"
        run(
            f"INSERT INTO {table} (name, box) VALUES ({mark}, {mark}) ON CONFLICT{conflict} DO {then}",  # noqa: S608 - as above
            (row.name, row.box),
        )
