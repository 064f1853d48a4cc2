"""What traces cost the main path: processor time of a Verify in the core, with none, with a share, with all.

The core stands on simulated ground (no socket, no disk), one request a batch, which is where traces cost the most; the
exporter and its thread are counted, the collector runs in a process of its own. Prints microseconds and the ratio to
no traces, each the median of rounds that take turns.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from concurrent import futures
from typing import TYPE_CHECKING, Any

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from tests.people import BUDI
from tests.simulator.world import World
from tests.terms import Terms
from verifier.config import Settings
from verifier.tracing.export import open_tracing
from verifier.tracing.traced import TracedVerifier

if TYPE_CHECKING:
    from verifier.core import Verifier
    from verifier.tracing.export import Tracing

_ROUNDS = 9
_REQUESTS = 1_000
_SHARES = (0.01, 1.0)


class _Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """Takes traces and forgets them."""

    def Export(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802 - the service's own name
        """Take one export."""
        del request, context
        return trace_service_pb2.ExportTraceServiceResponse()


def collect() -> None:
    """Be the collector until standard input ends."""
    server = grpc.server(futures.ThreadPoolExecutor(2))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(_Collector(), server)  # type: ignore[no-untyped-call]
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    server.start()
    sys.stdin.read()
    server.stop(0)


def traced(core: Verifier, tracing: Tracing, share: float) -> TracedVerifier:
    """Give a core's parts to one that is traced, so that both stand on the same ground."""
    other = TracedVerifier.__new__(TracedVerifier)
    vars(other).update(vars(core))
    other.trace_to(tracing, share=share)
    return other


def microseconds(core: Verifier, world: World) -> float:
    """Measure one request, processor time of the whole process."""
    calls = [world.call("tax", world.question(right=True)) for _ in range(_REQUESTS)]
    begin = time.process_time()
    for call in calls:
        core.verify_many((call,))
    return (time.process_time() - begin) / _REQUESTS * 1e6


def measure(endpoint: str) -> dict[str, list[float]]:
    """Let the three take turns."""
    tracing = open_tracing(Settings(registry_id="bench", trust_domain="bench", otlp_endpoint=endpoint))
    assert tracing is not None  # noqa: S101 - an endpoint is set
    terms = Terms(subject=10**9, prefix=10**9)
    world = World(seed=1, agencies={"tax": terms}, people=[dict(BUDI)])
    sides: dict[str, Verifier] = {"none": world.core}
    sides |= {f"{share:.0%}": traced(world.core, tracing, share) for share in _SHARES}
    figures: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(_ROUNDS + 1):
        for name, core in sides.items():
            figure = microseconds(core, world)
            if number:  # the first round warms up
                figures[name].append(figure)
        world.log.rows.clear()
    tracing.close()
    return figures


def main() -> None:
    """Print the table."""
    with subprocess.Popen(
        [sys.executable, "-m", "bench.tracing", "--collect"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as collector:
        assert collector.stdout is not None  # noqa: S101 - it was asked for
        figures = measure(f"http://127.0.0.1:{int(collector.stdout.readline())}")
        if collector.stdin is not None:
            collector.stdin.close()
    bare = statistics.median(figures["none"])
    for name, found in figures.items():
        middle, least, most = statistics.median(found), min(found), max(found)
        print(
            f"traced {name:>5}: {middle:7.1f} us a request ({least:.1f} to {most:.1f}), {middle / bare:.2f} times none"
        )


if __name__ == "__main__":
    collect() if "--collect" in sys.argv else main()
