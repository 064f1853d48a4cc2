"""A walk through the log for entries that may be rare: stretch by stretch, so that no statement reads too much of it.

A filter that few of a thousand million entries pass would keep one statement longer than a database may take. A walk
ends after a moment, whatever it has found, and says from where the next one goes on.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from verifier.log.store import LogStore, StoredEntry

SECONDS: Final = 0.8
"""How long a walk takes at most, but for its last stretch: its caller waits for it and for the entry about it."""
STRETCH: Final = 20_000
"""Places of the first stretch."""
_WANTED: Final = 0.1
"""Seconds of a stretch: the next one is as long as the last one's pace lets expect."""
_GROWTH: Final = 8
"""How many times as long as the last one a stretch is at most."""


class Walked(NamedTuple):
    """What a walk has found.

    Attributes:
        entries: by ascending place.
        place: after which the next walk goes on; None at the log's end.
    """

    entries: list[StoredEntry]
    place: int | None


def walk(
    store: LogStore,
    after: int,
    limit: int,
    *,
    clock: Callable[[], float] = time.monotonic,
    least: int = STRETCH,
    **filters: Any,
) -> Walked:
    """List entries that follow a place.

    Args:
        store: the log.
        after: the place.
        limit: most entries to return.
        clock: seconds.
        least: places of the first stretch, and of any.
        filters: as `LogStore.entries` takes them.

    Raises:
        LogStoreError: the log cannot be read.
    """
    found: list[StoredEntry] = []
    stretch, end, until = least, store.head().sequence, clock() + SECONDS
    while after < end:
        edge, began = min(after + stretch, end), clock()
        found += store.entries(after, limit - len(found), through=edge, **filters)
        if len(found) == limit:
            return Walked(found, found[-1].sequence)
        after, now = edge, clock()
        if now >= until:
            break
        stretch = max(least, int(stretch * min(_GROWTH, _WANTED / max(now - began, 1e-6))))
    return Walked(found, after if after < end else None)
