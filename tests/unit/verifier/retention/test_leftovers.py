"""Old epochs, killed loads and lists of rejected rows go in their time, each with an entry that came first."""

from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from padan import entry as log_entry
from padan.entry import EntryKind, Field
from tests.unit.verifier.vault.epochs import epoch, load, tokens
from verifier import admin_entry, migrations
from verifier.config import Settings
from verifier.database import open_sqlite
from verifier.leader import Mandate
from verifier.log.open import open_log
from verifier.log.store import LeaderLostError, LogStoreError
from verifier.projector import plan as plans
from verifier.projector.plan import Plan
from verifier.retention.duty import Retention, RetentionBusyError
from verifier.vault.epoch import EpochState
from verifier.vault.open import open_catalogue, open_writer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from verifier.log.store import LogStore

DAY_MS = 86_400_000
START_MS = 1_790_000_000_000


@pytest.fixture
def settings(vault_database: str, tmp_path: Path) -> Settings:
    """A vault, on each engine, whose epoch 1 is retired and whose epoch 2 is active, and a log."""
    chosen = Settings(
        registry_id="registry",
        environment="development",
        trust_domain="padan.example",
        data_dir=tmp_path,
        vault_url=vault_database,
        retention_epoch_days=3,
        retention_file_days=5,
    )
    migrations.upgrade(chosen.log_database, migrations.Tree.LOG)
    with closing(open_writer(vault_database)) as writer:
        for number in (1, 2):
            load(writer, number, tokens(6, seed=number), activate=True)
    return chosen


@pytest.fixture
def log(settings: Settings) -> Iterator[LogStore]:
    """Its log."""
    with closing(open_log(settings.log_database)) as opened:
        yield opened


