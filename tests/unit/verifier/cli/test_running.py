"""A process that runs on ends when it is told to, whichever of its threads hears so, and without delay."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import atexit, gc, signal, threading, time
from verifier.cli.running import run
from verifier.readiness import Readiness

def tell():
    time.sleep(0.3)
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)

class Part:
    readiness = Readiness()
    def start(self):
        threading.Thread(target=tell, daemon=True).start()
    def hand_over(self, hurry):
        print("handed over")
    def stop(self):
        print("stopped")

atexit.register(lambda: print("collected at the end:", gc.get_freeze_count() == 0))
run(Part())
"""


def test_a_signal_that_another_thread_gets_is_heard() -> None:
    """A signal of the system's that reaches another thread than the first stops the process too."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout.splitlines() == ["stopped", "collected at the end: False"]


HOPELESS = """
import threading, time
from verifier.cli.running import run
from verifier.errors import OperatorError
from verifier.readiness import Readiness

class Part:
    readiness = Readiness()
    def start(self):
        def give_up():
            time.sleep({after})
            for reason in ("the first", "another"):
                self.readiness.give_up(OperatorError(reason))
        threading.Thread(target=give_up, daemon=True).start() if {after} else give_up()
    def stop(self):
        print("stopped")

try:
    run(Part())
except OperatorError as error:
    print("for", error)
"""


@pytest.mark.parametrize("after", ["0", "0.3"])
def test_what_is_given_up_ends_in_order_and_says_why(after: str) -> None:
    """While it starts or later: it is stopped first, and then the first reason is raised."""
    done = subprocess.run(
        [sys.executable, "-c", HOPELESS.replace("{after}", after)],
        capture_output=True, text=True, timeout=30, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines() == ["stopped", "for the first"]
