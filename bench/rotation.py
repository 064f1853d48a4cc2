"""Measures a rotation of the outer keys, on SQLite and PostgreSQL, alone and beside questions.

    python -m bench.rotation [--people N] [--workers N] [--seconds S] [--rounds N] [--rate N] [--json]

Alone: rows a second of processor time, that of PostgreSQL's server included. Beside: the p99 of Verify at 200 requests
a second while rotations are begun and abandoned one after the other, over the p99 without; both in turns against one
running service, the medians of the rounds.

Everything is real: a keyring, a loaded population, the command line, durable files and commits. Nothing is pinned to a
core: service, rotation, databases and the load generator share what there is.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bench import cpu, questions, sides
from bench.beside import in_turns
from bench.table import Row, render
from tests.installation import Installation, install
from tests.postgres import PostgresServer
from tests.terms import Terms
from verifier.projector.columns import COLUMNS
from verifier.synthetic.population import Population, Tally

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.generator import Count

GOALS: Final = {"sqlite": 40_000, "postgresql": 20_000}
"""Rows a second of processor time."""
RATIO_GOAL: Final = 2.0
_ASKED_ABOUT: Final = 2_000


@dataclass(slots=True, kw_only=True)
class Figures:
    """What was measured on one database."""

    database: str
    rows_a_second: float
    rows_a_core: float
    alone: list[Count] = field(default_factory=list)
    beside: list[Count] = field(default_factory=list)
    rotations: int = 0

    def rows(self) -> list[Row]:
        """Give the figures beside their goals."""
        what = self.database
        rows = [
            Row(name=f"{what}: rows a second", figure=self.rows_a_second),
            Row(
                name=f"{what}: rows a second of processor",
                figure=self.rows_a_core,
                at_least=GOALS[what],
            ),
        ]
        if not self.alone:
            return rows
        alone = statistics.median(count.p99_ms for count in self.alone)
        beside = statistics.median(count.p99_ms for count in self.beside)
        return [
            *rows,
            Row(name=f"{what}: p99 of Verify without a rotation", figure=alone, unit="ms"),
            Row(name=f"{what}: p99 of Verify beside {self.rotations} rotations", figure=beside, unit="ms"),
            Row(name=f"{what}: beside over without", figure=beside / alone, at_most=RATIO_GOAL),
        ]


def _server(made: Installation, *words: object) -> dict[str, Any]:
    """Run a command of the operator's and read what it prints."""
    command = [*sides.PADAN_SERVER, "--config", str(made.config_path), *map(str, words), "--json"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=sides.ROOT)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def _spent(server: PostgresServer | None) -> float:
    """Add up the processor time of this process's children that have ended, and of a database's server."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    own = used.ru_utime + used.ru_stime
    return own + (cpu.seconds(cpu.tree(server.postmaster)) if server is not None else 0.0)


def measure(folder: Path, server: PostgresServer | None, chosen: argparse.Namespace) -> Figures:
    """Load, rotate alone, then beside questions."""
    url = server.make_database() if server is not None else ""
    made = install(folder, agencies={sides.AGENCY: Terms()}, people=(), log_url=url, vault_url=url)
    source = folder / "people.csv"
    _server(made, "registry", "synth", source, "--people", chosen.people, "--no-faults")
    loaded = _server(made, "registry", "load", source, "--activate", "--workers", chosen.workers)
    source.unlink()
    _server(made, "epoch", "drop", 1)
    wall, spent = time.monotonic(), _spent(server)
    done = _server(made, "rotation", "begin", "--new-keys", "--workers", chosen.workers)
    wall, spent = time.monotonic() - wall, _spent(server) - spent
    if done["moved"] < loaded["loaded"]:
        raise SystemExit("bench: not every row was moved")
    _server(made, "rotation", "abandon", "--yes")
    figures = Figures(
        database="postgresql" if url else "sqlite",
        rows_a_second=done["moved"] / wall,
        rows_a_core=done["moved"] / spent,
    )
    if chosen.rounds:
        _beside(made, figures, chosen)
    return figures


def _beside(made: Installation, figures: Figures, chosen: argparse.Namespace) -> None:
    """Ask with and without rotations, in turns."""
    drawn = Population(people=min(chosen.people, _ASKED_ABOUT), seed=1, faults=False).rows(Tally())
    persons = [
        row for row in (dict(zip(COLUMNS, each, strict=True)) for each in drawn) if questions.answerable(row)
    ]
    figures.alone, figures.beside = in_turns(
        made,
        persons,
        rounds=chosen.rounds,
        seconds=chosen.seconds,
        something=lambda: _rotating(made, figures, chosen),
    )


@contextlib.contextmanager
def _rotating(made: Installation, figures: Figures, chosen: argparse.Namespace) -> Iterator[None]:
    """Begin and abandon rotations, until the block ends."""
    ended = threading.Event()

    def rotate() -> None:
        while not ended.is_set():
            _server(made, "rotation", "begin", "--workers", chosen.workers, "--rate", chosen.rate)
            _server(made, "rotation", "abandon", "--yes")
            figures.rotations += 1

    working = threading.Thread(target=rotate)
    working.start()
    try:
        yield
    finally:
        ended.set()
        working.join()


def main() -> None:
    """Measure both databases and print a table."""
    parser = argparse.ArgumentParser(description="How fast outer keys are rotated.")
    parser.add_argument("--people", type=int, default=1_000_000)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--rate", type=int, default=0, help="rows a second at most beside questions; 0 for no limit"
    )
    parser.add_argument("--seconds", type=float, default=10.0, help="of questions, each time")
    parser.add_argument("--rounds", type=int, default=3, help="of questions without and beside; 0 for none")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="padan-bench-") as folder:
        figures = [measure(Path(folder) / "sqlite", None, chosen)]
        with PostgresServer(durable=True) as server:
            figures.append(measure(Path(folder) / "postgresql", server, chosen))
    rows = [row for each in figures for row in each.rows()]
    if chosen.json:
        sys.stdout.write(json.dumps([row.as_dict() for row in rows], indent=1) + "\n")
    else:
        sys.stdout.write(render(rows) + "\n")


if __name__ == "__main__":
    main()
