"""An epoch in one SQLite file, dense and immutable: `epoch-000001.sqlite` beside the catalogue.

A row's key is SQLite's own 64-bit row number, made of the token's first 8 bytes; the value is the token's other 8
bytes and the box. Inner pages then hold keys alone, so a million people are three pages deep (a table WITHOUT ROWID
keeps whole boxes in inner pages, is seven deep and takes 14 % more room). Tokens that share their first 8 bytes stand
one after the other in one value.

While an epoch loads, its file has another name and neither journal nor fsync; `finish` makes it durable and renames
it. Readers open it as immutable and map it into memory.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from typing import TYPE_CHECKING

from verifier.database import sqlite_uri
from verifier.failure import Failure
from verifier.vault.epoch import TOKEN_SIZE
from verifier.vault.store import VaultDamagedError, VaultUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from verifier.vault.epoch import Epoch
    from verifier.vault.store import Answer, Query, Row

_APPLICATION = 0x50_41_44_4E  # "PADN", so that file(1) and we know the file
_FILE_FORMAT = 1
_PAGE = 8_192  # eight boxes of up to 1,000 bytes fill it; 4,096 leave a quarter empty from 990 bytes on
_MAP = 1 << 40
_HEAD = 8
_MIDDLE = 1 << 63  # row numbers are signed: the order of tokens is kept by shifting
_CREATE = "CREATE TABLE person (head INTEGER PRIMARY KEY, rest BLOB NOT NULL)"
_INSERT = "INSERT INTO person (head, rest) VALUES (?, ?)"
# The search for the person goes to whoever stands behind the number before: the one asked about, or else the next, so
# that it reads as much, held or not, and nowhere ends early. The token's other eight bytes then say whose row it is.
# (Should they agree by chance, once in 2^64, the box does not open: an outage, never a wrong answer. Past the last
# person there is no next.)
_LOOKUP = (
    "SELECT (SELECT rest FROM person WHERE head > ? - 1 ORDER BY head LIMIT 1),"
    " (SELECT rest FROM person WHERE head = ?), (SELECT rest FROM person WHERE head = ?)"
)
_NOBODY: Row = (b"", b"")
_from_bytes = int.from_bytes


def epoch_path(folder: Path, number: int) -> Path:
    """Name an epoch's file."""
    return folder / f"epoch-{number:06d}.sqlite"


class SqliteEpochReader:
    """Reads one epoch's file; each thread has a connection of its own."""

    def __init__(self, folder: Path, epoch: Epoch) -> None:
        """Open the file and check that it is the epoch's.

        Raises:
            VaultDamagedError: it is not.
            VaultUnavailableError: it cannot be opened.
        """
        self._path = epoch_path(folder, epoch.number)
        self._entry = TOKEN_SIZE - _HEAD + epoch.box_size
        self._local = threading.local()
        self._lock = threading.Lock()
        self._connections: list[sqlite3.Connection] = []
        self._closed = False
        try:
            connection = self._connect()
            found = tuple(
                connection.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("application_id", "user_version")
            )
        except sqlite3.Error as error:
            self.close()
            raise VaultUnavailableError.of(error) from error
        if found != (_APPLICATION, _FILE_FORMAT):
            self.close()
            raise VaultDamagedError(f"vault: the file of epoch {epoch.number} is not one of this release")

    def lookup_many(self, queries: Sequence[Query]) -> list[Answer]:
        """Look up each question: three searches, whether the person is held or not."""
        try:
            connection: sqlite3.Connection = getattr(self._local, "connection", None) or self._connect()
            execute, find = connection.execute, self._find
            answers: list[Answer] = []
            for token, first, second in queries:
                asked, one, two = execute(
                    _LOOKUP,
                    (
                        _from_bytes(token[:_HEAD]) - _MIDDLE,
                        _from_bytes(first[:_HEAD]) - _MIDDLE,
                        _from_bytes(second[:_HEAD]) - _MIDDLE,
                    ),
                ).fetchone()
                held, record = find(token, asked)
                one_held, decoy = find(first, one)
                two_held, other = find(second, two)
                if not (one_held and two_held):
                    raise VaultDamagedError("vault: a decoy is missing: restore or reload the epoch")
                # Chosen by an index, and what is not chosen lives as long: held or not, the work is the same.
                answers.append(((decoy, record)[held], other))
        except sqlite3.Error as error:
            self._forget()
            raise VaultUnavailableError.of(error) from error
        return answers

    def close(self) -> None:
        """Close every thread's connection."""
        with self._lock:
            self._closed = True
            for connection in self._connections:
                connection.close()
            self._connections.clear()

    def _find(self, token: bytes, value: bytes | None) -> tuple[bool, Row]:
        """Cut a token's row out of a value; where the value is not the token's, a row that is nobody's."""
        if value is None:
            return False, _NOBODY
        rest = token[_HEAD:]
        if len(value) == self._entry:
            return value.startswith(rest), (token, value[TOKEN_SIZE - _HEAD :])
        for start in range(0, len(value), self._entry):
            tail = start + TOKEN_SIZE - _HEAD
            if value[start:tail] == rest:
                return True, (token, value[tail : start + self._entry])
        return False, _NOBODY

    def _connect(self) -> sqlite3.Connection:
        uri = sqlite_uri(self._path, "mode=ro&immutable=1")
        with self._lock:
            if self._closed:
                raise VaultUnavailableError(Failure.CANNOT_OPEN, "vault: the epoch is closed")
            connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
            self._connections.append(connection)
        connection.execute(f"PRAGMA mmap_size={_MAP}")
        self._local.connection = connection
        return connection

    def _forget(self) -> None:
        connection = getattr(self._local, "connection", None)
        self._local.connection = None
        with self._lock:
            if connection in self._connections:
                self._connections.remove(connection)
                connection.close()


