"""Restores a backup into an installation that has lost its databases, or into a folder to look at.

Everything is checked before anything is written, and nothing that is there is overwritten:
 1 the backup is whole, and of this registry and environment; this release knows its databases' versions
 2 the newest keyring at hand opens: the one in its place, or the backup's, or the mirror's; one that custodians hold
   together is opened by them, when the service starts, and here its history is whole and their quorum's file at hand
 3 nothing is in the places of log and vault; but a vault on SQLite that is just the backup's was placed by this same
   restore, which was cut off then, and stays
 4 vault and log are written, under other names or in transactions that nobody sees, and brought to this release's
   version
 5 the log's mirror is applied, so that what was answered after the backup is there too
 6 the log is held against the head that is kept apart: what is missing is known by number, and whether the keyring is
   older than either knows; and since the vault is an older one, whoever was erased is to be purged once more, whatever
   log and mirror say
 7 the entry RESTORED says all of this
 8 what goes with the keyring's KEK, keyring, vault and log get their places, the log last
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psycopg
from sqlalchemy import insert, select
from sqlalchemy.exc import SQLAlchemyError

from keys import events, ringformat
from keys.realm import Realm
from keys.ringfile import sync_folder
from padan.entry import EntryKind
from verifier import admin_entry, database, host_keys, keyring_events, migrations, schema
from verifier.backup import holder_file, keyrings, places, postgres, sqlite
from verifier.backup.errors import BackupWriteError
from verifier.backup.folder import chunks_of, created
from verifier.backup.verify import verify
from verifier.database import parse_address
from verifier.directory import Directory
from verifier.failure import ADVICE, classify
from verifier.headfile import HeadFile
from verifier.log import mirror as mirrors
from verifier.log import mirror_replay
from verifier.log.open import open_log
from verifier.log.store import EntryRow
from verifier.migrations import Tree
from verifier.resident.table import vault_came_back

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.engine import Connection

    from verifier.backup.manifest import Manifest
    from verifier.backup.parts import Seen
    from verifier.chain import Chain
    from verifier.config import Settings
    from verifier.database import Address
    from verifier.headfile import Head

_FOLDER_MODE: Final = 0o700


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What a restore came to.

    Attributes:
        manifest: of the backup.
        log: the restored log, with the mirror and without the entry about the restore.
        mirrored: how many of its entries came from the mirror.
        head: what the head had seen; None where there is none.
        keyring: the counter of the keyring that is in its place now.
        sealed: whether custodians are yet to open it.
        known: the keyring's counter that the restored log has seen.
        same: whether the log begins with what the head has seen.
    """

    manifest: Manifest
    log: Chain
    mirrored: int
    head: Head | None
    keyring: int
    sealed: bool
    known: int
    same: bool

    @property
    def missing(self) -> int | None:
        """How many entries that were acknowledged are missing; None where the head is gone."""
        return None if self.head is None else max(0, self.head.extent.entries - self.log.entries)

    @property
    def starts(self) -> bool:
        """Whether a service begins on it without two officers."""
        return self.head is not None and self.same and self.keyring >= max(self.head.keyring, self.known)

    def detail(self) -> dict[str, str]:
        """Say it in the entry."""
        return {
            "made": ringformat.moment(self.manifest.made),
            "backed_up": str(self.manifest.log.entries),
            "mirrored": str(self.mirrored),
            "entries": str(self.log.entries),
            "chain": self.log.hash.hex(),
            "head": "gone" if self.head is None else str(self.head.extent.entries),
            "missing": "unknown" if self.missing is None else str(self.missing),
            "same": str(self.same).lower(),
            "keyring": str(self.keyring),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ring:
    """The keyring that a restore goes on with.

    Attributes:
        path: where it is now.
        counter: its counter.
        holder: the file that goes with its KEK; empty where there is none.
        sealed: whether custodians are yet to open it.
    """

    path: Path
    counter: int
    holder: bytes
    sealed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """One restore; `is_placed` says whether an earlier one that was cut off has placed the vault."""

    settings: Settings
    folder: Path
    manifest: Manifest
    realm: Realm
    mirror: Path | None
    head: Head | None
    keyring: int
    sealed: bool
    is_placed: bool


def restore(settings: Settings, folder: Path, *, use_mirror: bool = True) -> Restored:
    """Restore a backup into the places that the settings name.

    Args:
        settings: of the installation, or as `elsewhere` has changed them.
        folder: the backup.
        use_mirror: apply the mirror that the settings name.

    Raises:
        BackupError: the backup is not right, or there is something in the way, or what goes with the keyring's KEK is
            nowhere; the subclass says which.
        KeysError: the keyring does not open.
        MirrorReplayError: the mirror does not go on where the backup ends, or is damaged.
        DatabaseVersionError: a later release made the backup.
        HeadFormatError, HeadStoreError: the head cannot be read.
        BackupWriteError: it cannot be written; it says what is in its place, and what is to go from there before the
            same restore is repeated.
    """
    realm = Realm(registry_id=settings.registry_id, environment=settings.environment)
    manifest = verify(folder, realm)  # 1
    if manifest.engine == postgres.ENGINE:  # a file says itself which releases may work with it
        migrations.require_known(Tree.LOG, manifest.log_version)
    if manifest.vault_engine == postgres.ENGINE:
        migrations.require_known(Tree.VAULT, manifest.vault_version)
    mirror = settings.log_mirror if use_mirror else None
    ring = _newest(settings, realm, folder, mirror)  # 2
    is_placed = places.require_free(settings, manifest)  # 3
    job = _Job(
        settings=settings,
        folder=folder,
        manifest=manifest,
        realm=realm,
        mirror=mirror,
        head=HeadFile(settings.head_file, realm).read(),
        keyring=ring.counter,
        sealed=ring.sealed,
        is_placed=is_placed,
    )
    placing = places.Placing(settings, keyring=ring.path == settings.keyring, vault=is_placed)
    try:
        with contextlib.ExitStack() as opened:
            place_vault = _stage_vault(job, opened)  # 4
            restored, place_log = _stage_log(job, opened)  # 4 to 7
            placing.do(places.KEYRING, partial(_put_keyring, ring, settings))  # 8
            placing.do(Tree.VAULT.value, place_vault)
            placing.do(Tree.LOG.value, place_log)
    except (OSError, sqlite3.Error, psycopg.Error, SQLAlchemyError) as error:
        cause = os.strerror(error.errno or 0) if isinstance(error, OSError) else ADVICE[classify(error)]
        raise BackupWriteError(f"restore: {cause}; {placing.said()}") from error
    return restored


def _newest(settings: Settings, realm: Realm, folder: Path, mirror: Path | None) -> _Ring:
    """Choose the keyring; open it, or where custodians will, see that they can."""
    path = keyrings.newest(settings.keyring, folder, mirror)
    peeked = ringformat.peek(path.read_bytes())
    holder = holder_file.find(settings.kek, peeked, keyrings.copies(folder, mirror))
    if holder is not None and holder.is_shared:
        if peeked.realm != realm:
            raise host_keys.RealmMismatchError(f"{path}: the keyring of another registry or environment")
        events.read(events.path_beside(path), peeked)
        return _Ring(path=path, counter=peeked.counter, holder=holder.read(peeked), sealed=True)
    newest = settings.model_copy(update={"keyring": path})
    kek = settings.kek if holder is None else holder_file.moved(settings.kek, holder.path)
    with contextlib.closing(host_keys.unlock_with(newest, kek)) as agent:
        counter = agent.keyring_counter
    return _Ring(path=path, counter=counter, holder=holder.read(peeked) if holder else b"", sealed=False)


def _put_keyring(ring: _Ring, settings: Settings) -> None:
    """Put the keyring in its place, and before it what goes with its KEK."""
    holder = holder_file.of(settings.kek)
    if holder is not None:
        holder.put(ring.holder)
    keyrings.put(ring.path, settings.keyring)


def elsewhere(settings: Settings, folder: Path) -> Settings:
    """Change settings so that a restore goes into a folder, beside the installation and its mirror."""
    holder = holder_file.of(settings.kek)
    kek = (
        settings.kek if holder is None else holder_file.moved(settings.kek, folder / "kek" / holder.path.name)
    )
    return settings.model_copy(
        update={
            "data_dir": folder,
            "log_url": "",
            "vault_url": "",
            "log_mirror": None,
            "head_store": None,
            "keyring": folder / settings.keyring.name,
            "kek": kek,
        }
    )


def _stage_vault(job: _Job, opened: contextlib.ExitStack) -> Callable[[], object]:
    address = parse_address(job.settings.vault_database)
    if address.path is None:
        connection = _stage_tables(job, Tree.VAULT, address, opened)
        return connection.commit
    staged = places.fresh(address.path, opened)
    staged.mkdir(mode=_FOLDER_MODE, parents=True)
    for each in job.manifest.files:
        if each.path.startswith(f"{sqlite.VAULT_FOLDER}/") and (
            not job.is_placed or each.path == sqlite.CATALOGUE_FILE
        ):
            _copy(job.folder / each.path, staged / Path(each.path).name)
    migrations.upgrade(str(staged), Tree.VAULT)
    if job.is_placed:
        places.require_catalogue(address.path, staged / migrations.CATALOGUE)
        return partial(sync_folder, address.path.parent)
    sync_folder(staged)
    return partial(places.put, staged, address.path)


def _stage_log(job: _Job, opened: contextlib.ExitStack) -> tuple[Restored, Callable[[], object]]:
    address = parse_address(job.settings.log_database)
    seen = 0 if job.head is None else job.head.extent.entries
    if address.path is None:
        connection = _stage_tables(job, Tree.LOG, address, opened)
        chain, until = postgres.read_log(job.folder, job.manifest.tables, job.realm, until=seen)
        restored = _compare(job, chain, until, connection)
        vault_came_back(connection)
        row = admin_entry.build(EntryKind.RESTORED, restored.detail(), now_ms=_now_ms(connection))
        columns = {name: getattr(row, name) for name in EntryRow.__annotations__}
        connection.execute(insert(schema.entry).values(sequence=chain.entries + 1, **columns))
        return restored, connection.commit
    staged = places.fresh(address.path, opened)
    staged.parent.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
    _copy(job.folder / sqlite.LOG_FILE, staged)
    migrations.upgrade(str(staged), Tree.LOG)
    if job.mirror is None:
        mirrors.adopt(staged, None)
    else:
        mirror_replay.replay(staged, job.mirror)
    part = sqlite.read_log(staged, job.realm, until=seen)
    # As whoever writes the directory does, so that a mirror that goes on from here has it too.
    with contextlib.closing(Directory(str(staged))) as directory, directory.writing() as connection:
        restored = _compare(job, part.chain, part.seen, connection)
        vault_came_back(connection)
    with contextlib.closing(open_log(str(staged))) as log:
        admin_entry.append(log, EntryKind.RESTORED, restored.detail())
    return restored, partial(places.put, staged, address.path)


def _stage_tables(job: _Job, tree: Tree, address: Address, opened: contextlib.ExitStack) -> Connection:
    """Build and fill one database's tables in a transaction that is yet to be committed."""
    engine = database.make_engine(address, patient=True)
    opened.callback(engine.dispose)
    connection = engine.connect()
    opened.callback(connection.close)  # and so rolled back, where it is not committed
    version = job.manifest.log_version if tree is Tree.LOG else job.manifest.vault_version
    migrations.build(connection, tree, version)
    driver = connection.connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        raise TypeError("the engine is not psycopg's")
    postgres.fill(driver, job.folder, [each for each in job.manifest.tables if each.tree == tree.value])
    migrations.bring_up(connection, tree)
    return connection


def _compare(job: _Job, chain: Chain, seen: Seen | None, connection: Connection) -> Restored:
    return Restored(
        manifest=job.manifest,
        log=chain,
        mirrored=chain.entries - job.manifest.log.entries,
        head=job.head,
        keyring=job.keyring,
        sealed=job.sealed,
        known=keyring_events.counter_in(connection),
        same=job.head is not None and seen is not None and seen.is_of(job.head),
    )


def _now_ms(connection: Connection) -> int:
    """Give log time, which never goes back."""
    entry = schema.entry.c
    last = (
        connection.execute(select(entry.log_time_ms).order_by(entry.sequence.desc()).limit(1)).scalar() or 0
    )
    return max(int(time.time() * 1000), last)


def _copy(source: Path, target: Path) -> None:
    with source.open("rb") as file, created(target) as copy:
        for chunk in chunks_of(file):
            copy.write(chunk)
