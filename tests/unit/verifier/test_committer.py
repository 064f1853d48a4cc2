"""Group commit: what is released, charged, logged and repeated, and what happens when the disk does not obey."""

from __future__ import annotations

import contextlib
import copy
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from keys.seal import SealKey
from padan import entry as log_entry
from padan.entry import EntryKind, Field
from padan.v1 import attribute_pb2, verification_pb2
from tests.simulator.intents import LIMITS, intent
from tests.simulator.log_store import Fault, MemoryLog
from verifier.breaker import FAILURES
from verifier.budget import Limits
from verifier.committer import Committer
from verifier.errors import LogUnavailableError, ShuttingDownError
from verifier.group_writer import GroupWriter
from verifier.journal.client import JournalClient
from verifier.journal.server import JournalServer
from verifier.logtime import ClockFlag, LogTime
from verifier.settlement import Settlement

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from verifier.intent import Settled

    Journal = Committer | JournalClient

DAY_MS = 86_400_000
NO_MATCH = attribute_pb2.VERDICT_NO_MATCH
BLOCKED = attribute_pb2.VERDICT_BLOCKED
MATCH = attribute_pb2.VERDICT_MATCH


class _Clock:
    def __init__(self) -> None:
        self.ms = 20_000 * DAY_MS

    def __call__(self, _database: float | None, _last_ms: int) -> LogTime:
        return LogTime(ms=self.ms, flag=ClockFlag.IN_STEP)


@pytest.fixture
def log() -> MemoryLog:
    """A log in memory."""
    return MemoryLog()


@pytest.fixture
def clock() -> _Clock:
    """A clock that stands until it is told."""
    return _Clock()


@contextlib.contextmanager
def committing(log: MemoryLog, clock: _Clock, *, patience: float = 10.0) -> Iterator[Committer]:
    """Run a committer on a log."""
    seal = SealKey(bytes(range(32)))
    running = Committer(
        writer=GroupWriter(
            store=log, settlement=Settlement(signer=None, replay_seal=lambda _day: seal), clock=clock
        ),
        patience=patience,
    )
    running.start()
    yield running
    log.released.set()
    running.stop()


@contextlib.contextmanager
def reached(committer: Committer, way: str, folder: Path, *, patience: float) -> Iterator[Journal]:
    """Reach a committer as its own process does, or as a worker reaches the writer's: the promises are the same."""
    if way == "here":
        yield committer
        return
    server = JournalServer(folder / "journal.sock", committer)
    server.start()
    client = JournalClient(folder / "journal.sock", patience=patience)
    client.start()
    yield client
    client.stop()
    server.drain(5)
    server.close()


@pytest.fixture(params=["here", "by the writer"])
def committer(
    request: pytest.FixtureRequest, tmp_path: Path, log: MemoryLog, clock: _Clock
) -> Iterator[Journal]:
    """A running committer whose callers wait long, as a busy machine may need it."""
    with (
        committing(log, clock) as running,
        reached(running, request.param, tmp_path, patience=10.0) as journal,
    ):
        yield journal


@pytest.fixture(params=["here", "by the writer"])
def hasty(request: pytest.FixtureRequest, tmp_path: Path, log: MemoryLog, clock: _Clock) -> Iterator[Journal]:
    """A running committer whose callers wait for less than half a second."""
    with (
        committing(log, clock, patience=0.4) as running,
        reached(running, request.param, tmp_path, patience=0.4) as journal,
    ):
        yield journal


def outcomes(settled: list[Settled]) -> list[int]:
    """List what was released."""
    return [item.outcome for item in settled]


def test_an_answer_is_in_the_log_when_it_leaves(committer: Journal, log: MemoryLog) -> None:
    """What is returned stands in the log, with its released outcome and a leaf that verifies."""
    (settled,) = committer.commit([intent(1, outcome=MATCH, units=0)])
    assert settled.body is not None
    (row,) = log.rows
    entry = log_entry.decode(row.entry)
    assert entry.kind == EntryKind.VERIFY
    assert entry.number(Field.OUTCOME) == MATCH
    assert entry.number(Field.LOG_TIME) == 20_000 * DAY_MS
    assert row.leaf == log_entry.leaf(row.salt, row.entry)


def test_guesses_beyond_the_budget_are_blocked(committer: Journal, log: MemoryLog) -> None:
    """After the budget of a subject every answer is BLOCKED, whatever it would have been."""
    settled = [committer.commit([intent(number)])[0] for number in range(LIMITS.subject)]
    assert outcomes(settled) == [NO_MATCH] * LIMITS.subject
    (right,) = committer.commit([intent(99, outcome=MATCH, units=0)])
    assert right.outcome == BLOCKED
    assert log_entry.decode(log.rows[-1].entry).number(Field.OUTCOME) == BLOCKED


