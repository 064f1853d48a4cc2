"""The witness's book: for each log the latest checkpoint that was cosigned, and what was refused as evidence.

One SQLite file. A turn reads, compares and writes in one transaction that holds the write lock from its beginning, and
that is on the disk (synchronous = FULL, the write-ahead log synced at each commit) before it returns: nobody is
answered before that, and of two turns for one log the second one sees what the first has written.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from padan.errors import ConfigError, UnavailableError
from padan.tlog.merkle import EMPTY_ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FORMAT: Final = 1
MOST_EVIDENCE: Final = 1_000
"""Refusals that are kept for each log and kind: whoever repeats himself does not fill the disk."""
_BUSY_SECONDS: Final = 5.0
_TABLES: Final = """
CREATE TABLE latest (
    origin TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL, signed BLOB NOT NULL, time INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE evidence (
    number INTEGER PRIMARY KEY, origin TEXT NOT NULL, kind TEXT NOT NULL, time INTEGER NOT NULL,
    known BLOB NOT NULL, refused BLOB NOT NULL, proof TEXT NOT NULL, digest BLOB NOT NULL UNIQUE
);
CREATE INDEX evidence_kind ON evidence (origin, kind);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Latest:
    """The latest checkpoint of a log that was cosigned.

    Attributes:
        origin: the log.
        size: its leaves; 0 where there was none.
        root: its root, 32 bytes.
        signed: the note as the log signed it; empty where there was none.
        time: when it was last cosigned, seconds of the Unix epoch.
    """

    origin: str
    size: int = 0
    root: bytes = EMPTY_ROOT
    signed: bytes = b""
    time: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A signed checkpoint that was refused, beside the one that was known.

    Attributes:
        number: from 1.
        origin: the log.
        kind: `fork`: two roots for one size, which proves that the log lies; `unproven`: growth without a proof that
            holds, which may be a mistake of whoever submitted it.
        time: when it was refused first, seconds of the Unix epoch.
        known: the note that the witness had cosigned.
        refused: the note that it refused.
        proof: the lines before the refused note, as they were submitted.
    """

    number: int = 0
    origin: str
    kind: str
    time: int
    known: bytes
    refused: bytes
    proof: str


class Turn:
    """What can be done within one transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def latest(self, origin: str) -> Latest:
        """Read a log's latest checkpoint; the empty tree where none was cosigned."""
        row = self._connection.execute(
            "SELECT size, root, signed, time FROM latest WHERE origin = ?", [origin]
        ).fetchone()
        if row is None:
            return Latest(origin=origin)
        return Latest(origin=origin, size=row[0], root=row[1], signed=row[2], time=row[3])

    def advance(self, latest: Latest) -> None:
        """Write a log's latest checkpoint."""
        self._connection.execute(
            "INSERT INTO latest VALUES (?, ?, ?, ?, ?) ON CONFLICT (origin) DO UPDATE SET"
            " size = excluded.size, root = excluded.root, signed = excluded.signed, time = excluded.time",
            [latest.origin, latest.size, latest.root, latest.signed, latest.time],
        )

    def touch(self) -> None:
        """Write the number of the format over itself."""
        self._connection.execute(f"PRAGMA user_version = {FORMAT}")

    def keep(self, evidence: Evidence) -> bool:
        """Keep evidence, each pair of checkpoints once; returns whether it is new and there was room."""
        (count,) = self._connection.execute(
            "SELECT count(*) FROM evidence WHERE origin = ? AND kind = ?", [evidence.origin, evidence.kind]
        ).fetchone()
        if count >= MOST_EVIDENCE:
            return False
        pair = hashlib.sha256(evidence.known).digest() + hashlib.sha256(evidence.refused).digest()
        written = self._connection.execute(
            "INSERT INTO evidence (origin, kind, time, known, refused, proof, digest) VALUES (?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (digest) DO NOTHING",
            [
                evidence.origin,
                evidence.kind,
                evidence.time,
                evidence.known,
                evidence.refused,
                evidence.proof,
                pair,
            ],
        )
        return written.rowcount > 0


class Book:
    """The book in its file. Safe to use from many threads and processes."""

    def __init__(self, path: Path, *, create: bool = False) -> None:
        """Open it.

        Args:
            path: the file.
            create: make it, where it must not be yet.

        Raises:
            ConfigError: it is missing, there already, or of another format.
        """
        if path.exists() == create:
            cause = "there is one already" if create else "missing"
            raise ConfigError(
                f"{path}: {cause}",
                next_step="name another folder; an older or empty book would let a log rewrite its history"
                if create
                else "name the witness's folder; a book that was lost ends the witness: make a new one, with a new key",
            )
        self._lock = threading.Lock()
        try:
            if create:
                os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            self._connection = sqlite3.connect(
                path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            if create:
                self._connection.executescript(f"BEGIN; {_TABLES} PRAGMA user_version = {FORMAT}; COMMIT;")
            (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        except (OSError, sqlite3.Error) as error:
            raise ConfigError(
                f"{path}: not a witness's book ({type(error).__name__})",
                next_step="name the witness's folder",
            ) from None
        if version != FORMAT:
            raise ConfigError(
                f"{path}: a book of format {version}, and this release reads {FORMAT}",
                next_step="use the release that wrote it, or a newer one",
            )

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._connection.close()

    @contextlib.contextmanager
    def turn(self) -> Iterator[Turn]:
        """Begin a transaction that nobody else writes beside; it is on the disk when the block is left.

        Raises:
            UnavailableError: the file cannot be written now; nothing was.
        """
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                try:
                    yield Turn(self._connection)
                except BaseException:
                    self._connection.execute("ROLLBACK")
                    raise
                self._commit()
            except sqlite3.Error as error:
                raise UnavailableError(f"the witness's book cannot be written ({error})") from error

    def probe(self) -> None:
        """Write the book as a cosignature does, without changing what stands in it.

        The number of its format is written over itself, which SQLite does as with any page. An empty transaction would
        write nothing, and so miss a full disk, or one that can only be read any more.

        Raises:
            UnavailableError: the file cannot be written now.
        """
        with self.turn() as turn:
            turn.touch()

    def _commit(self) -> None:
        try:
            self._connection.execute("COMMIT")
        except sqlite3.Error:
            if self._connection.in_transaction:  # a commit that failed may leave it open
                self._connection.execute("ROLLBACK")
            raise

    def logs(self) -> list[Latest]:
        """List the latest checkpoint of every log, by origin."""
        rows = self._read("SELECT origin, size, root, signed, time FROM latest ORDER BY origin")
        return [Latest(origin=row[0], size=row[1], root=row[2], signed=row[3], time=row[4]) for row in rows]

    def evidence(self) -> list[Evidence]:
        """List what was refused as evidence, oldest first."""
        rows = self._read(
            "SELECT number, origin, kind, time, known, refused, proof FROM evidence ORDER BY number"
        )
        return [
            Evidence(
                number=row[0],
                origin=row[1],
                kind=row[2],
                time=row[3],
                known=row[4],
                refused=row[5],
                proof=row[6],
            )
            for row in rows
        ]

    def evidence_counts(self) -> dict[tuple[str, str], int]:
        """Count what was refused as evidence, by log and kind."""
        rows = self._read("SELECT origin, kind, count(*) FROM evidence GROUP BY origin, kind")
        return {(row[0], row[1]): row[2] for row in rows}

    def _read(self, query: str) -> list[tuple[Any, ...]]:
        with self._lock:
            try:
                return self._connection.execute(query).fetchall()
            except sqlite3.Error as error:
                raise UnavailableError(f"the witness's book cannot be read ({error})") from error
