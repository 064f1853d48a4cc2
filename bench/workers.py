"""What a second worker brings, and how soon a killed one is back: `python -m bench.workers`.

The load generator needs as much of a small machine as the server, so rates say nothing here. Instead:

- The server's processor time a call is read from /proc for each of its processes, at saturation, in interleaved rounds,
  medians counting. The generator's time is in none of it.
- One worker is one process on one core: it answers as many calls a second as its calls cost parts of a second.
- Two workers stand on a core each, with their writer (on SQLite) or their PostgreSQL on both. Given both cores whole,
  they answer as many calls a second as two seconds of processor time hold, all processes counted; but no more than the
  busiest single process can, since none of them uses more than one core. That bound is the stall: where it counts,
  cores wait for a process.
- The generator works on the cores of the form that it drives, in both forms. Whatever shares a core with the server
  makes its calls dearer, by caches and by smaller batches; on a machine of two cores nothing is left beside two
  workers. A row says how much one worker's calls cost with the generator on the other core, which the ratio leaves out.
- The ratio of the two is what the second worker brings. The processes in which PostgreSQL serves the workers count in
  both forms, each of which has a PostgreSQL of its own.
- Each worker has as many calls in flight, in both forms, and so many that its batches are full (64): what waits
  together is cheaper together.

Then a worker is killed with SIGKILL under no load, and the time is taken until its successor gives its first verdict on
a connection of its own; beside it, the processor time that the successor had used by then, which noisy neighbours do
not touch.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bench import cpu, generator, questions, sides
from bench.generator import Count, Plan
from bench.table import Row, render
from padan.v1 import verification_pb2_grpc
from tests.postgres import PostgresServer
from tests.restarting import connections, open_channel, roles
from tests.service import request, running, wait_until_ready

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.service import RunningService

VERIFY = "/padan.v1.VerificationService/Verify"
CORES = (sides.SERVER_CORE, sides.LOAD_CORE)
GOAL = 1.8
_CONNECTIONS = 32
"""A worker, of 8 calls in flight each: where calls wait for another process to commit them, half as many leave batches
half full, which costs more a call and is no saturation."""
_CALLS_A_SECOND = 6_000
"""More than any form answers here: the bodies must not run out."""


@dataclass(slots=True, kw_only=True)
class Form:
    """A service of one or two workers, and what its calls cost."""

    name: str
    workers: int
    service: RunningService
    database: PostgresServer | None
    bodies: Path
    used: int = 0
    costs: list[dict[str, float]] = field(default_factory=list)
    undisturbed: list[dict[str, float]] = field(default_factory=list)

    def pin(self) -> None:
        """Put one worker on one core, or two on one each and everything else on both."""
        found = roles(self.service)
        if self.workers == 1:
            _pin(self.service.pid, {CORES[0]})
            for backend in _backends(self.database.postmaster) if self.database else ():
                _pin(backend, {CORES[0]})
        for number, core in zip((1, 2), CORES, strict=True):
            if f"worker-{number}" in found:
                _pin(found[f"worker-{number}"], {core})

    def measure(self, seconds: float, *, alone: bool = False) -> None:
        """Drive it at saturation, and note what each process costs a call, microseconds.

        Args:
            seconds: how long.
            alone: one worker has its core to itself.
        """
        processes = {"parent": self.service.pid, **roles(self.service)}
        groups = {name: {pid} for name, pid in processes.items()}
        if self.database:
            groups["database"] = _backends(self.database.postmaster)
        plan = self._plan(seconds, [pid for group in groups.values() for pid in group])
        before = {name: cpu.seconds(group) for name, group in groups.items()}
        count = self._drive(plan, CORES[1 if alone else 0] if self.workers == 1 else None)
        spent = {name: cpu.seconds(group) - before[name] for name, group in groups.items()}
        used, self.used = self.used, self.used + count.sent
        calls = self.used - used
        # The generator's own count leaves the warm-up out; shares of the processes are taken over all of it.
        total = sum(spent.values()) / calls
        costs = {name: value / calls / total * count.cpu_us for name, value in spent.items()}
        (self.undisturbed if alone else self.costs).append(costs)

    def _plan(self, seconds: float, pids: list[int]) -> Plan:
        installation = self.service.installation
        caller = sides.caller_files(installation)
        return Plan(
            port=installation.port,
            ca=str(caller.ca),
            certificate=str(caller.certificate),
            key=str(caller.key),
            bodies=str(self.bodies),
            first=self.used,
            path=VERIFY,
            connections=_CONNECTIONS * self.workers,
            streams=8,
            measure=seconds,
            pids=pids,
        )

    def _drive(self, plan: Plan, core: int | None) -> Count:
        command = [sys.executable, "-m", "bench.generator"]
        if core is not None:
            command = sides.pinned(core, command)
        done = subprocess.run(
            command,
            input=json.dumps(asdict(plan)),
            text=True,
            stdout=subprocess.PIPE,
            check=True,
            cwd=sides.ROOT,
        )
        count = Count(**json.loads(done.stdout))
        if count.failed or not count.cpu_us:
            raise RuntimeError(f"{self.name}: {count.failed} of {count.calls} calls failed: {count.statuses}")
        return count

    def cost(self, *names: str) -> float:
        """Give the median cost of a call in some processes, microseconds; in all where none is named."""
        return statistics.median(
            sum(value for name, value in costs.items() if not names or name in names) for costs in self.costs
        )

    @property
    def busiest(self) -> float:
        """The median cost of a call in the busiest single process of the service, microseconds."""
        return statistics.median(
            max(value for name, value in costs.items() if name != "database") for costs in self.costs
        )

    @property
    def most_a_second(self) -> float:
        """Calls a second that the form answers, with as many cores as it has workers to itself."""
        return 1e6 * min(
            self.workers / self.cost(), 1 / self.busiest if self.workers > 1 else 1 / self.cost()
        )


def _backends(postmaster: int) -> set[int]:
    """Find the processes of a PostgreSQL that serve connections; what it does besides is not of these calls."""
    return {pid for pid in cpu.tree(postmaster) if b"[local]" in Path(f"/proc/{pid}/cmdline").read_bytes()}


def _pin(pid: int, cores: set[int]) -> None:
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(int(task.name), cores)


@contextlib.contextmanager
def _form(
    folder: Path, source: Path, *, workers: int, database: PostgresServer | None, enough: int
) -> Iterator[Form]:
    engine = "PostgreSQL" if database else "SQLite"
    url = database.make_database() if database else ""
    installation = sides.install(
        folder / f"{engine}-{workers}",
        source,
        extra=f"workers = {workers}\nconnection_seconds = 3600\n",
        url=url,
    )
    bodies = folder / f"bodies-{engine}-{workers}"
    generator.write_bodies(bodies, questions.verify(questions.people(source, 20_000), enough, product=True))
    with running(installation, ready=False) as service:
        wait_until_ready(installation, service.process, 120)
        _wait_for_workers(service, workers)
        form = Form(
            name=f"{engine}, {workers} worker{'s' if workers > 1 else ''}",
            workers=workers,
            service=service,
            database=database,
            bodies=bodies,
        )
        form.pin()
        yield form


def _wait_for_workers(service: RunningService, count: int) -> None:
    until = time.monotonic() + 120
    while service.messages().count('"listening"') < count:
        if time.monotonic() > until:
            raise RuntimeError(service.messages()[-2000:])
        time.sleep(0.1)


def scaling(folder: Path, source: Path, *, rounds: int, seconds: float) -> list[Row]:
    """Compare two workers with one on both engines."""
    enough = int(_CALLS_A_SECOND * (seconds + 1) * (2 * rounds + 1))
    rows: list[Row] = []
    for on_postgres in (False, True):
        with contextlib.ExitStack() as stack:

            def make(workers: int, *, on_postgres: bool, stack: contextlib.ExitStack) -> Form:
                database = stack.enter_context(PostgresServer(durable=True)) if on_postgres else None
                return stack.enter_context(
                    _form(folder, source, workers=workers, database=database, enough=enough)
                )

            one, two = (make(workers, on_postgres=on_postgres, stack=stack) for workers in (1, 2))
            for form in (one, two):
                form.measure(0.5)
                form.costs.clear()
            order = random.Random(12)  # noqa: S311 -- an order of measurement
            for _ in range(rounds):
                for form, alone in order.sample(((one, False), (two, False), (one, True)), 3):
                    form.measure(seconds, alone=alone)
            rows += _rows(one, two)
    return rows


def _rows(one: Form, two: Form) -> list[Row]:
    return [
        Row(name=f"{one.name}: a call", figure=one.cost(), unit="us"),
        Row(
            name=f"{one.name}, the generator on another core: a call",
            figure=statistics.median(sum(costs.values()) for costs in one.undisturbed),
            unit="us",
        ),
        Row(name=f"{two.name}: a call", figure=two.cost(), unit="us"),
        Row(name=f"{two.name}: of that in the workers", figure=two.cost("worker-1", "worker-2"), unit="us"),
        Row(name=f"{two.name}: in the writer", figure=two.cost("writer"), unit="us"),
        Row(name=f"{two.name}: in the busiest process", figure=two.busiest, unit="us"),
        Row(name=f"{one.name}: calls a CPU-second", figure=1e6 / one.cost()),
        Row(name=f"{two.name}: calls a CPU-second", figure=1e6 / two.cost()),
        Row(
            name=f"{two.name} / one",
            figure=two.most_a_second / one.most_a_second,
            at_least=GOAL,
        ),
    ]


def restart(folder: Path, source: Path, *, times: int) -> list[Row]:
    """Kill a worker, and time its successor."""
    installation = sides.install(folder / "restart", source, extra="workers = 2\n")
    waits, used = [], []
    with running(installation, ready=False) as service:
        wait_until_ready(installation, service.process, 120)
        _wait_for_workers(service, 2)
        for number in range(times):
            wait, processor = _first_verdict(service, number)
            waits.append(wait)
            used.append(processor)
    return [
        Row(
            name="a killed worker to its first verdict", figure=statistics.median(waits), unit="s", at_most=3
        ),
        Row(
            name="the same, processor time of the worker", figure=statistics.median(used), unit="s", at_most=3
        ),
    ]


def _first_verdict(service: RunningService, number: int) -> tuple[float, float]:
    installation, role = service.installation, f"worker-{number % 2 + 1}"
    victim = roles(service)[role]
    begin = time.monotonic()
    os.kill(victim, signal.SIGKILL)
    while (successor := roles(service).get(role, victim)) == victim:
        time.sleep(0.01)
    while True:
        with contextlib.closing(open_channel(installation, [installation.port], sides.AGENCY)) as channel:
            stub = verification_pb2_grpc.VerificationServiceStub(channel)
            stub.Verify(request(), timeout=10, wait_for_ready=True)
            if connections(successor, installation.port):
                break
    wait, processor = time.monotonic() - begin, cpu.seconds({successor})
    time.sleep(1)
    return wait, processor


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    parser.add_argument("--quick", action="store_true", help="short rounds, few of them")
    options = parser.parse_args()
    rounds, seconds = (3, 1.5) if options.quick else (5, 2.0)
    with tempfile.TemporaryDirectory(prefix="padan-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        source = folder / "people.csv"
        command = [*(sys.executable, "-m", "verifier.cli.server", "registry", "synth", str(source))]
        subprocess.run(
            [*command, "--people", "20000", "--no-faults", "--json"],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=sides.ROOT,
        )
        rows = restart(folder, source, times=3 if options.quick else 7)
        rows += scaling(folder, source, rounds=rounds, seconds=seconds)
    if options.json:
        sys.stdout.write(json.dumps({"rows": [row.as_dict() for row in rows]}, indent=2) + "\n")
    else:
        sys.stdout.write(render(rows) + "\n")


if __name__ == "__main__":
    main()
