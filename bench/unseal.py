"""From the last custodian's share to the first verdict (docs/custody.md): seconds, three of five, workers 1 and 2.

The service runs sealed with two shares in; the third is handed in over the custody listener, and a client asks until a
verdict comes. Among it: the KEK from three shares, the keyring, the entry UNSEALED, the workers that fetch their keys,
build their engine and log their period, and the question. Usage: python -m bench.unseal [--runs N]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

import grpc

from padan.v1 import attribute_pb2, verification_pb2_grpc
from tests.custodians import KEK, NAMES, Terminal, make_keyring
from tests.installation import Installation, install
from tests.service import RunningService, request, running

GOAL_SECONDS = 3.0


def _first_verdict(service: RunningService) -> None:
    with service.channel() as channel:
        stub = verification_pb2_grpc.VerificationServiceStub(channel)
        while True:
            try:
                answer = stub.Verify(request(), timeout=10)
            except grpc.RpcError:
                time.sleep(0.01)
                continue
            if answer.outcome != attribute_pb2.VERDICT_MATCH:
                raise RuntimeError("another verdict")
            return


def _measure(installation: Installation) -> tuple[float, float]:
    """Give the seconds until the share is answered, and until the first verdict."""
    with running(installation, ready=False) as service:
        people = [Terminal(installation, name) for name in NAMES[:3]]
        for each in people[:2]:
            each.hand_in()
        while service.messages().count('"listening"') < installation.settings.workers:
            time.sleep(0.1)
        box = people[2].sealed()
        began = time.perf_counter()
        people[2].send(box)
        answered = time.perf_counter() - began
        _first_verdict(service)
        return answered, time.perf_counter() - began


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory(prefix="padan-bench-") as folder:
        for workers in (1, 2):
            made = install(
                Path(folder) / f"{workers}",
                kek=KEK,
                make_keyring=make_keyring,
                extra=f"workers = {workers}\n",
            )
            found = [_measure(made) for _ in range(runs)]
            answered, verdict = ([each[at] for each in found] for at in (0, 1))
            sys.stdout.write(
                f"workers {workers}: last share answered after {statistics.median(answered):.2f} s, first verdict "
                f"after {statistics.median(verdict):.2f} s (most {max(verdict):.2f}, goal {GOAL_SECONDS:.0f})\n"
            )
            sys.stdout.flush()


if __name__ == "__main__":
    main()
