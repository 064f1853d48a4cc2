"""Questions at a steady rate, each with a known answer; a line of JSON for each second. A process of its own.

python deploy/custody/traffic.py AGENCY RATE POPULATION ADDRESS, in the agency's folder; ends on SIGTERM
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import signal
import statistics
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import padan
from deploy.demo.people import People
from padan.errors import PadanError

AT_ONCE = 32
PURPOSE, BASIS = "taxpayer-registration", "legal_duty"
_PEOPLE = 2_000
_SECONDS = 10.0


@dataclass(slots=True)
class Second:
    """What came of the questions of one second."""

    waits: list[float] = field(default_factory=list)
    failed: int = 0
    changed: int = 0


class Tally:
    """Counts answers as they come, from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now = Second()

    def note(self, wait: float, *, failed: bool, changed: bool) -> None:
        """Count one question."""
        with self._lock:
            self._now.waits.append(wait)
            self._now.failed += failed
            self._now.changed += changed

    def take(self) -> dict[str, float]:
        """Give what was counted since the last time."""
        with self._lock:
            taken, self._now = self._now, Second()
        waits = taken.waits or [0.0]
        p99 = statistics.quantiles(waits, n=100)[-1] if len(waits) > 1 else waits[0]
        return {
            "answered": len(taken.waits) - taken.failed,
            "failed": taken.failed,
            "changed": taken.changed,
            "p50_ms": statistics.median(waits) * 1000,
            "p99_ms": p99 * 1000,
        }


def main() -> None:
    """Ask until told to stop."""
    parser = argparse.ArgumentParser(description="Ask at a steady rate as an agency.")
    parser.add_argument("agency")
    parser.add_argument("rate", type=int, help="questions a second")
    parser.add_argument("population", type=Path)
    parser.add_argument("address", help="of the service")
    chosen = parser.parse_args()
    people = People(chosen.population).take_many(_PEOPLE, lambda one: one.alive)
    tally, stopping = Tally(), threading.Event()
    # A handler may put into such a queue whatever it interrupts; to set an event it may wait for ever.
    told: SimpleQueue[int] = SimpleQueue()
    signal.signal(signal.SIGTERM, lambda number, _: told.put(number))
    threading.Thread(target=_tell, args=(tally, stopping), daemon=True).start()
    with (
        padan.Client.from_files(
            chosen.address, ca="ca.pem", cert="agency.pem", key="agency.key", timeout=_SECONDS
        ) as client,
        ThreadPoolExecutor(AT_ONCE) as pool,
    ):

        def ask(number: int, due: float) -> None:
            person = people[number % len(people)]
            failed = changed = False
            try:
                answer = client.verify(
                    nik=person.nik,
                    claims={"name": person.name},
                    purpose=PURPOSE,
                    officer=f"desk-{number % 9}",
                    legal_basis=BASIS,
                )
                changed = answer.outcome.name != "MATCH"
            except PadanError:
                failed = True
            tally.note(time.monotonic() - due, failed=failed, changed=changed)

        began = time.monotonic()
        for number in itertools.count():
            due = began + number / chosen.rate
            with contextlib.suppress(Empty):
                told.get(timeout=max(0.0, due - time.monotonic()))
                break
            pool.submit(ask, number, due)
        stopping.set()
    sys.stdout.write(json.dumps(tally.take()) + "\n")


def _tell(tally: Tally, stopping: threading.Event) -> None:
    while not stopping.wait(1.0):
        sys.stdout.write(json.dumps(tally.take()) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
