"""A ticket: intents that are committed together, on their way through a journal, and what became of them.

Whoever hands one in either waits for it or expires it at its deadline; whichever comes first, the journal's end or the
deadline, settles it, once.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from verifier.errors import LogUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from verifier.errors import ServiceError
    from verifier.intent import Intent, Settled

_LOGGER = logging.getLogger("padan.journal")


class Ticket:
    """Some intents in a journal's queue, or a probe, which has none.

    Attributes:
        intents: what is to be committed.
        deadline: monotonic second after which nobody waits for it.
        ready_at: monotonic second before which it joins no group: the end of the latest time slot.
        settled: what became of each intent, once it is durable; else empty.
        error: why nothing is known to be durable, where that is so.
    """

    __slots__ = ("_done", "_once", "_settled_at_all", "deadline", "error", "intents", "ready_at", "settled")

    def __init__(
        self, intents: Sequence[Intent], *, deadline: float, done: Callable[[Ticket], object]
    ) -> None:
        """Make a ticket.

        Args:
            intents: what is to be committed.
            deadline: monotonic second after which nobody waits for it.
            done: is called once, by whoever settles the ticket, in that thread; it must return at once.
        """
        self.intents = intents
        self.deadline = deadline
        self.ready_at = max([intent.ready_at for intent in intents], default=0.0)
        self.settled: Sequence[Settled] = ()
        self.error: ServiceError | None = None
        self._done = done
        self._once = threading.Lock()
        self._settled_at_all = False

    @property
    def is_settled(self) -> bool:
        """Whether it is decided what became of it."""
        return self._settled_at_all

    def settle(self, settled: Sequence[Settled] = (), *, error: ServiceError | None = None) -> bool:
        """Say what became of the intents; only the first to say so is heard.

        Returns:
            Whether this was the first.
        """
        if not self._once.acquire(blocking=False):
            return False
        self.settled = settled
        self.error = error
        self._settled_at_all = True
        try:
            self._done(self)
        except Exception:  # a caller's fault must not end the thread that commits for all
            _LOGGER.exception("what follows a commit fell over")
        return True

    def expire(self) -> bool:
        """Stop waiting: whether it becomes durable later is not known.

        Returns:
            Whether it was not settled yet.
        """
        return self.settle(error=LogUnavailableError("the log does not answer"))


class Wait:
    """Waits for a ticket: give `done` to it."""

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def done(self, _ticket: Ticket) -> None:
        """End the waiting."""
        self._lock.release()

    def until_settled(self, ticket: Ticket) -> Sequence[Settled]:
        """Wait until the ticket is settled, at most until its deadline.

        Raises:
            ServiceError: nothing is known to be durable.
        """
        if not self._lock.acquire(timeout=max(0.0, ticket.deadline - time.monotonic())):
            ticket.expire()
        if ticket.error is not None:
            raise ticket.error
        return ticket.settled
