# ruff: noqa: S311 - a benchmark draws no secrets
"""What the log and its tree cost: hashing, sequencing, and what a request pays with 100 in flight.

CPU of this process, so that neighbours do not count; the disk's own time is not in it. A request's entry is encoded,
hashed to its leaf and written with its group of 100; the tree's part is the leader's turn over the same entries, as
many as arrive between two turns. What hands a request from thread to thread is not in it, nor are budgets and stored
answers, which the log's database holds too (bench/log_store.py). Usage: python -m bench.tree [--postgres]
"""

from __future__ import annotations

import argparse
import contextlib
import functools
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
from verifier.log.store import EntryRow, ReplayRow
from verifier.logtime import DAY_MS, ClockFlag, LogTime
from verifier.tree.places import Places

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.tree import Site
    from verifier.log.store import LogStore

LEAVES = 1 << 18
GROUP = 100
RATE = 2_000
"""Requests a second of the steady state: a thousand entries a turn."""
TURN = 0.5
"""Seconds between two turns, as the leader's housekeeping has them on average."""
_DAY = 20_000
_TIME = LogTime(ms=_DAY * DAY_MS, flag=ClockFlag.IN_STEP)
_HEAD = canonical.encode({number: bytes(24) for number in range(1, 20)})


def main() -> None:
    """Print the figures beside their goals."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--postgres", action="store_true", help="measure on PostgreSQL too")
    options = parser.parse_args()
    rows = hashing()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        databases = {"SQLite": str(folder / "log.sqlite")}
        if options.postgres:
            databases["PostgreSQL"] = stack.enter_context(PostgresServer(durable=True)).make_database()
        for name, database in databases.items():
            migrations.upgrade(database, migrations.Tree.LOG)
            (folder / name).mkdir()
            with open_site(database, folder / name) as site:
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


def costs(name: str, site: Site) -> list[Row]:
    """Measure what an entry costs on its way, and how fast an old log is caught up with."""
    source = random.Random(1)
    salts = [source.randbytes(32) for _ in range(GROUP)]
    entry = statistics.median(cpu(lambda: [make(salt) for salt in salts]) for _ in range(100)) / GROUP
    commit = group_cost(site.log, source) / GROUP
    site.sequencer().turn(MANDATE)
    site.keeper().advance()
    count = int(RATE * TURN)
    sequencer, keeper = site.sequencer(), site.keeper()
    turns, moves = [], []
    for _ in range(12):
        for _ in range(count // GROUP):
            commit_group(site.log, source, entries=True)
        turns.append(cpu(lambda: sequencer.turn(MANDATE)) / count)
        moves.append(cpu(keeper.advance) / count)
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
        kind=1,
        agency="agency-1",
        purpose="purpose",
        outcome=1,
        log_time_ms=1,
        entry=data,
        salt=salt,
        leaf=log_entry.leaf(salt, data),
    )


def group_cost(store: LogStore, source: random.Random) -> float:
    """Give the CPU seconds that the entries add to a group's commit: medians of groups with and without, in turn."""
    bare: list[float] = []
    full: list[float] = []
    for _ in range(200):
        bare.append(commit_group(store, source, entries=False))
        full.append(commit_group(store, source, entries=True))
    return statistics.median(full) - statistics.median(bare)


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


if __name__ == "__main__":
    main()
