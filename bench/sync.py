"""Measures how changes of the registry are applied: changes a second of processor time, on SQLite and PostgreSQL.

    python -m bench.sync [--people N] [--changes N] [--json]

Everything is real: a keyring, a loaded population, a signed file, the checks of its signature, the projection under the
keys, the commits. Processor time is that of this process; what PostgreSQL's server spends is not in it.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from keys.signing import Signer
from tests.installation import Installation, install
from tests.postgres import PostgresServer
from verifier.agreement import signkey
from verifier.feed import document
from verifier.feed.following import follow
from verifier.projector.columns import COLUMNS
from verifier.synthetic.population import Population, Tally

GOAL = 2_000
_SIGNER = Signer(bytes(range(32)))


def _feed(made: Installation, rows: list[dict[str, str]], changes: int) -> bytes:
    source = random.Random(3)  # noqa: S311 - the same changes each time, nothing here is secret
    head = {
        "format": 1, "use": "feed", "registry_id": made.realm.registry_id, "environment": made.realm.environment,
        "source": "bench", "after": 0, "as_of": "2026-06-02T05:00:00Z",
    }  # fmt: skip
    lines: list[dict[str, Any]] = [head]
    for position in range(1, changes + 1):
        row = {**source.choice(rows), "AGAMA": str(source.randrange(1, 7))}
        lines.append({"position": position, "change": "changed", "row": row})
    return document.sign(made.realm, b"".join(json.dumps(line).encode() + b"\n" for line in lines), _SIGNER)


def measure(folder: Path, url: str, people: int, changes: int) -> dict[str, Any]:
    """Load, sync, and give the figures."""
    made = install(
        folder, people=(), log_url=url, vault_url=url,
        extra=f'feed_signers = ["{signkey.text(_SIGNER.public_key)}"]\n',
    )  # fmt: skip
    rows = [
        dict(zip(COLUMNS, row, strict=True))
        for row in Population(people=people, seed=1, faults=False).rows(Tally())
    ]
    made.load(rows)
    data = _feed(made, rows, changes)
    wall, processor = time.monotonic(), time.process_time()
    summary = follow(made.settings, "bench", data)
    wall, processor = time.monotonic() - wall, time.process_time() - processor
    if summary.applied + summary.older != changes or summary.rejects:
        raise SystemExit("bench: not every change was applied")
    return {
        "database": "postgresql" if url else "sqlite",
        "people": people,
        "changes": changes,
        "per_second": changes / wall,
        "per_core": changes / processor,
    }


def main() -> None:
    """Measure both databases and print a table."""
    parser = argparse.ArgumentParser(description="How fast changes of the registry are applied.")
    parser.add_argument("--people", type=int, default=20_000)
    parser.add_argument("--changes", type=int, default=20_000)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="padan-bench-") as folder, PostgresServer() as server:
        figures = [
            measure(Path(folder) / name, url, chosen.people, chosen.changes)
            for name, url in (("sqlite", ""), ("postgresql", server.make_database()))
        ]
    if chosen.json:
        sys.stdout.write(json.dumps(figures, indent=1) + "\n")
        return
    sys.stdout.write("database        people  changes  changes/s   a core  goal\n")
    for each in figures:
        verdict = "reached" if each["per_core"] >= GOAL else "missed"
        sys.stdout.write(
            f"{each['database']:12} {each['people']:>9,} {each['changes']:>8,} {each['per_second']:>10,.0f}"
            f" {each['per_core']:>8,.0f}  {verdict} ({GOAL:,})\n"
        )


if __name__ == "__main__":
    main()
