"""Entries go when their time is over: by class, in steps, resumable, logged, on both databases."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from padan import entry as log_entry
from padan.entry import EntryKind, Field
from verifier import admin_entry
from verifier.log.open import open_log
from verifier.log.store import LogStoreError
from verifier.retention.classes import RetentionClass, Schedule
from verifier.retention.state import NAME
from verifier.retention.sweep import Sweep

if TYPE_CHECKING:
    from collections.abc import Iterator

    from verifier.log.store import EntryRow, LogStore, StoredEntry

DAY_MS = 86_400_000
TODAY = 20_000
NOW_MS = TODAY * DAY_MS + 12_345
SCHEDULE = Schedule(
    days={
        RetentionClass.SHORT: 10,
        RetentionClass.STANDARD: 50,
        RetentionClass.LONG: 100,
        RetentionClass.LASTING: 250,
    }
)


@pytest.fixture
def log(log_database: str) -> Iterator[LogStore]:
    """A real log, on each engine."""
    with closing(open_log(log_database)) as opened:
        yield opened


def made(
    age: int, *, retention: int = 0, kind: EntryKind = EntryKind.VERIFY, agency: str = "tax"
) -> EntryRow:
    """Make an entry that is some days old."""
    row = admin_entry.build(
        kind,
        {"mark": os.urandom(8).hex()},
        now_ms=(TODAY - age) * DAY_MS + 500,
        agency=agency,
        fields={Field.RETENTION: bytes((retention,))} if retention else None,
    )
    return row._replace(purpose="service", outcome=1)


def write(log: LogStore, *rows: EntryRow) -> None:
    """Write entries in their order."""
    with log.transaction() as transaction:
        transaction.write({}, TODAY, rows, [])


def sweep(log: LogStore, schedule: Schedule = SCHEDULE, **more: Any) -> Sweep:
    """Make a sweep that does not rest."""
    return Sweep(log, schedule, **{"rest": lambda _seconds: None, "step": 4, **more})


def there(log: LogStore) -> list[int]:
    """List the places whose entries are there."""
    return [row.sequence for row in log.entries(0, 10_000) if row.entry]


def notices(log: LogStore) -> list[dict[str, str]]:
    """Read what retention logged."""
    return [
        dict(text.split("=", 1) for text in log_entry.decode(row.entry).texts(Field.DETAIL))
        for row in log.entries(0, 10_000)
        if row.kind == EntryKind.RETENTION_APPLIED
    ]


def test_each_class_goes_in_its_time(log: LogStore) -> None:
    """Every entry older than its class's days is erased, and none that is younger; the entry of the run says so."""
    rows = [
        made(age, retention=retention)
        for age in (260, 101, 100, 51, 50, 11, 10, 1)
        for retention in (1, 2, 3)
    ] + [made(0, kind=EntryKind.KEYRING_CHANGED)]
    write(log, made(251, kind=EntryKind.BUDGET_RESET), *rows)
    before = log.entries(0, 100)
    swept = sweep(log).turn(NOW_MS)
    assert swept.finished
    assert swept.erased == {
        RetentionClass.SHORT: 6,
        RetentionClass.STANDARD: 4,
        RetentionClass.LONG: 2,
        RetentionClass.LASTING: 1,
    }
    for old, now in zip(before, log.entries(0, 100), strict=False):
        age = TODAY - old.log_time_ms // DAY_MS
        retention = log_entry.decode(old.entry).number(Field.RETENTION) or RetentionClass.LASTING
        if age > SCHEDULE.days[RetentionClass(retention)]:
            assert_erased(old, now)
        else:
            assert now == old
    assert notices(log) == [
        {
            "short": "6",
            "short_until": "2024-09-24T00:00:00Z",
            "standard": "4",
            "standard_until": "2024-08-15T00:00:00Z",
            "long": "2",
            "long_until": "2024-06-26T00:00:00Z",
            "lasting": "1",
            "lasting_until": "2024-01-28T00:00:00Z",
        }
    ]
    assert sweep(log).turn(NOW_MS).erased == {}
    assert len(notices(log)) == 1


def assert_erased(old: StoredEntry, now: StoredEntry) -> None:
    """See that the leaf is left, and whose it was and when, and nothing of what was asked or answered."""
    assert (now.entry, now.salt, now.purpose, now.outcome) == (b"", b"", "", 0)
    assert now == replace(old, entry=b"", salt=b"", purpose="", outcome=0)


def test_what_is_held_stays_until_the_hold_is_lifted(log: LogStore) -> None:
    """A hold spares an agency's entries and the alerts about it; once lifted, they go like all others."""
    alert = admin_entry.build(
        EntryKind.BUDGET_ALERT, {}, now_ms=(TODAY - 90) * DAY_MS, fields={Field.AGENCY: b"tax"}
    )
    write(log, alert, made(20, retention=1), made(20, retention=1, agency="health"), made(0))
    held = replace(SCHEDULE, hold=frozenset({"tax"}))
    assert sweep(log, held).turn(NOW_MS).erased == {RetentionClass.SHORT: 1}
    assert there(log) == [1, 2, 4, 5]
    assert notices(log)[-1]["held"] == "tax"
    assert sweep(log, held).turn(NOW_MS).erased == {}
    assert sweep(log).due(NOW_MS) == {
        RetentionClass.SHORT: 1,
        RetentionClass.STANDARD: 1,
        RetentionClass.LONG: 0,
        RetentionClass.LASTING: 0,
    }
    assert sum(sweep(log).turn(NOW_MS).erased.values()) == 2
    assert there(log) == [4, 5, 6]