@pytest.mark.attack
def test_parallel_guesses_cannot_outrun_the_budget(committer: Journal, log: MemoryLog) -> None:
    """A thousand wrong guesses at once release as many answers as the budget has, and no more."""
    with ThreadPoolExecutor(32) as pool:
        settled = list(pool.map(lambda number: committer.commit([intent(number)])[0], range(1_000)))
    assert outcomes(settled).count(NO_MATCH) == LIMITS.subject
    assert outcomes(settled).count(BLOCKED) == 1_000 - LIMITS.subject
    assert len(log.rows) == 1_000


def test_success_refunds_nothing_and_costs_nothing(committer: Journal) -> None:
    """Matches between failures leave the count of failures as it is."""
    limits = Limits(subject=2, prefix=20, agency=1_000, officer=100)
    numbers = iter(range(100))
    sequence = [NO_MATCH, MATCH, NO_MATCH, MATCH]
    settled = [
        committer.commit([intent(next(numbers), outcome=item, units=int(item == NO_MATCH), limits=limits)])[0]
        for item in sequence
    ]
    assert outcomes(settled) == [NO_MATCH, MATCH, NO_MATCH, BLOCKED]


def test_a_new_day_has_a_new_budget(committer: Journal, clock: _Clock) -> None:
    """Budgets are per day of log time."""
    for number in range(LIMITS.subject):
        committer.commit([intent(number)])
    clock.ms += DAY_MS
    assert committer.commit([intent(50)])[0].outcome == NO_MATCH


def test_another_agency_keeps_its_floor(committer: Journal) -> None:
    """One agency cannot spend what another is granted about the same resident."""
    limits = Limits(subject=50, prefix=100, agency=1_000, officer=100, joint_subject=6, joint_prefix=400)
    for number in range(10):
        committer.commit([intent(number, agency="a", limits=limits)])
    others = [committer.commit([intent(100 + n, agency="b", limits=limits)])[0] for n in range(4)]
    assert outcomes(others) == [NO_MATCH, NO_MATCH, BLOCKED, BLOCKED]


def test_a_spent_prefix_alerts_once(committer: Journal, log: MemoryLog) -> None:
    """The first request that a prefix's budget blocks leaves an alert that names agency and officer, not the prefix."""
    limits = Limits(subject=5, prefix=3, agency=1_000, officer=100)
    for number in range(6):
        committer.commit([intent(number, subject=f"s{number}", limits=limits)])
    alerts = [log_entry.decode(row.entry) for row in log.rows if row.kind == EntryKind.BUDGET_ALERT]
    (alert,) = alerts
    assert alert.text(Field.AGENCY) == "tax"
    assert alert.text(Field.OFFICER) == "o1"
    assert alert.texts(Field.DETAIL) == ["budget=prefix", "units=3"]
    assert all(row.agency == "" for row in log.rows if row.kind == EntryKind.BUDGET_ALERT)


def test_the_buckets_count_questions(committer: Journal, log: MemoryLog) -> None:
    """The entry says how often this agency and this officer asked about this subject today, in four steps."""
    for number in range(7):
        committer.commit([intent(number, officer=f"o{number % 2}", outcome=MATCH, units=0)])
    entries = [log_entry.decode(row.entry) for row in log.rows]
    assert [item.number(Field.AGENCY_BUCKET) for item in entries] == [1, 2, 3, 3, 3, 4, 4]
    assert [item.number(Field.OFFICER_BUCKET) for item in entries] == [1, 1, 2, 2, 3, 3, 3]


def test_the_same_request_is_answered_once_and_charged_once(committer: Journal, log: MemoryLog) -> None:
    """A repetition returns the stored bytes, spends nothing, and is a REPLAY entry."""
    (first,) = committer.commit([intent(7)])
    charged = copy.deepcopy(log.counted)
    (again,) = committer.commit([intent(7)])
    assert again.body == first.body
    assert again.replayed
    assert log.counted == charged
    assert [row.kind for row in log.rows] == [EntryKind.VERIFY, EntryKind.REPLAY]


def test_two_of_the_same_request_in_one_group_are_one(log: MemoryLog, clock: _Clock) -> None:
    """Parallel repetitions that land in the same commit get the same answer."""
    seal = SealKey(bytes(32))
    committer = Committer(
        writer=GroupWriter(
            store=log, settlement=Settlement(signer=None, replay_seal=lambda _day: seal), clock=clock
        )
    )
    committer.start()
    settled = committer.commit([intent(7), intent(7), intent(7, digest=b"x" * 32)])
    committer.stop()
    assert settled[0].body == settled[1].body
    assert settled[2].reason == "REQUEST_ID_REUSED"
    assert log.groups == [3]


def test_a_request_id_with_another_body_is_refused(committer: Journal, log: MemoryLog) -> None:
    """The same id with another digest is an entry and a refusal, not an answer."""
    committer.commit([intent(7)])
    (other,) = committer.commit([intent(7, digest=b"\1" * 32)])
    assert other.body is None
    assert other.reason == "REQUEST_ID_REUSED"
    assert log.rows[-1].kind == EntryKind.REFUSED


