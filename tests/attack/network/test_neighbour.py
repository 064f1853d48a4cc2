"""Attack 26: a noisy neighbour at ten times its quota. Others' p99 grows by half at most, and they see no error."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

import pytest

from tests.attack.network.conftest import NOISY_PER_SECOND
from tests.attack.network.target import ROOT, honest_client

if TYPE_CHECKING:
    from tests.attack.network.conftest import Report, Target

pytestmark = pytest.mark.attack

_FACTOR = 10
_P99_GROWTH = 1.5
_FLOOR_MS = 5.0  # of a p99 of few calls, what the scheduler of a busy machine adds


def _noise(target: Target, first: int) -> subprocess.Popen[str]:
    order = {
        "caller": asdict(target.noisy),
        "bodies": str(target.bodies),
        "first": first,
        "per_second": NOISY_PER_SECOND * _FACTOR,
        "threads": 8,
    }
    process = subprocess.Popen(
        ["nice", "-n", "10", sys.executable, "-m", "tests.attack.network.honest"],
        cwd=ROOT,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(order) + "\n")
    process.stdin.flush()
    return process


@pytest.mark.parametrize("seconds", [2.0, pytest.param(20.0, marks=pytest.mark.long)])
def test_noisy_neighbour_is_not_felt(target: Target, seconds: float, report: Report) -> None:
    """The neighbour is refused beyond its rate; the others keep theirs."""
    with honest_client(target.honest, target.bodies, first=target.first()) as calm:
        time.sleep(seconds)
    noise = _noise(target, target.first())
    try:
        with honest_client(target.honest, target.bodies, first=target.first()) as disturbed:
            time.sleep(seconds)
        out, _ = noise.communicate(timeout=20)
    finally:
        noise.kill()
        noise.wait()
    neighbour = json.loads(out.removeprefix("ready\n"))
    report("calm", calm[0])
    report("disturbed", disturbed[0])
    report("neighbour", neighbour)
    assert neighbour["statuses"]["RESOURCE_EXHAUSTED"] > neighbour["statuses"]["OK"]
    assert set(neighbour["statuses"]) == {"OK", "RESOURCE_EXHAUSTED"}
    assert disturbed[0].errors == 0
    assert disturbed[0].p99_ms <= max(calm[0].p99_ms * _P99_GROWTH, calm[0].p99_ms + _FLOOR_MS)
