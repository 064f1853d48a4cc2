"""What every command does that runs on: start, wait until it is told to stop, stop."""

from __future__ import annotations

import gc
import signal
import threading
from typing import TYPE_CHECKING

from verifier.child import HAND_OVER
from verifier.signals import hear
from verifier.supervisor import unblock_signals

_HEAR_SECONDS = 1.0

if TYPE_CHECKING:
    from typing import Protocol

    from verifier.readiness import Readiness
    from verifier.tether import ChildEnd

    class Part(Protocol):
        """What one process runs."""

        @property
        def readiness(self) -> Readiness:
            """When it can do its work, or why it never will."""
            ...

        def start(self) -> None:
            """Start."""

        def hand_over(self, hurry: threading.Event) -> None:
            """Leave the work to a successor, gently until `hurry` is set; `stop` follows."""

        def stop(self) -> None:
            """Stop."""


def run(part: Part, parent: ChildEnd | None = None) -> None:
    """Run until SIGTERM or SIGINT, until told to hand over, until the parent is gone, or the part gives up.

    Args:
        part: what runs.
        parent: the line to the process that started this one, which is told how far it is.

    Raises:
        Exception: what the part raised at its start, or gave up for later; it is stopped by then.
    """
    stopping, handing_over, hurry = threading.Event(), threading.Event(), threading.Event()

    def stop(number: int) -> None:
        (handing_over if number == HAND_OVER else hurry).set()
        stopping.set()

    def lose_parent() -> None:
        hurry.set()
        stopping.set()

    hear((signal.SIGTERM, signal.SIGINT, HAND_OVER), stop)
    if parent is not None:
        signal.signal(
            signal.SIGHUP, signal.SIG_IGN
        )  # the parent's to hear, also where a terminal says it to all
    unblock_signals()
    part.readiness.when_given_up(stopping.set)
    part.start()
    if parent is not None:
        parent.watch(lose_parent)
        parent.say_started()
        part.readiness.when(parent.say_ready)
    # A signal that the system gives to another thread does not wake this one, in which alone Python acts on it.
    while not stopping.wait(_HEAR_SECONDS):
        pass
    if handing_over.is_set():
        part.hand_over(hurry)
    part.stop()
    gc.freeze()  # else the interpreter's end collects every module, which on a busy machine takes seconds
    part.readiness.require_hope()
