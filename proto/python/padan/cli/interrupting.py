"""Ctrl-C and SIGTERM end a long run so that what it has is kept."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType


class Stoppable(Protocol):
    """What calls the service for a run."""

    def stop(self) -> None:
        """Begin no further call."""
        ...


@contextlib.contextmanager
def interruptible(calls: Stoppable) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM stop a run so that what is under way is kept; a second one ends it at once.

    A handler runs in the midst of whatever the main thread does, with the locks that this holds: it may put into a
    `SimpleQueue` and no more, so that another thread stops the run and says so.
    """
    told: SimpleQueue[bool] = SimpleQueue()

    def handler(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, signal.default_int_handler)
        told.put(True)

    def listen() -> None:
        while told.get():
            calls.stop()
            sys.stderr.write("stopping when the calls under way are answered; once more ends at once\n")

    listening = threading.Thread(target=listen, name="signals", daemon=True)
    before = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    listening.start()
    try:
        yield
    finally:
        for number, kept in before.items():
            signal.signal(number, kept)
        told.put(False)
        listening.join()
