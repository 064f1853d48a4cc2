"""Ctrl-C and SIGTERM end a long run so that what it has is kept."""

from __future__ import annotations

import contextlib
import signal
import sys
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator


class Stoppable(Protocol):
    """What calls the service for a run."""

    def stop(self) -> None:
        """Begin no further call."""
        ...


@contextlib.contextmanager
def interruptible(calls: Stoppable) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM stop a run so that what is under way is kept; a second one ends it at once."""

    def stop(number: int, frame: Any) -> None:
        del frame
        calls.stop()
        signal.signal(number, signal.default_int_handler)
        sys.stderr.write("stopping when the calls under way are answered; once more ends at once\n")

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
