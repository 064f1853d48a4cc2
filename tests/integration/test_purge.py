"""A purge that reads a vault for an hour: in turns, while others change the vault."""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from padan.entry import EntryKind
from tests.integration.feeding import NEWCOMER, details, feed, people, publish
from tests.integration.projecting import COUNT, OLD, set_marks, standing
from tests.integration.tokens import made
from tests.rows import rows_of
from verifier.feed.following import Follower
from verifier.feed.source import open_source
from verifier.log.open import open_log
from verifier.resident.mark import Mark
from verifier.resident.purge import Purge
from verifier.resident.table import MarkTable
from verifier.vault import ranges

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.installation import Installation

__all__ = ["made"]
EVERYONE = people(COUNT)
GONE, STAYING, MERGED = list(EVERYONE)[:3]
ROWS = 16


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranges, "ROWS", ROWS)


@contextmanager
def purging(made: Installation) -> Iterator[Purge]:
    """Begin a purge, up to where every row was opened and none is replaced."""
    with (
        closing(made.agent()) as agent,
        closing(open_log(made.settings.log_database)) as log,
        closing(Purge(made.settings, agent, log)) as work,
    ):
        for _ in range(ranges.count_for(len(rows_of(made.settings.vault_database, OLD)))):
            assert not work.turn(0)
        yield work


@pytest.fixture
def take(made: Installation, tmp_path: Path) -> Iterator[Callable[..., None]]:
    """Take changes in, and purge nobody."""
    table = f"sqlite:///{tmp_path}/registry.sqlite#feed"
    taken = 0

    with (
        closing(open_source(table, create=True)) as source,
        closing(Follower(made.settings, source)) as follower,
    ):

        def taking(*changes: dict[str, Any]) -> None:
            nonlocal taken
            publish(made, table, feed(made, taken, *changes))
            taken += len(changes)
            assert follower.step() is not None

        yield taking


def test_the_vault_is_changed_meanwhile(made: Installation, take: Callable[..., None]) -> None:
    """Between two turns the feed goes on, and what it brings stays; who was erased is under no number any more."""
    take({"change": "merged", "row": EVERYONE[GONE], "also": [MERGED]})
    before = standing(made, OLD, [STAYING])
    set_marks(made, {GONE: Mark.ERASED})
    assert len({str(each) for each in standing(made, OLD, [GONE, MERGED]).values()}) == 1, "both are theirs"
    with purging(made) as work:
        take({"change": "new", "row": NEWCOMER})
        now = standing(made, OLD, [STAYING, NEWCOMER["NIK"]])
        assert now[STAYING] == before[STAYING]
        assert now[NEWCOMER["NIK"]] is not None
        assert work.turn(60)
        assert work.replaced == {OLD: 2}
    assert standing(made, OLD, [GONE, MERGED, *now]) == {GONE: None, MERGED: None, **now}
    assert [entry["epoch-1"] for entry in details(made, EntryKind.RESIDENTS_PURGED)] == ["2"]


def test_a_number_that_leads_to_another_by_then_stays_theirs(
    made: Installation, take: Callable[..., None]
) -> None:
    """Its row was found to be the erased resident's; before it is replaced the registry says whose it is."""
    take({"change": "merged", "row": EVERYONE[GONE], "also": [MERGED]})
    set_marks(made, {GONE: Mark.ERASED})
    with purging(made) as work:
        take({"change": "merged", "row": EVERYONE[STAYING], "also": [MERGED]})
        assert work.turn(60)
        assert work.replaced == {OLD: 1}
    found = standing(made, OLD, [GONE, MERGED, STAYING])
    assert found[GONE] is None
    assert found[MERGED] == found[STAYING] is not None


def test_a_follower_purges_between_its_runs(made: Installation, tmp_path: Path) -> None:
    """It goes on with the purge where it was, and whoever is erased meanwhile is purged after that."""
    table = f"sqlite:///{tmp_path}/registry.sqlite#feed"
    erasures = [{"change": "erased", "nik": nik} for nik in (GONE, MERGED)]
    with closing(open_source(table, create=True)):
        pass
    with closing(Follower(made.settings, open_source(table))) as follower:
        for after, erasure in enumerate(erasures):
            publish(made, table, feed(made, after, erasure))
            assert follower.step() is not None
            follower.purge(0)
        assert not details(made, EntryKind.RESIDENTS_PURGED)
        while not details(made, EntryKind.RESIDENTS_PURGED):
            follower.purge(0)
        assert unpurged(made) == 1
        follower.purge()
        assert unpurged(made) == 0
        follower.purge()
    assert [entry["residents"] for entry in details(made, EntryKind.RESIDENTS_PURGED)] == ["1", "1"]


def unpurged(made: Installation) -> int:
    """Count the erased residents whose rows may still lie in the vault."""
    with closing(made.directory()) as directory:
        return len(MarkTable(directory).unpurged())
