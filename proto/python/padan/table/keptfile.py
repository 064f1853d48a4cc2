"""A file that a run keeps beside a table until it has ended: SQLite, mode 0600, of one run and one process at a time.

Each transaction is on the disk (synchronous = FULL) before the next one begins. The table `run` says what the file is
bound to; whoever goes on must be bound to the same.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from padan.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path


class KeptFileError(ConfigError):
    """A kept file is damaged, in use, or of another run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of kept file.

    Attributes:
        application: the file's `application_id`.
        format: the file's `user_version`.
        tables: statements that make the tables beside `run`.
        anew: what to do about a file of another run.
    """

    application: int
    format: int
    tables: tuple[str, ...]
    anew: str


class KeptFile:
    """A kept file that is open, and locked until it is closed."""

    def __init__(self, path: Path, connection: sqlite3.Connection, told: Mapping[str, str]) -> None:
        self.path = path
        self.told = told
        self._connection = connection

    @classmethod
    def open(cls, path: Path, kind: Kind, bind: Callable[[Mapping[str, str]], Mapping[str, str]]) -> Self:
        """Begin a file, or go on with the one that is there.

        Args:
            path: of the file.
            kind: of the file.
            bind: says what the file must be bound to, given what the one that is there is bound to.

        Raises:
            KeptFileError: it cannot be written, is damaged, in use, or of another run.
        """
        with _guard(path):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600))
            connection = _connect(path)
            try:
                connection.execute("BEGIN EXCLUSIVE")
                known = _known(connection, path, kind)
                told = bind(known)
                if known:
                    _require_same(path, known, told, kind)
                else:
                    _make(connection, told, kind)
                connection.execute("COMMIT")
            except BaseException:
                connection.close()
                raise
        return cls(path, connection, told)

    def read(self, statement: str, values: Iterable[Any] = ()) -> Iterator[Any]:
        """Read rows, one after the other."""
        with _guard(self.path):
            yield from self._connection.execute(statement, tuple(values))

    def write(self, statement: str, rows: Iterable[Iterable[Any]]) -> None:
        """Write rows durably, all or none.

        Raises:
            KeptFileError: the disk does not take them.
        """
        with _guard(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany(statement, [tuple(row) for row in rows])
            self._connection.execute("COMMIT")

    def remove(self) -> None:
        """Close the file and take it away."""
        self.close()
        with _guard(self.path):
            self.path.unlink()

    def close(self) -> None:
        """Close the file and leave it for the next time."""
        self._connection.close()


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=0, isolation_level=None)
    # Exclusive from the first transaction on, so that two runs never share a file.
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def _known(connection: sqlite3.Connection, path: Path, kind: Kind) -> dict[str, str]:
    """Read what is known of a run; nothing where the file was made just now, or its first write never ended."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (number,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if (application, number, tables) == (0, 0, 0):
        return {}
    if (application, number) != (kind.application, kind.format):
        raise _other(path, "another program or release", kind)
    return dict(connection.execute("SELECT name, value FROM run").fetchall())


def _make(connection: sqlite3.Connection, values: Mapping[str, str], kind: Kind) -> None:
    connection.execute(f"PRAGMA application_id = {kind.application}")
    connection.execute(f"PRAGMA user_version = {kind.format}")
    for table in (
        "CREATE TABLE run (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
        *kind.tables,
    ):
        connection.execute(table)
    connection.executemany("INSERT INTO run VALUES (?, ?)", values.items())


def _require_same(path: Path, known: Mapping[str, str], wanted: Mapping[str, str], kind: Kind) -> None:
    changed = sorted(name for name in known.keys() | wanted.keys() if known.get(name) != wanted.get(name))
    if changed:
        raise _other(path, f"a run with another {', '.join(changed)}, or one that has changed since", kind)


def _other(path: Path, what: str, kind: Kind) -> KeptFileError:
    return KeptFileError(f"{path} is of {what}", reason="other", next_step=kind.anew)


@contextlib.contextmanager
def _guard(path: Path) -> Iterator[None]:
    """Turn what SQLite and the disk say into our errors."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if _is_locked(error):
            raise KeptFileError(
                f"another run works with {path}",
                reason="busy",
                next_step="wait until it has ended, or end it",
            ) from None
        raise _unusable(path, error) from None
    except (OSError, sqlite3.DatabaseError) as error:
        raise _unusable(path, error) from None


def _is_locked(error: sqlite3.OperationalError) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def _unusable(path: Path, error: Any) -> KeptFileError:
    return KeptFileError(
        f"{path} cannot be used ({getattr(error, 'strerror', None) or type(error).__name__})",
        reason="file",
        next_step="see that the disk has room and the folder may be written to, and run the same command; what is "
        "kept in the file goes on",
    )
