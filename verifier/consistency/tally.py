"""Adds up what was found, person by person. Pure.

A person is a group: every row of the source with the person's number, and every row of the vault that bears the
person's handle. As in a load the first row of the source that breaks no rule speaks for the person, and the others are
rejects. A second row of the vault is that of a number which was merged into the person's.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from verifier.consistency.comparison import NAMES
from verifier.consistency.finding import NOBODY_TO_COMPARE, NOT_THERE, Finding, Kind
from verifier.projector.rejects import DUPLICATE, Reject

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

VALUE: Final = "value.differs"
ONLY_SOURCE: Final = "only.source"
ONLY_VAULT: Final = "only.vault"
PERSON_RULES: Final = {
    Kind.MISSING: "person.missing",
    Kind.WITHDRAWN: "person.withdrawn",
    Kind.UNREADABLE: "row.unreadable",
    Kind.NEWER: "vault.newer",
    Kind.WITHDRAWN_NEWER: "vault.newer",
}
MOST_ROWS: Final = 100_000
"""Rows that are listed by number; beyond them they are only counted."""

Member = tuple[int, Finding]
"""Number of a row of the source, 0 for one of the vault, and what was found."""


@dataclass(slots=True, kw_only=True)
class Held:
    """What the vault holds, where all of it was read.

    Attributes:
        accounted: rows of people whom the source has, under a number of their own.
        merged: further rows of such people, under numbers that were merged into theirs.
        rejected: rows of people whose row in the source breaks a rule; the vault holds an earlier state.
        erased: rows of people who were erased, which must not be there.
        extra: rows that nobody in the source accounts for.
        extra_newer: such rows that a change wrote which the source does not hold.
        nobody: rows in the place of people who were withdrawn.
        decoys: rows that are nobody's.
        damaged: rows that do not open.
    """

    accounted: int = 0
    merged: int = 0
    rejected: int = 0
    erased: int = 0
    extra: int = 0
    extra_newer: int = 0
    nobody: int = 0
    decoys: int = 0
    damaged: int = 0


@dataclass(slots=True, kw_only=True)
class AttributeCount:
    """Agreement of one attribute: rows compared = agree + value + only_source + only_vault."""

    compared: int = 0
    value: int = 0
    only_source: int = 0
    only_vault: int = 0

    @property
    def agree(self) -> int:
        """Rows in which it is the same."""
        return self.compared - self.value - self.only_source - self.only_vault


@dataclass(slots=True)
class Tally:
    """The sums.

    Attributes:
        people: by kind, region and age group, how many people.
        rejected: rows of the source that break another rule of the loader's.
        duplicates: rows of the source whose number stands in an earlier row.
        amiss: entries that belong into `rows`, listed or not.
        held: what the vault holds.
    """

    most_rows: int = MOST_ROWS
    people: Counter[tuple[Kind, int, int]] = field(default_factory=Counter)
    rejected: int = 0
    duplicates: int = 0
    amiss: int = 0
    held: Held = field(default_factory=Held)
    _compared: Counter[int] = field(default_factory=Counter)
    _masks: Counter[tuple[int, int, int]] = field(default_factory=Counter)
    _rows: list[Reject] = field(default_factory=list)

    def take(self, members: Sequence[Member]) -> None:
        """Take a group, its members by ascending number."""
        people = [member for member in members if member[0] and member[1].kind not in NOBODY_TO_COMPARE]
        vault = [finding for number, finding in members if not number]
        if people:
            number, first = people[0]
            self._person(number, first)
            self._list(Reject(other, "NIK", DUPLICATE) for other, _ in people[1:])
            self.duplicates += len(people) - 1
            if vault:
                own = int(first.kind not in NOT_THERE)
                self.held.accounted += own
                self.held.merged += len(vault) - own
        else:
            source = {finding.kind for number, finding in members if number}
            for finding in vault:
                self._vault_only(finding.kind, source)

    def reject(self, rejects: Sequence[Reject]) -> None:
        """Take rows of the source that break a rule of the loader's."""
        self.rejected += len(rejects)
        self._list(rejects)

    def rows(self) -> list[Reject]:
        """List what is amiss, and what was rejected, by row; at most `most_rows`."""
        self._prune()
        return self._rows

    def attributes(self) -> dict[str, AttributeCount]:
        """Count by attribute, over the people whom both sides hold."""
        counts = [AttributeCount() for _ in NAMES]
        for mask, count in self._compared.items():
            for bit in _bits(mask):
                counts[bit].compared += count
        for (only_source, only_vault, value), count in self._masks.items():
            for bit in _bits(only_source):
                counts[bit].only_source += count
            for bit in _bits(only_vault):
                counts[bit].only_vault += count
            for bit in _bits(value):
                counts[bit].value += count
        return dict(zip(NAMES, counts, strict=True))

    def _person(self, number: int, finding: Finding) -> None:
        kind = finding.kind
        self.people[kind, finding.region, finding.age] += 1
        if kind in {Kind.AGREES, Kind.DIFFERS}:
            self._compared[finding.compared] += 1
        if kind is Kind.DIFFERS:
            self._masks[finding.masks] += 1
            only_source, only_vault, value = finding.masks
            for mask, rule in ((only_source, ONLY_SOURCE), (only_vault, ONLY_VAULT), (value, VALUE)):
                self._list(Reject(number, NAMES[bit], rule) for bit in _bits(mask))
        elif kind is not Kind.AGREES:
            self._list([Reject(number, "", PERSON_RULES[kind])])

    def _vault_only(self, kind: Kind, source: set[Kind]) -> None:
        held = self.held
        if kind is Kind.DECOY:
            held.decoys += 1
        elif kind is Kind.NOBODY:
            held.nobody += 1
        elif kind is Kind.DAMAGED:
            held.damaged += 1
        elif Kind.ERASED in source:
            held.erased += 1
        elif source:
            held.rejected += 1
        elif kind is Kind.HELD_NEWER:
            held.extra_newer += 1
        else:
            held.extra += 1

    def _list(self, rows: Iterable[Reject]) -> None:
        before = len(self._rows)
        self._rows.extend(rows)
        self.amiss += len(self._rows) - before
        if len(self._rows) > 2 * self.most_rows:
            self._prune()

    def _prune(self) -> None:
        """Keep the first rows: sorting now and then costs less than a heap."""
        self._rows.sort()
        del self._rows[self.most_rows :]


def _bits(mask: int) -> list[int]:
    return [bit for bit in range(len(NAMES)) if mask >> bit & 1]


def share(part: int, whole: int) -> float | None:
    """Divide; None where there is nothing to divide by."""
    return part / whole if whole else None
