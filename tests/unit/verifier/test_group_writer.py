"""One group's transaction, as far as it is told on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from keys.seal import SealKey
from padan.entry import EntryKind
from tests.simulator.intents import intent
from tests.simulator.log_store import Fault, MemoryLog
from verifier.budget import Limits
from verifier.errors import LogUnavailableError
from verifier.group_writer import GroupWriter
from verifier.logtime import ClockFlag, LogTime
from verifier.settlement import Settlement

if TYPE_CHECKING:
    from collections.abc import Callable

LIMITS = Limits(subject=5, prefix=3, agency=1_000, officer=100)


def writing(log: MemoryLog, on_alerts: Callable[[int], object]) -> GroupWriter:
    """Make a writer."""
    seal = SealKey(bytes(range(32)))
    return GroupWriter(
        store=log,
        settlement=Settlement(signer=None, replay_seal=lambda _day: seal),
        clock=lambda _database, _last_ms: LogTime(ms=20_000 * 86_400_000, flag=ClockFlag.IN_STEP),
        on_alerts=on_alerts,
    )


def test_alerts_are_counted_once_durable() -> None:
    """Each alert entry is told once; entries of questions, repetitions and refusals are none."""
    log, told = MemoryLog(), list[int]()
    writer = writing(log, told.append)
    for number in range(6):
        writer.write([intent(number, subject=f"s{number}", limits=LIMITS)])
    writer.write([intent(1, subject="s1", limits=LIMITS), intent(0, subject="s0", digest=b"\1" * 32)])
    writer.write([])
    assert sum(told) == len([row for row in log.rows if row.kind == EntryKind.BUDGET_ALERT]) == 1


def test_what_is_not_durable_is_not_counted() -> None:
    """Where the commit fails nothing is told."""
    log, told = MemoryLog(), list[int]()
    writer = writing(log, told.append)
    for number in range(3):
        writer.write([intent(number, subject=f"s{number}", limits=LIMITS)])
    log.faults.append(Fault.NOT_STORED)
    with pytest.raises(LogUnavailableError):
        writer.write([intent(3, subject="s3", limits=LIMITS)])
    assert told == []
