"""A registry in memory: people who get names and numbers, are merged, withdrawn or erased, and residents' marks.

A number is a person's for life: one that they had before, or that was merged into theirs, is nobody else's again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.people import BUDI
from verifier.feed import document
from verifier.feed.document import Change, Feed
from verifier.resident.mark import NEW, Borne, Taken

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from verifier.resident.mark import Mark, Marked
    from verifier.resident.origin import Brought
    from verifier.vault.epoch import Followed

SOURCE = "registry"


class Found(NamedTuple):
    """Whom a number finds.

    Attributes:
        name: their name; None for nobody.
        own: the number that they have; of nobody the number itself.
    """

    name: str | None
    own: str


class Registry:
    """What the registry has.

    Attributes:
        rows: each person's row as it is now, by the number that they have; None for one who was withdrawn.
        also: numbers that were merged into people's, by the people's own.
        erased: whose row stays gone, whatever is said of them later, and of whoever has their number besides.
        changes: everything that happened, by position.
    """

    def __init__(self, people: Mapping[str, dict[str, str]]) -> None:
        self.rows: dict[str, dict[str, str] | None] = dict(people)
        self.also: dict[str, list[str]] = {}
        self.erased: set[str] = set()
        self.changes: list[Change] = []
        self._lives: dict[
            str, str
        ] = {}  # numbers that people had, or that were merged, to the one that follows
        self._states = [{nik: Found(row["NAMA_LGKP"], nik) for nik, row in people.items()}]

    @property
    def position(self) -> int:
        """The newest position."""
        return len(self.changes)

    def found(self, position: int, nik: str) -> Found:
        """Say whom a number finds after a change; the first of all is the load."""
        return self._states[position].get(nik, Found(None, nik))

    def own(self, nik: str) -> str:
        """Say which number the person has whose one this was or is."""
        while nik in self._lives:
            nik = self._lives[nik]
        return nik

    def is_free(self, nik: str) -> bool:
        """Say whether a number was never anybody's."""
        return nik not in self.rows and nik not in self._lives

    def happen(self, nik: str, name: str | None, *, erases: bool = False) -> None:
        """Let somebody get another name, be withdrawn or be erased."""
        own = self.own(nik)
        if name is not None:
            self._hold("changed", own, name)
            return
        self.rows[own] = None
        others = tuple(self.also.get(own, ()))
        if erases:
            self.erased |= {own, *others}
            self._write(document.ERASED, nik=own, also=others)
            return
        for each in (own, *others):
            self._write(document.WITHDRAWN, nik=each)

    def merge(self, nik: str, other: str, name: str) -> None:
        """Let two people be one, who has a name and the first one's number."""
        own, joined = self.own(nik), self.own(other)
        self.also[own] = [*self.also.get(own, ()), joined, *self.also.pop(joined, ())]
        self.rows.pop(joined, None)
        self._lives[joined] = own
        self._hold(document.MERGED, own, name)

    def renumber(self, nik: str, free: str, name: str) -> None:
        """Let somebody have another number, and a name."""
        own = self.own(nik)
        self.also[free] = self.also.pop(own, [])
        self.rows.pop(own, None)
        self._lives[own] = free
        self._hold(document.NIK_CHANGED, free, name, was=(own,))

    def _hold(self, change: str, own: str, name: str, was: tuple[str, ...] = ()) -> None:
        """Hold a person, unless one of their numbers is that of somebody who was erased."""
        row = {**BUDI, "NIK": own, "NAMA_LGKP": name}
        others = tuple(self.also.get(own, ()))
        if self.erased & {own, *others, *was}:
            self.erased.add(own)
            self.rows[own] = None
            self._write(change, row=row, also=others, was=was)
        else:
            self.rows[own] = row
            self._write(change, row=row, also=others, was=was, found=Found(name, own))

    def _write(
        self,
        change: str,
        *,
        nik: str = "",
        row: dict[str, str] | None = None,
        also: tuple[str, ...] = (),
        was: tuple[str, ...] = (),
        found: Found | None = None,
    ) -> None:
        own, row = (row["NIK"], row) if row else (nik, {})
        before = {each: state for each, state in self._states[-1].items() if each not in {own, *also, *was}}
        self._states.append(before | (dict.fromkeys((own, *also), found) if found else {}))
        self.changes.append(
            Change(position=self.position + 1, as_of_ms=0, name=change, row=row, nik=nik, was=was, also=also)
        )

    def feed(self, after: int, *, as_of_ms: int) -> Feed:
        """Give everything that happened after a position."""
        return Feed(
            source=SOURCE,
            after=after,
            end=self.position,
            as_of_ms=as_of_ms,
            changes=tuple(self.changes[after:]),
            signer="registry-1",
            digest=bytes(32),
        )


@dataclass(slots=True)
class Marks:
    """What is marked: by the tombstones of numbers, and by the handles under which the service looks."""

    on: dict[bytes, dict[Mark, int]] = field(default_factory=dict)
    handles: dict[bytes, int] = field(default_factory=dict)
    places: dict[bytes, dict[Mark, Followed]] = field(default_factory=dict)
    carried: dict[bytes, dict[tuple[Mark, bytes], Taken]] = field(default_factory=dict)

    def of(self, wanted: Any) -> Any:
        """Say what is marked: to the service under one handle, to a feed on some numbers."""
        if isinstance(wanted, bytes):
            return self.handles.get(wanted, 0)
        return {tombstone: reduce(or_, self.on[tombstone]) for tombstone in wanted if tombstone in self.on}

    def borne(self, _source: str, wanted: Iterable[bytes]) -> dict[bytes, Borne]:
        """Say what is marked on some numbers, and where it came from."""
        everything = {
            tombstone: Borne(
                since=self.on.get(tombstone, {}),
                places=self.places.get(tombstone, {}),
                carried=self.carried.get(tombstone, {}),
            )
            for tombstone in self.on.keys() | self.carried.keys() | self.places.keys()
        }
        some = set(wanted)
        return {
            tombstone: borne
            for tombstone, borne in everything.items()
            if tombstone in some or any(other in some for _, other in borne.carried)
        }

    def bring(self, _source: str, brought: Brought, *, now_ms: int) -> None:
        """Write down what changes bring."""
        for marked, new in brought.marks.items():
            for mark, place in new.items():
                self.put(marked, mark, now_ms, place)
        for (to, mark, other), taken in brought.carried.items():
            since_ms = now_ms if taken.since_ms == NEW else taken.since_ms
            self.carried.setdefault(to, {})[mark, other] = taken._replace(since_ms=since_ms)

    def put(self, marked: Marked, mark: Mark, now_ms: int, place: Followed) -> None:
        """Put a mark on a number; one that is there stays as it is."""
        if mark not in self.on.setdefault(marked.tombstone, {}):
            self.on[marked.tombstone][mark] = now_ms
            self.places.setdefault(marked.tombstone, {})[mark] = place
            self.handles[marked.handle] = self.handles.get(marked.handle, 0) | mark
