"""A registry whose changes come at a steady rate: signed blocks, put into an outbox one after the other."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from verifier.feed import document
from verifier.feed.following import signers_of
from verifier.feed.source import open_source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.installation import Installation


class Coming:
    """Blocks that are published while somebody follows them; what is left over comes the next time."""

    def __init__(self, made: Installation, blocks: Iterable[bytes], *, every: float) -> None:
        """Prepare, so that publishing costs next to nothing.

        Args:
            made: whose registry it is.
            blocks: signed, in their order.
            every: seconds between two.
        """
        self.address = f"sqlite:///{made.root}/outbox.sqlite#feed"
        self.end = 0
        """Position of the last change that has come."""
        signers = signers_of(made.settings)
        # Nobody who publishes looks at the changes, and all of them together take hundreds of megabytes.
        self._blocks = collections.deque(
            (dataclasses.replace(document.parse(made.realm, each, signers), changes=()), each)
            for each in blocks
        )
        self._every = every

    @contextlib.contextmanager
    def coming(self) -> Iterator[None]:
        """Publish as long as the block lasts.

        Raises:
            SystemExit: there were too few.
        """
        stopping = threading.Event()
        with ThreadPoolExecutor(1) as pool:
            publishing = pool.submit(self._publish, stopping)
            try:
                yield
            finally:
                stopping.set()
            publishing.result()
        if not self._blocks:
            raise SystemExit("bench: all changes had come before the end; measure with fewer --seconds")

    def _publish(self, stopping: threading.Event) -> None:
        due = time.monotonic()
        with contextlib.closing(open_source(self.address, create=True)) as target:
            while self._blocks and not stopping.wait(max(0.0, due - time.monotonic())):
                feed, data = self._blocks.popleft()
                target.publish(feed, data)
                self.end, due = feed.end, due + self._every
