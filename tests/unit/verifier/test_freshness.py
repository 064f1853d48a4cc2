"""An agreement that promises fresh data is told when the data is old: once a day, by whoever notices first."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from padan.entry import EntryKind, Field, decode
from tests.simulator.world import START, Agreements
from tests.terms import Terms
from verifier.freshness import FreshnessWatch
from verifier.leader import Mandate
from verifier.log.open import open_log
from verifier.log.store import LeaderLostError
from verifier.seat import open_seat

if TYPE_CHECKING:
    from collections.abc import Iterator

    from verifier.agreement.grant import Terms as Granted
    from verifier.log.store import LogStore

HOUR_MS = 3_600_000
LEADS = Mandate(term=0)


class Promises(Agreements):
    """Agreements of which each promises 24 hours."""

    def all_in_force(self, now: float) -> list[Granted]:
        """List those that are not suspended."""
        return [self.in_force(agency, now) for agency in self.terms if agency not in self.suspended]


@pytest.fixture
def log(log_database: str) -> Iterator[LogStore]:
    """A real log, on each engine."""
    with closing(open_log(log_database)) as opened:
        yield opened


def test_a_broken_promise_is_one_entry_a_day(log: LogStore) -> None:
    """Within the hours promised nothing is written; past them one entry an agency and day, whoever looks how often."""
    promises = Promises({"tax": Terms(), "bank": Terms(), "gone": Terms()})
    promises.suspended.add("gone")
    now = [START]
    as_of = int(START * 1000) - 24 * HOUR_MS

    def watch() -> FreshnessWatch:
        return FreshnessWatch(
            agreements=promises,
            as_of_ms=lambda: (3, as_of),
            log=log,
            now=lambda: now[0],
            log_ms=lambda: int(now[0] * 1000),
        )

    assert watch().check(LEADS) == 0
    now[0] += 3_601
    assert watch().check(LEADS) == 2
    assert watch().check(LEADS) == watch().check(LEADS) == 0
    rows = [row for row in log.entries(0, 100) if row.kind == EntryKind.FRESHNESS_BROKEN]
    assert sorted(row.agency for row in rows) == ["bank", "tax"]
    entry = decode(rows[0].entry)
    assert entry.texts(Field.DETAIL) == ["promised_hours=24", "age_hours=25"]
    assert entry.number(Field.EPOCH) == 3
    now[0] += 86_400
    assert watch().check(LEADS) == 2
    as_of = int(now[0] * 1000)
    now[0] += 86_400 / 2
    assert watch().check(LEADS) == 0


def test_only_the_leader_warns(log: LogStore, log_database: str) -> None:
    """A former leader that still believes in its term writes nothing."""
    with closing(open_seat(log_database)) as seat:
        assert seat.take(0, b"h" * 16) == 1
    watch = FreshnessWatch(
        agreements=Promises({"tax": Terms()}),
        as_of_ms=lambda: (3, 0),
        log=log,
        now=lambda: START,
        log_ms=lambda: int(START * 1000),
    )
    with pytest.raises(LeaderLostError):
        watch.check(LEADS)
    assert not log.entries(0, 100)
    assert watch.check(Mandate(term=1)) == 1
