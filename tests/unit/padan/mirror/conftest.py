"""An auditor's copy whose entries tell a story, for the tests that ask it."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from padan.entry import EntryKind
from padan.vocabulary import Verdict
from tests.copies import START_MS, Auditor, note, question

if TYPE_CHECKING:
    from collections.abc import Iterator

HOUR, DAY = 3_600_000, 86_400_000


def story() -> Iterator[bytes]:
    """Two agencies, of which one ends; a busy officer, a curious one, one at night, one who tries numbers."""
    source, at = random.Random(7), START_MS  # 21:13 in Jakarta
    yield note(
        EntryKind.AGREEMENT_ACTIVATED,
        at,
        {"document": "d", "signer": "s", "until": "2026-09-25T00:00:00Z"},
        agency=b"tax",
        agreement=b"PKS/1",
        agreement_version=b"\0\0\0\1",
    )
    yield note(EntryKind.AGREEMENT_ACTIVATED, at, {"document": "d"}, agency=b"health", agreement=b"PKS/2")
    yield note(EntryKind.AGREEMENT_SUSPENDED, at, {"reason": "r"}, agency=b"health")
    morning = at + 12 * HOUR
    for officer in ("desk-1", "desk-2", "desk-3"):
        for number in range(10):
            issued = ["issue=aid@1"] if number < 2 else []
            yield question(source, morning + number * 60_000, officer=officer, tokens=issued)
    for number in range(80):  # far above the median
        yield question(source, morning + number * 10_000, officer="busy", purpose="strict")
    for number in range(4):  # the same person again and again
        yield question(
            source, morning + number, officer="=curious\x1b[31m", officer_bucket=4, agency_bucket=4
        )
    for number in range(24):  # 03:13 in Jakarta
        yield question(source, at + 6 * HOUR + number * 1000, officer="owl", tokens=("subject=aid@1",))
    for number in range(30):  # tries numbers: 14 misses, a hit, 15 misses
        outcome = Verdict.MATCH if number == 14 else Verdict.NO_MATCH
        renewed = ["subject=aid@1", "issue=aid@2"]
        yield question(source, morning + number * 1000, officer="probe", outcome=outcome, tokens=renewed)
    yield note(
        EntryKind.BUDGET_ALERT, morning, {"budget": "prefix", "units": "40"}, agency=b"tax", officer=b"probe"
    )
    for number in range(3):
        yield question(source, morning + number, officer="probe", outcome=Verdict.BLOCKED)
    yield question(source, morning, agency="health", outcome=Verdict.NOT_AVAILABLE)
    yield note(EntryKind.REFUSED, morning, {}, agency=b"health", officer=b"h", reason=b"\0\x0a")
    yield note(EntryKind.REFUSED, morning, {}, agency=b"tax", officer=b"desk-1", final_reason=b"\0\x11")
    yield question(source, at + 5 * DAY)  # after the end of the agreement


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> Auditor:
    """A copy of the story, for tests that only read."""
    auditor = Auditor.begin(tmp_path_factory.mktemp("told"), list(story()))
    auditor.mirror()
    return auditor
