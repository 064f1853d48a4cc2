"""Measures checks: how long all of a population takes against the vault, on SQLite and PostgreSQL.

    python -m bench.check [--people N [N ...]] [--database sqlite|postgresql|both] [--workers N] [--json]

Everything is real: a keyring, the command line, a population that was loaded from the very file. The load of the
machine when the check began is printed beside the figures: other work slows them.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.load import databases, install, server

GOAL_PEOPLE, GOAL_SECONDS, GOAL_CORES = 1_000_000, 300, 2


def measure(kind: str, people: int, workers: int) -> dict[str, Any]:
    """Load a population and check it."""
    with databases(kind) as (url, _), tempfile.TemporaryDirectory(prefix="padan-bench-") as name:
        folder = Path(name)
        settings, source = install(folder, url), folder / "people.csv"
        server(settings, "registry", "synth", str(source), "--people", str(people))
        server(settings, "registry", "load", str(source), "--workers", str(workers), "--activate")
        busy = os.getloadavg()[0]
        report = server(settings, "registry", "check", str(source), "--workers", str(workers))
    if report["people"]["agrees"] != people or not report["clean"]:
        raise SystemExit("bench: a fresh load does not agree")
    return {
        "database": kind,
        "people": people,
        "workers": workers,
        "load_before": round(busy, 1),
        **{name: report["run"][name] for name in ("seconds", "rate", "cpu_seconds", "peak_memory_mb")},
    }


def main() -> None:
    """Measure and print a table, or JSON."""
    parser = argparse.ArgumentParser(description="How long a check takes.")
    parser.add_argument("--people", type=int, nargs="+", default=[100_000])
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    kinds = ("sqlite", "postgresql") if chosen.database == "both" else (chosen.database,)
    figures = [measure(kind, people, chosen.workers) for kind in kinds for people in chosen.people]
    if chosen.json:
        sys.stdout.write(json.dumps(figures) + "\n")
        return
    sys.stdout.write(
        f"{'database':11}{'people':>11}{'seconds':>9}{'cpu s':>8}{'rows/s':>9}{'peak MB':>9}{'load':>6}  goal\n"
    )
    for each in figures:
        limit = GOAL_SECONDS * each["people"] / GOAL_PEOPLE
        verdict = "reached" if each["seconds"] <= limit else "missed"
        alone = "reached" if each["cpu_seconds"] <= GOAL_CORES * limit else "missed"
        sys.stdout.write(
            f"{each['database']:11}{each['people']:>11,}{each['seconds']:>9,.0f}{each['cpu_seconds']:>8,.0f}"
            f"{each['rate']:>9,.0f}{each['peak_memory_mb']:>9,.0f}{each['load_before']:>6.1f}"
            f"  {limit:,.0f} s {verdict}; {GOAL_CORES * limit:,.0f} s of processors {alone}\n"
        )


if __name__ == "__main__":
    main()
