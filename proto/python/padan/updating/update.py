"""How the tokens of a place are moved to the version that issues: the main path, for files and tables.

1 count the rows by version, and name those that cannot be moved
2 ask for new tokens, those of one version in a call
3 keep what came, with what it replaces, a call's worth at a time
4 put what is kept into its place
5 ask again about a sample of what stands there now
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from padan.update import MOST
from padan.updating.held import DOUBLE, OUTDATED, REFUSED, Move, version_of
from padan.updating.sample import Sample, SampleError, check, draw

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from padan.issuing.issue import Meter
    from padan.update import Updated
    from padan.updating.calls import Calls
    from padan.updating.held import Held
    from padan.updating.place import Place

SAMPLE: Final = 100
"""Rows that are asked about again where nothing else is said."""
_RULES: Final = {"TOKEN_REFUSED": REFUSED, "TOKEN_OUTDATED": OUTDATED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What became of a place.

    Attributes:
        rows: how many it has.
        domain: the token domain.
        version: the version that issues.
        versions: rows by version, as they were found; those that cannot be moved are not among them.
        before: rows that an earlier run had moved, or that had a token of the version that issues.
        moved: rows that this run moved.
        elsewhere: rows that were given another token meanwhile, and were left alone.
        bad: numbers of rows that stay as they are, with the rule that each breaks.
        sample: what asking again showed; None where it was not done.
        written: whether the new tokens stand in their place; else some rows have no answer yet.
    """

    rows: int
    domain: str
    version: int
    versions: dict[int, int]
    before: int
    moved: int
    elsewhere: int
    bad: dict[int, str]
    sample: Sample | None
    written: bool


@dataclass(slots=True)
class _Tally:
    """Counts while a place is worked through."""

    rows: int = 0
    versions: Counter[int] = field(default_factory=Counter)
    before: int = 0
    moved: int = 0
    elsewhere: int = 0
    bad: dict[int, str] = field(default_factory=dict)
    done: Counter[int] = field(default_factory=Counter)
    total: Counter[int] = field(default_factory=Counter)
    sample: Sample | None = None
    written: bool = False

    def told(self) -> dict[int, tuple[int, int]]:
        """Say by version how many tokens are done, of how many."""
        return {version: (self.done[version], total) for version, total in self.total.items()}

    def summary(self, calls: Calls) -> Summary:
        """Give what is counted."""
        return Summary(
            rows=self.rows,
            domain=calls.domain.name,
            version=calls.current,
            versions=dict(sorted(self.versions.items())),
            before=self.before,
            moved=self.moved,
            elsewhere=self.elsewhere,
            bad=dict(sorted(self.bad.items())),
            sample=self.sample,
            written=self.written,
        )


def count(place: Place, calls: Calls) -> Summary:
    """Count the rows by version, and change nothing.

    Raises:
        TableError: they cannot be read.
    """
    tally = _Tally()
    _count(place, calls, tally)
    return tally.summary(calls)


def update(
    place: Place,
    calls: Calls,
    meter: Callable[[int, int], Meter],
    report: Callable[[Summary], object],
    *,
    sample: int = SAMPLE,
) -> Summary:
    """Move the tokens of a place; after any end, again on the same place, go on.

    Args:
        place: where they stand.
        calls: ask the service.
        meter: makes what is told how far it is, from the number of rows and of those done before.
        report: is told how it ended, also when an error ends it.
        sample: rows that are asked about again; 0 for none.

    Raises:
        TableError: the place cannot be read or written.
        KeptFileError: what is kept beside a file is damaged, in use, or of another update.
        SampleError: a row does not hold what the service gives for it.
        PadanError: asking failed; what came before is kept.
    """
    tally = _Tally()
    _count(place, calls, tally)  # 1
    try:
        progress = meter(tally.rows - len(tally.bad), tally.before)
        # A domain that is rotated meanwhile has tokens of two versions in the place: they are gone through again.
        moving = True
        while moving and not calls.stopped:
            newest = calls.current
            for held in _batches(place, calls, tally):
                _move(place, calls, tally, held)  # 2, 3
                progress.add(len(held))
            moving = calls.current != newest
            if not moving and not calls.stopped:
                place.settle()  # 4
                tally.written = True
                tally.sample = _sample(place, calls, tally, sample)  # 5
                moving = calls.current != newest
    finally:
        report(tally.summary(calls))
    if tally.sample is not None and tally.sample.wrong:
        raise _wrong(tally.sample)
    return tally.summary(calls)


def _count(place: Place, calls: Calls, tally: _Tally) -> None:
    for version, number in place.moved().items():
        tally.done[version] += number
        tally.total[version] += number
    for held in place.rows():
        tally.rows += 1
        if rule := held.rule(calls.domain):
            tally.bad[held.number] = rule
            continue
        tally.versions[held.version] += 1
        if _is_done(held, calls):
            tally.before += 1
        else:
            tally.total[held.version] += 1


def _is_done(held: Held, calls: Calls) -> bool:
    return calls.current == (version_of(held.kept) if held.kept else held.version)


def _batches(place: Place, calls: Calls, tally: _Tally) -> Iterator[list[Held]]:
    """Sort the rows that are to be moved into batches of one version each."""
    waiting: dict[int, list[Held]] = {}
    for held in place.rows():
        if held.number in tally.bad or held.rule(calls.domain) or _is_done(held, calls):
            continue
        batch = waiting.setdefault(held.version, [])
        batch.append(held)
        if len(batch) == MOST:
            yield waiting.pop(held.version)
        if calls.stopped:
            return
    yield from waiting.values()


def _move(place: Place, calls: Calls, tally: _Tally, batch: list[Held]) -> None:
    """Ask about a batch, and keep what came."""
    version = batch[0].version
    done = tally.done[version] + len(batch)
    found = calls.ask([held.token for held in batch], done=done, total=max(done, tally.total[version]))
    if found is None:
        return
    moves = [
        Move(held=held, token=token)
        for held, token in zip(batch, found.tokens, strict=True)
        if token and token != held.token
    ]
    _refuse(tally, batch, found)
    kept = place.keep(moves)
    tally.moved += kept.moved
    tally.done[version] += kept.moved
    tally.elsewhere += len(kept.elsewhere)
    tally.bad.update((held.number, DOUBLE) for held in kept.double)
    tally.total[version] -= len(found.refused)


def _refuse(tally: _Tally, batch: list[Held], found: Updated) -> None:
    for place, reason in found.refused.items():
        tally.bad[batch[place].number] = _RULES.get(reason, reason)


def _sample(place: Place, calls: Calls, tally: _Tally, size: int) -> Sample | None:
    if not size:
        return None
    newest = (held for held in place.rows() if not held.rule(calls.domain) and held.version == calls.current)
    return check(place, draw(newest, size), calls, tally.told())


def _wrong(sample: Sample) -> SampleError:
    shown = ", ".join(map(str, sample.wrong[:20]))
    return SampleError(
        f"{len(sample.wrong)} of {sample.rows} rows that were asked about again do not hold what the service gives: "
        f"{shown}",
        reason="sample",
        next_step="find out who writes these rows; --undo puts the old tokens back; tell the registry's operator",
    )
