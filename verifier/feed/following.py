"""Applies one file of changes to an installation, and logs it: databases, keys and log opened for the time of it."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from keys.realm import Realm
from keys.signing import thumbprint
from padan.entry import EntryKind, Field
from verifier import admin_entry, host_keys
from verifier.agreement.sign import public_key
from verifier.directory import Directory
from verifier.feed import document
from verifier.feed.sync import Summary, Sync
from verifier.log.open import open_log
from verifier.resident.purge import purge
from verifier.resident.rights import Rights
from verifier.resident.table import MarkTable
from verifier.vault.open import open_changer

if TYPE_CHECKING:
    from verifier.config import Settings
    from verifier.projector.progress import Meter


def follow(
    settings: Settings, name: str, data: bytes, *, begin: bool = False, meter: Meter | None = None
) -> Summary:
    """Check a file, log that it is about to be applied, apply it, and log what became of it.

    Args:
        settings: the installation's.
        name: of the file, for the log.
        data: the file.
        begin: what was loaded holds everything before the file.
        meter: where progress is told.

    Raises:
        FeedError: the file cannot be used, or does not go on where the vault is.
        ServiceError: a database is away.
        KeysError: the keyring cannot be used.
    """
    realm = Realm(registry_id=settings.registry_id, environment=settings.environment)
    signers = {thumbprint(key): key for key in map(public_key, settings.feed_signers)}
    feed = document.parse(realm, data, signers)
    with closing(host_keys.unlock(settings)) as agent, closing(open_log(settings.log_database)) as log:
        opened = {
            "source": feed.source,
            "file": name,
            "digest": feed.digest.hex(),
            "signer": feed.signer,
            "after": str(feed.after),
            "end": str(feed.end),
        }
        with (
            closing(open_changer(settings.vault_database)) as vault,
            closing(Directory(settings.log_database)) as directory,
        ):
            # First: a process that is killed between a batch and its report leaves no change without an entry.
            admin_entry.append(log, EntryKind.FEED_OPENED, opened)
            rights = Rights(agent, log, MarkTable(directory), source=feed.source)
            summary = Sync(agent, vault, rights, meter=meter).run(feed, begin=begin)
        applied = {
            "source": feed.source,
            "digest": feed.digest.hex(),
            "from": str(summary.begun),
            "to": str(summary.position),
            "applied": str(summary.applied),
            "older": str(summary.older),
            "rejected": str(len(summary.rejects)),
            "erased": str(summary.erased),
        }
        fields = {int(Field.EPOCH): summary.epoch.to_bytes(4, "big")}
        admin_entry.append(log, EntryKind.FEED_APPLIED, applied, fields=fields)
        purge(settings, agent, log, meter=meter)
    return summary
