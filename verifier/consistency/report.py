"""What a check comes to, for people and for programs: counts, shares and numbers of rows, never a value."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from verifier.consistency import age
from verifier.consistency.finding import AMISS, LATER, Kind
from verifier.consistency.tally import Held, share
from verifier.epoch import REGISTRY_ZONE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from verifier.consistency.examiner import Terms
    from verifier.consistency.plan import Start
    from verifier.consistency.tally import Tally

FORMAT: Final = 1
_NO_REGION: Final = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """How the check went.

    Attributes:
        seconds: from its start, or its going on, to the report.
        rate: rows of the source a second.
        cpu_seconds: processor time of all its processes, without a database server's.
        peak_memory_mb: largest resident memory of all its processes together.
        workers: worker processes.
        kept_runs: runs of a killed check that were used.
    """

    seconds: float
    rate: float
    cpu_seconds: float
    peak_memory_mb: float
    workers: int
    kept_runs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """How many people were found how, and which share of them agrees.

    Attributes:
        newer: not the same, but by a change that the source does not hold; they do not count in the share.
        agreement: agrees / (agrees + differs + missing + withdrawn + unreadable); None where that is nothing.
    """

    agrees: int
    differs: int
    missing: int
    withdrawn: int
    unreadable: int
    newer: int
    agreement: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeAgreement:
    """One attribute, over the people whom source and vault hold; compared where either holds the attribute."""

    name: str
    compared: int
    agree: int
    value: int
    only_source: int
    only_vault: int
    agreement: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The people of one region, or of one age group of the source's rows."""

    name: str
    people: People


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A check.

    Attributes:
        source: where the rows come from, without a password.
        epoch_age_days: from the epoch's day to the beginning of the check.
        position: the highest position of the registry's changes that the source holds; rows written by later ones are
            newer.
        share: of the source's people that were taken.
        seed: of the sample; with the keys it says which people those were.
        rows_read: rows of the source.
        rejected: rows that were taken and break a rule of the loader's, without duplicates.
        duplicates: rows that were taken and whose number an earlier one has.
        vault: what the vault holds; None for a sample.
        rows_amiss: entries of the list of rows; `rows_listed` of them are in the file.
        rows_sha256: of the file, hexadecimal.
    """

    format: int
    id: str
    source: str
    epoch: int
    epoch_day: str
    epoch_age_days: int
    began: str
    as_of: str
    position: int
    share: float
    seed: str
    region_level_digits: int
    rows_read: int
    rejected: int
    duplicates: int
    people: People
    attributes: tuple[AttributeAgreement, ...]
    regions: tuple[Part, ...]
    ages: tuple[Part, ...]
    vault: Held | None
    rows_amiss: int
    rows_listed: int
    rows_file: str
    rows_sha256: str
    run: Run

    @property
    def is_clean(self) -> bool:
        """Whether nothing counts against the copy."""
        found, held = self.people, self.vault or Held()
        amiss = found.differs + found.missing + found.withdrawn + found.unreadable
        return not (amiss or held.extra or held.erased or held.damaged)

    def values(self) -> dict[str, Any]:
        """Write it as JSON does."""
        return {**asdict(self), "clean": self.is_clean}

    def counts(self) -> dict[str, str]:
        """Say what the log says of it: counts."""
        found = asdict(self.people)
        found.pop("agreement")
        values = {
            "check": self.id,
            "share": f"{self.share:.6f}",
            "position": self.position,
            "read": self.rows_read,
            **found,
            "rejected": self.rejected + self.duplicates,
        }
        if self.vault is not None:
            values |= {"extra": self.vault.extra, "erased": self.vault.erased, "damaged": self.vault.damaged}
        return {name: str(value) for name, value in values.items()}


def build(
    *,
    start: Start,
    terms: Terms,
    source: str,
    tally: Tally,
    rows_read: int,
    rows_file: Path,
    run: Run,
) -> Report:
    """Make the report of what was added up; the list of rows has been written."""
    began = datetime.fromtimestamp(start.began_ms / 1000, REGISTRY_ZONE)
    regions = sorted({region for _, region, _ in tally.people})
    ages = sorted({old for _, _, old in tally.people})
    digits = terms.region_digits
    listed = tally.rows()
    return Report(
        format=FORMAT,
        id=start.id,
        source=source,
        epoch=terms.epoch,
        epoch_day=terms.epoch_day.isoformat(),
        epoch_age_days=(began.date() - terms.epoch_day).days,
        began=began.isoformat(timespec="seconds"),
        as_of=start.as_of,
        position=start.position,
        share=start.share,
        seed=start.seed,
        region_level_digits=digits,
        rows_read=rows_read,
        rejected=tally.rejected,
        duplicates=tally.duplicates,
        people=_people(tally),
        attributes=tuple(
            AttributeAgreement(
                name=name,
                compared=count.compared,
                agree=count.agree,
                value=count.value,
                only_source=count.only_source,
                only_vault=count.only_vault,
                agreement=share(count.agree, count.compared),
            )
            for name, count in tally.attributes().items()
        ),
        regions=tuple(
            Part(
                name=f"{region:0{digits}}" if region else _NO_REGION,
                people=_people(tally, region=region),
            )
            for region in regions
        ),
        ages=tuple(Part(name=age.GROUPS[old], people=_people(tally, old=old)) for old in ages),
        vault=tally.held if start.parts else None,
        rows_amiss=tally.amiss,
        rows_listed=len(listed),
        rows_file=str(rows_file),
        rows_sha256=hashlib.sha256(rows_file.read_bytes()).hexdigest(),
        run=run,
    )


def lines(made: Report) -> Iterator[str]:
    """Tell it to a person."""
    found = made.people
    taken = "all" if made.share >= 1 else f"a sample of {made.share:.4%}"
    yield f"check {made.id}: {taken} of {made.rows_read:,} rows against epoch {made.epoch} of {made.epoch_day}"
    yield f"{_percent(found.agreement)} of the people agree: {_told(found)}"
    if made.rejected or made.duplicates:
        yield f"{made.rejected:,} rows break a rule of loading, {made.duplicates:,} have the number of an earlier row"
    if made.vault is not None:
        held = made.vault
        yield (
            f"the vault holds {held.accounted:,} of these people, {held.merged:,} rows under merged numbers,"
            f" {held.rejected:,} rows of rejected people, {held.nobody:,} withdrawn"
        )
        yield (
            f"rows that nobody in the source accounts for: {held.extra:,}, newer than the source: {held.extra_newer:,};"
            f" rows of erased people: {held.erased:,}; rows that do not open: {held.damaged:,}"
        )
    yield f"{'attribute':<22}{'compared':>12}{'differ':>9}{'only source':>13}{'only vault':>12}{'agree':>11}"
    for each in made.attributes:
        yield (
            f"{each.name:<22}{each.compared:>12,}{each.value:>9,}{each.only_source:>13,}{each.only_vault:>12,}"
            f"{_percent(each.agreement):>11}"
        )
    yield from _table("region", made.regions)
    yield from _table("last change of the row", made.ages)
    if made.rows_amiss:
        yield f"rows: {made.rows_listed:,} of {made.rows_amiss:,} entries in {made.rows_file}"
    run = made.run
    yield (
        f"{run.seconds:,.1f} s, {run.rate:,.0f} rows/s, {run.cpu_seconds:,.1f} s of processors;"
        f" {run.peak_memory_mb:,.0f} MB at most"
    )
    if run.kept_runs:
        yield f"went on with {run.kept_runs:,} runs of the check before"


def _table(title: str, parts: tuple[Part, ...]) -> Iterator[str]:
    yield f"{title:<30}{'agree':>12}{'differ':>9}{'missing':>9}{'unreadable':>12}{'newer':>9}{'agree':>11}"
    for part in parts:
        found = part.people
        yield (
            f"{part.name:<30}{found.agrees:>12,}{found.differs:>9,}{found.missing + found.withdrawn:>9,}"
            f"{found.unreadable:>12,}{found.newer:>9,}{_percent(found.agreement):>11}"
        )


def _told(found: People) -> str:
    return (
        f"{found.agrees:,} agree, {found.differs:,} differ, {found.missing:,} are missing,"
        f" {found.withdrawn:,} withdrawn, {found.unreadable:,} do not open; {found.newer:,} are newer in the vault"
    )


def _percent(value: float | None) -> str:
    """Write a share so that only what agrees entirely reads as 100 %."""
    if value is None:
        return "-"
    return "100 %" if value == 1 else f"{math.floor(value * 1_000_000) / 10_000:.4f} %"


def _people(tally: Tally, *, region: int | None = None, old: int | None = None) -> People:
    """Count the people of a region, or of an age group."""
    counts: Counter[Kind] = Counter()
    for (kind, where, when), count in tally.people.items():
        if region in {None, where} and old in {None, when}:
            counts[kind] += count
    compared = counts[Kind.AGREES] + sum(counts[kind] for kind in AMISS)
    return People(
        agrees=counts[Kind.AGREES],
        differs=counts[Kind.DIFFERS],
        missing=counts[Kind.MISSING],
        withdrawn=counts[Kind.WITHDRAWN],
        unreadable=counts[Kind.UNREADABLE],
        newer=sum(counts[kind] for kind in LATER),
        agreement=share(counts[Kind.AGREES], compared),
    )
