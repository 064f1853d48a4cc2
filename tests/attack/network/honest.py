"""The honest client, a process of its own: calls at an even pace over one channel until its input ends.

Reads an order (JSON, one line), writes "ready" after a first good call, and a count (JSON) at the end.
"""

from __future__ import annotations

import itertools
import json
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import grpc

from bench.generator import read_bodies
from tests.attack.network.target import Caller
from tests.attack.network.wire import VERIFY

if TYPE_CHECKING:
    from collections.abc import Iterator

_DEADLINE = 5.0  # seconds
_SHARE = 1_000  # bodies of one client; beyond them it repeats itself, and gets the same answers


def _channel(caller: Caller) -> grpc.Channel:
    credentials = grpc.ssl_channel_credentials(
        Path(caller.ca).read_bytes(), Path(caller.key).read_bytes(), Path(caller.certificate).read_bytes()
    )
    options = [("grpc.ssl_target_name_override", caller.server_name), ("grpc.enable_retries", 0)]
    return grpc.secure_channel(f"127.0.0.1:{caller.port}", credentials, options=options)


class Pace:
    """Calls at an even pace, from one or more threads."""

    def __init__(
        self, call: grpc.UnaryUnaryMultiCallable[bytes, bytes], bodies: Iterator[bytes], interval: float
    ) -> None:
        self._call, self._bodies, self._interval = call, bodies, interval
        self._lock = threading.Lock()
        self.latencies: list[float] = []
        self.statuses: Counter[str] = Counter()

    def run(self, stop: threading.Event) -> None:
        """Call until told to stop; a call that is late is not made up for by more than a second's worth."""
        due = time.monotonic()
        while not stop.is_set():
            with self._lock:
                body = next(self._bodies)
            begin = time.perf_counter()
            status = self._once(body)
            elapsed = (time.perf_counter() - begin) * 1e3
            with self._lock:
                self.statuses[status] += 1
                self.latencies.append(elapsed)
            due = max(due + self._interval, time.monotonic() - 1)
            stop.wait(max(due - time.monotonic(), 0))

    def _once(self, body: bytes) -> str:
        try:
            self._call(body, timeout=_DEADLINE)
        except grpc.RpcError as error:
            return error.code().name
        return "OK"

    def count(self) -> dict[str, object]:
        """Sum up."""
        latencies = sorted(self.latencies)
        return {
            "calls": len(latencies),
            "errors": len(latencies) - self.statuses["OK"],
            "p50_ms": latencies[len(latencies) // 2],
            "p99_ms": latencies[len(latencies) * 99 // 100],
            "statuses": dict(self.statuses),
        }


def main() -> None:
    """Call until standard input ends."""
    order = json.loads(sys.stdin.readline())
    threads = order.get("threads", 1)
    bodies = itertools.cycle(read_bodies(Path(order["bodies"]))[order["first"] : order["first"] + _SHARE])
    channel = _channel(Caller(**order["caller"]))
    call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(VERIFY)
    call(next(bodies), timeout=_DEADLINE)
    print("ready", flush=True)
    stop = threading.Event()
    pace = Pace(call, bodies, threads / order["per_second"])
    workers = [threading.Thread(target=pace.run, args=(stop,)) for _ in range(threads)]
    for worker in workers:
        worker.start()
    sys.stdin.read()
    stop.set()
    for worker in workers:
        worker.join()
    json.dump(pace.count(), sys.stdout)


if __name__ == "__main__":
    main()
