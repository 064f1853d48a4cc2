"""Backups of PostgreSQL: each database in one REPEATABLE READ snapshot, table by table as binary COPY.

The tables are locked against being dropped (ACCESS SHARE, which no reader or writer notices) before anything is read.
Restoring builds the schema of the backup's version and fills it in one transaction, so that half of it is never seen.
"""

from __future__ import annotations

import contextlib
import struct
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg import sql
from psycopg.errors import UndefinedTable

from verifier import schema
from verifier.backup.errors import BackupBusyError, BackupDamagedError, BackupSourceError
from verifier.backup.manifest import BackedUpTable
from verifier.backup.parts import WITH_ROWS, EpochPart, GapError, LogPart, VaultPart, chained, key_ids
from verifier.chain import start
from verifier.log.store import LogStoreError
from verifier.migrations import Tree
from verifier.vault.store import VaultUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path
    from typing import BinaryIO

    from sqlalchemy import MetaData

    from keys.realm import Realm
    from verifier.backup.folder import PartialFolder
    from verifier.backup.parts import Seen
    from verifier.chain import Chain

ENGINE: Final = "postgresql"
METADATA: Final = {Tree.LOG: schema.log_metadata, Tree.VAULT: schema.vault_metadata}
EPOCH_COLUMNS: Final = ("token", "box")
_COPY_SIGNATURE: Final = b"PGCOPY\n\xff\r\n\0"
_COPY_HEADER: Final = struct.Struct(">11sII")
_COPY_LENGTH: Final = struct.Struct(">i")
_ATTEMPTS: Final = 5
_PAGE: Final = 10_000
_UNSORTED: Final = frozenset({"reference"})
"""Tables that are copied as they lie: to sort a nation's references takes as much room on the server as they do. The
rows of others would tell by their places with which entries they were committed."""
_SETTINGS: Final = (
    "SET statement_timeout = 0; SET lock_timeout = '5s'; SET idle_in_transaction_session_timeout = 0;"
    " SET max_parallel_workers_per_gather = 0"
)


def save_vault(url: str, target: PartialFolder) -> VaultPart:
    """Copy the vault.

    Raises:
        BackupBusyError: epochs are dropped faster than their tables could be locked.
        VaultUnavailableError: it cannot be read.
    """
    for _ in range(_ATTEMPTS):
        try:
            with _snapshot(url) as connection:
                version = _version(connection, Tree.VAULT)
                epochs = _epochs(connection)
                names = [epoch_name(epoch.number) for epoch in epochs]
                _lock(connection, [*_names(Tree.VAULT), *names])
                tables = _save_tables(connection, Tree.VAULT, target)
                tables += [
                    _save(connection, Tree.VAULT, name, EPOCH_COLUMNS, target, order=["token"])
                    for name in names
                ]
                return VaultPart(engine=ENGINE, version=version, epochs=epochs, tables=tuple(tables))
        except UndefinedTable:
            continue
        except psycopg.Error as error:
            raise VaultUnavailableError.of(error) from error
    raise BackupBusyError("epochs of the vault go faster than they can be read")


def save_log(url: str, target: PartialFolder, realm: Realm, *, until: int = 0) -> LogPart:
    """Copy the log.

    Args:
        url: of the database.
        target: the backup.
        realm: for the chain.
        until: give the chain over so many entries too.

    Raises:
        BackupSourceError: an entry is missing in it.
        LogStoreError: it cannot be read.
    """
    try:
        with _snapshot(url) as connection:
            version = _version(connection, Tree.LOG)
            _lock(connection, _names(Tree.LOG))
            tables = _save_tables(connection, Tree.LOG, target)
            with connection.cursor("leaves", binary=True) as cursor:
                cursor.itersize = _PAGE
                cursor.execute("SELECT sequence, leaf FROM entry ORDER BY sequence")
                chain, seen = chained(start(realm), cursor, until)
    except GapError as error:
        raise BackupSourceError("an entry is missing in the middle of the log") from error
    except psycopg.Error as error:
        raise LogStoreError.of(error) from error
    return LogPart(engine=ENGINE, version=version, chain=chain, seen=seen, tables=tuple(tables))


def read_log(
    folder: Path, tables: Iterable[BackedUpTable], realm: Realm, *, until: int = 0
) -> tuple[Chain, Seen | None]:
    """Read what the copied table of entries comes to: the chain over all of it, and the first so many.

    Raises:
        BackupDamagedError: it is no binary COPY, or not there.
        GapError: an entry is missing.
    """
    table = next((each for each in tables if (each.tree, each.name) == (Tree.LOG, "entry")), None)
    if table is None:
        raise BackupDamagedError(f"{folder}: the table of entries is missing")
    place, leaf = table.columns.index("sequence"), table.columns.index("leaf")
    with (folder / table.path).open("rb") as file:
        rows = ((int.from_bytes(row[place], "big"), row[leaf]) for row in _rows(file))
        return chained(start(realm), rows, until)


