"""Measures what erasing costs the requests beside it: the log's commits with and without it, on SQLite and PostgreSQL.

    python -m bench.retention [--entries N] [--json]

A log with entries of which all are over; a thread commits one small group after the other, as a service does, while
retention erases in its own steps, over a connection of its own as the leader's process has it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from padan.entry import EntryKind, Field
from tests.postgres import PostgresServer
from verifier import admin_entry, migrations
from verifier.log.open import open_log
from verifier.retention.classes import RetentionClass, Schedule
from verifier.retention.sweep import Sweep

if TYPE_CHECKING:
    from verifier.log.store import EntryRow, LogStore

DAY = 20_000
DAY_MS = 86_400_000
GOAL_MS = 100.0
"""The longest that a commit may take longer for it: what a transaction of 20,000 rows cost was 1,400 ms."""


def _entry(age: int) -> EntryRow:
    return admin_entry.build(
        EntryKind.VERIFY,
        {"filler": os.urandom(150).hex()},
        now_ms=(DAY - age) * DAY_MS,
        agency="tax",
        fields={Field.RETENTION: b"\x01"},
    )


class _Commits:
    """Commits small groups until told to stop, and keeps how long each took."""

    def __init__(self, log: LogStore) -> None:
        self.seconds: list[float] = []
        self._log = log
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> list[float]:
        """Stop; the milliseconds of all."""
        self._stopping.set()
        self._thread.join()
        return sorted(1_000 * each for each in self.seconds)

    def _run(self) -> None:
        while not self._stopping.wait(0.005):
            began = time.monotonic()
            with self._log.transaction() as transaction:
                transaction.write({}, DAY, [_entry(0) for _ in range(4)], [])
            self.seconds.append(time.monotonic() - began)


def measure(database: str, entries: int) -> dict[str, Any]:
    """Fill a log, erase it, and give the figures."""
    migrations.upgrade(database, migrations.Tree.LOG)
    schedule = Schedule(days=dict.fromkeys(RetentionClass, 10))
    with closing(open_log(database)) as service, closing(open_log(database)) as leader:
        for start in range(0, entries, 1_000):
            with service.transaction() as transaction:
                rows = [_entry(20) for _ in range(min(1_000, entries - start))]
                transaction.write({}, DAY, rows, [])
        commits = _Commits(service)
        time.sleep(3)
        alone = commits.stop()
        commits = _Commits(service)
        began = time.monotonic()
        swept = Sweep(leader, schedule).turn(DAY * DAY_MS)
        seconds = time.monotonic() - began
        beside = commits.stop()
    return {
        "database": "postgresql" if "://" in database else "sqlite",
        "erased": swept.erased.get(RetentionClass.SHORT, 0),
        "per_second": swept.erased.get(RetentionClass.SHORT, 0) / seconds,
        "alone_ms": [statistics.median(alone), alone[int(0.99 * len(alone))], alone[-1]],
        "beside_ms": [statistics.median(beside), beside[int(0.99 * len(beside))], beside[-1]],
    }


def main() -> None:
    """Measure both databases and print a table."""
    parser = argparse.ArgumentParser(description="What erasing costs the log's commits.")
    parser.add_argument("--entries", type=int, default=50_000)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="padan-bench-") as folder, PostgresServer(durable=True) as server:
        databases = [str(Path(folder) / "log.sqlite"), server.make_database()]
        figures = [measure(database, chosen.entries) for database in databases]
    if chosen.json:
        sys.stdout.write(json.dumps(figures, indent=1) + "\n")
        return
    sys.stdout.write(
        "database       erased  a second   a commit, ms: median, p99, longest   beside erasing\n"
    )
    for each in figures:
        alone, beside = (
            " ".join(f"{value:7.1f}" for value in each[name]) for name in ("alone_ms", "beside_ms")
        )
        verdict = "reached" if each["beside_ms"][-1] - each["alone_ms"][-1] < GOAL_MS else "missed"
        sys.stdout.write(
            f"{each['database']:12} {each['erased']:>8,} {each['per_second']:>9,.0f}   {alone}          {beside}"
            f"  {verdict}\n"
        )


if __name__ == "__main__":
    main()
