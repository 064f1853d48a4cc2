"""Long runs say how far they are."""

from __future__ import annotations

import io

from padan.audit.mirror.progress import Progress


def test_rate_and_time_left_are_said() -> None:
    """Every five seconds a line says what is done, how fast, and how long the rest takes."""
    now, sink = [0.0], io.StringIO()
    progress = Progress("leaves", 10_000, sink=sink, clock=lambda: now[0])
    for _ in range(12):
        now[0] += 1
        progress.add(256)
    assert sink.getvalue().splitlines() == [
        "1,280 of 10,000 leaves; 256/s; 0 min 34 s left",
        "2,560 of 10,000 leaves; 256/s; 0 min 29 s left",
    ]
