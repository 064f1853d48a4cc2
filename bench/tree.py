# ruff: noqa: S311 - a benchmark draws no secrets
"""What the log and its tree cost: hashing, sequencing, and what a request pays with 100 in flight.

CPU of this process, so that neighbours do not count; the disk's own time is not in it. A request's entry is encoded,
hashed to its leaf, written with its group of 100 and, on SQLite, moved from the write-ahead log into the database by a
thread of the store's; the tree's part is the leader's turn over the same entries, as many as arrive between two turns,
as its own thread's CPU, and with what asks the database whether it leads still. What hands a request from thread to
thread is not in it, nor are budgets and stored answers, which the log's database holds too (bench/log_store.py). What
the file system itself computes is in it: a turn makes some 12 files. An ext4 without a journal, as roots of virtual
machines may be, searches past each inode that was deleted in the last minutes, so that a file costs ten times as much
where a test or a run before has removed its folder: name a TMPDIR on a disk like an installation's. TMPDIR=/dev/shm
shows what is left without a disk. Rows "of which" say where a part goes, and the floor is SHA-256 alone: the entry to
its leaf, twice since it is hashed again, the leaf, and a node of the tree.
Usage: python -m bench.tree [--postgres]
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import functools
import hashlib
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench.table import Row, render
from padan import canonical
from padan import entry as log_entry
from padan.tlog.edge import Edge
from padan.tlog.frontier import Frontier
from padan.tlog.merkle import leaf_hash
from tests.postgres import PostgresServer
from tests.tree import MANDATE, open_site
from verifier import migrations, tail
from verifier.log.checkpoint import PAUSE_SECONDS
from verifier.log.store import EntryRow, ReplayRow
from verifier.logtime import DAY_MS, ClockFlag, LogTime
from verifier.seat import open_seat
from verifier.tree.leaves import committed
from verifier.tree.places import Places
from verifier.tree.sequencer import EVERY

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.tree import Site
    from verifier.log.store import LogStore
    from verifier.tree.sequencer import Sequencer

LEAVES = 1 << 18
GROUP = 100
RATE = 2_000
"""Requests a second of the steady state."""
RUN = 20
"""Groups that are committed before the store's thread is waited for."""
SETTLED = 3 * PAUSE_SECONDS
_DAY = 20_000
_TIME = LogTime(ms=_DAY * DAY_MS, flag=ClockFlag.IN_STEP)
_HEAD = canonical.encode({number: bytes(24) for number in range(1, 20)})


def main() -> None:
    """Print the figures beside their goals."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--postgres", action="store_true", help="measure on PostgreSQL too")
    options = parser.parse_args()
    rows = [*hashing(), *floor()]
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        databases = {"SQLite": str(folder / "log.sqlite")}
        if options.postgres:
            databases["PostgreSQL"] = stack.enter_context(PostgresServer(durable=True)).make_database()
        for name, database in databases.items():
            migrations.upgrade(database, migrations.Tree.LOG)
            (folder / name).mkdir()
            with open_site(database, folder / name) as site, contextlib.closing(open_seat(database)) as seat:
                seat.take(MANDATE.term - 1, bytes(16))
                rows += costs(name, site)
    print(render(rows))


def hashing() -> list[Row]:
    """Measure the tree alone, in memory: full tiles, and the head's frontier."""
    leaves = [b"\x01" + number.to_bytes(32, "big") for number in range(LEAVES)]

    def grow() -> None:
        edge = Edge()
        for first in range(0, LEAVES, 8_192):
            edge.grow(leaves[first : first + 8_192])

    return [
        Row(
            name="tree: tiles and bundles",
            figure=LEAVES / cpu(grow),
            unit="leaves/s a core",
            at_least=400_000,
        ),
        Row(
            name="head: the frontier",
            figure=LEAVES / cpu(lambda: Frontier().extend(leaves)),
            unit="leaves/s a core",
            at_least=400_000,
        ),
    ]


def floor() -> list[Row]:
    """Measure the hashing that a request's entry cannot do without."""
    sizes = {"entry to leaf": 46 + len(make(bytes(32)).entry), "leaf": 34, "node": 65}
    figures = {what: _hash_seconds(size) * 1e6 for what, size in sizes.items()}
    return [
        *(Row(name=f"SHA-256 alone: {what}", figure=figure, unit="us") for what, figure in figures.items()),
        Row(
            name="SHA-256 alone: the floor",
            figure=sum(figures.values()) + figures["entry to leaf"],
            unit="us a request",
        ),
    ]


def _hash_seconds(size: int) -> float:
    sha256, items = hashlib.sha256, [number.to_bytes(size, "big") for number in range(1_000)]
    return min(cpu(lambda: [sha256(item).digest() for item in items]) for _ in range(50)) / len(items)


def leader(site: Site) -> Sequencer:
    """Make the sequencer as the leader has it."""
    return site.sequencer(require=site.log.require_term)


