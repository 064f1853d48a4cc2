"""Inserts rows into a table of SQLite, many with one statement, since each goes a long way through the driver."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

TOGETHER: Final = 25
"""Rows of one statement. SQLite takes 32,766 values; beyond some tens of rows nothing is gained."""


class Insert:
    """Inserts into some columns of one table."""

    def __init__(self, table: str, columns: Sequence[str]) -> None:
        """Spell the statements.

        Args:
            table: its name.
            columns: their names, in the order of a row's values.
        """
        row = f"({','.join('?' * len(columns))})"
        self._one = f"INSERT INTO {table} ({', '.join(columns)}) VALUES {row}"  # noqa: S608 - our own names
        self._many = ",".join([self._one, *[row] * (TOGETHER - 1)])

    def __call__(self, connection: sqlite3.Connection, rows: Sequence[Iterable[object]]) -> None:
        """Insert rows, in their order.

        Raises:
            sqlite3.Error: as SQLite says; the transaction may hold some of them.
        """
        whole = len(rows) - len(rows) % TOGETHER
        for at in range(0, whole, TOGETHER):
            connection.execute(self._many, tuple(chain.from_iterable(rows[at : at + TOGETHER])))
        # Plain tuples bind faster than named ones.
        connection.executemany(self._one, map(tuple, rows[whole:]))
