"""A purge that reads a vault for an hour: in turns, while others change the vault."""

from __future__ import annotations

import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from keys.purpose import Purpose
from padan import nik as nik_grammar
from padan.entry import EntryKind
from tests import marks
from tests.integration import tokens
from tests.integration.feeding import NEWCOMER, details, feed, people, publish
from tests.integration.projecting import COUNT, NEW, OLD, set_marks, standing
from tests.integration.tokens import made
from tests.people import AS_OF
from tests.rows import rows_of
from tokenizer.inner import Inner
from verifier.feed.following import Follower
from verifier.feed.source import open_source
from verifier.feed.watch import watch
from verifier.log.open import open_log
from verifier.resident.mark import Mark
from verifier.resident.purge import Purge
from verifier.resident.table import MarkTable
from verifier.rotation.rotator import Rotator
from verifier.vault import ranges
from verifier.vault.open import open_changer

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


def test_a_purge_goes_on_while_the_source_is_away(
    made: Installation, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The feed's loop purges also after a look that failed."""
    table = f"sqlite:///{tmp_path}/registry.sqlite#feed"
    stopping = threading.Event()
    with closing(open_source(table, create=True)):
        pass
    publish(made, table, feed(made, 0, {"change": "erased", "nik": GONE}))

    def stop_in_time() -> bool:
        until = time.monotonic() + 20
        while unpurged(made) and time.monotonic() < until:
            time.sleep(0.1)
        stopping.set()
        return unpurged(made) == 0

    with closing(Follower(made.settings, open_source(table))) as follower, ThreadPoolExecutor() as pool:
        assert follower.step() is not None
        with closing(sqlite3.connect(tmp_path / "registry.sqlite")) as other:
            other.execute("BEGIN EXCLUSIVE")
            is_purged = pool.submit(stop_in_time)
            watch(follower, stopping, lambda _summary: None)
        assert is_purged.result()
    assert "not following; trying again" in caplog.messages


def test_a_purge_waits_for_a_feed_that_read_the_marks_before(made: Installation) -> None:
    """What it brings of somebody who was erased meanwhile goes too, also where it is killed before it took it back."""

    def purge() -> dict[int, int]:
        with closing(made.agent()) as agent, closing(open_log(made.settings.log_database)) as log:
            return Purge(made.settings, agent, log).run()

    rows = sorted(rows_of(made.settings.vault_database, OLD))
    with ThreadPoolExecutor() as pool:
        with closing(open_changer(made.settings.vault_database)) as vault:
            set_marks(made, {GONE: Mark.ERASED})
            purging = pool.submit(purge)
            with pytest.raises(TimeoutError):
                purging.result(timeout=0.5)
            vault.apply(vault.epoch(), rows, added=0, source="feed", before=0, after=1, as_of_ms=0)
        assert purging.result() == {OLD: 1}
    assert standing(made, OLD, [GONE]) == {GONE: None}


def lift(made: Installation, number: str) -> None:
    """Lift an erasure, as two officers do."""
    with closing(made.agent()) as agent:
        inner = Inner.of_agent(
            agent, index_id=agent.key_id(Purpose.INDEX), attribute_id=agent.key_id(Purpose.ATTRIBUTE)
        )
        tombstone = inner.tombstone(nik_grammar.parse(number, AS_OF))
    assert marks.lift(made.settings.log_database, tombstone, Mark.ERASED)


def unpurged(made: Installation) -> int:
    """Count the erased residents whose rows may still lie in the vault."""
    with closing(made.directory()) as directory:
        return len(MarkTable(directory).unpurged())


def test_who_comes_back_while_a_purge_reads_stays(made: Installation, take: Callable[..., None]) -> None:
    """An erasure that is lifted, and one that is put again: the purge under way heeds the marks as they are then."""
    set_marks(made, {GONE: Mark.ERASED, MERGED: Mark.ERASED})
    with purging(made) as work:
        lift(made, GONE)
        take({"change": "changed", "row": EVERYONE[GONE]})
        assert work.turn(60)
        assert work.replaced == {OLD: 1}
    found = standing(made, OLD, [GONE, MERGED])
    assert found[GONE] is not None
    assert found[MERGED] is None
    assert unpurged(made) == 0


def test_who_is_erased_again_while_a_purge_reads_is_purged_by_the_next(made: Installation) -> None:
    """What a purge has gone through before is not what it has gone through after."""
    set_marks(made, {GONE: Mark.ERASED})
    with purging(made) as work:
        lift(made, GONE)
        time.sleep(0.01)  # a mark tells when it was put, in milliseconds
        set_marks(made, {GONE: Mark.ERASED})
        assert work.turn(60)
    assert unpurged(made) == 1


@pytest.mark.parametrize("takes", ["the registry", "another resident"])
def test_what_an_agency_got_by_a_number_meanwhile_stays(
    made: Installation, take: Callable[..., None], takes: str
) -> None:
    """A token issued by a number that was the erased resident's, once the registry has said whose it is now."""
    take({"change": "merged", "row": EVERYONE[GONE], "also": [MERGED]})
    set_marks(made, {GONE: Mark.ERASED})
    change = {
        "the registry": {"change": "new", "row": EVERYONE[MERGED]},
        "another resident": {"change": "merged", "row": EVERYONE[STAYING], "also": [MERGED]},
    }[takes]
    with purging(made) as work:
        take(change)
        with tokens.desk(made) as desk:
            (token,) = desk.issue(MERGED)
        assert work.turn(60)
    with tokens.desk(made) as desk:
        assert desk.leads([token], [MERGED, STAYING]) == [MERGED]


def test_an_epoch_that_a_rotation_makes_meanwhile_is_purged_too(made: Installation) -> None:
    """The rotation moved the erased resident's row before the purge replaced it, and flipped."""
    set_marks(made, {GONE: Mark.ERASED})
    with purging(made) as work:
        Rotator(made.settings).begin(make_keys=True)
        Rotator(made.settings).flip()
        assert standing(made, NEW, [GONE])[GONE] is not None
        assert work.turn(60)
        assert work.replaced == {OLD: 1, NEW: 1}
    assert standing(made, OLD, [GONE]) == standing(made, NEW, [GONE]) == {GONE: None}
