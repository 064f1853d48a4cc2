"""The purge: rows of people who were erased leave every epoch, whatever brought or kept them there.

An erased number is answered as an unknown one from the moment its mark is read; the purge is about what lies on the
disk. It opens every row and compares the budget handle in it, so that it needs nobody's number and finds merged ones
too. On SQLite the epoch's files are written anew without the rows; on PostgreSQL the rows are replaced, and what the
server keeps of old versions goes with VACUUM. Reading a nation takes an hour, in which others change the vault.

 1 read whose rows are to go, and wait for a change that may have begun before  2 for each epoch that has rows, open
 each and compare  3 delete the rows behind tokens and the biometric references of whoever was found, by the names of
 their records  4 replace what was found by rows that are nobody's, of the same size and revision  5 the same for an
 epoch that was made meanwhile  6 write down that they are gone  7 log how many

Whoever is killed begins anew. Before 3 and 4 each row is opened once more: it may be another resident's by then, or the
erasure may be lifted. What others bring meanwhile is nobody's who was erased, since they read the marks before, and a
row that is replaced is replaced in a rotation's other epoch too.
"""

from __future__ import annotations

import math
import time
from contextlib import closing
from typing import TYPE_CHECKING, Final, Self

from keys.errors import CustodianError
from keys.keyagent import refreshed
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
from verifier.token.forgetting import Forgetting
from verifier.vault.open import open_changer, open_rows
from verifier.vault.store import NoEpochError

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Iterable, Iterator, Mapping

    from keys.keyagent import KeyAgent
    from tokenizer.tokenrow import Named
    from verifier.config import Settings
    from verifier.log.store import LogStore
    from verifier.projector.progress import Meter
    from verifier.vault.epoch import Epoch
    from verifier.vault.rows import VaultRows
    from verifier.vault.store import Row

_WAIT_SECONDS: Final = 60.0


