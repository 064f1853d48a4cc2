"""What a verification costs: `make bench`.

Server processor time a call, read from /proc/PID/stat of every process of a server (of the peer, its PostgreSQL too),
in one interleaved run: each round measures every side in a new order, and the median of five rounds counts. Servers
run on one core, the load generator on another. Ratios hold on any machine, the microseconds only on this one. A goal
that is missed is said, and is no failure of the run.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import json
import random
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bench import generator, questions, sides
from bench.generator import Count, Plan
from bench.peer import database
from bench.table import Row, render
from padan.v1 import attribute_pb2, verification_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.pki import Files
    from bench.sides import Side

VERIFY = "/padan.v1.VerificationService/Verify"
OTHERS = (
    "bench.tokenizing",
    "bench.tokens",
    "bench.token_rows",
    "bench.load",
    "bench.sync",
    "bench.rotation",
    "bench.check",
    "bench.log_store",
    "bench.tree",
    "bench.tracing",
    "bench.key_agent",
    "bench.probe",
    "bench.workers",
    "bench.biometrics",
    "bench.verify_biometric",
)
"""Benchmarks that measure a part alone and print their own lines."""
_ECHO_LIKES = 8
"""Threads with which a bare echo is fastest."""


@dataclass(slots=True, kw_only=True)
class Contender:
    """One side of the comparison, and what was measured of it."""

    name: str
    side: Side
    bodies: Path
    http: int = 2
    path: str = VERIFY
    connections: int = 8
    streams: int = 8
    used: int = 0
    counts: list[Count] = field(default_factory=list)

    @property
    def cpu_us(self) -> float:
        """Median server time a call, microseconds."""
        return statistics.median(count.cpu_us for count in self.counts)

    @property
    def p50_ms(self) -> float:
        """Median of the rounds' median latencies."""
        return statistics.median(count.p50_ms for count in self.counts)

    def measure(self, caller: Files, *, seconds: float) -> Count:
        """Drive the side from the load core."""
        plan = Plan(
            port=self.side.port,
            ca=str(caller.ca),
            certificate=str(caller.certificate),
            key=str(caller.key),
            bodies=str(self.bodies),
            first=self.used,
            path=self.path,
            http=self.http,
            connections=self.connections,
            streams=self.streams,
            measure=seconds,
            pids=self.side.pids,
        )
        command = sides.pinned(sides.LOAD_CORE, [sys.executable, "-m", "bench.generator"])
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
        self.used += count.sent
        return count


def _note(text: str) -> None:
    sys.stderr.write(f"bench: {text}\n")


def _population(folder: Path, people: int) -> Path:
    source = folder / f"people-{people}.csv"
    _note(f"drawing {people:,} people")
    command = [
        *(sys.executable, "-m", "verifier.cli.server", "registry", "synth", str(source)),
        *("--people", str(people), "--no-faults", "--json"),
    ]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=sides.ROOT)
    return source


def _check_answers(contender: Contender) -> int:
    """See that every sampled answer is a match; give the median size of an answer."""
    sizes = []
    for sample in (sample for count in contender.counts for sample in count.samples):
        raw = base64.b64decode(sample)
        answer = verification_pb2.VerifyResponse.FromString(raw)
        if answer.outcome != attribute_pb2.VERDICT_MATCH:
            raise RuntimeError(f"{contender.name}: an answer was not a match ({answer.outcome})")
        sizes.append(len(raw))
    return int(statistics.median(sizes))


def _interleave(contenders: Sequence[Contender], caller: Files, *, rounds: int, seconds: float) -> None:
    order = random.Random(10)  # noqa: S311 -- an order of measurement
    for number in range(rounds):
        _note(f"round {number + 1} of {rounds}")
        for contender in order.sample(contenders, len(contenders)):
            contender.counts.append(contender.measure(caller, seconds=seconds))


def _bodies(path: Path, bodies: Iterator[bytes]) -> Path:
    generator.write_bodies(path, bodies)
    return path


def _hmacs() -> float:
    command = sides.pinned(sides.SERVER_CORE, [sys.executable, "-m", "bench.hmacs"])
    return float(
        subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE, cwd=sides.ROOT).stdout
    )


