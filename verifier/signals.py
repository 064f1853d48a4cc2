"""Signals of the system, heard in a thread of their own.

Python runs a handler in the main thread, between two steps of whatever that does. Where it is just about to wait for an
event it holds the event's lock, and a handler that sets this event then waits for that lock for ever: the process no
longer hears that it is to stop. So a handler only puts the number into a queue, which is made for that.
"""

from __future__ import annotations

import signal
import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import FrameType


def hear(numbers: Iterable[int], act: Callable[[int], object]) -> None:
    """Let signals be heard from now on; from the main thread.

    Args:
        numbers: of the signals.
        act: is told each number, one after the other, in a thread that ends with the process.
    """
    told: SimpleQueue[int] = SimpleQueue()

    def handler(number: int, _frame: FrameType | None) -> None:
        told.put(number)

    def listen() -> None:
        while True:
            act(told.get())

    threading.Thread(target=listen, name="signals", daemon=True).start()
    for number in numbers:
        signal.signal(number, handler)
