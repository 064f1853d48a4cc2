"""What an auditor's work on a large copy costs: CPU and memory of each command, in a process of its own.

The copy is one that bench.log_copy made. Rates are entries for each second of CPU, so that they hold for one core
whatever else the machine does; a report's time is the wall clock's. With --parts it prints instead, in one process and
without its start, what a check of an entry is made of, beside the three SHA-256 that it cannot do without: of the leaf,
of a node of the tree, and of the entry. Usage, from the top of the tree:
python -m bench.log_copy FOLDER --entries N && python -m bench.log_check FOLDER [--parts]
"""

from __future__ import annotations

import argparse
import collections
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.table import Row, render
from padan.audit.mirror import belief, entries, trusted, verification
from padan.audit.mirror.chunks import split
from padan.audit.mirror.database import Database
from padan.audit.mirror.place import Copy
from padan.audit.mirror.report import REPORTS
from padan.entry import LEAF_LABEL

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ROUNDS: Final = 5
SAMPLE: Final = 30
"""Chunks of the copy whose checks are measured by themselves, so that they fit into memory."""
_FLOOR: Final = "SHA-256 alone"


def measure(*words: str) -> tuple[dict[str, int], float, float, int]:
    """Run a command of padan-audit; give what it printed, CPU and wall seconds, and its largest memory in MiB."""
    began = time.perf_counter()
    command = [sys.executable, "-c", "from padan.audit.cli import main; main()", *words, "--json"]
    with tempfile.TemporaryFile() as sink:
        process = subprocess.Popen(command, stdout=sink, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        sink.seek(0)
        printed = sink.read()
    if process.returncode:
        raise SystemExit(f"{words[0]} ended with {process.returncode}")
    wall = time.perf_counter() - began
    return json.loads(printed), usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss // 1024


def parts(folder: Path) -> list[Row]:
    """Measure the parts of `padan-audit verify` one by one: the least of some rounds, microseconds of CPU an entry."""
    copy, policy = Copy(folder / "copy"), belief.load_policy(folder / "policy")
    last = trusted.read(trusted.beside(copy.folder), policy)
    tree = belief.open_tree(copy, policy, last)
    size = tree.checkpoint.size

    def read() -> None:
        with Database.open(copy.database, settings={"threads": "1"}) as database:
            collections.deque(split(database.batches(), size), maxlen=0)

    with Database.open(copy.database, settings={"threads": "1"}) as database:
        chunks = list(islice(split(database.batches(), size), SAMPLE))
    leaves = list(islice(verification.leaves(copy, tree), SAMPLE))
    held = sum(chunk.rows.num_rows for chunk in chunks)
    first = chunks[0].rows
    bodies = [
        LEAF_LABEL + salt + raw
        for salt, raw in zip(first["salt"].to_pylist(), first["raw"].to_pylist(), strict=True)
        if raw is not None
    ]

    def check() -> None:
        for chunk, own in zip(chunks, leaves, strict=True):
            entries.check_leaves(chunk, own)

    hashing = {
        "a leaf": [b"\0" + leaf for leaf in leaves[0]],
        "a node": [b"\1" + leaf + leaf[1:] for leaf in leaves[0]],
        "an entry": bodies,
    }
    floor = {what: _least(partial(_hash, data), len(data)) for what, data in hashing.items()}
    found = {
        "rows read from the database": _least(read, size),
        "leaves and tiles, read and hashed": _least(
            lambda: collections.deque(verification.leaves(copy, tree), maxlen=0), size
        ),
        "entries hashed and held against leaves": _least(check, held),
        "columns digested": _least(lambda: [chunk.digest(size) for chunk in chunks], held),
    }
    whole = _least(lambda: verification.verify(copy, policy, last), size)
    return [
        *(Row(name=f"{_FLOOR}: {what}", figure=figure, unit="us") for what, figure in floor.items()),
        Row(name=f"{_FLOOR}: all three, the floor", figure=sum(floor.values()), unit="us"),
        *(Row(name=name, figure=figure, unit="us") for name, figure in found.items()),
        Row(name="all of it", figure=whole, unit="us"),
        Row(name="all of it", figure=1e6 / whole, unit="entries/s a core", at_least=250_000),
    ]


def _hash(data: Sequence[bytes]) -> None:
    sha256 = hashlib.sha256
    for item in data:
        sha256(item).digest()


def _least(act: Callable[[], object], count: int) -> float:
    """Give the microseconds of CPU for each of `count` things, the least of some rounds."""
    times: list[float] = []
    for _ in range(ROUNDS):
        began = time.process_time()
        act()
        times.append(time.process_time() - began)
    return min(times) / count * 1e6


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--mirror", action="store_true", help="measure a second copy of the tree too")
    parser.add_argument(
        "--parts", action="store_true", help="print what a check of an entry is made of, and nothing else"
    )
    options = parser.parse_args()
    if options.parts:
        print(render(parts(options.folder)))
        return
    copy, policy = str(options.folder / "copy"), str(options.folder / "policy")
    found, cpu, wall, memory = measure("verify", copy, "--policy", policy)
    size = found["size"]
    print(f"verify    {size:,} entries: {size / cpu:,.0f}/s of CPU; {wall:.1f} s wall; {memory} MiB")
    if options.mirror:
        second = options.folder / "second"
        _, cpu, wall, memory = measure("mirror", copy, str(second), "--policy", policy)
        print(f"mirror    {size:,} leaves: {size / cpu:,.0f}/s of CPU; {wall:.1f} s wall; {memory} MiB")
        shutil.rmtree(second)
        second.with_name("second.trusted").unlink()
    for name in REPORTS:
        _, cpu, wall, memory = measure("report", name, copy)
        print(f"report    {name:12} {wall:5.2f} s wall, {cpu:5.2f} s CPU; {memory} MiB")


if __name__ == "__main__":
    main()