class SqliteEpochLoader:
    """Writes one epoch's file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._connection: sqlite3.Connection | None = None
        self._packing = _Packing()
        self._path = folder

    def create(self, epoch: Epoch) -> None:
        """Make the file under its name for loading."""
        self.close()
        self._path, self._packing = epoch_path(self._folder, epoch.number), _Packing()
        try:
            self._loading_path.unlink(missing_ok=True)
            self._path.unlink(missing_ok=True)
            self._connection = connection = sqlite3.connect(
                sqlite_uri(self._loading_path, "mode=rwc"), uri=True, isolation_level=None
            )
            for pragma in (
                f"page_size={_PAGE}",
                "journal_mode=OFF",
                "synchronous=OFF",
                "locking_mode=EXCLUSIVE",
                f"application_id={_APPLICATION}",
                f"user_version={_FILE_FORMAT}",
            ):
                connection.execute(f"PRAGMA {pragma}")
            connection.execute(_CREATE)
        except (OSError, sqlite3.Error) as error:
            raise _translate(error) from error

    def load(self, rows: Iterable[Row]) -> int:
        """Append rows; pages fill up because they come in order."""
        connection, packing = self._require()
        before = packing.rows
        try:
            connection.execute("BEGIN")
            connection.executemany(_INSERT, packing.pack(rows))
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise _translate(error) from error
        return packing.rows - before

    def finish(self) -> None:
        """Make the file durable under its own name."""
        connection, packing = self._require()
        try:
            connection.executemany(_INSERT, packing.rest())
            self.close()
            _sync(self._loading_path)
            self._loading_path.rename(self._path)
            _sync(self._folder)
        except (OSError, sqlite3.Error) as error:
            raise _translate(error) from error

    def drop(self, number: int) -> None:
        """Delete an epoch's file; processes that still read it keep what they have open."""
        path = epoch_path(self._folder, number)
        try:
            path.unlink(missing_ok=True)
            path.with_suffix(".loading").unlink(missing_ok=True)
            _sync(self._folder)
        except OSError as error:
            raise _translate(error) from error

    def close(self) -> None:
        """Close the file."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    @property
    def _loading_path(self) -> Path:
        return self._path.with_suffix(".loading")

    def _require(self) -> tuple[sqlite3.Connection, _Packing]:
        if self._connection is None:
            raise VaultUnavailableError(Failure.CANNOT_OPEN, "vault: no epoch is being loaded")
        return self._connection, self._packing


class _Packing:
    """Turns rows into keys and values as SQLite keeps them; tokens that share a key are joined."""

    def __init__(self) -> None:
        self.rows = 0
        self._head, self._value = b"", b""

    def pack(self, rows: Iterable[Row]) -> Iterator[tuple[int, bytes]]:
        """Yield keys and values; the last one stays until it is known that no other row has its key."""
        for token, box in rows:
            self.rows += 1
            if token[:_HEAD] == self._head:
                self._value += token[_HEAD:] + box
                continue
            yield from self.rest()
            self._head, self._value = token[:_HEAD], token[_HEAD:] + box

    def rest(self) -> Iterator[tuple[int, bytes]]:
        """Yield what stayed."""
        if self._value:
            yield _from_bytes(self._head) - _MIDDLE, self._value
            self._value = b""


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _translate(error: OSError | sqlite3.Error) -> VaultUnavailableError:
    if isinstance(error, sqlite3.Error):
        return VaultUnavailableError.of(error)
    return VaultUnavailableError(Failure.INPUT_OUTPUT)
