"""The SQLite log fails closed, says why, and works again once the cause is gone."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from padan.entry import EntryKind
from tests.unit.verifier.log.rows import DAY, answer, entry, key, request
from verifier import admin_entry, migrations
from verifier.database import BUSY_SECONDS, open_sqlite
from verifier.failure import Failure
from verifier.log.sqlite import SqliteLogStore
from verifier.log.store import LogStoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[4]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Make an empty log."""
    migrations.upgrade(str(tmp_path / "log.sqlite"))
    return tmp_path / "log.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteLogStore]:
    """Open the store."""
    with closing(SqliteLogStore(path)) as opened:
        yield opened


def commit(store: SqliteLogStore, number: int, size: int = 10) -> None:
    """Commit one request with a large answer."""
    with store.transaction() as transaction:
        transaction.claim_replays([request(number)])
        used = transaction.counters([key(1)], DAY)
        transaction.write(
            {key(1): used[key(1)] + 1}, DAY, [entry(number)], [answer(number, body=bytes(size))]
        )


def failure(store: SqliteLogStore, number: int, size: int = 10) -> Failure:
    """Name the failure of a commit."""
    with pytest.raises(LogStoreError) as caught:
        commit(store, number, size)
    return caught.value.failure


def test_a_commit_is_durable(store: SqliteLogStore) -> None:
    """The writing connection keeps a write-ahead log and flushes it at each commit."""
    with store.transaction() as transaction:
        connection = transaction.connection
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)


def test_a_full_disk_fails_closed_and_heals(store: SqliteLogStore) -> None:
    """Without room nothing is stored and the reason is told; with room the same store goes on."""
    commit(store, 1)
    assert store._connection is not None
    store._connection.execute("PRAGMA max_page_count=1")
    assert failure(store, 2, size=500_000) is Failure.DISK_FULL
    assert store.head().sequence == 1
    commit(store, 2)
    with store.transaction() as transaction:
        assert transaction.counters([key(1)], DAY)[key(1)] == 2


def test_a_blocked_database_fails_within_the_limit(store: SqliteLogStore, path: Path) -> None:
    """While another process holds the write lock, the answer comes within two seconds; afterwards all is well."""
    commit(store, 1)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        started = time.monotonic()
        assert failure(store, 2) is Failure.BUSY
        assert 1 < time.monotonic() - started < 2
        other.execute("ROLLBACK")
    commit(store, 2)


def test_a_missing_file_is_told_and_not_made(store: SqliteLogStore, path: Path) -> None:
    """A log that is gone is never begun anew by itself; put back, it goes on."""
    commit(store, 1)
    store.close()
    path.rename(path.with_suffix(".away"))
    assert failure(store, 2) is Failure.CANNOT_OPEN
    assert not path.exists()
    path.with_suffix(".away").rename(path)
    commit(store, 2)
    assert store.head().sequence == 2


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    """A damaged file is a failure, never an empty log."""
    (tmp_path / "log.sqlite").write_bytes(b"no database at all" * 1_000)
    with closing(SqliteLogStore(tmp_path / "log.sqlite")) as store:
        assert failure(store, 1) is Failure.DAMAGED
        with pytest.raises(LogStoreError):
            store.head()


def test_a_database_made_read_only_fails_closed(store: SqliteLogStore) -> None:
    """A database that may not be written stores nothing and says so."""
    commit(store, 1)
    assert store._connection is not None
    store._connection.execute("PRAGMA query_only=ON")
    assert failure(store, 2) is Failure.READ_ONLY
    commit(store, 2)


_TOO_LARGE = """
import resource, signal, sys
from pathlib import Path
from tests.unit.verifier.log.test_sqlite import commit
from verifier.log.sqlite import SqliteLogStore
from verifier.log.store import LogStoreError

store = SqliteLogStore(Path(sys.argv[1]))
commit(store, 1)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
try:
    commit(store, 2, 2_000_000)
except LogStoreError as error:
    print(error.failure.value)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
commit(store, 2)
print(store.head().sequence)
store.close()
"""


def test_a_disk_that_does_not_write_fails_closed_and_heals(path: Path) -> None:
    """A write that the system refuses is told as such, nothing is stored, and the store goes on afterwards."""
    done = run_python(_TOO_LARGE, path)
    assert done.stdout.split() in (["input-output", "2"], ["disk-full", "2"]), done.stderr


_KILLED = """
import sys
from pathlib import Path
from padan.entry import EntryKind
from tests.unit.verifier.log.rows import DAY, answer, entry, key, request
from verifier.log.sqlite import SqliteLogStore

store = SqliteLogStore(Path(sys.argv[1]))
number = 0
while True:
    group = range(number, number + 50)
    with store.transaction() as transaction:
        transaction.claim_replays([request(each) for each in group])
        used = transaction.counters([key(0), *(key(1 + each) for each in group)], DAY)
        used[key(0)] += 50
        used.update({key(1 + each): 1 for each in group})
        transaction.write(used, DAY, [entry(each) for each in group], [answer(each) for each in group])
    number += 50
    print(number, flush=True)
"""


@pytest.mark.parametrize("delay", [0.0, 0.004, 0.015])
def test_a_killed_writer_leaves_whole_groups(path: Path, delay: float) -> None:
    """After kill -9 the log has every group that was confirmed, each one whole: entries, counters and answers."""
    with subprocess.Popen(
        [sys.executable, "-c", _KILLED, str(path)], cwd=ROOT, stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None
        for _ in range(4):
            writer.stdout.readline()
        time.sleep(delay)
        os.kill(writer.pid, signal.SIGKILL)
        confirmed = [int(line) for line in writer.stdout.read().split()]
    with closing(SqliteLogStore(path)) as store:
        count = store.head().sequence
        assert count >= max(confirmed, default=200)
        assert count % 50 == 0
        with store.transaction() as transaction:
            used = transaction.counters([key(number) for number in range(count + 1)], DAY)
            assert used == {key(0): count} | {key(number): 1 for number in range(1, count + 1)}
            assert len(transaction.replays([request(number) for number in range(count + 50)])) == count


def run_python(program: str, path: Path) -> subprocess.CompletedProcess[str]:
    """Run a program of a test in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", program, str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_command_waits_for_a_lock_that_is_held_for_long(path: Path) -> None:
    """What a command writes is there once, although another process held the lock longer than an answer waits."""
    with closing(SqliteLogStore(path)) as store, closing(open_sqlite(path)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        release = threading.Timer(BUSY_SECONDS + 1, lambda: holder.execute("ROLLBACK"))
        release.start()
        admin_entry.append(store, EntryKind.CHECKED, {"rows": "1"})
        release.join()
        assert [row.kind for row in store.entries(0, 10)] == [EntryKind.CHECKED]
