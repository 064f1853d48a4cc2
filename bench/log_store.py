# ruff: noqa: S311 - a benchmark draws no secrets
"""What a record costs in the log's store: CPU of this process, by size of group, on SQLite and on PostgreSQL.

A record is one entry of 600 bytes, one kept answer of 900 bytes and eight counters, of which five are new and three
are the agency's own; on PostgreSQL the server's CPU is not in the figure. With --growth what is measured on SQLite is
this process's own memory instead, beside the records written so far: it grows until the numbers that the store keeps in
memory have been moved to the disk once. Usage, from the top of the tree:
python -m bench.log_store [--postgres] [--mirror] [--people N] [--growth RECORDS]
"""

from __future__ import annotations

import argparse
import contextlib
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.postgres import PostgresServer
from verifier import migrations
from verifier.log.mirror import adopt
from verifier.log.open import open_log
from verifier.log.store import EntryRow, ReplayRow

if TYPE_CHECKING:
    from verifier.log.store import LogStore

GROUPS = (1, 10, 64)
RECORDS = 2_560
DAY = 20_000
STEP = 100_000
"""Records between two looks at the memory."""
STRANGERS = 10_000_000
"""People of whom each record is of another one, nearly always."""


def write_group(store: LogStore, size: int, people: int, changed: int, source: random.Random) -> None:
    """Commit one group as the service does."""
    requests = [("agency-1", source.randbytes(16)) for _ in range(size)]
    common = [bytes((number,)) * 16 for number in range(3)]
    subjects = [source.randrange(people) for _ in range(size)]
    keys = [
        [random.Random(subject * 8 + number).randbytes(16) for number in range(5)] for subject in subjects
    ]
    entries = [
        EntryRow(
            kind=1,
            agency="agency-1",
            purpose="purpose",
            outcome=1,
            log_time_ms=1,
            entry=bytes(600),
            salt=bytes(32),
            leaf=bytes(33),
        )
        for _ in range(size)
    ]
    answers = [ReplayRow(key=key, digest=bytes(32), body=bytes(900), day=DAY) for key in requests]
    started = time.process_time(), time.perf_counter()
    with store.transaction() as transaction:
        transaction.claim_replays(requests)
        used = transaction.counters({key for own in (common, *keys) for key in own}, DAY)
        for own in keys:
            for key in (*common, *own[:changed]):
                used[key] = used.get(key, 0) + 1
        transaction.write(used, DAY, entries, answers)
    TIMES.append((time.process_time() - started[0], time.perf_counter() - started[1]))


TIMES: list[tuple[float, float]] = []


def measure(store: LogStore, size: int, people: int, changed: int) -> tuple[float, float]:
    """Return CPU and wall microseconds a record, medians over the groups."""
    source = random.Random(10**9 + size * 10 + changed)
    TIMES.clear()
    for _ in range(max(40, RECORDS // size)):
        write_group(store, size, people, changed, source)
    cpu = statistics.mean(cpu for cpu, _ in TIMES)
    wall = statistics.median(wall for _, wall in TIMES)
    return cpu / size * 1e6, wall / size * 1e6


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--postgres", action="store_true", help="measure PostgreSQL too")
    parser.add_argument(
        "--mirror", action="store_true", help="measure SQLite with a mirror too, on this disk"
    )
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--growth", type=int, default=0, help="write so many records and print the memory")
    options = parser.parse_args()
    if options.growth:
        grow(options.growth)
        return
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        databases = {"sqlite": str(folder / "log.sqlite")}
        if options.postgres:
            databases["postgresql"] = stack.enter_context(PostgresServer(durable=True)).make_database()
        if options.mirror:
            databases["mirrored"] = str(folder / "mirrored.sqlite")
        for name, database in databases.items():
            migrations.upgrade(database)
            if name == "mirrored":
                (folder / "mirror").mkdir()
                adopt(Path(database), folder / "mirror")
            with contextlib.closing(open_log(database)) as store:
                run(name, store, options.people)


def grow(records: int) -> None:
    """Write records of ever new people, and print the memory on the way."""
    with tempfile.TemporaryDirectory() as folder:
        database = str(Path(folder) / "log.sqlite")
        migrations.upgrade(database)
        source = random.Random(1)
        with contextlib.closing(open_log(database)) as store:
            for written in range(STEP, records + 1, STEP):
                TIMES.clear()
                for _ in range(STEP // 100):
                    write_group(store, 100, STRANGERS, 5, source)
                print(f"{written:>12,} records: {own_memory():7.1f} MiB", flush=True)


def own_memory() -> float:
    """Give what this process has in memory of its own, in MiB."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    found = dict(line.split(":", 1) for line in lines)
    return int(found["RssAnon"].split()[0]) / 1024


def run(name: str, store: LogStore, people: int) -> None:
    """Fill a store and print its figures."""
    for turn in range(people // 200):
        write_group(store, 100, people, 5, random.Random(turn))
    for changed, what in ((5, "eight counters change"), (2, "five counters change")):
        for size in GROUPS:
            cpu, wall = measure(store, size, people, changed)
            print(f"{name:10} {what} group {size:3}: {cpu:7.1f} us CPU {wall:7.1f} us wall a record")


if __name__ == "__main__":
    main()
