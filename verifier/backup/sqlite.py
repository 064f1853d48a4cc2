"""Backups of the embedded databases: SQLite's online backup of the log and the catalogue, copies of the epochs' files.

The catalogue comes first; then every file that it names is opened, and only then copied: the files are immutable, and
an open one stays whatever a load or a change removes meanwhile. Where one has gone already, the catalogue is read anew.
"""

from __future__ import annotations

import contextlib
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Final

from verifier import database
from verifier.backup.errors import BackupBusyError, BackupDamagedError, BackupSourceError
from verifier.backup.folder import chunks_of
from verifier.backup.parts import WITH_ROWS, EpochPart, GapError, LogPart, VaultPart, chained, key_ids
from verifier.chain import start
from verifier.failure import Failure, classify
from verifier.log.mirror import read_mark
from verifier.log.store import LogStoreError
from verifier.migrations import CATALOGUE, Tree
from verifier.vault.layers import LOADED, layer_path
from verifier.vault.store import VaultUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from keys.realm import Realm
    from verifier.backup.folder import PartialFolder

ENGINE: Final = "sqlite"
LOG_FILE: Final = "log/log.sqlite"
VAULT_FOLDER: Final = "vault"
CATALOGUE_FILE: Final = f"{VAULT_FOLDER}/{CATALOGUE}"
_OF_THE_SOURCE: Final = {Failure.BUSY, Failure.DAMAGED}
_ATTEMPTS: Final = 20
_EPOCHS: Final = "SELECT number, state, key_ids FROM epoch ORDER BY number"
_LAYERS: Final = "SELECT number FROM epoch_layer WHERE epoch = ? ORDER BY number"
_LEAVES: Final = "SELECT sequence, leaf FROM entry ORDER BY sequence"


def save_vault(vault: Path, target: PartialFolder) -> VaultPart:
    """Copy the vault.

    Raises:
        BackupBusyError: its files changed faster than they could be opened.
        VaultUnavailableError: it cannot be read.
    """
    for attempt in range(_ATTEMPTS):
        with contextlib.ExitStack() as opened:
            copy = target.place(CATALOGUE_FILE)
            try:
                _copy_database(vault / CATALOGUE, copy, wal=False)
            except _SourceError as error:
                raise VaultUnavailableError(error.failure) from error
            part = read_vault(copy)
            try:
                files = {
                    name: opened.enter_context((vault / name).open("rb"))
                    for name in (names for epoch in part.epochs for names in files_of(vault, epoch))
                }
            except FileNotFoundError as error:
                if attempt == _ATTEMPTS - 1:
                    raise BackupBusyError(
                        f"{error.filename}: is named by the catalogue, and not there"
                    ) from error
                copy.unlink()
                continue
            target.take(CATALOGUE_FILE)
            for name, file in files.items():
                target.write(f"{VAULT_FOLDER}/{name}", chunks_of(file))
            return part
    raise BackupBusyError("the vault changes faster than it can be read")


def files_of(vault: Path, epoch: EpochPart) -> list[str]:
    """Name the files of an epoch in the vault's folder."""
    return [layer_path(vault, epoch.number, layer).name for layer in epoch.layers or (LOADED,)]


def save_log(path: Path, target: PartialFolder, realm: Realm, *, until: int = 0) -> LogPart:
    """Copy the log.

    Args:
        path: of the log.
        target: the backup.
        realm: for the chain.
        until: give the chain over so many entries too.

    Raises:
        BackupSourceError: an entry is missing in it.
        LogStoreError: it cannot be read.
    """
    copy = target.place(LOG_FILE)
    try:
        _copy_database(path, copy, wal=True)
    except _SourceError as error:
        raise LogStoreError(error.failure) from error
    try:
        part = read_log(copy, realm, until=until)
    except GapError as error:
        raise BackupSourceError(f"{path}: an entry is missing in the middle of the log") from error
    target.take(LOG_FILE)
    return part


def read_vault(catalogue: Path) -> VaultPart:
    """Read what a copy of the catalogue says.

    Raises:
        BackupDamagedError: it cannot be read.
    """
    with _reading(catalogue) as connection:
        epochs = [
            EpochPart(
                number=number,
                state=state,
                key_ids=key_ids(ids),
                layers=tuple(row[0] for row in connection.execute(_LAYERS, (number,))),
            )
            for number, state, ids in connection.execute(_EPOCHS).fetchall()
            if state in WITH_ROWS
        ]
        return VaultPart(engine=ENGINE, version=_version(connection, Tree.VAULT), epochs=tuple(epochs))


def read_log(path: Path, realm: Realm, *, until: int = 0) -> LogPart:
    """Read what a copy of the log comes to, all of it.

    Raises:
        BackupDamagedError: it cannot be read.
        GapError: an entry is missing.
    """
    with _reading(path) as connection:
        chain, seen = chained(start(realm), connection.execute(_LEAVES), until)
        return LogPart(
            engine=ENGINE,
            version=_version(connection, Tree.LOG),
            chain=chain,
            seen=seen,
            mirror=_mirror(connection),
        )


def mirror_name(path: Path) -> bytes:
    """Read the name of the mirror that a copy of the log goes on in.

    Raises:
        BackupDamagedError: it cannot be read.
    """
    with _reading(path) as connection:
        return read_mark(connection).name


def says_the_same(one: Path, other: Path) -> bool:
    """Compare two databases by their tables and rows; neither is open elsewhere.

    Raises:
        BackupDamagedError: one cannot be read.
    """
    with _reading(one) as here, _reading(other) as there:
        return sorted(here.iterdump()) == sorted(there.iterdump())


def _copy_database(source: Path, target: Path, *, wal: bool) -> None:
    """Copy a database as it is at one moment; in write-ahead mode no writer waits for it.

    Raises:
        _SourceError: the database cannot be read.
        sqlite3.Error: the copy cannot be written.
    """
    with contextlib.ExitStack() as opened:
        try:
            living = opened.enter_context(closing(database.open_sqlite(source, wal=wal)))
            living.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.Error as error:
            raise _SourceError(error) from error
        copy = opened.enter_context(closing(sqlite3.connect(target, isolation_level=None)))
        try:
            living.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")  # one file, that opens on a disk which is read-only
        except sqlite3.Error as error:
            if classify(error) in _OF_THE_SOURCE:
                raise _SourceError(error) from error
            raise


class _SourceError(Exception):
    """What is to be copied cannot be read; never reaches a person."""

    def __init__(self, error: sqlite3.Error) -> None:
        super().__init__()
        self.failure = classify(error)


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    try:
        with closing(
            sqlite3.connect(database.sqlite_uri(path, "mode=ro&immutable=1"), uri=True, isolation_level=None)
        ) as connection:
            yield connection
    except (sqlite3.Error, ValueError) as error:
        raise BackupDamagedError(f"{path}: cannot be read as what it should be") from error


def _mirror(connection: sqlite3.Connection) -> int:
    """Read the serial of the last mirrored write; a log of an earlier release has none."""
    if connection.execute("SELECT name FROM sqlite_master WHERE name = 'mirror'").fetchone() is None:
        return 0
    return read_mark(connection).serial


def _version(connection: sqlite3.Connection, tree: Tree) -> str:
    (version,) = connection.execute(f"SELECT version_num FROM {tree.version_table}").fetchone()  # noqa: S608 - our own name
    return str(version)