class Purge:
    """A purge of everyone who was erased since the last one, in turns. For one thread."""

    def __init__(
        self,
        settings: Settings,
        agent: KeyAgent,
        log: LogStore,
        *,
        everyone: bool = False,
        epoch: int | None = None,
        patience: float = _WAIT_SECONDS,
        meter: Meter | None = None,
    ) -> None:
        """Prepare; nothing is touched before the first turn.

        Args:
            settings: the installation's.
            agent: holds the keys.
            log: takes the entry.
            everyone: of all who were ever erased: after a vault was put back by other means than a backup's restore.
            epoch: only this one; nobody is then written down as gone from everywhere.
            patience: seconds to wait for another process that changes the vault, such as one that follows a feed.
            meter: where progress is told.
        """
        self._patience = patience
        self._settings = settings
        self._agent = agent
        self._log = log
        self._everyone = everyone
        self._epoch = epoch
        self._meter = meter or Silence()
        self._work = self._pieces()
        self.replaced: dict[int, int] = {}
        """Rows that were replaced, by epoch."""

    def turn(self, seconds: float) -> bool:
        """Go on for a while; True once it is done.

        Args:
            seconds: after which no further piece is begun. One takes some 0.1 s; the last of an epoch as long as the
                database takes to replace what was found, on SQLite to write the epoch's files anew.

        Raises:
            ChangesBusyError: another process keeps changing the vault.
            ServiceError: a database is away.
            KeysError: a key may not be used.
        """
        until = time.monotonic() + seconds
        return all(time.monotonic() < until for _ in self._work)

    def run(self) -> dict[int, int]:
        """Go on to the end; errors as `turn`.

        Returns:
            Rows that were replaced, by epoch; empty where nobody is to go.
        """
        with closing(self):
            self.turn(math.inf)
        return self.replaced

    def close(self) -> None:
        """Let go of everything; what is not done is done by the next purge."""
        self._work.close()

    def _pieces(self) -> Generator[None]:
        settings = self._settings
        with closing(Directory(settings.log_database)) as directory:
            marks = MarkTable(directory)
            newest = marks.newest_erasure()
            gone = marks.erased_handles() if self._everyone else marks.unpurged()  # 1
            if not gone:
                return
            tokens = references = 0
            with (
                closing(open_rows(settings.vault_database)) as rows,
                open_writer(self._agent, settings.vault_database) as writer,
            ):
                while (each := self._next_epoch()) is not None:  # 5
                    self.replaced[each.number] = 0
                    keys = _Keys.of(self._agent, each)
                    if keys is None:
                        continue
                    found: dict[bytes, bytes] = {}
                    for part in self._parts(rows, each):  # 2
                        found |= keys.of_those(gone, part)
                        yield
                    if not found:
                        continue
                    still = self._still(marks, rows, each, keys, found)
                    forgetting = Forgetting(self._agent, directory)
                    elements = yield from forgetting.bearers(keys.names(still))  # 3
                    still = self._still(marks, rows, each, keys, found)
                    tokens += yield from forgetting.forget(elements, keys.names(still))
                    references += following.forget(writer, each.number, still.values())
                    self.replaced[each.number] = self._replace(marks, each, keys, found)  # 4
                    yield
            if self._epoch is None:
                marks.purged(gone, since_ms=newest, now_ms=int(time.time() * 1000))  # 6
        detail = {
            "residents": str(len(gone)),
            "token-rows": str(tokens),
            "references": str(references),
            **{f"epoch-{number}": str(rows) for number, rows in self.replaced.items()},
        }
        admin_entry.append(self._log, EntryKind.RESIDENTS_PURGED, detail)  # 7

    def _next_epoch(self) -> Epoch | None:
        """Find an epoch that was not gone through; the first time when nobody changes the vault."""
        self._meter.stage("waiting", 0)
        with closing(open_changer(self._settings.vault_database, patience=self._patience)) as vault:
            wanted = (each for each in vault.epochs() if self._epoch in {None, each.number})
            return next((each for each in wanted if each.number not in self.replaced), None)

    @staticmethod
    def _still(
        marks: MarkTable, vault: VaultRows, epoch: Epoch, keys: _Keys, found: Mapping[bytes, bytes]
    ) -> dict[bytes, bytes]:
        """Say which rows of those that were found are an erased resident's still."""
        try:
            boxes = vault.boxes(epoch.number, sorted(found))
        except NoEpochError:
            return {}
        return keys.of_those(marks.erased_handles(), boxes.items())

    def _parts(self, vault: VaultRows, epoch: Epoch) -> Iterator[list[Row]]:
        """Read the rows of an epoch part by part; none where it is dropped meanwhile."""
        self._meter.stage("purging", epoch.rows)
        done = 0
        try:
            for part in vault.parts(epoch.number):
                yield part
                done += len(part)
                self._meter.advance(done=done, people=done)
        except NoEpochError:
            return

    def _replace(self, marks: MarkTable, epoch: Epoch, keys: _Keys, tokens: Mapping[bytes, bytes]) -> int:
        """Replace the rows under tokens which are an erased resident's still; returns how many."""
        with closing(open_changer(self._settings.vault_database, patience=self._patience)) as vault:
            now = next((each for each in vault.epochs() if each.number == epoch.number), None)
            if now is None:
                return 0
            boxes, erased = vault.boxes(now, tokens), marks.erased_handles()
            rows = [
                (token, keys.withdrawn(token, boxes[token]))
                for token in keys.of_those(erased, sorted(boxes.items()))
            ]
            if rows:
                vault.replace(now, rows)
            return len(rows)


class _Keys:
    """Opens and makes the rows of an epoch."""

    def __init__(self, inner: Inner, outer: Outer) -> None:
        self.inner = inner
        self._outer = outer

    @classmethod
    def of(cls, agent: KeyAgent, epoch: Epoch) -> _Keys | None:
        """Take an epoch's keys; None where they are no more, and nobody can open its rows: they are erased already."""
        try:
            return refreshed(agent, lambda: cls._of(agent, epoch))
        except CustodianError:
            return None

    @classmethod
    def _of(cls, agent: KeyAgent, epoch: Epoch) -> Self:
        ids = epoch.key_ids
        return cls(
            Inner.of_agent(agent, index_id=ids[Purpose.INDEX], attribute_id=ids[Purpose.ATTRIBUTE]),
            Outer.of_agent(
                agent, epoch=epoch.number, token_id=ids[Purpose.OUTER_TOKEN], seal_id=ids[Purpose.ROW_SEAL]
            ),
        )

    def names(self, found: Mapping[bytes, bytes]) -> set[Named]:
        """Name the records of rows that were found."""
        return {(self.inner.index_id, record_id) for record_id in found.values()}

    def of_those(self, handles: Collection[bytes], rows: Iterable[Row]) -> dict[bytes, bytes]:
        """Find the rows of residents by their budget handles: token to the name of the record."""
        opened = ((token, Record.unpack(self._outer.open(token, box))) for token, box in rows)
        return {token: record.r for token, record in opened if record.handles.budget_subject in handles}

    def withdrawn(self, token: bytes, box: bytes) -> bytes:
        """Make the row that is nobody's in the place of another."""
        revision = Record.unpack(self._outer.open(token, box)).revision
        return self._outer.seal(token, self.inner.withdrawn(revision=revision).pack())
