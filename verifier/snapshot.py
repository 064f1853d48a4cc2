"""A value that is read again and again from elsewhere, and that nobody may use once it is too old.

What decides over access (certificates, agreements) is read from memory on every call. A reader asks the source every
five seconds; a source that is away, broken or hanging for sixty seconds makes every use fail, so that a revocation
or a suspension takes effect within that time or nothing is answered at all.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from verifier.errors import LogUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

POLL_SECONDS: Final = 5.0
LIMIT_SECONDS: Final = 60.0

T = TypeVar("T")


class SnapshotStaleError(LogUnavailableError):
    """The database could not be read for so long that what is known may no longer be true."""


class Snapshot(Generic[T]):
    """The last value that a source gave, and its age.

    Args:
        load: reads the value; any exception means that it could not be read.
        clock: monotonic seconds.
        poll: seconds between two reads.
        limit: age in seconds from which the value must not be used.
    """

    def __init__(
        self,
        load: Callable[[], T],
        *,
        clock: Callable[[], float] = time.monotonic,
        poll: float = POLL_SECONDS,
        limit: float = LIMIT_SECONDS,
    ) -> None:
        self._load = load
        self._clock = clock
        self._poll = poll
        self._limit = limit
        self._state: tuple[T, float] | None = None
        self._stopping = threading.Event()
        self._reader: threading.Thread | None = None
        self._loading = threading.Lock()

    def current(self) -> T:
        """Return the value.

        Raises:
            SnapshotStaleError: there is none, or it is too old.
        """
        state = self._state
        if state is None or self._clock() - state[1] >= self._limit:
            raise SnapshotStaleError("certificates and agreements could not be read for too long")
        return state[0]

    def refresh(self) -> bool:
        """Read the value now, and say whether that worked; the old one stays where it did not.

        The value's age counts from before the read: what changed during it may be missing.
        """
        with self._loading:
            began = self._clock()
            try:
                value = self._load()
            except Exception:  # noqa: BLE001 - whatever keeps us from reading, the age decides what follows
                return False
            self._state = (value, began)
            return True

    def refresh_if_due(self) -> None:
        """Read the value if the last read is a poll ago; for callers that drive their own time."""
        state = self._state
        if state is None or self._clock() - state[1] >= self._poll:
            self.refresh()

    def start(self) -> None:
        """Read once, then keep reading in a thread of its own until `stop`."""
        self.refresh()
        self._reader = threading.Thread(target=self._run, name="snapshot", daemon=True)
        self._reader.start()

    def stop(self) -> None:
        """End the reading thread; one that hangs in its source is left behind."""
        self._stopping.set()
        if self._reader is not None:
            self._reader.join(timeout=1.0)

    def _run(self) -> None:
        while not self._stopping.wait(self._poll):
            self.refresh()