def _rows(file: BinaryIO) -> Iterator[list[bytes]]:
    """Read the rows of a binary COPY (PostgreSQL's page on COPY); a null reads as nothing."""
    header = file.read(_COPY_HEADER.size)
    if not header.startswith(_COPY_SIGNATURE):
        raise BackupDamagedError(f"{file.name}: no binary COPY")
    file.read(int.from_bytes(header[-4:], "big"))
    try:
        while (count := int.from_bytes(file.read(2), "big", signed=True)) >= 0:
            row: list[bytes] = []
            for _ in range(count):
                (size,) = _COPY_LENGTH.unpack(file.read(_COPY_LENGTH.size))
                row.append(file.read(size) if size > 0 else b"")
            yield row
    except struct.error as error:
        raise BackupDamagedError(f"{file.name}: cut off") from error


def epoch_name(number: int) -> str:
    """Name an epoch's table."""
    return f"epoch_{number:06d}"


def fill(connection: psycopg.Connection, folder: Path, tables: Iterable[BackedUpTable]) -> None:
    """Fill tables from their files, within the caller's transaction; an epoch's own table is made first.

    Raises:
        psycopg.Error: the server refuses.
    """
    for table in tables:
        is_epoch = table.columns == EPOCH_COLUMNS
        name = sql.Identifier(table.name)
        if is_epoch:
            connection.execute(
                sql.SQL("CREATE TABLE {} (token uuid NOT NULL, box bytea NOT NULL)").format(name)
            )
            connection.execute(sql.SQL("ALTER TABLE {} ALTER box SET STORAGE PLAIN").format(name))
        else:
            connection.execute(sql.SQL("DELETE FROM {}").format(name))
        columns = sql.SQL(", ").join(map(sql.Identifier, table.columns))
        statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(name, columns)
        with (
            (folder / table.path).open("rb") as file,
            connection.cursor() as cursor,
            cursor.copy(statement) as copy,
        ):
            while chunk := file.read(1 << 18):
                copy.write(chunk)
        if is_epoch:
            connection.execute(sql.SQL("ALTER TABLE {} ADD PRIMARY KEY (token)").format(name))
            connection.execute(sql.SQL("ANALYZE {}").format(name))


@contextlib.contextmanager
def _snapshot(url: str) -> Iterator[psycopg.Connection]:
    connection = psycopg.connect(url, connect_timeout=5)
    try:
        connection.execute(_SETTINGS)
        connection.commit()
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        yield connection
    finally:
        connection.close()


def _lock(connection: psycopg.Connection, names: list[str]) -> None:
    tables = sql.SQL(", ").join(map(sql.Identifier, names))
    connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(tables))


def _tables(tree: Tree) -> list[Any]:
    metadata: MetaData = METADATA[tree]
    return [table for table in metadata.sorted_tables if table.info.get("dialect", ENGINE) == ENGINE]


def _names(tree: Tree) -> list[str]:
    return [table.name for table in _tables(tree)]


def _save_tables(connection: psycopg.Connection, tree: Tree, target: PartialFolder) -> list[BackedUpTable]:
    return [
        _save(
            connection,
            tree,
            table.name,
            tuple(column.name for column in table.columns),
            target,
            order=[] if table.name in _UNSORTED else [column.name for column in table.primary_key],
        )
        for table in _tables(tree)
    ]


def _save(
    connection: psycopg.Connection,
    tree: Tree,
    name: str,
    columns: tuple[str, ...],
    target: PartialFolder,
    *,
    order: Sequence[str],
) -> BackedUpTable:
    path = f"{tree.value}/{name}.copy"
    by = sql.SQL(", ").join(map(sql.Identifier, order))
    ordered = sql.SQL(" ORDER BY {}").format(by) if order else sql.SQL("")
    statement = sql.SQL("COPY (SELECT {} FROM {}{}) TO STDOUT (FORMAT binary)").format(
        sql.SQL(", ").join(map(sql.Identifier, columns)), sql.Identifier(name), ordered
    )
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        target.write(path, map(bytes, copy))
    return BackedUpTable(tree=tree.value, name=name, path=path, columns=columns)


def _epochs(connection: psycopg.Connection) -> tuple[EpochPart, ...]:
    rows = connection.execute("SELECT number, state, key_ids FROM epoch ORDER BY number").fetchall()
    return tuple(
        EpochPart(number=number, state=state, key_ids=key_ids(ids))
        for number, state, ids in rows
        if state in WITH_ROWS
    )


def _version(connection: psycopg.Connection, tree: Tree) -> str:
    row = connection.execute(
        sql.SQL("SELECT version_num FROM {}").format(sql.Identifier(tree.version_table))
    ).fetchone()
    return "" if row is None else str(row[0])
