"""The manifest of a backup: docs/formats/backup.md, format 1. Pure."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from keys.ringformat import moment, parse_moment
from verifier.backup.errors import BackupDamagedError, BackupFormatError, BackupRealmError
from verifier.chain import HASH_SIZE, Chain

if TYPE_CHECKING:
    from datetime import datetime

    from keys.realm import Realm

FORMAT: Final = 1
USE: Final = "padan-backup"
FILE: Final = "manifest.json"
ENGINES: Final = ("sqlite", "postgresql")
_PATH: Final = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*(/[a-z0-9_-]+(\.[a-z0-9_-]+)*)?")
_NAME: Final = re.compile(r"[a-z_][a-z0-9_]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class BackedUpFile:
    """One file: its path in the backup, its size in bytes and its SHA-256, 32 bytes."""

    path: str
    size: int
    sha256: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class BackedUpTable:
    """One table of PostgreSQL: its tree, its file (binary COPY), and the columns in the file's order."""

    tree: str
    name: str
    path: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a backup says of itself.

    Attributes:
        registry_id: whose backup it is.
        environment: of which environment.
        made: when its log was read, UTC, whole seconds.
        release: of padan-server.
        engine: of the log, "sqlite" or "postgresql"; the vault's is vault_engine.
        vault_engine: likewise.
        log_version: schema of the log's database.
        vault_version: schema of the vault's database.
        log: the log's entries and their chained hash.
        mirror: serial of the last mirrored write that is in the log; 0 where there is no mirror.
        keyring: the keyring's counter.
        kek: id of the key-encryption key that opens the keyring; it is not in the backup.
        epoch: the active epoch; 0 for none.
        epochs: all epochs with rows.
        tables: the tables, on PostgreSQL.
        files: every file but the manifest.
    """

    registry_id: str
    environment: str
    made: datetime
    release: str
    engine: str
    vault_engine: str
    log_version: str
    vault_version: str
    log: Chain
    mirror: int
    keyring: int
    kek: str
    epoch: int
    epochs: tuple[int, ...]
    tables: tuple[BackedUpTable, ...]
    files: tuple[BackedUpFile, ...]

    def require_realm(self, realm: Realm) -> None:
        """Refuse a backup of somebody else.

        Raises:
            BackupRealmError: of another registry or environment.
        """
        if (self.registry_id, self.environment) != (realm.registry_id, realm.environment):
            raise BackupRealmError(
                f"the backup is of {self.registry_id} in {self.environment}, but the settings say"
                f" {realm.registry_id} in {realm.environment}"
            )


def encode(manifest: Manifest) -> bytes:
    """Write the file."""
    return (json.dumps(content(manifest), indent=1) + "\n").encode()


def content(manifest: Manifest) -> dict[str, Any]:
    """Give the members of the file."""
    return {
        "use": USE,
        "format": FORMAT,
        "registry_id": manifest.registry_id,
        "environment": manifest.environment,
        "made": moment(manifest.made),
        "release": manifest.release,
        "log": {
            "engine": manifest.engine,
            "version": manifest.log_version,
            "entries": manifest.log.entries,
            "chain": manifest.log.hash.hex(),
            "mirror": manifest.mirror,
        },
        "vault": {
            "engine": manifest.vault_engine,
            "version": manifest.vault_version,
            "active": manifest.epoch,
            "epochs": list(manifest.epochs),
        },
        "keyring": {"counter": manifest.keyring, "kek": manifest.kek},
        "tables": [
            {"tree": each.tree, "name": each.name, "path": each.path, "columns": list(each.columns)}
            for each in manifest.tables
        ],
        "files": [
            {"path": each.path, "size": each.size, "sha256": each.sha256.hex()} for each in manifest.files
        ],
    }


def decode(data: bytes) -> Manifest:
    """Read the file.

    Raises:
        BackupFormatError: no manifest, or one of a later format.
        BackupDamagedError: it is not what was written.
    """
    try:
        document = json.loads(data)
        if document["use"] != USE:
            raise BackupFormatError("it is no backup of padan-server")
        if document["format"] != FORMAT:
            raise BackupFormatError(
                "the backup has a format that this release does not know: a later one made it"
            )
    except (KeyError, TypeError, ValueError) as error:
        raise BackupFormatError("it is no backup of padan-server, or its manifest is damaged") from error
    try:
        manifest = _read(document)
    except (KeyError, TypeError, ValueError) as error:
        raise BackupDamagedError("the manifest is damaged") from error
    if encode(manifest) != data:
        raise BackupDamagedError("the manifest is not what was written")
    return manifest


def _read(document: dict[str, Any]) -> Manifest:
    log, vault, keyring = document["log"], document["vault"], document["keyring"]
    return Manifest(
        registry_id=_text(document["registry_id"]),
        environment=_text(document["environment"]),
        made=parse_moment(document["made"]),
        release=_text(document["release"]),
        engine=_one_of(log["engine"]),
        vault_engine=_one_of(vault["engine"]),
        log_version=_text(log["version"]),
        vault_version=_text(vault["version"]),
        log=Chain(_count(log["entries"]), _hash(log["chain"])),
        mirror=_count(log["mirror"]),
        keyring=_count(keyring["counter"]),
        kek=_text(keyring["kek"]),
        epoch=_count(vault["active"]),
        epochs=tuple(map(_count, vault["epochs"])),
        tables=tuple(
            BackedUpTable(
                tree=_text(each["tree"]),
                name=_name(each["name"]),
                path=_path(each["path"]),
                columns=tuple(map(_name, each["columns"])),
            )
            for each in document["tables"]
        ),
        files=tuple(
            BackedUpFile(path=_path(each["path"]), size=_count(each["size"]), sha256=_hash(each["sha256"]))
            for each in document["files"]
        ),
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("a text")
    return value


def _one_of(value: Any) -> str:
    if value not in ENGINES:
        raise ValueError("an engine")
    return str(value)


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("a count")
    return value


def _hash(value: Any) -> bytes:
    data = bytes.fromhex(value)
    if len(data) != HASH_SIZE:
        raise ValueError("a hash")
    return data


def _name(value: Any) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError("a name")
    return str(value)


def _path(value: Any) -> str:
    """Read a path that cannot lead out of the backup."""
    if not _PATH.fullmatch(value):
        raise ValueError("a path")
    return str(value)
