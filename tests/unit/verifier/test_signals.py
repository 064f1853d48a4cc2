"""Signals are heard wherever the main thread stands, also while it holds the lock of what they set."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
TOLD = """
import os, signal, threading
from verifier.signals import hear

stopping = threading.Event()
hear((signal.SIGTERM,), lambda _: stopping.set())
with stopping._cond:  # as in the midst of waiting for it
    os.kill(os.getpid(), signal.SIGTERM)
    for _ in range(1_000):
        pass
print("heard" if stopping.wait(20) else "deaf", flush=True)
"""


def test_a_signal_is_heard_while_its_event_is_locked() -> None:
    """The main thread goes on, and the event is set as soon as it lets go of it."""
    done = subprocess.run(
        [sys.executable, "-c", TOLD],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == b"heard\n", done.stderr
    assert done.returncode == 0
