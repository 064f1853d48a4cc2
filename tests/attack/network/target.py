"""What the network attacks aim at, and what they watch while they run."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import cpu

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]
MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """How to reach a server, and as whom; a stranger has no certificate, or one of a foreign authority."""

    port: int
    server_name: str
    ca: str
    certificate: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Honest:
    """What an honest client saw."""

    calls: int
    errors: int
    p50_ms: float
    p99_ms: float
    statuses: dict[str, int]


def _spawn(module: str, order: dict[str, Any], *, nice: bool) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", f"tests.attack.network.{module}"]
    process = subprocess.Popen(
        (["nice", "-n", "15"] if nice else []) + command,
        cwd=ROOT,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(order) + "\n")
    process.stdin.flush()
    return process


def _collect(process: subprocess.Popen[str], seconds: float) -> dict[str, Any]:
    out, _ = process.communicate(timeout=seconds)
    if process.returncode:
        raise RuntimeError(f"a client process ended with {process.returncode}")
    answer: dict[str, Any] = json.loads(out)
    return answer


@contextlib.contextmanager
def honest_client(
    caller: Caller, bodies: Path, *, first: int = 0, per_second: float = 40
) -> Iterator[list[Honest]]:
    """Let an honest client call at an even pace in a process of its own.

    What it saw is in the list at the end.
    """
    seen: list[Honest] = []
    order = {"caller": asdict(caller), "bodies": str(bodies), "first": first, "per_second": per_second}
    process = _spawn("honest", order, nice=False)
    try:
        assert process.stdout is not None
        if process.stdout.readline() != "ready\n":
            raise RuntimeError("the honest client cannot call")
        yield seen
        seen.append(Honest(**_collect(process, 30)))
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def memory_growth(pids: set[int]) -> Iterator[list[int]]:
    """Sample resident memory ten times a second; the list holds the greatest growth in bytes at the end."""
    before = cpu.resident_bytes(pids)
    greatest: list[int] = []
    stop = threading.Event()
    samples = [before]

    def sample() -> None:
        while not stop.wait(0.1):
            samples.append(cpu.resident_bytes(pids))

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield greatest
    finally:
        stop.set()
        thread.join()
        greatest.append(max(samples) - before)


def attack(caller: Caller, name: str, *, seconds: float, connections: int, limit: int) -> dict[str, Any]:
    """Run an attack in a process of its own, below everybody else's priority; give what it counted.

    Args:
        caller: as whom.
        name: a form that `attacker` knows.
        seconds: how long.
        connections: how many at once.
        limit: most connections it opens in all.
    """
    order = {
        "caller": asdict(caller),
        "name": name,
        "seconds": seconds,
        "connections": connections,
        "limit": limit,
    }
    process = _spawn("attacker", order, nice=True)
    try:
        return _collect(process, seconds + 30)
    finally:
        process.kill()
        process.wait()
