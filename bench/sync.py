"""Measures how changes of the registry are applied, on SQLite and PostgreSQL, alone and beside questions.

    python -m bench.sync [--people N] [--changes N] [--seconds S] [--rounds N] [--json]

Alone: changes a second of processor time. Beside: the p99 of Verify at 200 requests a second over the p99 without a
sync, in turns against one running service, the medians of the rounds; while `registry sync` runs at full speed, and
again while `registry sync --follow` takes 2,000 changes a second from a table as they come.

Everything is real: a keyring, a loaded population, a signed file, the checks of its signature, the projection under the
keys, the commits, which are durable. Processor time is that of the syncing process; what PostgreSQL's server spends is
not in it. Nothing is pinned to a core: service, sync, databases and the load generator share what there is.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bench import cpu, questions, sides
from bench.beside import RATE, in_turns
from bench.coming import Coming
from bench.table import Row, render
from keys.signing import Signer
from tests.installation import Installation, install
from tests.postgres import PostgresServer
from tests.terms import Terms
from verifier.agreement import signkey
from verifier.feed import document
from verifier.feed.following import follow
from verifier.projector.columns import COLUMNS
from verifier.synthetic.population import Population, Tally
from verifier.vault.open import open_catalogue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.generator import Count

PER_CORE_GOAL: Final = 2_000
RATIO_GOAL: Final = 1.5
FASTEST: Final = 6_000
"""Changes a second that no machine of ours reaches: how much to prepare."""
SOURCE: Final = "bench"
COMING: Final = "coming"
"""The source whose changes are followed as they come."""
_BLOCK_SECONDS = 0.5
_BEHIND_SECONDS = 10.0
"""How far what is applied may be behind what has come: while less than a full run is there, one begins each 5 s."""
_SIGNER = Signer(bytes(range(32)))
_START_SECONDS = 6


@dataclass(slots=True, kw_only=True)
class Figures:
    """What was measured on one database."""

    database: str
    people: int
    changes: int
    per_second: float
    per_core: float
    alone: list[Count] = field(default_factory=list)
    beside: list[Count] = field(default_factory=list)
    beside_per_second: list[float] = field(default_factory=list)
    beside_per_core: list[float] = field(default_factory=list)
    before_coming: list[Count] = field(default_factory=list)
    coming: list[Count] = field(default_factory=list)

    def rows(self) -> list[Row]:
        """Give the figures beside their goals."""
        alone, beside, before, coming = (
            statistics.median(count.p99_ms for count in counts)
            for counts in (self.alone, self.beside, self.before_coming, self.coming)
        )
        what = self.database
        return [
            Row(name=f"{what}: changes a second, alone", figure=self.per_second),
            Row(name=f"{what}: a second of processor", figure=self.per_core, at_least=PER_CORE_GOAL),
            Row(
                name=f"{what}: changes a second, beside {RATE} requests/s",
                figure=statistics.median(self.beside_per_second),
            ),
            Row(
                name=f"{what}: a second of processor, beside {RATE} requests/s",
                figure=statistics.median(self.beside_per_core),
                at_least=PER_CORE_GOAL,
            ),
            Row(name=f"{what}: p99 of Verify without a sync", figure=alone, unit="ms"),
            Row(name=f"{what}: p99 of Verify beside a sync", figure=beside, unit="ms"),
            Row(name=f"{what}: beside over without", figure=beside / alone, at_most=RATIO_GOAL),
            Row(name=f"{what}: p99 of Verify without one, once more", figure=before, unit="ms"),
            Row(
                name=f"{what}: p99 beside {PER_CORE_GOAL:,} changes/s as they come", figure=coming, unit="ms"
            ),
            Row(name=f"{what}: as they come over without", figure=coming / before, at_most=RATIO_GOAL),
        ]


def _feed(
    made: Installation,
    rows: list[dict[str, str]],
    after: int,
    changes: int,
    *,
    source: str = SOURCE,
    as_of: str = "2026-06-02T05:00:00Z",
) -> bytes:
    drawn = random.Random(3 + after)  # noqa: S311 - the same changes each time, nothing here is secret
    head = {
        "format": 1, "use": "feed", "registry_id": made.realm.registry_id, "environment": made.realm.environment,
        "source": source, "after": after, "as_of": as_of,
    }  # fmt: skip
    lines: list[dict[str, Any]] = [head]
    for position in range(after + 1, after + changes + 1):
        row = {**drawn.choice(rows), "AGAMA": str(drawn.randrange(1, 7))}
        lines.append({"position": position, "change": "changed", "row": row})
    return document.sign(made.realm, b"".join(json.dumps(line).encode() + b"\n" for line in lines), _SIGNER)


def measure(folder: Path, url: str, chosen: argparse.Namespace) -> Figures:
    """Load, sync alone, then beside questions."""
    made = install(
        folder, agencies={sides.AGENCY: Terms()}, people=(), log_url=url, vault_url=url,
        extra=f'feed_signers = ["{signkey.text(_SIGNER.public_key)}"]\n',
    )  # fmt: skip
    rows = [
        dict(zip(COLUMNS, row, strict=True))
        for row in Population(people=chosen.people, seed=1, faults=False).rows(Tally())
    ]
    made.load(rows)
    data = _feed(made, rows, 0, chosen.changes)
    wall, processor = time.monotonic(), time.process_time()
    summary = follow(made.settings, SOURCE, data)
    wall, processor = time.monotonic() - wall, time.process_time() - processor
    if summary.applied + summary.older != chosen.changes or summary.rejects:
        raise SystemExit("bench: not every change was applied")
    figures = Figures(
        database="postgresql" if url else "sqlite",
        people=chosen.people,
        changes=chosen.changes,
        per_second=chosen.changes / wall,
        per_core=chosen.changes / processor,
    )
    _beside(made, rows, figures, chosen)
    _beside_what_comes(made, rows, figures, chosen)
    return figures


def _beside(
    made: Installation, rows: list[dict[str, str]], figures: Figures, chosen: argparse.Namespace
) -> None:
    """Ask with and without a sync at full speed, in turns."""
    file = made.root / "beside.feed"
    length = int(FASTEST * (chosen.seconds + _START_SECONDS) * chosen.rounds)
    file.write_bytes(_feed(made, rows, chosen.changes, length))
    figures.alone, figures.beside = in_turns(
        made,
        [row for row in rows if questions.answerable(row)],
        rounds=chosen.rounds,
        seconds=chosen.seconds,
        something=lambda: _syncing(made, file, figures),
    )


def _beside_what_comes(
    made: Installation, rows: list[dict[str, str]], figures: Figures, chosen: argparse.Namespace
) -> None:
    """Ask with and without a sync that follows what comes, in turns."""
    size = int(PER_CORE_GOAL * _BLOCK_SECONDS)
    count = int((2 * chosen.seconds + _START_SECONDS) * chosen.rounds / _BLOCK_SECONDS)
    blocks = (
        _feed(made, rows, size * number, size, source=COMING, as_of="2026-06-03T05:00:00Z")
        for number in range(count)
    )
    registry = Coming(made, blocks, every=_BLOCK_SECONDS)
    figures.before_coming, figures.coming = in_turns(
        made,
        [row for row in rows if questions.answerable(row)],
        rounds=chosen.rounds,
        seconds=chosen.seconds,
        something=lambda: _following(made, registry),
    )


@contextlib.contextmanager
def _syncing(made: Installation, file: Path, figures: Figures) -> Iterator[None]:
    """Sync a file at full speed."""
    with _begun(made, SOURCE, str(file)) as pid:
        position, began, spent = _position(made, SOURCE), time.monotonic(), cpu.seconds({pid})
        yield
        spent = cpu.seconds({pid}) - spent
        applied = _position(made, SOURCE) - position
        figures.beside_per_second.append(applied / (time.monotonic() - began))
        figures.beside_per_core.append(applied / spent)


@contextlib.contextmanager
def _following(made: Installation, registry: Coming) -> Iterator[None]:
    """Follow a table, and see that what is applied keeps up with what comes."""
    with registry.coming(), _begun(made, COMING, registry.address, "--follow"):
        yield
        if registry.end - _position(made, COMING) > PER_CORE_GOAL * _BEHIND_SECONDS:
            raise SystemExit("bench: the sync does not keep up with what comes")


@contextlib.contextmanager
def _begun(made: Installation, source: str, *arguments: str) -> Iterator[int]:
    """Sync in a process of its own, that has begun to apply; it is killed at the end and goes on the next time."""
    before = _position(made, source)
    command = [
        *sides.PADAN_SERVER,
        "--config",
        str(made.config_path),
        "registry",
        "sync",
        *arguments,
        "--json",
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=sides.ROOT) as process:
        try:
            until = time.monotonic() + 120
            while _position(made, source) == before:
                if process.poll() is not None or time.monotonic() > until:
                    raise SystemExit("bench: the sync does not begin")
                time.sleep(0.05)
            yield process.pid
            if process.poll() is not None:
                raise SystemExit("bench: the sync ended before the questions; measure with fewer --seconds")
        finally:
            process.kill()


def _position(made: Installation, source: str) -> int:
    with contextlib.closing(open_catalogue(made.settings.vault_database)) as catalogue:
        epoch = catalogue.active()
        return catalogue.followed(epoch.number, source).position if epoch is not None else 0


def main() -> None:
    """Measure both databases and print a table."""
    parser = argparse.ArgumentParser(description="How fast changes of the registry are applied.")
    parser.add_argument("--people", type=int, default=20_000)
    parser.add_argument("--changes", type=int, default=20_000, help="applied alone")
    parser.add_argument("--seconds", type=float, default=10.0, help="of questions, each time")
    parser.add_argument("--rounds", type=int, default=3, help="of questions without and beside a sync")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="padan-bench-") as folder,
        PostgresServer(durable=True) as server,
    ):
        figures = [
            measure(Path(folder) / name, url, chosen)
            for name, url in (("sqlite", ""), ("postgresql", server.make_database()))
        ]
    rows = [row for each in figures for row in each.rows()]
    if chosen.json:
        sys.stdout.write(json.dumps([row.as_dict() for row in rows], indent=1) + "\n")
    else:
        sys.stdout.write(render(rows) + "\n")


if __name__ == "__main__":
    main()
