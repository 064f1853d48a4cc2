"""One file or run of changes, with its entries.

1 log that it is about to be applied: no change without an entry, wherever the process is killed
2 apply it
3 log what became of it
"""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from padan.entry import EntryKind, Field
from verifier import admin_entry
from verifier.directory import Directory
from verifier.feed import run
from verifier.feed.sync import Summary, Sync
from verifier.reference.following import ReferenceTransfers
from verifier.reference.writer import open_writer
from verifier.resident.rights import Rights
from verifier.resident.table import MarkTable
from verifier.snapshot import POLL_SECONDS
from verifier.token.transfer import TokenTransfers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from keys.keyagent import KeyAgent
    from verifier.config import Settings
    from verifier.feed.document import Feed
    from verifier.log.store import LogStore
    from verifier.projector.progress import Meter
    from verifier.vault.changer import VaultChanger

NOTHING: Final[Mapping[str, int]] = MappingProxyType({})
"""No source of which a load holds anything."""
SEEN_SECONDS: Final = POLL_SECONDS + 1.0
"""After so long whoever answers has read marks that were written before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """What a run needs to be applied and logged."""

    settings: Settings
    agent: KeyAgent
    vault: VaultChanger
    log: LogStore
    begin: bool
    holds: Mapping[str, int]
    meter: Meter

    def apply(self, name: str, feed: Feed, *, blocks: int = 1) -> Summary:
        """Log that changes are about to be applied, apply them, and log what became of them."""
        opened = {
            "source": feed.source,
            "file": name,
            "digest": feed.digest.hex(),
            "signer": feed.signer,
            "after": str(feed.after),
            "end": str(feed.end),
        }
        if blocks > 1:
            opened["blocks"] = str(blocks)
        admin_entry.append(self.log, EntryKind.FEED_OPENED, opened)  # 1
        held = self.holds.get(feed.source, 0)
        followed = run.held(self.vault.followed(self.vault.epoch(), feed.source), held)
        run.require_next(feed, followed, now_ms=now_ms(), begin=self.begin)
        with (
            closing(Directory(self.settings.log_database)) as directory,
            open_writer(self.agent, self.settings.vault_database) as references,
        ):
            rights = Rights(self.agent, self.log, MarkTable(directory), source=feed.source)
            sync = Sync(
                self.agent,
                self.vault,
                rights,
                tokens=TokenTransfers(self.agent, directory),
                references=ReferenceTransfers(references),
                meter=self.meter,
                seen=_wait_until_seen,
            )
            summary = sync.run(feed, begin=self.begin, held=held)  # 2
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
        admin_entry.append(self.log, EntryKind.FEED_APPLIED, applied, fields=fields)  # 3
        return summary


def now_ms() -> int:
    """Give our clock, milliseconds of the Unix epoch."""
    return int(time.time() * 1000)


def _wait_until_seen() -> None:
    time.sleep(SEEN_SECONDS)
