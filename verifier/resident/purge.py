"""The purge: rows of people who were erased leave every epoch, whatever brought or kept them there.

An erased number is answered as an unknown one from the moment its mark is read; the purge is about what lies on the
disk. It opens every row and compares the budget handle in it, so that it needs nobody's number and finds merged ones
too. On SQLite the epoch's files are written anew without the rows; on PostgreSQL the rows are replaced, and what the
server keeps of old versions goes with VACUUM.

 1 read whose rows are to go  2 for each epoch that has rows, open each and compare  3 delete the rows behind tokens and
 the biometric references of whoever was found, by the names of their records  4 replace what was found by rows that
 are nobody's, of the same size and revision  5 write down that they are gone  6 log how many
"""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING, Final, NamedTuple

from keys.errors import CustodianError
from keys.purpose import Purpose
from padan.entry import EntryKind
from tokenizer.inner import Inner
from tokenizer.outer import Outer
from tokenizer.record import Record
from verifier import admin_entry
from verifier.directory import Directory
from verifier.projector.progress import Silence
from verifier.reference import following
from verifier.reference.writer import open_writer
from verifier.resident.table import MarkTable
from verifier.token.forgetting import forget
from verifier.vault.open import open_changer

if TYPE_CHECKING:
    from collections.abc import Collection

    from keys.keyagent import KeyAgent
    from tokenizer.tokenrow import Named
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
        with (
            closing(open_changer(settings.vault_database, patience=_WAIT_SECONDS)) as vault,
            open_writer(agent, settings.vault_database) as writer,
        ):
            chosen = [each for each in vault.epochs() if epoch in {None, each.number}]
            tokens = references = 0
            replaced: dict[int, int] = {}
            for each in chosen:
                found = _find(agent, vault, each, gone, meter)  # 2
                tokens += forget(agent, directory, found.names)  # 3
                references += following.forget(writer, each.number, {r for _, r in found.names})
                if found.rows:
                    vault.replace(each, found.rows)  # 4
                replaced[each.number] = len(found.rows)
        if epoch is None:
            marks.purged(gone, now_ms=int(time.time() * 1000))  # 5
        detail = {
            "residents": str(len(gone)),
            "token-rows": str(tokens),
            "references": str(references),
            **{f"epoch-{number}": str(rows) for number, rows in replaced.items()},
        }
        admin_entry.append(log, EntryKind.RESIDENTS_PURGED, detail)  # 6
    return replaced


class _Found(NamedTuple):
    """Rows that take the place of those that are to go, and the names of these records."""

    rows: list[Row]
    names: set[Named]


def _find(
    agent: KeyAgent, vault: VaultChanger, epoch: Epoch, gone: Collection[bytes], meter: Meter
) -> _Found:
    found = _Found([], set())
    keys = epoch.key_ids
    try:
        inner = Inner.of_agent(agent, index_id=keys[Purpose.INDEX], attribute_id=keys[Purpose.ATTRIBUTE])
        outer = Outer.of_agent(
            agent, epoch=epoch.number, token_id=keys[Purpose.OUTER_TOKEN], seal_id=keys[Purpose.ROW_SEAL]
        )
    except CustodianError:
        # What nobody can open any more is erased already.
        return found
    meter.stage("purging", epoch.rows)
    for count, (token, box) in enumerate(vault.rows(epoch)):
        record = Record.unpack(outer.open(token, box))
        if record.handles.budget_subject in gone:
            found.rows.append((token, outer.seal(token, inner.withdrawn(revision=record.revision).pack())))
            found.names.add((keys[Purpose.INDEX], record.r))
        if count % _REPORT_EVERY == 0:
            meter.advance(done=count, people=count)
    return found
