# ruff: noqa: S311 - a benchmark draws no secrets
"""What disputes cost: the reference in each answer, and the search for the answer that one names.

The log holds a day of one agency at a steady rate, with another agency's entries between; entries have 600 bytes. Timed
are searches for answers that there are and for references that fit none. Usage, from the top of the tree:
python -m bench.dispute [--postgres] [--entries N] [--rate CALLS_A_SECOND]
"""

from __future__ import annotations

import argparse
import contextlib
import random
import statistics
import tempfile
import time
import timeit
from pathlib import Path
from typing import TYPE_CHECKING

from padan import canonical, entry
from tests.postgres import PostgresServer
from verifier import migrations
from verifier.directory import Directory
from verifier.dispute import contest
from verifier.dispute.table import DisputeTable
from verifier.log.open import open_log
from verifier.log.store import EntryRow

if TYPE_CHECKING:
    from collections.abc import Callable

START_MS = 1_795_000_000_000
SEARCHES = 60
_GROUP = 5_000
_REPEATS = 200_000


def fill(database: str, count: int, rate: int) -> list[tuple[int, bytes]]:
    """Write entries; log time and digest of some of the first agency's."""
    source, known = random.Random(1), []
    with contextlib.closing(open_log(database)) as log:
        for first in range(0, count, _GROUP):
            rows = []
            for number in range(first, min(first + _GROUP, count)):
                at, digest = START_MS + number * 500 // rate, source.randbytes(32)
                agency = ("tax", "health")[number % 2]
                head = {1: b"\0\1", 4: agency.encode(), 18: b"\0\1", 19: digest, 27: bytes(450)}
                data = entry.encode(canonical.encode(head), {40: at.to_bytes(8, "big")})
                rows.append(
                    EntryRow(
                        kind=1,
                        agency=agency,
                        purpose="purpose",
                        outcome=1,
                        log_time_ms=at,
                        entry=data,
                        salt=bytes(32),
                        leaf=bytes(33),
                    )
                )
                if agency == "tax":
                    known.append((at, digest))
            with log.transaction() as transaction:
                transaction.write({}, START_MS // 86_400_000, rows, [])
    return source.sample(known, SEARCHES)


def milliseconds(search: Callable[[int, bytes], object], wanted: list[tuple[int, bytes]]) -> list[float]:
    """Time searches."""
    times = []
    for at, digest in wanted:
        began = time.perf_counter()
        search(at, digest)
        times.append((time.perf_counter() - began) * 1e3)
    return times


def main() -> None:
    """Print the figures."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--postgres", action="store_true")
    options.add_argument("--entries", type=int, default=200_000)
    options.add_argument("--rate", type=int, default=200, help="questions a second of the agency")
    chosen = options.parse_args()
    digest = bytes(range(32))
    made = min(timeit.repeat(lambda: contest.make(START_MS, digest), number=_REPEATS, repeat=5)) / _REPEATS
    before = min(timeit.repeat(lambda: digest[:8].hex().encode(), number=_REPEATS, repeat=5)) / _REPEATS
    print(f"a reference: {made * 1e6:.2f} us; the eight bytes alone: {before * 1e6:.2f} us")
    with contextlib.ExitStack() as opened:
        if chosen.postgres:
            database = opened.enter_context(PostgresServer()).make_database()
        else:
            database = str(Path(opened.enter_context(tempfile.TemporaryDirectory())) / "log.sqlite")
        migrations.upgrade(database, migrations.Tree.LOG)
        wanted = fill(database, chosen.entries, chosen.rate)
        table = DisputeTable(opened.enter_context(contextlib.closing(Directory(database))))

        def search(at: int, sought: bytes) -> None:
            reference = contest.parse(contest.make(at, sought).decode(), answered_ms=None)
            table.find_answer("tax", reference, sought)

        milliseconds(search, wanted[:5])
        for name, sought in (
            ("there", wanted),
            ("not there", [(at, bytes(32)) for at, _ in wanted]),
        ):
            times = milliseconds(search, sought)
            print(
                f"{name}: median {statistics.median(times):.1f} ms, longest {max(times):.1f} ms,"
                f" among {chosen.entries:,} entries, {chosen.rate} a second"
            )


if __name__ == "__main__":
    main()
