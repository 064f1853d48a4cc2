"""What a feed must heed of residents' rights, and what it brings: nobody erased comes back, and marks go along.

A number that a person had before, or that was merged into theirs, may be marked; the mark then binds the person under
the number of now as well. It goes along once (verifier.resident.origin).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from padan.entry import EntryKind
from verifier import admin_entry
from verifier.resident.mark import ERASED, NEW, NONE, Borne, Mark, Taken
from verifier.resident.marking import names_of
from verifier.resident.naming import trails
from verifier.resident.origin import Brought

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from keys.keyagent import KeyAgent
    from padan.nik import Nik
    from tokenizer.inner import Inner
    from verifier.log.store import LogStore
    from verifier.resident.mark import Marked
    from verifier.resident.origin import Carried
    from verifier.resident.table import MarkTable
    from verifier.vault.epoch import Followed


_BARE: Final = Borne()


class Rights:
    """The marks as a feed sees them, batch by batch.

    Args:
        agent: holds the keys.
        log: takes an entry for each person who is erased.
        table: the marks.
        source: whose changes they are.
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
        return Batch(
            inner, names, self._table.borne(self._source, (each.tombstone for each in names.values()))
        )

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
        if batch.brought:
            self._table.bring(self._source, batch.brought, now_ms=now_ms)

    def late(self, batch: Batch, numbers: Sequence[Nik]) -> list[Nik]:
        """List whose number was erased since the batch began: an officer's decision may come between."""
        marks = self._table.of(batch.names[nik].tombstone for nik in numbers)
        return [nik for nik in numbers if marks.get(batch.names[nik].tombstone, NONE) & ERASED]


class Batch:
    """The marks on some numbers, and those that changes add to them, in the order of the changes.

    Attributes:
        names: the numbers' names.
        brought: what is not written down yet.
        erased: numbers that the batch erases.
    """

    def __init__(self, inner: Inner, names: dict[Nik, Marked], there: dict[bytes, Borne]) -> None:
        borne = {nik: there.get(marked.tombstone, _BARE) for nik, marked in names.items()}
        self._inner = inner
        self._since = {nik: dict(each.since) for nik, each in borne.items()}
        self._places = {nik: dict(each.places) for nik, each in borne.items()}
        self._carried: dict[Carried, Taken] = {
            (tombstone, *key): taken
            for tombstone, each in there.items()
            for key, taken in each.carried.items()
        }
        self.names = names
        self.brought = Brought()
        self.erased: list[Nik] = []

    @property
    def are_marks_carried(self) -> bool:
        """Say whether somebody is to bear a restriction or a lock that stood under another number."""
        return any(mark is not Mark.ERASED for marks in self.brought.marks.values() for mark in marks)

    def is_erased(self, nik: Nik) -> bool:
        """Say whether a number is marked as erased."""
        return Mark.ERASED in self._since[nik]

    def erase(self, own: Nik, also: Sequence[Nik], *, at: Followed) -> None:
        """Mark a person's numbers as erased, but where they were by the time of this change, and that was lifted since.

        Args:
            own: the person's number.
            also: numbers that were merged into it. Where they are lifted for the person, they bind them no longer.
            at: the change that says so.
        """
        for nik in (own, *also):
            place = self._places[nik].get(Mark.ERASED)
            if not self.is_erased(nik) and (place is None or not place.holds(at)):
                self.erased.append(nik)
                self._put(nik, Mark.ERASED, at)
        for nik in also:
            if self.is_erased(nik) and not self._has_taken(own, Mark.ERASED, nik, at):
                self._take(own, Mark.ERASED, nik, at)

    def carry(self, own: Nik, *, was: Sequence[Nik], also: Sequence[Nik], at: Followed) -> set[Nik] | None:
        """Let a person's number bear what their other numbers do.

        A mark that was put after a merger stays where it is. One that any of the person's numbers has taken over before
        does not come back where it was lifted since.

        Args:
            own: the person's number.
            was: numbers that the person had before.
            also: numbers that were merged into it.
            at: the change that says so.

        Returns:
            Merged numbers with a mark that stays where it is, by which the person is therefore not found; None where
            the person may not be held.
        """
        persons = (own, *was, *also)
        apart: set[Nik] = set()
        for nik in (*was, *also):
            for mark in list(self._since[nik]):
                place = self._places[nik].get(mark)
                if nik in also and place is not None and place.holds(at):
                    apart.add(nik)
                    continue
                had = any(self._has_taken(each, mark, nik, at) for each in persons)
                if not self._has_taken(own, mark, nik, at):
                    self._take(own, mark, nik, at)
                if not had and mark not in self._since[own]:
                    self._put(own, mark, at)
        return None if self.is_erased(own) else apart

    def part(self, nik: Nik, *, at: Followed) -> None:
        """Let a number be its holder's own: what others took over from it before, they take over again later.

        Args:
            nik: the number.
            at: the change that says so.
        """
        tombstone = self.names[nik].tombstone
        for key, taken in self._carried.items():
            if key[2] == tombstone and not taken.is_parted and not taken.place.holds(at):
                self._carried[key] = self.brought.carried[key] = Taken(taken.since_ms, at, is_parted=True)

    def log_handle(self, nik: Nik) -> bytes:
        """Give a number's handle for the log."""
        return self._inner.handles(nik).log

    def _has_taken(self, to: Nik, mark: Mark, other: Nik, at: Followed) -> bool:
        taken = self._carried.get((self.names[to].tombstone, mark, self.names[other].tombstone))
        if taken is None or taken.since_ms != self._since[other][mark]:
            return False
        return not taken.is_parted or taken.place.holds(at)

    def _take(self, to: Nik, mark: Mark, other: Nik, at: Followed) -> None:
        key = (self.names[to].tombstone, mark, self.names[other].tombstone)
        self._carried[key] = self.brought.carried[key] = Taken(self._since[other][mark], at)

    def _put(self, nik: Nik, mark: Mark, at: Followed) -> None:
        self._since[nik][mark], self._places[nik][mark] = NEW, at
        self.brought.marks.setdefault(self.names[nik], {})[mark] = at
