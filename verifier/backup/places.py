"""The places of what is restored: nothing is in them before, and what comes there comes whole, under its name at last.

A SQLite database is more than its file: a `-wal` or `-journal` that a killed service left is played back into whatever
file of that name is opened next, so that old pages would come over restored ones. Such a file is in the way as the
database itself is.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Final

from sqlalchemy import inspect
from sqlalchemy.exc import SQLAlchemyError

from keys.ringfile import sync_folder
from verifier import database, migrations
from verifier.backup import postgres, sqlite
from verifier.backup.errors import BackupPlaceError
from verifier.database import parse_address
from verifier.failure import classify
from verifier.migrations import Tree

if TYPE_CHECKING:
    import contextlib
    from pathlib import Path

    from verifier.backup.manifest import Manifest
    from verifier.config import Settings

_RESTORING: Final = ".restoring"
_BESIDE: Final = ("-wal", "-shm", "-journal")
"""What SQLite adds to a database's name for the files that belong to it (https://www.sqlite.org/tempfiles.html)."""


def require_free(settings: Settings, manifest: Manifest) -> None:
    """Check that nothing is in the places of log and vault.

    Raises:
        BackupPlaceError: something is; it names each file or folder that is to go. Or an engine is not the backup's.
        DatabaseFailedError: a database cannot be read.
    """
    taken = []
    for tree, text, engine in (
        (Tree.LOG, settings.log_database, manifest.engine),
        (Tree.VAULT, settings.vault_database, manifest.vault_engine),
    ):
        address = parse_address(text)
        if address.is_sqlite != (engine == sqlite.ENGINE):
            raise BackupPlaceError(
                f"the backup's {tree.value} is of {engine}, and the settings name another engine"
            )
        if address.path is None:
            _require_empty(text, tree)
        elif there := _taken(address.path):
            taken.append(f"{', '.join(map(str, there))}: there is a {tree.value} already")
    if taken:
        raise BackupPlaceError(f"{'; '.join(taken)}; a restore overwrites nothing")


def fresh(place: Path, opened: contextlib.ExitStack) -> Path:
    """Name what is not in its place yet; what a killed restore left of it goes, and this too if it never gets there."""
    staged = place.with_name(place.name + _RESTORING)
    _remove(staged)
    opened.callback(_remove, staged)  # which finds nothing where it has got its place
    return staged


def put(staged: Path, place: Path) -> None:
    """Give a database its name, durably.

    Raises:
        OSError: it cannot.
    """
    if place.is_dir():
        place.rmdir()  # an empty one: others were refused
    staged.rename(place)
    sync_folder(place.parent)


def _files(path: Path) -> list[Path]:
    return [path, *(path.with_name(path.name + suffix) for suffix in _BESIDE)]


def _taken(place: Path) -> list[Path]:
    """Name what is in the way; an empty folder is not."""
    return [
        each
        for each in _files(place)
        if each.exists() and not (each == place and each.is_dir() and not any(each.iterdir()))
    ]


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    for each in _files(path):
        each.unlink(missing_ok=True)


def _require_empty(url: str, tree: Tree) -> None:
    engine = database.make_engine(parse_address(url))
    try:
        names = set(inspect(engine).get_table_names())
    except SQLAlchemyError as error:
        raise migrations.DatabaseFailedError(tree, classify(error)) from error
    finally:
        engine.dispose()
    if names & {tree.version_table, *(table.name for table in postgres.METADATA[tree].sorted_tables)}:
        raise BackupPlaceError(f"the {tree.value} database is not empty; a restore overwrites nothing")
