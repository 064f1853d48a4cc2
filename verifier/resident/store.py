"""The marks in memory: read again every few seconds, and never used once too old: a lock binds, or nothing is said.

Reading all of them takes a second for each half million, and happens only after the directory was written.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from verifier.snapshot import LIMIT_SECONDS, POLL_SECONDS, Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class MarkSource(Protocol):
    """Keeps marks; raises where they cannot be read."""

    def generation(self) -> int:
        """Read the number that every write counts up."""
        ...

    def by_handle(self) -> Mapping[bytes, int]:
        """Read everything that is marked."""
        ...


class MarkStore:
    """Says what is marked.

    Args:
        source: the database.
        clock: monotonic seconds.
        poll: seconds between two reads.
        limit: age in seconds from which nothing is answered any more.
    """

    def __init__(
        self,
        source: MarkSource,
        *,
        clock: Callable[[], float] = time.monotonic,
        poll: float = POLL_SECONDS,
        limit: float = LIMIT_SECONDS,
    ) -> None:
        self._source = source
        self._last: tuple[int, Mapping[bytes, int]] | None = None
        self.snapshot: Snapshot[Mapping[bytes, int]] = Snapshot(
            self._load, clock=clock, poll=poll, limit=limit
        )

    def of(self, handle: bytes) -> int:
        """Say what is marked under a budget handle: `Mark`s as a number, 0 for nothing.

        Raises:
            SnapshotStaleError: the database could not be read for too long.
        """
        return self.snapshot.current().get(handle, 0)

    def _load(self) -> Mapping[bytes, int]:
        generation = self._source.generation()
        if self._last is None or self._last[0] != generation:
            self._last = (generation, self._source.by_handle())
        return self._last[1]
