"""Questions at a steady rate, in turns alone and beside something else: what that costs those who ask."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from bench import generator, questions, sides
from bench.generator import Count, Plan
from bench.run import VERIFY
from tests.service import running

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.installation import Installation

RATE: Final = 200
"""Questions a second."""


def in_turns(
    made: Installation,
    persons: Sequence[dict[str, str]],
    *,
    rounds: int,
    seconds: float,
    something: Callable[[], AbstractContextManager[None]],
) -> tuple[list[Count], list[Count]]:
    """Ask about people alone and beside something, in turns.

    Args:
        made: the installation, whose service is started for it.
        persons: whom to ask about.
        rounds: how often each.
        seconds: how long each time.
        something: runs beside the questions as long as its block.
    """
    bodies, used = made.root / "bodies", 0
    calls = int(RATE * (seconds + 2) * 2 * rounds)
    generator.write_bodies(bodies, questions.verify(list(persons), calls, product=True))
    alone: list[Count] = []
    beside: list[Count] = []
    with running(made):
        for _ in range(rounds):
            alone.append(_drive(made, bodies, used, seconds))
            used += alone[-1].sent
            with something():
                beside.append(_drive(made, bodies, used, seconds))
            used += beside[-1].sent
    return alone, beside


def _drive(made: Installation, bodies: Path, used: int, seconds: float) -> Count:
    """Ask RATE questions a second for some seconds, from a place in the file on."""
    caller = sides.caller_files(made)
    plan = Plan(
        port=made.port,
        ca=str(caller.ca),
        certificate=str(caller.certificate),
        key=str(caller.key),
        bodies=str(bodies),
        first=used,
        path=VERIFY,
        connections=16,  # a connection has 32 calls in flight at most, and none may wait for that
        rate=RATE,
        warm_up=1.0,
        measure=seconds,
    )
    done = subprocess.run(
        [sys.executable, "-m", "bench.generator"],
        input=json.dumps(asdict(plan)), text=True, stdout=subprocess.PIPE, check=True, cwd=sides.ROOT,
    )  # fmt: skip
    count = Count(**json.loads(done.stdout))
    if count.failed:
        raise SystemExit(f"bench: {count.failed} of {count.calls} calls failed: {count.statuses}")
    return count
