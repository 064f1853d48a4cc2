"""Uses of keys held against the log: what is under way is no alarm, and what has no entry is one, once."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import pytest

from keys.meter import Act, Meters, Used
from keys.purpose import Purpose
from keys.seal import SealKey
from padan.entry import EntryKind
from tests.simulator.intents import intent
from tests.simulator.log_store import Fault, MemoryLog
from verifier.accounts import Accounts, Kind
from verifier.budget import Limits
from verifier.errors import LogUnavailableError
from verifier.group_writer import GroupWriter
from verifier.logtime import ClockFlag, LogTime
from verifier.settlement import Settlement

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LIMITS = Limits(subject=50, prefix=50, agency=1_000, officer=100)
LOOKS = 5


class Process:
    """A process that commits, whose log may be away."""

    def __init__(self) -> None:
        self.log, self.told = MemoryLog(), list[tuple[str, int]]()
        self.meters, self.hidden = Meters(), 0
        self.failed: Mapping[str, int] = {}
        self.accounts = Accounts(self.meters, written=self._written, show=self._show, tell=self._tell)
        tick = functools.partial(self.meters.tick, Purpose.REPLAY, 1)
        self.seal = SealKey(bytes(range(32)), on_seal=tick(Act.SEAL), on_open=tick(Act.OPEN))
        self.writer = GroupWriter(
            store=self.log,
            settlement=Settlement(signer=None, replay_seal=lambda _day: self.seal),
            clock=lambda _database, _last_ms: LogTime(ms=20_000 * 86_400_000, flag=ClockFlag.IN_STEP),
            accounts=self.accounts,
        )

    def _written(self) -> int:
        kinds = (EntryKind.VERIFY, EntryKind.REPLAY)
        return sum(row.kind in kinds for row in self.log.rows) - self.hidden

    def _show(self, _counts: Mapping[Used, int], failed: Mapping[str, int]) -> None:
        self.failed = failed

    def _tell(self, kind: str, count: int) -> None:
        self.told.append((kind, count))

    def ask(self, *numbers: int) -> None:
        """Commit a group of questions."""
        self.writer.write([intent(number, limits=LIMITS) for number in numbers])

    def look(self, times: int = LOOKS) -> None:
        """Let some seconds go by."""
        for _ in range(times):
            self.accounts.look()


@pytest.fixture
def process() -> Process:
    """A process that commits."""
    return Process()


def open_row(process: Process) -> None:
    """Open a row of the vault."""
    process.meters.tick(Purpose.ROW_SEAL, 7, Act.OPEN)()


def test_uses_with_entries_are_none_beside_the_log(process: Process) -> None:
    """Answers that are sealed, and opened again for repetitions, have their entries; nothing is told."""
    process.ask(1, 2, 3)
    process.ask(2, 3, 3)
    process.look(20)
    assert process.accounts.answers.logged == 3
    assert process.accounts.repetitions.logged == 3
    assert process.told == []


@pytest.mark.parametrize(
    ("use", "kind"),
    [
        (lambda process: process.seal.seal(b"answer", b"place"), Kind.ANSWER),
        (lambda process: process.seal.open(process.seal.seal(b"x", b""), b""), Kind.REPETITION),
        (open_row, Kind.ROW),
    ],
    ids=["a sealed answer", "an opened answer", "an opened row"],
)
def test_a_use_beside_the_log_is_told_once(
    process: Process, use: Callable[[Process], object], kind: Kind
) -> None:
    """Whatever the keys did without an entry is told within some looks, by its kind and number, and not again."""
    process.ask(1, 2)
    process.look()
    for _ in range(3):
        use(process)
    process.look(LOOKS // 2)
    assert process.told == []
    process.ask(3)
    process.look(20)
    assert (kind.value, 3) in process.told
    use(process)
    process.look()
    assert process.told[-1][1] == 1
    assert {told for told, _ in process.told} <= {kind.value, Kind.ANSWER.value}


def test_what_is_under_way_is_not_told(process: Process) -> None:
    """Rows of requests that wait for their commit are no alarm, however long; with an entry or a failure they go."""
    rows = process.accounts.rows
    rows.expect(6)
    for _ in range(6):
        open_row(process)
    process.look(20)
    rows.settle(4, logged=True)
    rows.settle(2, logged=False)
    process.look(20)
    assert process.told == []
    assert (rows.logged, rows.failed) == (4, 2)


def test_a_commit_under_way_is_not_told(process: Process) -> None:
    """While a group is being committed, what it uses is its own, and a use from before is still seen."""
    process.seal.seal(b"beside", b"place")
    process.accounts.begin()
    for _ in range(4):
        process.seal.seal(b"answer", b"place")
    process.look()
    assert process.told == [(Kind.ANSWER, 1)]
    process.accounts.commit(receipts=0, answers=4, repetitions=0)
    assert process.accounts.answers.beside() == 1


def test_a_failed_commit_is_no_use_beside_the_log(process: Process) -> None:
    """Where the log is away nobody gets an answer: the uses are counted as failed, and not as an alarm."""
    process.log.faults.append(Fault.NOT_STORED)
    with pytest.raises(LogUnavailableError):
        process.ask(1, 2)
    process.look()
    assert process.told == []
    assert process.failed[Kind.ANSWER] == process.accounts.answers.failed == 2


def test_a_short_commit_does_not_hide_a_use(process: Process) -> None:
    """A single look that falls into a moment of change is outvoted."""
    process.ask(1)
    open_row(process)
    for number in range(LOOKS):
        rows = process.accounts.rows
        if number == 2:
            rows.expect(2)
        process.look(1)
        if number == 2:
            rows.expect(-2)
    assert process.told == [(Kind.ROW, 1)]


def test_entries_that_the_log_does_not_have_are_told(process: Process) -> None:
    """A process whose entries are not in the log's rows is told of, though its own count is right."""
    process.ask(1, 2, 3)
    process.hidden = 2
    process.look()
    assert process.told == [(Kind.ENTRY, 2)]


def test_a_log_that_is_away_keeps_no_other_account_from_being_told(process: Process) -> None:
    """Where the log's rows cannot be counted the rest is."""

    def away() -> int:
        raise LogUnavailableError("the log is away")

    accounts = Accounts(
        process.meters, written=away, tell=lambda kind, more: process.told.append((kind, more))
    )
    open_row(process)
    for _ in range(LOOKS):
        accounts.look()
    assert process.told == [(Kind.ROW, 1)]
