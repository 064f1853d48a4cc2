"""Makes a backup while the service runs.

The parts are read one after the other, each as it is at one moment, in an order in which no part needs what a later one
lacks:
 1 read the head: what the log must hold at least
 2 the vault: each epoch with all of its rows
 3 the log: what is done to the vault stands in the log before it is done, so it is there
 4 the keyring, what goes with its KEK, and then its history: a key is in the keyring before anything is made with it,
   so it is there
 5 see that it is so: the log holds what the head has seen, the keyring every key of every epoch
 6 the public parts of the configuration, and the CA where that is asked for and its key is sealed
 7 the manifest, and the name; then an entry
A key that was destroyed between 2 and 4 makes the backup begin anew.
"""

from __future__ import annotations

import importlib.metadata
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit, urlunsplit

from keys import ringformat
from keys.errors import KeyNotFoundError
from keys.realm import Realm
from keys.state import KeyState
from padan.entry import EntryKind
from verifier import admin_entry, config_file, migrations
from verifier.backup import holder_file, keyrings, postgres, sqlite
from verifier.backup.errors import BackupPlaceError, BackupSourceError
from verifier.backup.folder import making, read_source
from verifier.backup.manifest import Manifest
from verifier.ca import CERTIFICATE_FILE, KEY_FILE
from verifier.database import parse_address
from verifier.headfile import HeadFile
from verifier.log.open import open_log
from verifier.migrations import Tree

if TYPE_CHECKING:
    from pathlib import Path

    from keys.keyset import Keyring
    from verifier.backup.folder import PartialFolder
    from verifier.backup.parts import LogPart, VaultPart
    from verifier.config import Settings
    from verifier.headfile import Head

_PUBLIC: Final = "public"
_PUBLIC_FILES: Final = ("tls_cert", "client_ca", "auditors_key", "witness_policy", "biometric_thresholds")
"""Settings that name files without secrets. What else a configuration names is a part of its own, secret or a place."""
_CA: Final = "ca"
_ATTEMPTS: Final = 3


