"""Inserts rows into a table of SQLite, many with one statement, since each goes a long way through the driver."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

SIZES: Final = (50, 10, 1)
"""Rows of one statement. SQLite takes 32,766 values; beyond some tens of rows nothing more is gained."""


class Insert:
    """Inserts into some columns of one table."""

    def __init__(self, table: str, columns: Sequence[str]) -> None:
        """Spell the statements.

        Args:
            table: its name.
            columns: their names, in the order of a row's values.
        """
        row = f"({','.join('?' * len(columns))})"
        begin = f"INSERT INTO {table} ({', '.join(columns)}) VALUES "  # noqa: S608 - our own names
        self._statements = [(size, begin + ",".join([row] * size)) for size in SIZES]

    def __call__(self, connection: sqlite3.Connection, rows: Sequence[Iterable[object]]) -> None:
        """Insert rows, in their order.

        Raises:
            sqlite3.Error: as SQLite says; the transaction may hold some of them.
        """
        at = 0
        for size, statement in self._statements:
            groups = range(at, len(rows) - size + 1, size)
            if groups:
                values = (tuple(chain.from_iterable(rows[first : first + size])) for first in groups)
                connection.executemany(statement, values)
                at = groups[-1] + size