def test_a_spent_quota_refuses_and_can_be_asked_again(committer: Journal, clock: _Clock) -> None:
    """A refusal by quota is not kept as the request's answer."""
    limits = Limits(subject=5, prefix=20, agency=1_000, officer=100, quota=2)
    for number in range(2):
        committer.commit([intent(number, outcome=MATCH, units=0, limits=limits)])
    assert committer.commit([intent(9, outcome=MATCH, units=0, limits=limits)])[0].reason == "QUOTA_EXHAUSTED"
    clock.ms += DAY_MS
    assert committer.commit([intent(9, outcome=MATCH, units=0, limits=limits)])[0].outcome == MATCH


def test_nothing_is_answered_that_was_not_stored(committer: Journal, log: MemoryLog) -> None:
    """A commit that fails is an error for its callers, and the next one works."""
    log.faults = [Fault.NOT_STORED]
    with pytest.raises(LogUnavailableError):
        committer.commit([intent(1)])
    log.faults = [Fault.NOT_STORED]
    with pytest.raises(LogUnavailableError):
        committer.probe()
    committer.probe()
    assert committer.commit([intent(1)])[0].outcome == NO_MATCH


def test_a_commit_that_failed_but_was_stored_is_replayed(committer: Journal, log: MemoryLog) -> None:
    """The caller who heard UNAVAILABLE and repeats gets the stored answer, charged once."""
    log.faults = [Fault.STORED]
    with pytest.raises(LogUnavailableError):
        committer.commit([intent(1)])
    charged = copy.deepcopy(log.counted)
    (again,) = committer.commit([intent(1)])
    assert again.replayed
    assert log.counted == charged


def test_a_hanging_disk_is_an_outage_within_the_patience(hasty: Journal, log: MemoryLog) -> None:
    """Callers hear of it in time, later ones at once, and what had not begun is not committed afterwards."""
    log.faults = [Fault.HANGS]
    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(hasty.commit, [intent(0)])]
        while (
            log.faults and not waiting[0].done()
        ):  # on a busy machine it may be given up before it was begun
            time.sleep(0.001)
        waiting += [pool.submit(hasty.commit, [intent(number)]) for number in range(1, 8)]
        errors = [future.exception() for future in waiting]
    assert all(isinstance(error, LogUnavailableError) for error in errors)
    with pytest.raises(LogUnavailableError):
        hasty.commit([intent(50)])
    assert time.monotonic() - began < 1.5
    log.released.set()
    repaired = time.monotonic()
    while not log.rows:
        assert time.monotonic() - repaired < 5
        time.sleep(0.01)
    hasty.probe()
    assert hasty.commit([intent(60, subject="s2")])[0].outcome == NO_MATCH
    assert len(log.rows) < 10
    assert not any(row.entry.endswith((50).to_bytes(16, "big")) for row in log.rows)


def test_while_the_log_fails_callers_are_turned_away(committer: Journal, log: MemoryLog) -> None:
    """After some failures nobody reaches the disk but a probe, and the first that works lets all through again."""
    log.faults = [Fault.NOT_STORED] * FAILURES
    for _ in range(FAILURES):
        with pytest.raises(LogUnavailableError):
            committer.commit([intent(1)])
    with pytest.raises(LogUnavailableError):
        committer.commit([intent(1)])
    assert log.rows == []
    committer.probe()
    committer.commit([intent(1)])
    assert len(log.rows) == 1


def test_requests_that_arrive_together_share_a_commit(log: MemoryLog, clock: _Clock) -> None:
    """An intent waits for the end of its slot, and joins the others that are ready then."""
    seal = SealKey(bytes(32))
    committer = Committer(
        writer=GroupWriter(
            store=log, settlement=Settlement(signer=None, replay_seal=lambda _day: seal), clock=clock
        )
    )
    committer.start()
    ready = time.monotonic() + 0.15
    threads = [
        threading.Thread(target=committer.commit, args=([intent(number, ready_at=ready)],))
        for number in range(10)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() >= ready
    committer.stop()
    assert log.groups[0] >= 5
    with pytest.raises(ShuttingDownError):
        committer.commit([intent(99)])


def test_a_receipt_is_the_last_field_of_the_answer(log: MemoryLog, clock: _Clock) -> None:
    """The receipt holds the leaf and the released outcome, and the response still parses."""

    class _Signer:
        header = b"e30"

        def sign(self, message: bytes) -> bytes:
            assert message.startswith(b"e30.")
            return bytes(64)

    seal = SealKey(bytes(32))
    committer = Committer(
        writer=GroupWriter(
            store=log, settlement=Settlement(signer=_Signer(), replay_seal=lambda _day: seal), clock=clock
        )
    )
    committer.start()
    (settled,) = committer.commit([intent(1, receipt=b'{"jti":"x"')])
    committer.stop()
    assert settled.body is not None
    response = verification_pb2.VerifyResponse.FromString(settled.body)
    assert response.outcome == NO_MATCH
    assert response.receipt.count(".") == 2
