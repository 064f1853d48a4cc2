"""The honest client, a process of its own: calls at an even pace over one channel until its input ends.

Reads an order (JSON, one line), writes "ready" after a first good call, and a count (JSON) at the end.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import grpc

from bench.generator import read_bodies
from tests.attack.network.target import Caller
from tests.attack.network.wire import VERIFY

_DEADLINE = 5.0  # seconds


def _channel(caller: Caller) -> grpc.Channel:
    credentials = grpc.ssl_channel_credentials(
        Path(caller.ca).read_bytes(), Path(caller.key).read_bytes(), Path(caller.certificate).read_bytes()
    )
    options = [("grpc.ssl_target_name_override", caller.server_name), ("grpc.enable_retries", 0)]
    return grpc.secure_channel(f"127.0.0.1:{caller.port}", credentials, options=options)


def _wait_for_end(stop: threading.Event) -> None:
    sys.stdin.read()
    stop.set()


def main() -> None:
    """Call until standard input ends."""
    order = json.loads(sys.stdin.readline())
    bodies = iter(read_bodies(Path(order["bodies"]))[order["first"] :])
    channel = _channel(Caller(**order["caller"]))
    call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(VERIFY)
    call(next(bodies), timeout=_DEADLINE)
    print("ready", flush=True)  # noqa: T201 -- this is the protocol
    stop = threading.Event()
    threading.Thread(target=_wait_for_end, args=(stop,), daemon=True).start()
    latencies: list[float] = []
    statuses: Counter[str] = Counter()
    due = time.monotonic()
    while not stop.is_set():
        begin = time.perf_counter()
        try:
            call(next(bodies), timeout=_DEADLINE)
            statuses["OK"] += 1
        except grpc.RpcError as error:
            statuses[error.code().name] += 1
        latencies.append((time.perf_counter() - begin) * 1e3)
        due = max(due + 1 / order["per_second"], time.monotonic() - 1)
        stop.wait(max(due - time.monotonic(), 0))
    latencies.sort()
    count = {
        "calls": len(latencies),
        "errors": len(latencies) - statuses["OK"],
        "p50_ms": latencies[len(latencies) // 2],
        "p99_ms": latencies[len(latencies) * 99 // 100],
        "statuses": dict(statuses),
    }
    json.dump(count, sys.stdout)


if __name__ == "__main__":
    main()
