"""A file of rows in SQLite, dense and immutable: written once in the order of tokens, then only read.

A row's key is SQLite's own 64-bit row number, made of the token's first 8 bytes; the value is the token's other 8
bytes and the box. Inner pages then hold keys alone, so a million people are three pages deep (a table WITHOUT ROWID
keeps whole boxes in inner pages, is seven deep and takes 14 % more room). Tokens that share their first 8 bytes stand
one after the other in one value.

While it is written a file has another name and neither journal nor fsync; `finish` makes it durable and renames it.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Final

from verifier.database import sqlite_uri
from verifier.failure import Failure
from verifier.vault.epoch import TOKEN_SIZE
from verifier.vault.store import VaultDamagedError, VaultUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from verifier.vault.store import Row

APPLICATION: Final = 0x50_41_44_4E  # "PADN", so that file(1) and we know the file
FILE_FORMAT: Final = 1
HEAD: Final = 8
MIDDLE: Final = 1 << 63  # row numbers are signed: the order of tokens is kept by shifting
LAST_HEAD: Final = (1 << 64) - 1
_PAGE = 8_192  # eight boxes of up to 1,000 bytes fill it; 4,096 leave a quarter empty from 990 bytes on
_CREATE = "CREATE TABLE person (head INTEGER PRIMARY KEY, rest BLOB NOT NULL)"
_INSERT = "INSERT INTO person (head, rest) VALUES (?, ?)"
_BETWEEN = "SELECT head, rest FROM person WHERE head BETWEEN ? AND ? ORDER BY head"
_from_bytes = int.from_bytes


def entry_size(box_size: int) -> int:
    """Compute the bytes of one row in a value."""
    return TOKEN_SIZE - HEAD + box_size


def require_ours(connection: sqlite3.Connection, path: Path, schema: str = "main") -> None:
    """Check that an open file is one of this release.

    Args:
        connection: to the file.
        path: of the file, for the message.
        schema: name of the file in the connection.

    Raises:
        VaultDamagedError: it is not.
    """
    found = tuple(
        connection.execute(f"PRAGMA {schema}.{name}").fetchone()[0]
        for name in ("application_id", "user_version")
    )
    if found != (APPLICATION, FILE_FORMAT):
        raise VaultDamagedError(f"vault: {path.name} is not one of this release")


def read_rows(path: Path, box_size: int, first: int = 0, last: int = LAST_HEAD) -> Iterator[Row]:
    """Read a file's rows by token.

    Args:
        path: the file.
        box_size: bytes of a box.
        first: the first 8 bytes of the first token that may be read, as a number.
        last: those of the last.

    Raises:
        VaultUnavailableError: it cannot be read.
    """
    entry, cut = entry_size(box_size), TOKEN_SIZE - HEAD
    try:
        with closing(
            sqlite3.connect(sqlite_uri(path, "mode=ro&immutable=1"), uri=True, isolation_level=None)
        ) as connection:
            require_ours(connection, path)
            for number, value in connection.execute(_BETWEEN, (first - MIDDLE, last - MIDDLE)):
                head = (number + MIDDLE).to_bytes(HEAD, "big")
                for start in range(0, len(value), entry):
                    yield head + value[start : start + cut], value[start + cut : start + entry]
    except sqlite3.Error as error:
        raise translate(error) from error


class RowFileWriter:
    """Writes one file."""

    def __init__(self, path: Path) -> None:
        """Begin the file under its name for writing; what stands there is thrown away.

        Raises:
            VaultUnavailableError: it cannot be written.
        """
        self._path = path
        self._packing = Packing()
        try:
            self._unfinished.unlink(missing_ok=True)
            path.unlink(missing_ok=True)
            self.connection = connection = sqlite3.connect(
                sqlite_uri(self._unfinished, "mode=rwc"), uri=True, isolation_level=None
            )
            for pragma in (
                f"page_size={_PAGE}",
                "journal_mode=OFF",
                "synchronous=OFF",
                "locking_mode=EXCLUSIVE",
                f"application_id={APPLICATION}",
                f"user_version={FILE_FORMAT}",
            ):
                connection.execute(f"PRAGMA {pragma}")
            connection.execute(_CREATE)
        except (OSError, sqlite3.Error) as error:
            raise translate(error) from error

    def load(self, rows: Iterable[Row]) -> int:
        """Append rows by ascending token; pages fill up because they come in order."""
        before = self._packing.rows
        try:
            self.connection.execute("BEGIN")
            self.connection.executemany(_INSERT, self._packing.pack(rows))
            self.connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise translate(error) from error
        return self._packing.rows - before

    def finish(self) -> None:
        """Make the file durable under its own name."""
        try:
            self.connection.executemany(_INSERT, self._packing.rest())
            self.close()
            sync(self._unfinished)
            self._unfinished.rename(self._path)
            sync(self._path.parent)
        except (OSError, sqlite3.Error) as error:
            raise translate(error) from error

    def close(self) -> None:
        """Close the file; unfinished, it stays under its name for writing."""
        self.connection.close()

    @property
    def _unfinished(self) -> Path:
        return unfinished(self._path)


def unfinished(path: Path) -> Path:
    """Name a file while it is written."""
    return path.with_suffix(".loading")


def remove(path: Path) -> None:
    """Delete a file, also one in the middle of being written; processes that read it keep what they have open.

    Raises:
        VaultUnavailableError: it cannot be deleted.
    """
    try:
        path.unlink(missing_ok=True)
        unfinished(path).unlink(missing_ok=True)
        sync(path.parent)
    except OSError as error:
        raise translate(error) from error


class Packing:
    """Turns rows into keys and values as SQLite keeps them; tokens that share a key are joined."""

    def __init__(self) -> None:
        self.rows = 0
        self._head, self._value = b"", b""

    def pack(self, rows: Iterable[Row]) -> Iterator[tuple[int, bytes]]:
        """Yield keys and values; the last one stays until it is known that no other row has its key."""
        for token, box in rows:
            self.rows += 1
            if token[:HEAD] == self._head:
                self._value += token[HEAD:] + box
                continue
            yield from self.rest()
            self._head, self._value = token[:HEAD], token[HEAD:] + box

    def rest(self) -> Iterator[tuple[int, bytes]]:
        """Yield what stayed."""
        if self._value:
            yield _from_bytes(self._head) - MIDDLE, self._value
            self._value = b""


def sync(path: Path) -> None:
    """Make a file or folder durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def translate(error: OSError | sqlite3.Error) -> VaultUnavailableError:
    """Name an error of the disk or of SQLite."""
    if isinstance(error, sqlite3.Error):
        return VaultUnavailableError.of(error)
    return VaultUnavailableError(Failure.INPUT_OUTPUT)
