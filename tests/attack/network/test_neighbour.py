"""Attack 26: a noisy neighbour at ten times its quota. Others' p99 grows by half at most, and they see no error."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import TYPE_CHECKING

import grpc
import pytest

from tests import service
from tests.attack.network.conftest import NOISY_PER_SECOND
from tests.attack.network.target import ROOT, honest_client
from tests.attack.network.wire import VERIFY

if TYPE_CHECKING:
    from tests.attack.network.conftest import Report, Target

pytestmark = pytest.mark.attack

_FACTOR = 10
_P99_GROWTH = 1.5
_P50_GROWTH = 2.5  # of few calls, on a machine that may be busy
_LONG = 10  # seconds from which a p99 means something


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
    if seconds >= _LONG:
        assert disturbed[0].p99_ms <= calm[0].p99_ms * _P99_GROWTH
    assert disturbed[0].p50_ms <= calm[0].p50_ms * _P50_GROWTH


def test_refusals_do_not_use_up_a_connection(target: Target) -> None:
    """A connection on which hundreds of calls were refused, many at once, still takes good ones.

    The C core counts the streams whose calls are not yet freed; calls that an error keeps alive would fill the
    connection, and it would refuse every stream from then on.
    """
    statuses: Counter[str] = Counter()
    with target.running.channel("known") as channel:
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(VERIFY)

        def ask(raw: bytes) -> None:
            try:
                call(raw, timeout=5)
            except grpc.RpcError as error:
                statuses[error.code().name] += 1
            else:
                statuses["OK"] += 1

        with ThreadPoolExecutor(8) as threads:
            list(threads.map(ask, [b"\xff"] * 300))
        ask(service.request().SerializeToString())
    assert statuses == {"INVALID_ARGUMENT": 300, "OK": 1}
