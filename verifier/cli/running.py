"""What every command does that runs on: start, wait until it is told to stop, stop."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING

from verifier.supervisor import unblock_signals

if TYPE_CHECKING:
    from types import FrameType
    from typing import Protocol

    from verifier.tether import ChildEnd

    class Part(Protocol):
        """What one process runs."""

        def start(self) -> None:
            """Start."""

        def stop(self) -> None:
            """Stop."""


def run(part: Part, parent: ChildEnd | None = None) -> None:
    """Run until SIGTERM or SIGINT, or until the parent is gone.

    Args:
        part: what runs.
        parent: the line to the process that started this one, which is told when it runs.
    """
    stopping = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    unblock_signals()
    part.start()
    if parent is not None:
        parent.watch(stopping.set)
        parent.say_started()
    stopping.wait()
    part.stop()
