"""Checks a backup without restoring it: every file, and that the parts belong together.

1 the manifest, and whose it is  2 every file is what was written  3 the log's chain, entry by entry
4 every epoch has its files  5 the keyring is the one of the manifest, its history is
whole, and what goes with its KEK is there
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from keys import events, ringformat
from keys.errors import KeysError
from verifier.backup import holder_file, postgres, sqlite
from verifier.backup.errors import BackupDamagedError, BackupHolderError
from verifier.backup.folder import read_manifest, require_files
from verifier.backup.keyrings import EVENTS_FILE, KEYRING_FILE
from verifier.backup.parts import GapError

if TYPE_CHECKING:
    from pathlib import Path

    from keys.realm import Realm
    from verifier.backup.manifest import Manifest
    from verifier.chain import Chain


def verify(folder: Path, realm: Realm) -> Manifest:
    """Check a backup.

    Args:
        folder: the backup.
        realm: whose it must be.

    Raises:
        BackupFormatError: no backup, half a one, or of a later format.
        BackupRealmError: of another registry or environment.
        BackupDamagedError: it is not what was written, or its parts do not belong together.
    """
    manifest = read_manifest(folder)  # 1
    manifest.require_realm(realm)
    require_files(folder, manifest)  # 2
    try:
        chain = _chain(folder, manifest, realm)  # 3
    except GapError as error:
        raise BackupDamagedError(f"{folder}: an entry of the log is missing") from error
    if chain != manifest.log:
        raise BackupDamagedError(f"{folder}: the log's entries are not those of the manifest")
    _require_epochs(folder, manifest)  # 4
    _require_keyring(folder, manifest, realm)  # 5
    return manifest


def _chain(folder: Path, manifest: Manifest, realm: Realm) -> Chain:
    if manifest.engine == sqlite.ENGINE:
        _require_named(folder, manifest, sqlite.LOG_FILE)
        return sqlite.read_log(folder / sqlite.LOG_FILE, realm).chain
    return postgres.read_log(folder, manifest.tables, realm)[0]


def _require_epochs(folder: Path, manifest: Manifest) -> None:
    if manifest.vault_engine == sqlite.ENGINE:
        _require_named(folder, manifest, sqlite.CATALOGUE_FILE)
        part = sqlite.read_vault(folder / sqlite.CATALOGUE_FILE)
        if tuple(each.number for each in part.epochs) != manifest.epochs or part.active != manifest.epoch:
            raise BackupDamagedError(f"{folder}: the catalogue has other epochs than the manifest")
        for epoch in part.epochs:
            for name in sqlite.files_of(folder, epoch):
                _require_named(folder, manifest, f"{sqlite.VAULT_FOLDER}/{name}")
        return
    tables = {each.name for each in manifest.tables if each.tree == "vault"}
    for number in manifest.epochs:
        if postgres.epoch_name(number) not in tables:
            raise BackupDamagedError(f"{folder}: the rows of epoch {number} are missing")


def _require_keyring(folder: Path, manifest: Manifest, realm: Realm) -> None:
    _require_named(folder, manifest, KEYRING_FILE)
    try:
        ring = ringformat.peek((folder / KEYRING_FILE).read_bytes())
        history = events.read(folder / EVENTS_FILE, ring)
        holder_file.require_beside(folder / KEYRING_FILE, ring, history)
    except BackupHolderError as error:
        raise BackupDamagedError(str(error)) from error
    except KeysError as error:
        raise BackupDamagedError(f"{folder}: {error}") from error
    if (ring.realm, ring.counter, ring.kek_id) != (realm, manifest.keyring, manifest.kek):
        raise BackupDamagedError(f"{folder}: the keyring is not the one of the manifest")


def _require_named(folder: Path, manifest: Manifest, name: str) -> None:
    if all(each.path != name for each in manifest.files):
        raise BackupDamagedError(f"{folder / name}: missing in the manifest")
