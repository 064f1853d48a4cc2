"""Measures loading: people a second and processor, memory at two sizes, bytes a person, on SQLite and PostgreSQL.

    python bench/load.py [--people N] [--small N] [--database sqlite|postgresql|both] [--workers N] [--json]

Everything is real: a new keyring, the command line, all attributes on. Each size is loaded into an installation of its
own. Processor time is that of Padan's processes; what PostgreSQL's server spends is printed beside it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "proto" / "python")]

from keys.custody import Custody  # noqa: E402 - the tree is made importable first
from keys.provider import open_provider  # noqa: E402 - as above
from keys.realm import Realm  # noqa: E402 - as above
from tests.postgres import PostgresServer  # noqa: E402 - as above
from verifier import config, migrations  # noqa: E402 - as above

if TYPE_CHECKING:
    from collections.abc import Iterator

GOAL, STRETCH, GOAL_BYTES = 5_000, 10_000, 1_500
COMMAND = (sys.executable, "-c", "from verifier.cli.server import main; main()")


def server(settings_file: Path, *arguments: str) -> dict[str, Any]:
    """Run a command of the operator's and read what it prints."""
    done = subprocess.run(
        [*COMMAND, "--config", str(settings_file), *arguments, "--json"],
        check=False,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    if done.returncode:
        raise SystemExit(f"padan-server {' '.join(arguments[:2])} ended with {done.returncode}")
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def install(folder: Path, vault_url: str) -> Path:
    """Make an installation with nobody in it; returns its configuration."""
    (folder / "pass").write_text("a passphrase for measurements only")
    provider = open_provider("file:kek.json?passphrase-file=pass", base=folder)
    Custody(path=folder / "keyring.json", provider=provider, actor="bench").create(
        Realm(registry_id="bench", environment="development")
    )
    file = folder / "padan.toml"
    file.write_text(
        'registry_id = "bench"\nenvironment = "development"\ntrust_domain = "bench.example"\n'
        f'kek = "file:kek.json?passphrase-file=pass"\nvault_url = "{vault_url}"\n'
    )
    settings = config.load(file)
    migrations.upgrade(settings.vault_database, migrations.Tree.VAULT)
    migrations.upgrade(settings.log_database, migrations.Tree.LOG)
    return file


def _stored(folder: Path, vault_url: str, epoch: int) -> int:
    if not vault_url:
        return (folder / "data" / "vault" / f"epoch-{epoch:06d}.sqlite").stat().st_size
    with psycopg.connect(vault_url) as connection:
        row = connection.execute("SELECT pg_total_relation_size(%s)", (f"epoch_{epoch:06d}",)).fetchone()
    return int(row[0]) if row else 0


def _ticks(pid: int) -> float:
    """Processor seconds of a process and of what it has waited for."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def databases(kind: str) -> Iterator[tuple[str, PostgresServer | None]]:
    """Give a vault's address for as long as it is measured, and the server behind it where there is one."""
    if kind == "sqlite":
        yield "", None
        return
    with PostgresServer() as server:
        yield server.make_database(), server


def measure(kind: str, people: int, workers: int) -> dict[str, Any]:
    """Load a population into a new installation."""
    with databases(kind) as (url, postgres), tempfile.TemporaryDirectory(prefix="padan-bench-") as name:
        folder = Path(name)
        settings = install(folder, url)
        source = folder / "people.csv"
        began = time.monotonic()
        synth = server(settings, "registry", "synth", str(source), "--people", str(people))
        made = time.monotonic() - began
        summary = server(settings, "registry", "load", str(source), "--workers", str(workers))
        if summary["read"] != synth["rows"] or summary["loaded"] != people:
            raise SystemExit("the numbers do not add up")
        stored = _stored(folder, url, summary["epoch"])
        return {
            "database": kind,
            "people": people,
            "rejected": summary["rejected"],
            "synth_rate": round(synth["rows"] / made),
            "seconds": summary["seconds"],
            "rate": summary["rate"],
            "rate_per_core": summary["rate_per_core"],
            "peak_memory_mb": summary["peak_memory_mb"],
            "bytes_per_person": round(stored / people),
            "server_cpu_seconds": round(_ticks(postgres.postmaster), 1) if postgres else 0.0,
        }


def main() -> None:
    """Measure and print a table, or JSON."""
    parser = argparse.ArgumentParser(description="Measure loading.")
    parser.add_argument("--people", type=int, default=200_000)
    parser.add_argument("--small", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    kinds = ("sqlite", "postgresql") if options.database == "both" else (options.database,)
    results = [
        measure(kind, size, options.workers) for kind in kinds for size in (options.small, options.people)
    ]
    if options.json:
        print(json.dumps(results))
        return
    print(
        f"{'database':11}{'people':>11}{'people/s':>10}{'a core':>9}{'peak MB':>9}{'bytes/person':>14}  goals"
    )
    for result in results:
        rate, size = result["rate_per_core"], result["bytes_per_person"]
        speed = "stretch" if rate >= STRETCH else "reached" if rate >= GOAL else "missed"
        disk = "reached" if size <= GOAL_BYTES else "missed"
        print(
            f"{result['database']:11}{result['people']:>11,}{result['rate']:>10,.0f}{rate:>9,.0f}"
            f"{result['peak_memory_mb']:>9,.0f}{size:>14,}  speed {speed} ({GOAL:,}), disk {disk} ({GOAL_BYTES:,})"
        )


if __name__ == "__main__":
    main()