def test_a_turn_ends_when_it_has_had_enough_and_the_next_goes_on(log: LogStore) -> None:
    """Steps are bounded, none is done twice, and each turn logs what it erased."""
    write(log, *[made(20, retention=1) for _ in range(30)])
    asked = iter([False, False, *[True] * 99])
    first = sweep(log).turn(NOW_MS, enough=lambda: next(asked))
    assert (first.finished, first.erased) == (False, {RetentionClass.SHORT: 8})
    assert len(there(log)) == 22 + 1
    second = sweep(log).turn(NOW_MS)
    assert (second.finished, second.erased) == (True, {RetentionClass.SHORT: 22})
    assert [notice["short"] for notice in notices(log)] == ["8", "22"]


def test_what_a_crash_left_unlogged_is_logged_by_the_next_turn(log: LogStore) -> None:
    """Between a step and the entry nothing is lost: the count stands in the transaction that erased."""
    write(log, *[made(20, retention=1) for _ in range(6)])

    def die(_seconds: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep(log, rest=die).turn(NOW_MS)
    assert there(log) == [5, 6]
    assert notices(log) == []
    assert sweep(log).turn(NOW_MS).erased == {RetentionClass.SHORT: 6}
    assert [notice["short"] for notice in notices(log)] == ["6"]


def test_of_two_that_sweep_at_once_one_stops(log: LogStore) -> None:
    """Whoever finds the state moved erases nothing more; together they erase and log each entry once."""
    write(log, *[made(20, retention=1) for _ in range(12)])

    def meanwhile(_seconds: float) -> None:
        sweep(log).turn(NOW_MS)

    assert not sweep(log, rest=meanwhile).turn(NOW_MS).finished
    assert sweep(log).turn(NOW_MS).finished
    assert there(log) == [13]
    assert [notice["short"] for notice in notices(log)] == ["12"]


def test_log_time_that_stepped_back_spares_nothing_and_nobody(log: LogStore) -> None:
    """An entry before an older one waits for its own day, and is then not forgotten."""
    late = made(20, retention=1)
    early = made(20, retention=1)._replace(log_time_ms=(TODAY - 10) * DAY_MS + 1_000)
    write(
        log, made(20, retention=1), early, late._replace(log_time_ms=(TODAY - 10) * DAY_MS - 1_000), made(0)
    )
    assert sweep(log).turn(NOW_MS).erased == {RetentionClass.SHORT: 1}
    assert there(log) == [2, 3, 4, 5]
    assert sweep(log).turn(NOW_MS + DAY_MS).erased == {RetentionClass.SHORT: 2}
    assert there(log) == [4, 5, 6]


def test_counts_of_other_things_are_logged_too(log: LogStore) -> None:
    """What expiry removed stands in the next entry; nothing removed writes nothing."""
    sweep(log).note("answers_and_counters", 0)
    assert sweep(log).turn(NOW_MS).erased == {}
    assert notices(log) == []
    sweep(log).note("answers_and_counters", 5)
    sweep(log).note("answers_and_counters", 2)
    sweep(log).turn(NOW_MS)
    assert notices(log) == [{"answers_and_counters": "7"}]


def test_what_is_noted_in_the_middle_stops_no_turn(log: LogStore) -> None:
    """Expiry notes what it removed at any time; the turn under way goes on, and logs it with the rest."""
    write(log, *[made(20, retention=1) for _ in range(30)])
    noted = iter(range(2))

    def note() -> bool:
        for _ in noted:
            sweep(log).note("answers_and_counters", 5)
            break
        return False

    turn = sweep(log).turn(NOW_MS, enough=note)
    assert (turn.finished, turn.erased) == (True, {RetentionClass.SHORT: 30})
    (notice,) = notices(log)
    assert (notice["short"], notice["answers_and_counters"]) == ("30", "10")


def test_without_a_log_nothing_is_erased(tmp_path: Path) -> None:
    """Where the database is away the turn says so."""
    with closing(open_log(str(tmp_path / "nowhere.sqlite"))) as log, pytest.raises(LogStoreError):
        sweep(log).turn(NOW_MS)


def test_a_dry_run_changes_nothing(log: LogStore) -> None:
    """Counting what is over moves no mark."""
    write(log, *[made(20, retention=1) for _ in range(9)])
    assert sweep(log).due(NOW_MS)[RetentionClass.SHORT] == 9
    with log.transaction() as transaction:
        assert transaction.setting(NAME) == ""
    assert len(there(log)) == 9


def test_the_bytes_are_gone_from_the_file(tmp_path: Path) -> None:
    """On SQLite what was erased stands nowhere in the database's file once the write-ahead log is in it."""
    from verifier import migrations

    path = tmp_path / "log.sqlite"
    migrations.upgrade(str(path), migrations.Tree.LOG)
    marks = [os.urandom(16) for _ in range(200)]
    with closing(open_log(str(path))) as log:
        write(log, *[made(20, retention=1)._replace(salt=mark * 2) for mark in marks], made(0))
        assert all(mark in path.read_bytes() + Path(f"{path}-wal").read_bytes() for mark in marks)
        sweep(log, step=100).turn(NOW_MS)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert not any(mark in path.read_bytes() for mark in marks)
