"""The places of what is restored: nothing is in them before, and what comes there comes whole, under its name at last.

A SQLite database is more than its file: a `-wal` or `-journal` that a killed service left is played back into whatever
file of that name is opened next, so that old pages would come over restored ones. Such a file is in the way as the
database itself is.

A restore that was cut off has perhaps placed the vault and not the log. Such a vault, of files, is known by being just
what the backup holds, and the same restore goes on with it. On PostgreSQL nobody can tell a database that a restore
has filled from another one, so that it has to be emptied.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Final

from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import inspect
from sqlalchemy.exc import SQLAlchemyError

from keys.ringfile import sync_folder
from verifier import database, migrations
from verifier.backup import postgres, sqlite
from verifier.backup.errors import BackupDamagedError, BackupPlaceError
from verifier.backup.folder import hashed
from verifier.database import parse_address
from verifier.failure import classify
from verifier.migrations import Tree

if TYPE_CHECKING:
    import contextlib
    from collections.abc import Callable
    from pathlib import Path

    from verifier.backup.manifest import Manifest
    from verifier.config import Settings
    from verifier.database import Address

KEYRING: Final = "keyring"
_RESTORING: Final = ".restoring"
_BESIDE: Final = ("-wal", "-shm", "-journal")
"""What SQLite adds to a database's name for the files that belong to it (https://www.sqlite.org/tempfiles.html)."""


class Placing:
    """The last steps of a restore: it knows how far they came, for what an error says."""

    def __init__(self, settings: Settings, *, keyring: bool, vault: bool) -> None:
        """Begin, with what is in its place already."""
        self._addresses = {
            Tree.VAULT.value: parse_address(settings.vault_database),
            Tree.LOG.value: parse_address(settings.log_database),
        }
        self._there: set[str] = {KEYRING} if keyring else set()
        if vault:
            self._there.add(Tree.VAULT.value)
        self._began = ""

    def do(self, part: str, place: Callable[[], object]) -> None:
        """Put a part in its place: the keyring, or a tree's database; raises what `place` does."""
        self._began = part
        place()
        self._there.add(part)

    def said(self) -> str:
        """Say what is in its place, and what has to go from there before the same command can be repeated."""
        there, unknown, missing = [], [], []
        for part in (KEYRING, *self._addresses):
            address = self._addresses.get(part)
            if part in self._there:
                there.append(part)
            elif address is None or part != self._began:
                missing.append(part)
            elif address.path is None:  # a commit that was not acknowledged
                unknown.append(part)
            else:  # the name may be given, and not be durable
                (there if address.path in _taken(address.path) else missing).append(part)
        said = []
        if there:
            said.append(f"{_and(there)} {'are in their places' if there[1:] else 'is in its place'}")
        if missing:
            verb, place = ("are", "their places") if missing[1:] else ("is", "its place")
            said.append(f"{_and(missing)} {verb} not" + ("" if there else f" in {place}"))
        if unknown:
            said.append(f"whether {_and(unknown)} is in its place is not known")
        return "; ".join((*said, *self._to_go({*there, *unknown})))

    def _to_go(self, parts: set[str]) -> list[str]:
        log, to_go = self._addresses[Tree.LOG.value].path, []
        names = {  # one for each database, where both trees are in one
            address.url: f"the database{_name(address)}"
            for part, address in self._addresses.items()
            if part in parts and address.path is None
        }
        if names:
            it = "them" if len(names) > 1 else "it"
            to_go.append(
                f"drop {' and '.join(names.values())} and make {it} again, empty, before the same command is repeated"
            )
        if log is not None and Tree.LOG.value in parts:
            to_go.append(f"move {log} away before the same command is repeated")
        return to_go


def require_free(settings: Settings, manifest: Manifest) -> bool:
    """Check that nothing is in the places of log and vault.

    Returns:
        Whether the vault is there, file for file as in the backup, since a restore of it was cut off. The catalogue
        alone is yet to be compared (`require_catalogue`), with one that has been brought to this release's version.

    Raises:
        BackupPlaceError: something is; it names each file or folder that is to go. Or an engine is not the backup's.
        DatabaseFailedError: a database cannot be read.
    """
    taken, is_placed = list[str](), False
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
            is_placed = tree is Tree.VAULT and there == [address.path] and _holds(address.path, manifest)
            if not is_placed or taken:
                taken.append(f"{', '.join(map(str, there))}: there is a {tree.value} already")
    if taken:
        raise BackupPlaceError(f"{'; '.join(taken)}; a restore overwrites nothing")
    return is_placed


def require_catalogue(place: Path, brought_up: Path) -> None:
    """Check that the vault in its place has the catalogue of the backup, by what it says: its pages may lie otherwise.

    Args:
        place: the vault's folder.
        brought_up: the backup's catalogue, brought to this release's version as the one in its place was.

    Raises:
        BackupPlaceError: it is another vault.
    """
    try:
        is_same = sqlite.says_the_same(place / brought_up.name, brought_up)
    except BackupDamagedError:
        is_same = False
    if not is_same:
        raise BackupPlaceError(
            f"{place}: there is a {Tree.VAULT.value} already; a restore overwrites nothing"
        )


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


def _holds(place: Path, manifest: Manifest) -> bool:
    """Say whether a vault's folder has the backup's files and no others; of the catalogue, only that it is there."""
    folder = f"{sqlite.VAULT_FOLDER}/"
    wanted = {each.path.removeprefix(folder): each for each in manifest.files if each.path.startswith(folder)}
    try:
        if {path.name for path in place.iterdir()} != wanted.keys():
            return False
        for name, each in wanted.items():
            if each.path != sqlite.CATALOGUE_FILE:
                with (place / name).open("rb") as file:
                    if hashed(file, each.path) != each:
                        return False
    except OSError:
        return False
    return True


def _name(address: Address) -> str:
    """Name a database of PostgreSQL without anything of its URL that may be secret."""
    name = conninfo_to_dict(address.url).get("dbname")
    return f" {name}" if name else ""


def _and(parts: list[str]) -> str:
    if len(parts) == 1:
        return f"the {parts[0]}"
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


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
        raise BackupPlaceError(
            f"the {tree.value} database{_name(parse_address(url))} is not empty; a restore overwrites nothing"
        )