def at(log: LogStore, day: int) -> None:
    """Let log time come to a day."""
    now_ms = START_MS + day * DAY_MS
    row = admin_entry.build(EntryKind.KEYRING_CHANGED, {}, now_ms=now_ms)
    with log.transaction() as transaction:
        transaction.write({}, now_ms // DAY_MS, [row], [])


def details(log: LogStore) -> list[str]:
    """Read what retention logged."""
    return [
        text
        for row in log.entries(0, 100)
        if row.kind == EntryKind.RETENTION_APPLIED
        for text in log_entry.decode(row.entry).texts(Field.DETAIL)
    ]


def states(settings: Settings) -> dict[int, EpochState]:
    """Say where each epoch stands."""
    with closing(open_writer(settings.vault_database)) as writer:
        return {each.number: each.state for each in writer.epochs()}


def test_a_retired_epoch_is_dropped_in_its_time(settings: Settings, log: LogStore) -> None:
    """Its time begins when it is first seen retired, and begins anew after it was active again."""
    retention = Retention(settings, log)
    at(log, 0)
    assert not retention.apply().removed
    at(log, 2)
    with closing(open_writer(settings.vault_database)) as writer:
        writer.activate(1)
    assert not retention.apply().removed
    with closing(open_writer(settings.vault_database)) as writer:
        writer.activate(2)
    at(log, 3)
    assert not retention.apply().removed
    at(log, 5)
    assert not retention.leftovers.over(retention.now_ms())
    at(log, 6)
    assert retention.leftovers.over(retention.now_ms()) == {"epochs": ["1"]}
    assert states(settings) == {1: EpochState.RETIRED, 2: EpochState.ACTIVE}
    assert retention.apply().removed == {"epochs": ["1"]}
    assert states(settings) == {1: EpochState.DROPPED, 2: EpochState.ACTIVE}
    assert details(log) == ["epoch=1"]
    assert not retention.apply().removed


def test_what_a_killed_command_left_of_an_epoch_goes(settings: Settings, log: LogStore) -> None:
    """An epoch that is dropped has no time: rows that are there all the same go at once, and once."""
    retention = Retention(settings, log)
    at(log, 0)
    with closing(open_catalogue(settings.vault_database)) as catalogue:
        catalogue.drop(1)
    with closing(open_writer(settings.vault_database)) as writer:
        assert writer.left() == [1]
        assert retention.leftovers.over(retention.now_ms()) == {"epochs": ["1"]}
        assert retention.apply().removed == {"epochs": ["1"]}
        assert writer.left() == []
    assert details(log) == ["epoch=1"]
    assert not retention.apply().removed


def test_what_the_log_cannot_record_stays(settings: Settings, log: LogStore) -> None:
    """Where the entry cannot be written, the rows are there afterwards."""
    retention = Retention(settings, log)
    at(log, 0)
    retention.apply()
    with log.transaction() as transaction:
        transaction.set_setting("retention_epochs", '{"1": 1}')

    with closing(open_sqlite(settings.data_dir / "log.sqlite")) as connection:
        connection.execute(
            "CREATE TRIGGER refuse BEFORE INSERT ON entry BEGIN SELECT RAISE(ABORT, 'full'); END"
        )
    with pytest.raises(LogStoreError):
        retention.apply()
    assert states(settings)[1] is EpochState.RETIRED


def test_files_of_old_loads_go(settings: Settings, log: LogStore) -> None:
    """A killed load that nobody goes on with and a list of rejected rows, when they have not changed for days."""
    retention = Retention(settings, log)
    loads = settings.data_dir / "loads"
    with closing(open_writer(settings.vault_database)) as writer:
        writer.begin(epoch(3))
    plan = Plan(epoch=3, as_of="2026-01-01", fingerprint="", folder=plans.folder_of(loads, 3))
    plan.write()
    old, new = (settings.data_dir / f"rejects-epoch-00000{number}.csv" for number in (1, 2))
    for path in (old, new):
        path.write_text("row,field,rule\n")
    other = settings.data_dir / "notes.csv"
    other.write_text("mine")
    for path in (old, other, *plan.folder.iterdir(), plan.folder):
        os.utime(path, (START_MS / 1000, START_MS / 1000))
    os.utime(new, (START_MS / 1000 + 86_400,) * 2)
    at(log, 4)
    assert not retention.apply().removed
    at(log, 6)
    with plans.alone(loads):
        assert retention.apply().removed == {"files": [old.name]}
    assert retention.apply().removed == {"loads": ["3"]}
    assert states(settings)[3] is EpochState.DROPPED
    assert not plan.folder.exists()
    assert (old.exists(), new.exists(), other.exists()) == (False, True, True)
    assert details(log) == [f"file={old.name}", "load=3"]


def test_files_of_old_checks_go(settings: Settings, log: LogStore) -> None:
    """A killed check that nobody goes on with, and a list of rows that differ; neither while a check is running."""
    retention = Retention(settings, log)
    checks = settings.data_dir / "checks"
    old, new = checks / "0123456789abcdef", checks / "fedcba9876543210"
    rows = settings.data_dir / "check-0123456789abcdef.rows.csv"
    for path in (old, new):
        path.mkdir(parents=True)
        (path / "plan.json").write_text("{}")
    rows.write_text("row,field,rule\n")
    for path in (rows, old / "plan.json", old):
        os.utime(path, (START_MS / 1000, START_MS / 1000))
    for path in (new / "plan.json", new):
        os.utime(path, (START_MS / 1000 + 5 * 86_400,) * 2)
    at(log, 6)
    assert retention.leftovers.over(retention.now_ms()) == {"checks": [old.name], "files": [rows.name]}
    with plans.alone(checks, what="check"):
        assert retention.apply().removed == {"files": [rows.name]}
    assert retention.apply().removed == {"checks": [old.name]}
    assert (old.exists(), new.exists()) == (False, True)
    assert details(log) == [f"file={rows.name}", f"check={old.name}"]


def test_two_do_not_work_at_once(settings: Settings, log: LogStore) -> None:
    """While one process applies retention another is told so, and the service's own turn waits for its next."""
    busy = Retention(settings, log)
    seen: list[bool] = []

    def meanwhile() -> bool:
        other = Retention(settings, log)
        with pytest.raises(RetentionBusyError):
            other.apply()
        other.turn(Mandate(term=1))
        seen.append(True)
        return True

    at(log, 0)
    busy.apply(enough=meanwhile)
    assert seen


def test_a_leader_past_its_term_removes_nothing(settings: Settings, log: LogStore) -> None:
    """What wakes up after another leads finds its term over: no entry, no epoch goes."""
    retention = Retention(settings, log)
    at(log, 0)
    with pytest.raises(LeaderLostError):
        retention.turn(Mandate(term=7))
    at(log, 900)
    with pytest.raises(LeaderLostError):
        retention.turn(Mandate(term=7))
    assert details(log) == []
    assert states(settings)[1] is EpochState.RETIRED
