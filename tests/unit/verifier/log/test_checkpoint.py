"""The write-ahead log is moved into the database beside the commits."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING

from tests.unit.verifier.log.rows import DAY, entry
from verifier import database, migrations
from verifier.log.checkpoint import Checkpointer
from verifier.log.sqlite import SqliteLogStore

if TYPE_CHECKING:
    from pathlib import Path


def test_commits_reach_the_database_file_soon(tmp_path: Path) -> None:
    """A moment after a commit the file itself has the entry, and the next commits write over the old log."""
    path = tmp_path / "log.sqlite"
    migrations.upgrade(str(path))
    with closing(SqliteLogStore(path)) as store, closing(database.open_sqlite(path)) as other:
        for turn in range(3):
            before = size(path)
            with store.transaction() as transaction:
                transaction.write({}, DAY, [entry(number) for number in range(1_000)], [])
            while size(path) < before + 100_000:
                time.sleep(0.05)
            other.execute("PRAGMA wal_checkpoint(PASSIVE)")
            assert store.head().sequence == 1_000 * (turn + 1)
        assert path.with_name("log.sqlite-wal").stat().st_size < 2_000_000


def size(path: Path) -> int:
    """Measure the database file, which grows only by a checkpoint."""
    return path.stat().st_size


def test_a_missing_file_stops_nobody(tmp_path: Path) -> None:
    """The thread outlives a file that cannot be opened, makes none, and ends when it is told."""
    checkpointer = Checkpointer(tmp_path / "log.sqlite")
    for _ in range(3):
        checkpointer.nudge()
        time.sleep(0.3)
    checkpointer.stop()
    assert list(tmp_path.iterdir()) == []
    assert "log-checkpoint" not in {thread.name for thread in threading.enumerate()}
