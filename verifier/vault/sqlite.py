"""An epoch in one file of rows, `epoch-000001.sqlite` beside the catalogue; readers map it into memory."""

from __future__ import annotations

import sqlite3
import threading
from typing import TYPE_CHECKING

from verifier.database import sqlite_uri
from verifier.failure import Failure
from verifier.vault.epoch import TOKEN_SIZE
from verifier.vault.rowfile import HEAD, MIDDLE, RowFileWriter, entry_size, remove, require_ours
from verifier.vault.store import VaultDamagedError, VaultUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from verifier.vault.epoch import Epoch
    from verifier.vault.store import Answer, Query, Row

_MAP = 1 << 40
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
        self._entry = entry_size(epoch.box_size)
        self._local = threading.local()
        self._lock = threading.Lock()
        self._connections: list[sqlite3.Connection] = []
        self._closed = False
        try:
            require_ours(self._connect(), self._path)
        except sqlite3.Error as error:
            self.close()
            raise VaultUnavailableError.of(error) from error
        except VaultDamagedError:
            self.close()
            raise

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
                        _from_bytes(token[:HEAD]) - MIDDLE,
                        _from_bytes(first[:HEAD]) - MIDDLE,
                        _from_bytes(second[:HEAD]) - MIDDLE,
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
        rest = token[HEAD:]
        if len(value) == self._entry:
            return value.startswith(rest), (token, value[TOKEN_SIZE - HEAD :])
        for start in range(0, len(value), self._entry):
            tail = start + TOKEN_SIZE - HEAD
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
        self._file: RowFileWriter | None = None

    def create(self, epoch: Epoch) -> None:
        """Make the file under its name for loading."""
        self.close()
        self._file = RowFileWriter(epoch_path(self._folder, epoch.number))

    def load(self, rows: Iterable[Row]) -> int:
        """Append rows."""
        return self._require().load(rows)

    def finish(self) -> None:
        """Make the file durable under its own name."""
        self._require().finish()

    def drop(self, number: int) -> None:
        """Delete an epoch's file."""
        remove(epoch_path(self._folder, number))

    def close(self) -> None:
        """Close the file."""
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _require(self) -> RowFileWriter:
        if self._file is None:
            raise VaultUnavailableError(Failure.CANNOT_OPEN, "vault: no epoch is being loaded")
        return self._file
