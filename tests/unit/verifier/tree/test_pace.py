"""When a leaf is published: with which turn, and what is told of its delay."""

from __future__ import annotations

import sys
import threading
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import delete, update

from tests.tree import MANDATE, flip, row
from verifier import schema
from verifier.housekeeping import Duty, Housekeeping
from verifier.tree import sequencer, standing
from verifier.tree.cosigning import MOMENT
from verifier.tree.errors import TreeForkedError
from verifier.tree.sequencer import AHEAD_SECONDS, EVERY, SPARE_SECONDS

if TYPE_CHECKING:
    from padan.tlog.note import Line
    from tests.tree import Site


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """Give the time, in seconds."""
        return self.now


class Passing(threading.Event):
    """A wait that takes no time but that of a clock, and ends for good some seconds later."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        super().__init__()
        self._clock = clock
        self._until = clock.now + seconds

    def wait(self, timeout: float | None = None) -> bool:
        """Let the time pass."""
        self._clock.now += timeout or 0.0
        return self._clock.now >= self._until


class Delays:
    """Keeps what is told of delays."""

    def __init__(self) -> None:
        self.seen: list[float] = []

    def show_merge(self, delay: float) -> None:
        """Take one."""
        self.seen.append(delay)

    def show_tree_fault(self, *, faulty: bool) -> None:
        """See that there is none."""
        assert not faulty


FILES = 0.1
"""What a turn may take for its files, in seconds, beside a witness that hangs."""


@pytest.mark.parametrize("took", [0.05, MOMENT + FILES])
def test_what_just_missed_a_turn_is_published_within_a_second(local: Site, took: float) -> None:
    """At the leader's pace, polls included, also where each turn waits for a witness that hangs."""
    clock, delays = Clock(), Delays()

    def cosign(text: str, signed: bytes, size: int, consistency: object) -> list[Line]:
        del text, signed, size, consistency
        local.write(1, log_time_ms=round(clock.now * 1_000))  # it has missed the turn
        clock.now += took
        return []

    tree = local.sequencer(cosign, delays, now=clock)
    local.write(1, log_time_ms=round(clock.now * 1_000))
    paced = sequencer.duty(tree).acting(lambda: tree.act(MANDATE))
    Housekeeping([paced], at_once=True, stopping=Passing(clock, 10), clock=clock)._run()
    assert len(delays.seen) > 10
    assert max(delays.seen) <= 1.0


@pytest.mark.parametrize("took", [0.0, 0.05, 0.35, EVERY + 0.1])
def test_a_turn_begins_when_it_is_due(took: float) -> None:
    """Neither before nor after, however long the one before took; only one that takes longer puts the next one off."""
    clock, begun = Clock(), list[float]()

    def act() -> None:
        begun.append(clock.now)
        clock.now += took

    paced = Duty(name="tree", every=EVERY, act=act, steady=True)
    Housekeeping([paced], at_once=True, stopping=Passing(clock, 10), clock=clock)._run()
    assert len(begun) > 10
    gaps = [after - before for before, after in pairwise(begun)]
    assert gaps == pytest.approx([max(EVERY, took)] * len(gaps))


def test_a_young_rest_waits_for_one_turn_where_a_tile_is_full(local: Site) -> None:
    """What fills no tile comes with the next turn: not where it is older, is all there is, or is ahead of the clock."""
    site, clock = local, 100.0
    keeping = site.sequencer(now=lambda: clock)

    def turn(count: int, *, written: float) -> int:
        site.write(count, log_time_ms=round(written * 1_000))
        assert keeping.turn(MANDATE)
        return site.stated().size

    assert turn(300, written=clock) == 256
    assert not (site.folder.path / "tile/0/001.p").exists(), (
        "nobody needs partial files of what no checkpoint holds"
    )
    assert turn(3, written=clock) == 303, "nothing waits twice"
    clock += 1.0
    assert turn(300, written=clock - SPARE_SECONDS - 0.01) == 603, "it would be late"
    assert turn(300, written=clock + AHEAD_SECONDS + 0.01) == 903, "another clock says how old that is"
    assert turn(377, written=clock + AHEAD_SECONDS) == 1280
    assert turn(100, written=clock) == 1380, "fills no tile alone"
    site.write(1_000, log_time_ms=1_000)
    assert turn(300, written=clock) == 2560, "what was committed first may be as old as it likes"
    assert keeping.turn(MANDATE)
    site.require_whole()
    assert not keeping.turn(MANDATE)