def compare(folder: Path, *, people: int, rounds: int, seconds: float) -> list[Row]:
    """Compare Verify with the echo, the HMACs and the peer."""
    source = _population(folder, people)
    persons = questions.people(source, 50_000)
    _note("installing and loading")
    product = sides.install(folder / "padan", source)
    exact = sides.variant(product, "exact", "receipts = false\n")
    server, caller = sides.server_files(product), sides.caller_files(product)
    threads = product.settings.threads
    enough = int(6_000 * (seconds + 1) * (rounds + 1))
    files = {
        "product": _bodies(folder / "product", questions.verify(persons, enough, product=True)),
        "exact": _bodies(folder / "exact", questions.verify(persons, enough, product=False)),
        "peer": _bodies(folder / "peer", questions.ask_peer(questions.for_peer(persons), enough // 4)),
    }
    with contextlib.ExitStack() as stack:
        enter = stack.enter_context
        postgres = enter(database.serving(questions.for_peer(persons)))
        sides.pin(postgres.pid, sides.SERVER_CORE)
        verify = {
            name: Contender(name=name, side=enter(sides.padan(which)), bodies=files[name])
            for name, which in (("product", product), ("exact", exact))
        }
        _note("warming up")
        _interleave(list(verify.values()), caller, rounds=1, seconds=0.5)
        size = {name: _check_answers(contender) for name, contender in verify.items()}
        for contender in verify.values():
            contender.counts.clear()

        def echo(name: str, *, pool: int, answer: int) -> Contender:
            side = enter(sides.echo(server, threads=pool, answer_bytes=answer))
            return Contender(name=name, side=side, bodies=files["product"])

        echoes = {
            "product": echo("echo", pool=threads, answer=size["product"]),
            "exact": echo("echo, small answer", pool=threads, answer=size["exact"]),
            "best": echo("echo, 8 threads", pool=_ECHO_LIKES, answer=size["product"]),
        }
        rival = Contender(
            name="peer",
            side=enter(sides.peer(server, postgres)),
            bodies=files["peer"],
            http=1,
            path="/verify",
            connections=64,
        )
        _interleave([*verify.values(), *echoes.values(), rival], caller, rounds=rounds, seconds=seconds)
    for contender in verify.values():
        _check_answers(contender)
    return _ratios(verify, echoes, rival, _hmacs(), threads)


def _ratios(
    verify: dict[str, Contender], echoes: dict[str, Contender], rival: Contender, hmacs: float, threads: int
) -> list[Row]:
    product, exact = verify["product"].cpu_us, verify["exact"].cpu_us
    return [
        Row(name=f"bare echo, {threads} threads", figure=echoes["product"].cpu_us, unit="us"),
        Row(name=f"bare echo, {_ECHO_LIKES} threads", figure=echoes["best"].cpu_us, unit="us"),
        Row(name="HMACs of a Verify, alone", figure=hmacs, unit="us"),
        Row(name="Verify, five exact claims, no receipt", figure=exact, unit="us"),
        Row(name="Verify, product shape", figure=product, unit="us"),
        Row(name="peer (FastAPI, SQLAlchemy, PostgreSQL)", figure=rival.cpu_us, unit="us"),
        Row(name="Verify exact / bare echo", figure=exact / echoes["exact"].cpu_us, at_most=2.5),
        Row(name="Verify product / bare echo", figure=product / echoes["product"].cpu_us, at_most=3.0),
        Row(name="the same, stretch", figure=product / echoes["product"].cpu_us, at_most=2.2),
        Row(name="Verify exact / HMACs alone", figure=exact / hmacs),
        Row(name="peer / Verify product", figure=rival.cpu_us / product, at_least=5.0),
    ]


def scale(folder: Path, *, small: int, large: int, rounds: int, seconds: float) -> list[Row]:
    """Compare the median latency over few people and over many, without the time slot that would hide it."""
    enough = int(2_500 * (seconds + 1) * rounds)
    with contextlib.ExitStack() as stack:
        contenders = []
        for people in (small, large):
            source = _population(folder, people)
            _note(f"loading {people:,} people")
            installation = sides.install(folder / f"padan-{people}", source, extra="slot_ms = 0\n")
            persons = questions.people(source, enough)
            bodies = _bodies(folder / f"bodies-{people}", questions.verify(persons, enough, product=True))
            side = stack.enter_context(sides.padan(installation))
            contenders.append(
                (
                    Contender(name=f"{people}", side=side, bodies=bodies, connections=2, streams=2),
                    sides.caller_files(installation),
                )
            )
        order = random.Random(11)  # noqa: S311 -- an order of measurement
        for _ in range(rounds):
            for contender, files in order.sample(contenders, len(contenders)):
                contender.counts.append(contender.measure(files, seconds=seconds))
    few, many = contenders[0][0].p50_ms, contenders[1][0].p50_ms
    return [
        Row(name=f"p50 at {small:,} people", figure=few, unit="ms"),
        Row(name=f"p50 at {large:,} people", figure=many, unit="ms"),
        Row(name="the second over the first", figure=many / few, at_most=1.2),
    ]


def others() -> list[dict[str, str]]:
    """Run the benchmarks of single parts and pass on what they print."""
    found = []
    for name in OTHERS:
        if not (sides.ROOT / f"{name.replace('.', '/')}.py").exists():
            continue
        _note(name)
        done = subprocess.run(
            [sys.executable, "-m", name], text=True, capture_output=True, check=False, cwd=sides.ROOT
        )
        found.append({"name": name, "output": done.stdout.strip() or done.stderr.strip()[-500:]})
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    parser.add_argument(
        "--quick", action="store_true", help="few people, short rounds, nothing but the ratios"
    )
    parser.add_argument("--people", type=int, default=100_000, help="people of the comparison")
    parser.add_argument("--large", type=int, default=1_000_000, help="people of the second latency figure")
    options = parser.parse_args()
    rounds, seconds = (3, 1.0) if options.quick else (5, 3.0)
    people = 5_000 if options.quick else options.people
    with tempfile.TemporaryDirectory(prefix="padan-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        rows = compare(folder, people=people, rounds=rounds, seconds=seconds)
        if not options.quick:
            rows += scale(folder, small=10_000, large=options.large, rounds=5, seconds=2.0)
    parts = [] if options.quick else others()
    if options.json:
        sys.stdout.write(
            json.dumps({"rows": [row.as_dict() for row in rows], "parts": parts}, indent=2) + "\n"
        )
        return
    sys.stdout.write(render(rows) + "\n")
    for part in parts:
        sys.stdout.write(f"\n{part['name']}\n{part['output']}\n")


if __name__ == "__main__":
    main()