class _KeyGoneError(Exception):
    """An epoch's key is destroyed: perhaps it was so while the backup was made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """The parts that were read."""

    made: datetime
    vault: VaultPart
    log: LogPart
    ring: Keyring


def create(settings: Settings, final: Path, *, with_ca: bool = False) -> Manifest:
    """Make a backup.

    Args:
        settings: of the installation.
        final: the backup's folder, new.
        with_ca: take the CA's folder too; its key must be sealed.

    Raises:
        BackupPlaceError: there is something of that name, or the CA's key is not sealed.
        BackupSourceError: the log is not what the head has seen, or an epoch needs a key that the keyring lacks.
        BackupUnreadableError: a file that belongs in it cannot be read.
        BackupHolderError: what goes with the keyring's KEK is missing, damaged, or of another keyring.
        BackupWriteError: it cannot be written.
        BackupBusyError: what is backed up changes too fast.
        DatabaseVersionError: a database is not upgraded to this release.
        LogUnavailableError, VaultUnavailableError, KeysError: a part cannot be read.
    """
    realm = Realm(registry_id=settings.registry_id, environment=settings.environment)
    _require_ours(settings.log_database, Tree.LOG)
    _require_ours(settings.vault_database, Tree.VAULT)
    if with_ca:
        _require_sealed(settings.ca_dir / KEY_FILE)
    gone = _KeyGoneError()
    for _ in range(_ATTEMPTS):
        try:
            with making(final) as folder:
                manifest = _make(settings, realm, folder, with_ca=with_ca)
                folder.finish(manifest)  # 7
        except _KeyGoneError as error:
            gone = error
            continue
        _tell(settings, manifest)
        return manifest
    raise BackupSourceError(f"{gone}: drop the epoch, or activate another one")


def _require_ours(database: str, tree: Tree) -> None:
    """Refuse a database of which this release knows not all."""
    migrations.require_current(database, tree)
    if parse_address(database).path is None and migrations.current(database, tree).is_later:
        raise BackupSourceError(
            f"the {tree.value} database was upgraded by a later release, whose tables this one would leave out:"
            " make the backup with that one"
        )


def _make(settings: Settings, realm: Realm, folder: PartialFolder, *, with_ca: bool) -> Manifest:
    head = HeadFile(settings.head_file, realm).read()  # 1
    read = _read(settings, realm, folder, seen=head.extent.entries if head else 0)
    _require_head(settings, head, read)  # 5
    _require_keys(realm, read)
    _save_public(settings, folder)  # 6
    if with_ca:
        for name in (CERTIFICATE_FILE, KEY_FILE):
            folder.write(f"{_CA}/{name}", [read_source(settings.ca_dir / name)])
    return Manifest(
        registry_id=realm.registry_id,
        environment=realm.environment,
        made=read.made,
        release=importlib.metadata.version("padan-server"),
        engine=read.log.engine,
        vault_engine=read.vault.engine,
        log_version=read.log.version,
        vault_version=read.vault.version,
        log=read.log.chain,
        mirror=read.log.mirror,
        keyring=read.ring.counter,
        kek=read.ring.kek_id,
        epoch=read.vault.active,
        epochs=tuple(each.number for each in read.vault.epochs),
        tables=(*read.vault.tables, *read.log.tables),
        files=tuple(sorted(folder.files, key=lambda each: each.path)),
    )


def _read(settings: Settings, realm: Realm, folder: PartialFolder, *, seen: int) -> _Read:
    vault_at, log_at = parse_address(settings.vault_database), parse_address(settings.log_database)
    vault = (  # 2
        postgres.save_vault(vault_at.url, folder)
        if vault_at.path is None
        else sqlite.save_vault(vault_at.path, folder)
    )
    made = datetime.now(UTC).replace(microsecond=0)
    log = (  # 3
        postgres.save_log(log_at.url, folder, realm, until=seen)
        if log_at.path is None
        else sqlite.save_log(log_at.path, folder, realm, until=seen)
    )
    ring = keyrings.save(settings.keyring, holder_file.of(settings.kek), folder)  # 4
    return _Read(made=made, vault=vault, log=log, ring=ring)


def _require_head(settings: Settings, head: Head | None, read: _Read) -> None:
    """Refuse a log that is older than its head, which a backup would make last."""
    seen = read.log.seen
    if head is not None and (seen is None or not seen.is_of(head) or read.ring.counter < head.keyring):
        raise BackupSourceError(
            f"log or keyring are not those that {settings.head_file} has seen: padan-server log check says more"
        )


def _require_keys(realm: Realm, read: _Read) -> None:
    if read.ring.realm != realm:
        raise BackupSourceError("the keyring is of another registry or environment than the settings")
    for epoch in read.vault.epochs:
        for purpose, number in epoch.key_ids.items():
            try:
                key = read.ring.key(purpose, number)
            except KeyNotFoundError as error:
                raise BackupSourceError(
                    f"epoch {epoch.number} needs the {purpose} key {number}, which the keyring lacks"
                ) from error
            if key.state is KeyState.DESTROYED and epoch.state != "retired":
                raise _KeyGoneError(
                    f"epoch {epoch.number} needs the {purpose} key {number}, which is destroyed"
                )


def _save_public(settings: Settings, folder: PartialFolder) -> None:
    values = {name: getattr(settings, name) for name in sorted(settings.model_fields_set)}
    for name in ("log_url", "vault_url"):
        if name in values:
            values[name] = without_password(values[name])
    text = config_file.render({name: value for name, value in values.items() if value is not None})
    folder.write(f"{_PUBLIC}/padan.toml", [text.encode()])
    for name in _PUBLIC_FILES:
        path = getattr(settings, name)
        if path is not None and path.is_file():
            folder.write(f"{_PUBLIC}/{name}{path.suffix}", [read_source(path)])


def without_password(url: str) -> str:
    """Cut the password out of a database's URL; a path stays as it is."""
    if "://" not in url:
        return url
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    query = "&".join(each for each in parts.query.split("&") if not each.lower().startswith("password="))
    return urlunsplit((parts.scheme, user.partition(":")[0] + at + host, parts.path, query, ""))


def _require_sealed(key: Path) -> None:
    if b"ENCRYPTED" not in read_source(key).partition(b"\n")[0]:
        raise BackupPlaceError(
            f"{key}: not sealed by a passphrase, so that it goes into no backup; copy it by hand"
        )


def _tell(settings: Settings, manifest: Manifest) -> None:
    with closing(open_log(settings.log_database)) as log:
        admin_entry.append(
            log,
            EntryKind.BACKED_UP,
            {
                "made": ringformat.moment(manifest.made),
                "entries": str(manifest.log.entries),
                "chain": manifest.log.hash.hex(),
                "keyring": str(manifest.keyring),
                "epoch": str(manifest.epoch),
            },
        )
