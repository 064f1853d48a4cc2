"""The purge: rows of people who were erased leave every epoch, whatever brought or kept them there.

An erased number is answered as an unknown one from the moment its mark is read; the purge is about what lies on the
disk. It opens every row and compares the budget handle in it, so that it needs nobody's number and finds merged ones
too. On SQLite the epoch's files are written anew without the rows; on PostgreSQL the rows are replaced, and what the
server keeps of old versions goes with VACUUM.

 1 read whose rows are to go  2 for each epoch that has rows, open each and compare  3 replace what was found by rows
 that are nobody's, of the same size and revision  4 write down that they are gone  5 log how many
"""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING, Final

from keys.errors import CustodianError
from keys.purpose import Purpose
from padan.entry import EntryKind
from tokenizer.inner import Inner
from tokenizer.outer import Outer
from tokenizer.record import Record
from verifier import admin_entry
from verifier.directory import Directory
from verifier.projector.progress import Silence
from verifier.resident.table import MarkTable
from verifier.vault.open import open_changer

if TYPE_CHECKING:
    from collections.abc import Collection

    from keys.keyagent import KeyAgent
    from verifier.config import Settings
    from verifier.log.store import LogStore
    from verifier.projector.progress import Meter
    from verifier.vault.changer import VaultChanger
    from verifier.vault.epoch import Epoch
    from verifier.vault.store import Row

_REPORT_EVERY: Final = 4_096
_WAIT_SECONDS: Final = 60.0
"""How long a purge waits for another process that changes the vault, such as one that follows a feed."""


def purge(
    settings: Settings,
    agent: KeyAgent,
    log: LogStore,
    *,
    everyone: bool = False,
    epoch: int | None = None,
    meter: Meter | None = None,
) -> dict[int, int]:
    """Purge the vault of everyone who was erased since the last purge.

    Args:
        settings: the installation's.
        agent: holds the keys.
        log: takes the entry.
        everyone: of all who were ever erased: after a vault was restored.
        epoch: only this one; nobody is then written down as gone from everywhere.
        meter: where progress is told.

    Returns:
        Rows that were replaced, by epoch; empty where nobody is to go.

    Raises:
        ChangesBusyError: another process keeps changing the vault.
        ServiceError: a database is away.
        KeysError: a key may not be used.
    """
    meter = meter or Silence()
    with closing(Directory(settings.log_database)) as directory:
        marks = MarkTable(directory)
        gone = marks.erased_handles() if everyone else marks.unpurged()  # 1
        if not gone:
            return {}
        with closing(open_changer(settings.vault_database, patience=_WAIT_SECONDS)) as vault:
            chosen = [each for each in vault.epochs() if epoch in {None, each.number}]
            replaced = {each.number: _purge_epoch(agent, vault, each, gone, meter) for each in chosen}  # 2, 3
        if epoch is None:
            marks.purged(gone, now_ms=int(time.time() * 1000))  # 4
        detail = {
            "residents": str(len(gone)),
            **{f"epoch-{number}": str(rows) for number, rows in replaced.items()},
        }
        admin_entry.append(log, EntryKind.RESIDENTS_PURGED, detail)  # 5
    return replaced


def _purge_epoch(
    agent: KeyAgent, vault: VaultChanger, epoch: Epoch, gone: Collection[bytes], meter: Meter
) -> int:
    keys = epoch.key_ids
    try:
        inner = Inner.of_agent(agent, index_id=keys[Purpose.INDEX], attribute_id=keys[Purpose.ATTRIBUTE])
        outer = Outer.of_agent(
            agent, epoch=epoch.number, token_id=keys[Purpose.OUTER_TOKEN], seal_id=keys[Purpose.ROW_SEAL]
        )
    except CustodianError:
        # What nobody can open any more is erased already.
        return 0
    meter.stage("purging", epoch.rows)
    rows: list[Row] = []
    for count, (token, box) in enumerate(vault.rows(epoch)):
        record = Record.unpack(outer.open(token, box))
        if record.handles.budget_subject in gone:
            rows.append((token, outer.seal(token, inner.withdrawn(revision=record.revision).pack())))
        if count % _REPORT_EVERY == 0:
            meter.advance(done=count, people=count)
    if rows:
        vault.replace(epoch, rows)
    return len(rows)