def of_turns(name: str, site: Site, source: random.Random, count: int) -> list[Row]:
    """Measure what a turn over `count` entries is made of, after turns that have published everything."""
    sequencer, bare = leader(site), []
    while sequencer.turn(MANDATE):
        pass
    for _ in range(12):
        with site.log.transaction() as transaction:
            transaction.write({}, _DAY, [make(source.randbytes(32))], [])
        bare.append(own_cpu(lambda: sequencer.turn(MANDATE)) / count)
    size = site.log.head().sequence
    again = min(
        own_cpu(lambda: collections.deque(committed(site.log, size - count, size), maxlen=0))
        for _ in range(12)
    )
    return [
        Row(name=f"{name}: of which read and hashed again", figure=again / count * 1e6, unit="us a request"),
        Row(
            name=f"{name}: of which what a turn of one entry costs",
            figure=statistics.median(bare) * 1e6,
            unit="us a request",
        ),
    ]


def costs(name: str, site: Site) -> list[Row]:
    """Measure what an entry costs on its way, and how fast an old log is caught up with."""
    source = random.Random(1)
    salts = [source.randbytes(32) for _ in range(GROUP)]
    entry = statistics.median(cpu(lambda: [make(salt) for salt in salts]) for _ in range(100)) / GROUP
    commit = group_cost(site.log, source) / GROUP
    leader(site).turn(MANDATE)
    site.keeper().advance()
    count = int(RATE * EVERY)
    sequencer, keeper = leader(site), site.keeper()
    turns, moves = [], []
    for _ in range(12):
        for _ in range(count // GROUP):
            commit_group(site.log, source, entries=True)
        turns.append(own_cpu(lambda: sequencer.turn(MANDATE)) / count)
        moves.append(own_cpu(keeper.advance) / count)
    tree, head = statistics.median(turns), statistics.median(moves)
    backlog = 40_000
    for _ in range(backlog // GROUP):
        commit_group(site.log, source, entries=True)
    caught_up = backlog / cpu(lambda: sequencer.turn(MANDATE))
    size = site.stated().size
    finder, leaves = Places(site.folder), site.log.leaves(0, size)
    wanted = [leaf_hash(leaves[source.randrange(size)]) for _ in range(50)]
    found = statistics.median(cpu(functools.partial(finder.find, leaf, size)) for leaf in wanted)
    return [
        Row(name=f"{name}: entry encoded, and its leaf", figure=entry * 1e6, unit="us a request"),
        Row(name=f"{name}: entry in a group's commit of {GROUP}", figure=commit * 1e6, unit="us a request"),
        Row(name=f"{name}: the leader's turn at {RATE:,} requests/s", figure=tree * 1e6, unit="us a request"),
        *of_turns(name, site, source, count),
        Row(name=f"{name}: the head's turn at {RATE:,} requests/s", figure=head * 1e6, unit="us a request"),
        Row(
            name=f"{name}: the log, all of it",
            figure=(entry + commit + tree + head) * 1e6,
            unit="us a request",
            at_most=10,
        ),
        Row(name=f"{name}: catching up, hashed again and published", figure=caught_up, unit="entries/s"),
        Row(name=f"{name}: a leaf found by its hash among {size:,}", figure=found * 1e3, unit="ms"),
    ]


def make(salt: bytes) -> EntryRow:
    """Make an entry of some 600 bytes as the service does."""
    data = log_entry.join(_HEAD, tail.answer(_TIME, 1, b"\1\1\1", 1, 1))
    return EntryRow(
        1, "agency-1", "purpose", 1, time.time_ns() // 1_000_000, data, salt, log_entry.leaf(salt, data)
    )


def group_cost(store: LogStore, source: random.Random) -> float:
    """Give the CPU seconds that the entries add to a group's commit, until they are moved into the database.

    The median difference of runs of groups with and without entries, in turn.
    """
    return statistics.median(
        (groups_cost(store, source, entries=True) - groups_cost(store, source, entries=False)) / RUN
        for _ in range(12)
    )


def groups_cost(store: LogStore, source: random.Random, *, entries: bool) -> float:
    """Commit a run of groups and wait until what was written is moved; the CPU seconds of both."""
    spent = sum(commit_group(store, source, entries=entries) for _ in range(RUN))
    return spent + cpu(lambda: time.sleep(SETTLED))


def commit_group(store: LogStore, source: random.Random, *, entries: bool) -> float:
    """Commit a group with its answers; its CPU seconds, without the making of its rows."""
    requests = [("agency-1", source.randbytes(16)) for _ in range(GROUP)]
    rows = [make(source.randbytes(32)) for _ in range(GROUP)] if entries else []
    answers = [ReplayRow(key=key, digest=bytes(32), body=bytes(900), day=_DAY) for key in requests]

    def commit() -> None:
        with store.transaction() as transaction:
            transaction.claim_replays(requests)
            transaction.write({}, _DAY, rows, answers)

    return cpu(commit)


def cpu(act: Callable[[], object]) -> float:
    """Give the CPU seconds of this process for something."""
    began = time.process_time()
    act()
    return time.process_time() - began


def own_cpu(act: Callable[[], object]) -> float:
    """Give the CPU seconds of this thread for something."""
    began = time.thread_time()
    act()
    return time.thread_time() - began


if __name__ == "__main__":
    main()
