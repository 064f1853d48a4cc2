"""The part file: what a run has been answered so far, beside the file that it will make.

One SQLite file, mode 0600, with a row's number, its outcome and its token, and no number of a resident and no claim.
Each batch is one transaction that is on the disk (synchronous = FULL) before the next one begins. It holds the run's
key, so it goes when the result stands. To the byte: docs/formats/issuing.md.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from padan.errors import ConfigError
from padan.issuing.run import Run, Terms

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from padan.issuing.people import Columns

FORMAT: Final = 1
BAD_ROW: Final = "BAD_ROW"
"""How the outcome of a row begins that could not be asked about; `: ` and the rule follow."""
_APPLICATION: Final = 0x50614973  # "PaIs"
_TABLES: Final = (
    "CREATE TABLE run (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE answer (row INTEGER PRIMARY KEY, outcome TEXT NOT NULL, token TEXT NOT NULL)",
)


class PartError(ConfigError):
    """A part file is damaged, in use, or of another run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What became of a row.

    Attributes:
        row: its number.
        outcome: a verdict's name, or `BAD_ROW` with the rule.
        token: as text; empty without a match.
    """

    row: int
    outcome: str
    token: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """What a run must have in common with the one that it goes on with.

    Attributes:
        registry: id and environment of the registry.
        agency: as whom the service knows the caller.
        domain: the token domain.
        terms: under what is asked.
        columns: which columns of the list are asked about.
    """

    registry: str
    agency: str
    domain: str
    terms: Terms
    columns: Columns

    def told(self) -> dict[str, str]:
        """Write it for the part file; names of columns and settings, none of them about a person."""
        columns = {attribute.label: column for attribute, column in self.columns.claims.items()}
        asked = {"nik": self.columns.nik, "consent_receipt": self.columns.consent, **columns}
        return {
            "registry": self.registry,
            "agency": self.agency,
            "token domain": self.domain,
            **{name.replace("_", " "): value for name, value in asdict(self.terms).items()},
            "columns": json.dumps(asked, sort_keys=True),
        }


class Part:
    """A part file that is open, and locked until it is closed."""

    def __init__(self, path: Path, connection: sqlite3.Connection, run: Run) -> None:
        self.path = path
        self.run = run
        self._connection = connection

    @classmethod
    def open(cls, path: Path, binding: Binding, source: Path) -> Self:
        """Begin a run, or go on with the one whose part file is there.

        Raises:
            PartError: it cannot be written, is damaged, in use, or of another run.
        """
        with _guard(path):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600))
            connection = _connect(path)
            try:
                connection.execute("BEGIN EXCLUSIVE")
                known = _known(connection, path)
                run = Run(bytes.fromhex(known.pop("key"))) if known else Run.new()
                told = {**binding.told(), "list": run.digest(source)}
                if known:
                    _require_same(path, known, told)
                else:
                    _make(connection, {**told, "key": run.key.hex()})
                connection.execute("COMMIT")
            except BaseException:
                connection.close()
                raise
        return cls(path, connection, run)

    def marks(self, rows: int) -> bytearray:
        """Mark the rows that have an answer.

        Args:
            rows: how many the list has.

        Returns:
            A byte for each row from 1 on, and one before them: 1 where there is an answer.
        """
        found = bytearray(rows + 1)
        with _guard(self.path):
            for (row,) in self._connection.execute("SELECT row FROM answer"):
                found[row] = 1
        return found

    def keep(self, answers: Iterable[Answered]) -> None:
        """Write answers durably, all or none.

        Raises:
            PartError: the disk does not take them.
        """
        with _guard(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany(
                "INSERT INTO answer VALUES (?, ?, ?) ON CONFLICT (row) DO NOTHING",
                [(each.row, each.outcome, each.token) for each in answers],
            )
            self._connection.execute("COMMIT")

    def answers(self) -> Iterator[Answered]:
        """Read all answers in the order of the rows."""
        with _guard(self.path):
            for row, outcome, token in self._connection.execute(
                "SELECT row, outcome, token FROM answer ORDER BY row"
            ):
                yield Answered(row=row, outcome=outcome, token=token)

    def counts(self) -> dict[str, int]:
        """Count answers by outcome; all bad rows are one."""
        with _guard(self.path):
            return dict(
                self._connection.execute(
                    "SELECT CASE WHEN outcome LIKE 'BAD_ROW:%' THEN 'BAD_ROW' ELSE outcome END AS kind, count(*) "
                    "FROM answer GROUP BY kind ORDER BY kind"
                ).fetchall()
            )

    def bad(self, most: int) -> list[Answered]:
        """Read the first bad rows."""
        with _guard(self.path):
            found = self._connection.execute(
                "SELECT row, outcome FROM answer WHERE outcome LIKE 'BAD_ROW:%' ORDER BY row LIMIT ?", [most]
            ).fetchall()
        return [Answered(row=row, outcome=outcome) for row, outcome in found]

    def remove(self) -> None:
        """Close the file and take it away, with the run's key: the result stands."""
        self.close()
        with _guard(self.path):
            self.path.unlink()

    def close(self) -> None:
        """Close the file and leave it for the next time."""
        self._connection.close()


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=0, isolation_level=None)
    # Exclusive from the first transaction on, so that two runs never share a part file.
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def _known(connection: sqlite3.Connection, path: Path) -> dict[str, str]:
    """Read what is known of a run; nothing where the file was made just now, or its first write never ended."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (number,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if (application, number, tables) == (0, 0, 0):
        return {}
    if (application, number) != (_APPLICATION, FORMAT):
        raise _other(path, "another program or release")
    return dict(connection.execute("SELECT name, value FROM run").fetchall())


def _make(connection: sqlite3.Connection, values: Mapping[str, str]) -> None:
    connection.execute(f"PRAGMA application_id = {_APPLICATION}")
    connection.execute(f"PRAGMA user_version = {FORMAT}")
    for table in _TABLES:
        connection.execute(table)
    connection.executemany("INSERT INTO run VALUES (?, ?)", values.items())


def _require_same(path: Path, known: Mapping[str, str], wanted: Mapping[str, str]) -> None:
    changed = sorted(name for name in known.keys() | wanted.keys() if known.get(name) != wanted.get(name))
    if changed:
        raise _other(path, f"a run with another {', '.join(changed)}, or one that has changed since")


def _other(path: Path, what: str) -> PartError:
    return PartError(
        f"{path} is of {what}",
        reason="other",
        next_step="run the command as it was first run, on the same list; or move the part file away to begin anew, "
        "which asks about and charges every row again",
    )


@contextlib.contextmanager
def _guard(path: Path) -> Iterator[None]:
    """Turn what SQLite and the disk say into our errors."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if _is_locked(error):
            raise PartError(
                f"another run works with {path}",
                reason="busy",
                next_step="wait until it has ended, or end it",
            ) from None
        raise _unusable(path, error) from None
    except (OSError, sqlite3.DatabaseError) as error:
        raise _unusable(path, error) from None


def _is_locked(error: sqlite3.OperationalError) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def _unusable(path: Path, error: Any) -> PartError:
    return PartError(
        f"{path} cannot be used ({getattr(error, 'strerror', None) or type(error).__name__})",
        reason="file",
        next_step="see that the disk has room and the folder may be written to, and run the same command; what is "
        "kept in the file goes on",
    )
