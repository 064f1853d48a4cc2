"""The rate of calls that an agency's agreement grants: a token bucket for each agency, in memory, one a worker.

The daily quota is counted in the log's database; this only keeps one agency from crowding out the others.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class RateLimiter:
    """Admits calls at a rate, with a burst of one second's worth."""

    def __init__(self, *, share: float = 1.0) -> None:
        """Make a limiter.

        Args:
            share: this worker's part of each agency's rate, 0 to 1.
        """
        self._share = share
        self._buckets: dict[str, _Bucket] = {}
        self._lock = threading.Lock()

    def admit(self, agency: str, per_second: int, now: float) -> bool:
        """Take one call out of an agency's bucket; False where it is empty.

        Args:
            agency: id of the agency.
            per_second: calls a second of the agreement; 0 for no bound.
            now: monotonic seconds.
        """
        if not per_second:
            return True
        rate = max(1.0, per_second * self._share)
        with self._lock:
            bucket = self._buckets.get(agency)
            if bucket is None:
                bucket = self._buckets[agency] = _Bucket(tokens=rate, at=now)
            bucket.tokens = min(rate, bucket.tokens + (now - bucket.at) * rate)
            bucket.at = now
            if bucket.tokens < 1:
                return False
            bucket.tokens -= 1
            return True