@pytest.mark.parametrize(("age", "took", "published"), [(0.0, 0.12, 256), (0.0, 0.13, 303), (0.1, 0.07, 256)])
def test_a_slow_turn_leaves_nothing_to_the_next(local: Site, age: float, took: float, published: int) -> None:
    """Where witnesses take their time, what is left would come too late: twice a turn's time must be left."""
    clock = 100.0

    def cosign(text: str, signed: bytes, size: int, consistency: object) -> list[Line]:
        nonlocal clock
        del text, signed, size, consistency
        clock += took
        return []

    keeping = local.sequencer(cosign, now=lambda: clock)
    for count in (3, 300):
        local.write(count, log_time_ms=round((clock - age) * 1_000))
        assert keeping.turn(MANDATE)
    assert local.stated().size == published


def test_what_the_head_has_seen_is_held_against_it_before_a_part_is_signed(local: Site) -> None:
    """An entry that was exchanged stops the signing also where the head has seen more than whole tiles."""
    site = local
    keeping = site.sequencer(now=lambda: 100.0)
    site.write(300, log_time_ms=100_000)
    assert site.keeper().advance()
    other = row(7)
    with site.directory.writing() as connection:
        exchanged = update(schema.entry).where(schema.entry.c.sequence == 100)
        connection.execute(exchanged.values(entry=other.entry, salt=other.salt, leaf=other.leaf))
    with pytest.raises(TreeForkedError, match="first 300 entries"):
        keeping.turn(MANDATE)
    assert site.folder.checkpoint() is None


def test_a_log_that_is_shorter_than_its_head_has_seen_is_not_signed(local: Site) -> None:
    """Nor is a part of it, though the published tree is shorter still."""
    site = local
    site.publish(5)
    site.write(10)
    assert site.keeper().advance()
    with site.directory.writing() as connection:
        connection.execute(delete(schema.entry).where(schema.entry.c.sequence > 12))
    with pytest.raises(TreeForkedError, match="the log has 12 entries; its head has seen 15"):
        site.sequencer().turn(MANDATE)
    assert site.stated().size == 5


def test_the_delay_is_told(local: Site) -> None:
    """The age of what no checkpoint holds, the delay of what one does, and a fault until it is mended, are all told."""
    site = local
    shown: list[float] = []
    faults: list[bool] = []

    class Shown:
        def show_merge(self, delay: float) -> None:
            shown.append(delay)

        def show_tree_fault(self, *, faulty: bool) -> None:
            faults.append(faulty)

    site.write(3)
    assert standing.of_tree(site.folder, site.log, now=61.0) == (0, 60.0)
    site.sequencer(gauges=Shown()).turn(MANDATE)
    assert shown[0] > 60
    assert standing.of_tree(site.folder, site.log, now=61.0) == (3, 0.0)
    sequencer = site.sequencer(gauges=Shown())
    whole = (site.folder.path / "checkpoint").read_bytes()
    flip(site.folder.path / "checkpoint", at=40)
    with pytest.raises(TreeForkedError):
        sequencer.turn(MANDATE)
    assert standing.of_tree(site.folder, site.log, now=61.0)[0] in {0, 3}
    (site.folder.path / "checkpoint").write_bytes(whole)
    sequencer.turn(MANDATE)
    assert faults == [False, True, False]


def test_a_turn_has_nothing_interned(local: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each part of a path that pathlib takes apart would leave a gap in the interpreter's table, which doubles then."""
    keeping = local.sequencer()
    for _ in range(2):  # the first turn makes folders, and looks where it is
        local.write(300)
        keeping.act(MANDATE)
    before = local.folder.checkpoint()
    interned, intern = list[str](), sys.intern

    def note(text: str) -> str:
        interned.append(text)
        return intern(text)

    monkeypatch.setattr(sys, "intern", note)
    local.write(300)
    keeping.act(MANDATE)
    monkeypatch.undo()
    assert local.folder.checkpoint() != before
    assert interned == []
