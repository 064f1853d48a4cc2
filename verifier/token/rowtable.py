"""A table beside the log, as commands change it beside the running service: by name, page by page, in transactions.

Whoever changes rows stands in line with every other command that does. The service's own commits only add rows, and a
row that is there stays, but for tables with a lock: there they wait for the end of a transaction here, as it does for
theirs. So nothing is lost between the reading and the writing of a transaction here.
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Final

from sqlalchemy import Integer, LargeBinary, column, func, literal_column, select, table, text

from tokenizer.besiderow import HEAD_SIZE, KeyIds, key_ids
from verifier.log import beside, listing
from verifier.log.beside import How, Kept
from verifier.parts import count, parts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy.engine import Connection

    from verifier.directory import Directory
    from verifier.log.beside import Beside

PAGE: Final = 500
"""Rows that are read together, and changed in one transaction: some milliseconds, for which commits wait on SQLite."""


def lock(connection: Connection, where: Beside) -> None:
    """Let no commit of the service replace or delete rows of a table that has a lock, until the transaction's end."""
    if where.lock and connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": where.lock})


class Change:
    """A transaction.

    Args:
        connection: of the database.
        where: the table.
    """

    def __init__(self, connection: Connection, where: Beside) -> None:
        self._connection = connection
        self._where = where

    def of(self, where: Beside) -> Change:
        """Give the same transaction for another table."""
        lock(self._connection, where)
        return Change(self._connection, where)

    def read(self, names: Sequence[bytes]) -> dict[bytes, bytes]:
        """Read rows by their names; absent ones are left out."""
        return listing.read_beside(self._connection, self._where, names)

    def write(self, *, put: Iterable[tuple[bytes, bytes]] = (), drop: Iterable[bytes] = ()) -> None:
        """Write rows, each with its name, and delete others."""
        mark = "?" if self._connection.dialect.name == "sqlite" else "%s"
        kept = [Kept(beside=self._where, how=How.PUT, name=name, box=box) for name, box in put]
        kept += [Kept(beside=self._where, how=How.DELETE, name=name) for name in drop]
        beside.write(
            lambda statement, values: self._connection.exec_driver_sql(statement, tuple(values)), kept, mark
        )


class RowTable:
    """Reads and changes one table; failures of the database are `LogStoreError`.

    Args:
        directory: opens the log's database.
        where: the table.
    """

    def __init__(self, directory: Directory, where: Beside) -> None:
        self._directory = directory
        self.where = where
        self._rows = table(where.table, column("name", LargeBinary), column("box", LargeBinary))

    @contextmanager
    def changing(self) -> Iterator[Change]:
        """Change rows in one transaction."""
        with self._directory.writing_beside() as connection:
            lock(connection, self.where)
            yield Change(connection, self.where)

    def read(self, names: Sequence[bytes]) -> dict[bytes, bytes]:
        """Read rows by their names; absent ones are left out."""
        with self._directory.reading() as connection:
            return listing.read_beside(connection, self.where, names)

    def drop(self, names: Iterable[bytes]) -> None:
        """Delete rows in one transaction."""
        with self.changing() as change:
            change.write(drop=names)

    def between(self, after: bytes, until: bytes, limit: int) -> list[tuple[bytes, bytes]]:
        """Read the first rows whose names follow one name, up to and with another one, by ascending name."""
        query = text(
            f"SELECT name, box FROM {self.where.table} WHERE name > :after AND name <= :until "  # noqa: S608 - our own names
            "ORDER BY name LIMIT :size"
        )
        with self._directory.reading() as connection:
            rows = connection.execute(query, {"after": after, "until": until, "size": limit}).all()
        return [(bytes(name), bytes(box)) for name, box in rows]

    def is_empty(self) -> bool:
        """Say whether there is no row."""
        query = select(literal_column("1", Integer)).select_from(self._rows).limit(1)
        with self._directory.reading() as connection:
            return connection.execute(query).first() is None

    def count(self) -> int:
        """Count the rows, as they are at one moment."""
        with self._directory.reading() as connection:
            return count(lambda: nullcontext(connection), self._rows.c.name)

    def by_keys(self) -> dict[KeyIds, int]:
        """Count the rows by the keys under which they stand, which every row names in the clear.

        As they are at one moment: a key may go where no row stands under it, so none may pass by uncounted.
        """
        head = func.substr(self._rows.c.box, 1, HEAD_SIZE).label("head")
        found: Counter[KeyIds] = Counter()
        with self._directory.reading() as connection:
            for part in parts(lambda: nullcontext(connection), self._rows.c.name):
                query = select(head, func.count()).select_from(self._rows).where(part).group_by(head)
                for start, rows in connection.execute(query):
                    found[key_ids(bytes(start))] += int(rows)
        return found

    def pages(self, *, after: bytes = b"", size: int = PAGE) -> Iterator[list[tuple[bytes, bytes]]]:
        """Read all rows by ascending name, in pages; what others change meanwhile may or may not be in them.

        Args:
            after: only what follows this name.
            size: of a page.
        """
        while True:
            with self._directory.reading() as connection:
                page = self._page(connection, after, size)
            if not page:
                return
            yield page
            after = page[-1][0]

    def one_state(self, *, size: int = PAGE) -> Iterator[list[tuple[bytes, bytes]]]:
        """Read all rows as `pages`, as they are at one moment."""
        after = b""
        with self._directory.reading() as connection:
            while page := self._page(connection, after, size):
                yield page
                after = page[-1][0]

    def _page(self, connection: Connection, after: bytes, size: int) -> list[tuple[bytes, bytes]]:
        name = self._rows.c.name
        query = select(self._rows).where(name > after).order_by(name).limit(size)
        return [(bytes(name), bytes(box)) for name, box in connection.execute(query)]
