"""Snapshots: read every five seconds, good for sixty, and then nothing."""

from __future__ import annotations

import threading

import pytest

from verifier.snapshot import Snapshot, SnapshotStaleError


def test_a_value_ages_from_before_its_read() -> None:
    """A read that takes long gives a value that is old already."""
    now = [0.0]

    def load() -> str:
        now[0] += 59
        return "value"

    snapshot = Snapshot(load, clock=lambda: now[0])
    assert snapshot.refresh()
    assert snapshot.current() == "value"
    now[0] += 1
    with pytest.raises(SnapshotStaleError):
        snapshot.current()


def test_a_failed_read_keeps_the_old_value() -> None:
    """A source that fails leaves what was known, and says so."""
    values = iter(["first"])
    snapshot = Snapshot(lambda: next(values), clock=lambda: 0.0)
    assert snapshot.refresh()
    assert not snapshot.refresh()
    assert snapshot.current() == "first"


def test_a_poll_is_due_after_five_seconds() -> None:
    """Between two polls the source is not asked."""
    now, reads = [0.0], []
    snapshot = Snapshot(lambda: reads.append(now[0]), clock=lambda: now[0])
    for second in range(12):
        now[0] = float(second)
        snapshot.refresh_if_due()
    assert reads == [0.0, 5.0, 10.0]


def test_the_thread_reads_until_it_is_stopped() -> None:
    """A started snapshot reads on its own, and ends when told."""
    read_twice, reads = threading.Event(), []

    def load() -> int:
        reads.append(1)
        if len(reads) > 1:
            read_twice.set()
        return len(reads)

    snapshot = Snapshot(load, poll=0.001)
    snapshot.start()
    assert read_twice.wait(5)
    assert snapshot.current() >= 1
    snapshot.stop()
    count = len(reads)
    threading.Event().wait(0.02)
    assert len(reads) <= count + 1


def test_a_source_that_hangs_fails_closed() -> None:
    """A read that never comes back lets the value grow too old."""
    now, hang, entered = [0.0], threading.Event(), threading.Event()
    first = [True]

    def load() -> str:
        if not first.pop() if first else True:
            entered.set()
            hang.wait(10)
        return "value"

    snapshot = Snapshot(load, clock=lambda: now[0], poll=0.001)
    snapshot.start()
    assert entered.wait(5)
    now[0] = 60.0
    with pytest.raises(SnapshotStaleError):
        snapshot.current()
    hang.set()
    snapshot.stop()
