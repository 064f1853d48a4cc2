"""What a feed must heed of residents' rights, and what it brings: nobody erased comes back, and marks go along.

A number that a person had before, or that was merged into theirs, may be marked; the mark then binds the person under
the number of now as well.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from padan.entry import EntryKind
from verifier import admin_entry
from verifier.resident.mark import ERASED, NONE, Mark
from verifier.resident.marking import names_of
from verifier.resident.naming import trails

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from keys.keyagent import KeyAgent
    from padan.nik import Nik
    from tokenizer.inner import Inner
    from verifier.log.store import LogStore
    from verifier.resident.mark import Marked
    from verifier.resident.table import MarkTable


class Rights:
    """The marks as a feed sees them, batch by batch.

    Args:
        agent: holds the keys.
        log: takes an entry for each person who is erased.
        table: the marks.
        source: whose changes they are, for the entries.
    """

    def __init__(self, agent: KeyAgent, log: LogStore, table: MarkTable, *, source: str) -> None:
        self._agent = agent
        self._log = log
        self._table = table
        self._source = source

    def batch(self, inner: Inner, numbers: Iterable[Nik]) -> Batch:
        """Read the marks on the numbers of a batch.

        Raises:
            LogStoreError: they cannot be read.
        """
        names = {nik: names_of(inner, nik) for nik in numbers}
        return Batch(inner, names, self._table.of(marked.tombstone for marked in names.values()))

    def keep(self, batch: Batch) -> None:
        """Log who is erased, then write the batch's new marks down; what is there already changes nothing.

        Raises:
            LogUnavailableError, LogStoreError: the log's database failed; nothing of the batch may be applied.
        """
        now_ms = int(time.time() * 1000)
        if batch.erased:
            handles = [batch.log_handle(nik) for nik in batch.erased]
            for about in trails(self._agent, self._log, handles, now_ms=now_ms):
                detail = {"mark": "erased", "source": self._source}
                admin_entry.append(self._log, EntryKind.RESIDENT_MARKED, detail, now_ms=now_ms, fields=about)
        if batch.fresh:
            self._table.add(batch.fresh, now_ms=now_ms)

    def late(self, batch: Batch, numbers: Sequence[Nik]) -> list[Nik]:
        """List whose number was erased since the batch began: an officer's decision may come between."""
        marks = self._table.of(batch.names[nik].tombstone for nik in numbers)
        return [nik for nik in numbers if marks.get(batch.names[nik].tombstone, NONE) & ERASED]


class Batch:
    """The marks on some numbers, and those that changes add to them, in the order of the changes.

    Attributes:
        names: the numbers' names.
        fresh: marks that are not written down yet.
        erased: numbers that the batch erases.
    """

    def __init__(self, inner: Inner, names: dict[Nik, Marked], there: dict[bytes, Mark]) -> None:
        self._inner = inner
        self._marks = {nik: there.get(marked.tombstone, NONE) for nik, marked in names.items()}
        self.names = names
        self.fresh: dict[Marked, Mark] = {}
        self.erased: list[Nik] = []

    def erase(self, nik: Nik) -> None:
        """Mark a number as erased."""
        if not self._marks[nik] & ERASED:
            self.erased.append(nik)
            self._put(nik, Mark.ERASED)

    def carry(self, to: Nik, others: Iterable[Nik]) -> bool:
        """Let a person's number bear what their other numbers do; says whether the person may be held."""
        borne = self._marks[to]
        for nik in others:
            borne |= self._marks[nik]
        if borne & ~self._marks[to]:
            self._put(to, borne)
        return not borne & ERASED

    def log_handle(self, nik: Nik) -> bytes:
        """Give a number's handle for the log."""
        return self._inner.handles(nik).log

    def _put(self, nik: Nik, mark: Mark) -> None:
        self._marks[nik] |= mark
        name = self.names[nik]
        self.fresh[name] = self.fresh.get(name, NONE) | mark
