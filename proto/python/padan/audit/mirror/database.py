"""The database of a copy's private entries (DuckDB): one table in the order of the log, and how far the fetching is.

Whoever opens it is held to what this release writes: a view, a macro or another table in it is damage, so that a name
in a query means what it says. Memory is bounded by `MEMORY` whatever the size of the file.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final, Self

import duckdb

from padan.audit.mirror import columns
from padan.audit.mirror.place import disk_full
from padan.errors import CopyError, DamageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from types import TracebackType

    import pyarrow as pa

MEMORY: Final = "384MB"
BATCH: Final = 16_384
"""Rows that are read at once."""
LOCKS: Final = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
}
"""Settings with which no statement reads a file, a Python object or the network."""
_STATE: Final = "CREATE TABLE state (name VARCHAR NOT NULL, value VARCHAR NOT NULL)"
_DAMAGE: Final = (
    "throw the copy's database of entries away, and fetch them again with `padan-audit mirror --entries`; the tree is "
    "not touched by this"
)
_SHAPE: Final = (
    "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE NOT internal "
    "ORDER BY table_name, column_index"
)
_OTHERS: Final = (
    "SELECT view_name FROM duckdb_views() WHERE NOT internal UNION ALL "
    "SELECT function_name FROM duckdb_functions() WHERE NOT internal UNION ALL "
    "SELECT sequence_name FROM duckdb_sequences() UNION ALL "
    "SELECT type_name FROM duckdb_types() WHERE NOT internal UNION ALL "
    "SELECT schema_name FROM duckdb_schemas() WHERE NOT internal AND schema_name <> 'main'"
)


@contextlib.contextmanager
def guard() -> Iterator[None]:
    """Say what is wrong with the database.

    Raises:
        DamageError: it is damaged.
        SourceError: the disk is full.
        CopyError: somebody else has it open, or it is of a newer release.
    """
    try:
        yield
    except duckdb.Error as error:
        text = str(error)
        if any(words in text for words in ("No space left", "File too large", "out of disk", "quota")):
            raise disk_full() from None
        if (
            ("lock" in text and "onflicting" in text)
            or "different configuration" in text
            or "been locked" in text
        ):
            raise CopyError(
                "the copy's database of entries is open elsewhere",
                next_step="wait until the other `padan-audit` has ended",
            ) from None
        if "out of memory" in text.lower():
            raise CopyError(
                "the memory that is allowed does not suffice",
                next_step="allow more with --memory, or ask for less",
            ) from None
        raise DamageError(
            f"the copy's database of entries cannot be read ({type(error).__name__}): it is damaged",
            next_step=_DAMAGE,
            reason="database",
        ) from None


class Database:
    """A copy's database; use as a context manager."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        self.names = columns.NAMES
        """Columns of the table of entries, beside place, bytes and salt."""

    @classmethod
    def create(cls, path: Path) -> Self:
        """Open it for writing, and make it where it is not there.

        Raises:
            DamageError: it is damaged.
            SourceError: the disk is full.
        """
        with guard():
            found = cls(columns.connect(str(path), settings={"memory_limit": MEMORY}))
            if not found.connection.sql(_SHAPE).fetchall():
                found.connection.execute(f"BEGIN; {columns.DDL}; {_STATE}; COMMIT")
            found.require_shape()
            return found

    @classmethod
    def open(cls, path: Path, *, settings: Mapping[str, str] | None = None) -> Self:
        """Open it for reading, with every lock on.

        Args:
            path: the file.
            settings: further settings of DuckDB.

        Raises:
            DamageError: it is damaged.
        """
        with guard():
            own = {"memory_limit": MEMORY, **LOCKS, **(settings or {})}
            found = cls(columns.connect(str(path), read_only=True, settings=own))
            found.require_shape()
            return found

    @classmethod
    def memory(cls, rows: pa.Table) -> Self:
        """Make one of some rows that is never on a disk, with the same locks."""
        with guard():
            found = cls(columns.connect(settings={"memory_limit": MEMORY, **LOCKS}))
            found.names = tuple(name for name in columns.NAMES if name in rows.column_names)
            found.connection.execute(columns.ddl(found.names))
            found.insert(rows)
            return found

    def first_missing(self, through: int) -> int | None:
        """Find the first place up to one that has no row; None where each has one."""
        with guard():
            row = self.connection.execute(
                f"SELECT min(place) FROM (SELECT 1 AS place UNION ALL SELECT sequence + 1 FROM {columns.TABLE})"  # noqa: S608 - our own names
                f" WHERE place <= ? AND place NOT IN (SELECT sequence FROM {columns.TABLE})",
                [through],
            ).fetchone()
        return None if row is None or row[0] is None else int(row[0])

    def require_shape(self) -> None:
        """Require the tables that this release or the one before writes, and nothing beside them.

        Raises:
            DamageError: there is something else.
        """
        found = self.connection.sql(_SHAPE).fetchall()
        names = next((each for each in (columns.NAMES, columns.BEFORE) if _shape(each) == found), None)
        if names is not None:
            self.names = names
        if names is None or self.connection.sql(_OTHERS).fetchall():
            raise DamageError(
                "the copy's database of entries holds other tables or names than this release writes",
                next_step=_DAMAGE,
                reason="database",
            )

    def state(self, name: str) -> str:
        """Give a word that was kept; empty where there is none."""
        with guard():
            found = self.connection.execute("SELECT value FROM state WHERE name = ?", [name]).fetchall()
        return str(found[0][0]) if found else ""

    def last(self) -> int:
        """Give the place of the last row; 0 where there is none."""
        with guard():
            return int(self.connection.sql("SELECT max(sequence) FROM entry").fetchall()[0][0] or 0)

    def append(self, rows: pa.Table | None, state: Mapping[str, str]) -> None:
        """Add rows and keep words, both or neither.

        Raises:
            SourceError: the disk is full; nothing was added.
        """
        with guard():
            self.connection.execute("BEGIN")
            try:
                if rows is not None:
                    self.insert(rows)
                for name, value in state.items():
                    self.connection.execute("DELETE FROM state WHERE name = ?", [name])
                    self.connection.execute("INSERT INTO state VALUES (?, ?)", [name, value])
                self.connection.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(duckdb.Error):
                    self.connection.execute("ROLLBACK")
                raise

    def insert(self, rows: pa.Table) -> None:
        """Add rows with the columns of the table."""
        self.connection.register("padan_rows", rows)
        try:
            names = ", ".join(("sequence", "raw", "salt", *self.names))
            self.connection.execute(f"INSERT INTO entry ({names}) SELECT {names} FROM padan_rows")  # noqa: S608 - our names
        finally:
            self.connection.unregister("padan_rows")

    def batches(self, *, after: int = 0, entries: bool = True) -> pa.RecordBatchReader:
        """Read rows in the order in which they are stored, batch by batch.

        Args:
            after: only places behind this one.
            entries: whether with their bytes and salts; else only which of them are erased.
        """
        own = "raw, salt" if entries else "CASE WHEN raw IS NULL THEN NULL ELSE ''::BLOB END AS raw"
        names = ", ".join(self.names)
        return self.connection.sql(
            f"SELECT sequence, {own}, {names} FROM entry WHERE sequence > {int(after)}"  # noqa: S608 - our names
        ).to_arrow_reader(BATCH)

    def close(self) -> None:
        """Close it."""
        with guard():
            self.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _shape(names: tuple[str, ...]) -> list[Any]:
    """Say what DuckDB tells of a copy's tables with these columns."""
    blank = columns.connect()
    try:
        blank.execute(f"{columns.ddl(names)}; {_STATE}")
        return blank.sql(_SHAPE).fetchall()
    finally:
        blank.close()
