"""A registry in memory: people who get names, are withdrawn or erased, its feed, and the marks that residents bear."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.people import BUDI
from verifier.feed.document import Change, Feed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from verifier.resident.mark import Mark, Marked

SOURCE = "registry"


class Registry:
    """What the registry has.

    Attributes:
        rows: each person's row as it is now; None for one who was withdrawn.
        erased: whose row stays gone, whatever is said of them later.
        changes: everything that happened, by position.
    """

    def __init__(self, people: Mapping[str, dict[str, str]]) -> None:
        self.rows: dict[str, dict[str, str] | None] = dict(people)
        self.erased: set[str] = set()
        self.changes: list[Change] = []

    @property
    def position(self) -> int:
        """The newest position."""
        return len(self.changes)

    def happen(self, nik: str, name: str | None, *, erases: bool = False) -> None:
        """Let somebody get another name, be withdrawn or be erased."""
        row = None if name is None else {**BUDI, "NIK": nik, "NAMA_LGKP": name}
        if erases:
            self.erased.add(nik)
        self.rows[nik] = None if nik in self.erased else row
        self.changes.append(
            Change(
                position=self.position + 1,
                name="changed" if row else "erased" if erases else "withdrawn",
                row=row or {},
                nik="" if row else nik,
                was=(),
                also=(),
            )
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

    on: dict[bytes, Mark] = field(default_factory=dict)
    handles: dict[bytes, int] = field(default_factory=dict)

    def of(self, wanted: Any) -> Any:
        """Say what is marked: to the service under one handle, to a feed on some numbers."""
        if isinstance(wanted, bytes):
            return self.handles.get(wanted, 0)
        return {tombstone: self.on[tombstone] for tombstone in wanted if tombstone in self.on}

    def add(self, marks: Mapping[Marked, Mark], *, now_ms: int) -> None:
        """Put marks on numbers."""
        del now_ms
        for marked, mark in marks.items():
            self.on[marked.tombstone] = self.on.get(marked.tombstone, mark) | mark
            self.handles[marked.handle] = self.handles.get(marked.handle, 0) | mark
