"""An epoch in files of rows beside the catalogue, `epoch-000001.sqlite` as it was loaded, mapped into memory."""

from __future__ import annotations

import sqlite3
import threading
from typing import TYPE_CHECKING

from verifier.database import sqlite_uri
from verifier.failure import Failure
from verifier.vault.epoch import TOKEN_SIZE
from verifier.vault.layers import LOADED, files_of, layer_path, layers_of
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
# person there is no next.) Of an epoch that was changed every layer is searched; decoys, which never change, stand in
# the oldest, which is the main one.
_PERSON = "(SELECT rest FROM {}.person WHERE head > ?1 - 1 ORDER BY head LIMIT 1)"
_DECOY = "(SELECT rest FROM main.person WHERE head = ?{})"
_NEWER = "newer_{}"
_NOBODY: Row = (b"", b"")
_from_bytes = int.from_bytes


class SqliteEpochReader:
    """Reads one epoch's files; each thread has a connection of its own."""

    def __init__(self, folder: Path, epoch: Epoch) -> None:
        """Open the files and check that they are of this release.

        Raises:
            VaultDamagedError: one is not.
            VaultUnavailableError: one cannot be opened.
        """
        self._paths = [layer_path(folder, epoch.number, layer.number) for layer in layers_of(epoch)]
        self._entry = entry_size(epoch.box_size)
        newer = [_NEWER.format(number) for number in range(len(self._paths) - 1)]
        persons = [_PERSON.format(name) for name in (*newer, "main")]
        self._lookup = f"SELECT {', '.join(persons)}, {_DECOY.format(2)}, {_DECOY.format(3)}"
        self._local = threading.local()
        self._spare: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        self._connections: list[sqlite3.Connection] = []
        self._closed = False
        try:
            self._spare.append(self._connect())  # for the first thread that reads, which need not be this one
        except sqlite3.Error as error:
            self.close()
            raise VaultUnavailableError.of(error) from error
        except VaultDamagedError:
            self.close()
            raise

    def lookup_many(self, queries: Sequence[Query]) -> list[Answer]:
        """Look up each question: a search in every layer and two for decoys, whether the person is held or not."""
        try:
            connection: sqlite3.Connection = getattr(self._local, "connection", None) or self._take()
            execute, lookup, find = connection.execute, self._lookup, self._find
            answers: list[Answer] = []
            for token, first, second in queries:
                found = execute(
                    lookup,
                    (
                        _from_bytes(token[:HEAD]) - MIDDLE,
                        _from_bytes(first[:HEAD]) - MIDDLE,
                        _from_bytes(second[:HEAD]) - MIDDLE,
                    ),
                ).fetchone()
                one_held, row = find(first, found[-2])
                two_held, other = find(second, found[-1])
                if not (one_held and two_held):
                    raise VaultDamagedError("vault: a decoy is missing: restore or reload the epoch")
                records = [find(token, value) for value in found[-3::-1]]  # oldest first: the newest counts
                for held, record in records:
                    # Chosen by an index, and what is not chosen lives as long: held or not, the work is the same.
                    row = (row, record)[held]
                answers.append((row, other))
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

    def _take(self) -> sqlite3.Connection:
        """Give this thread its connection."""
        try:
            connection = self._spare.pop()
        except IndexError:
            connection = self._connect()
        self._local.connection = connection
        return connection

    def _connect(self) -> sqlite3.Connection:
        *newer, main = [sqlite_uri(path, "mode=ro&immutable=1") for path in self._paths]
        with self._lock:
            if self._closed:
                raise VaultUnavailableError(Failure.CANNOT_OPEN, "vault: the epoch is closed")
            connection = sqlite3.connect(main, uri=True, isolation_level=None, check_same_thread=False)
            self._connections.append(connection)
        connection.execute(f"PRAGMA mmap_size={_MAP}")
        require_ours(connection, self._paths[-1])
        for number, (uri, path) in enumerate(zip(newer, self._paths, strict=False)):
            name = _NEWER.format(number)
            connection.execute(f"ATTACH DATABASE ? AS {name}", (uri,))
            require_ours(connection, path, name)
        return connection

    def _forget(self) -> None:
        connection = getattr(self._local, "connection", None)
        self._local.connection = None
        with self._lock:
            if connection in self._connections:
                self._connections.remove(connection)
                connection.close()


class SqliteEpochLoader:
    """Writes the file of one epoch."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: RowFileWriter | None = None

    def create(self, epoch: Epoch) -> None:
        """Make the file under its name for loading."""
        self.close()
        self._remove(epoch.number)
        self._file = RowFileWriter(layer_path(self._folder, epoch.number, LOADED))

    def load(self, rows: Iterable[Row]) -> int:
        """Append rows."""
        return self._require().load(rows)

    def finish(self) -> None:
        """Make the file durable under its own name."""
        self._require().finish()

    def drop(self, number: int) -> None:
        """Delete an epoch's files."""
        self._remove(number)

    def holds(self, number: int) -> bool:
        """Say whether there is any file of an epoch."""
        return bool(files_of(self._folder, number))

    def close(self) -> None:
        """Close the file."""
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _remove(self, number: int) -> None:
        for path in files_of(self._folder, number):
            remove(path)

    def _require(self) -> RowFileWriter:
        if self._file is None:
            raise VaultUnavailableError(Failure.CANNOT_OPEN, "vault: no epoch is being loaded")
        return self._file
