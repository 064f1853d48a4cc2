"""Group commit: one commit in flight, what arrives meanwhile goes into the next, the answer leaves after its commit.

Guarantees (P3): `commit` returns only what is durable. It gives up after `patience` seconds, also when the disk hangs;
the caller then hears UNAVAILABLE, and a repetition with the same request_id learns what became of the first.
An intent whose caller has given up before its group was formed is not committed.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from verifier.breaker import Breaker
from verifier.errors import LogUnavailableError, ServiceError, ShuttingDownError
from verifier.ticket import Ticket, Wait

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from verifier.group_writer import GroupWriter
    from verifier.intent import Intent, Settled

_MAX_GROUP = 256
"""Intents at which a group is full; the ticket that fills it may hold more."""
_FRESH_SECONDS = 1.0
_LOGGER = logging.getLogger("padan.committer")


class Committer:
    """Commits intents in groups, in one thread of its own."""

    def __init__(
        self,
        *,
        writer: GroupWriter,
        patience: float = 1.8,
        observe: Callable[[int, float], None] = lambda _size, _seconds: None,
        on_change: Callable[[bool], object] = lambda _away: None,
    ) -> None:
        """Make a committer; `start` starts it.

        Args:
            writer: writes one group's transaction.
            patience: seconds that a caller waits for its commit, counted from the end of its time slot.
            observe: is told the size and the seconds of each commit.
            on_change: is told when callers are turned away because the log is away (True), and when no longer.
        """
        self._breaker = Breaker(time.monotonic, on_change=on_change)
        self._writer = writer
        self._patience = patience
        self._observe = observe
        self._queue: SimpleQueue[Ticket | None] = SimpleQueue()
        self._waiting: deque[Ticket] = deque()
        self._thread = threading.Thread(target=self._run, name="committer", daemon=True)
        self._stopping = False
        self._busy_since = 0.0
        self._last_good = float("-inf")

    def probe(self) -> None:
        """Say whether commits work: a moment ago one did, or one that writes a single counter does now.

        Raises:
            LogUnavailableError: it failed, or hangs.
        """
        if not self.fresh:
            wait = Wait()
            wait.until_settled(
                self.enqueue(Ticket((), deadline=time.monotonic() + self._patience, done=wait.done))
            )

    @property
    def fresh(self) -> bool:
        """Whether a commit worked a moment ago, and none has failed since."""
        return time.monotonic() - self._last_good < _FRESH_SECONDS

    def _hangs(self) -> bool:
        began = self._busy_since
        return bool(began) and time.monotonic() - began > self._patience

    def start(self) -> None:
        """Start committing."""
        self._thread.start()

    def stop(self, timeout: float = 5.0) -> None:
        """Commit what is queued, then stop; callers that come later hear SHUTTING_DOWN."""
        self._stopping = True
        self._queue.put(None)
        self._thread.join(timeout)

    def commit(self, intents: Sequence[Intent]) -> Sequence[Settled]:
        """Commit intents and wait until they are durable.

        Raises:
            LogUnavailableError: not durable in time; whether it became durable later is not known.
            ShuttingDownError: the service is stopping.
        """
        if not intents:
            return []
        wait = Wait()
        return wait.until_settled(self.submit(intents, wait.done))

    def submit(self, intents: Sequence[Intent], done: Callable[[Ticket], object]) -> Ticket:
        """Commit intents without waiting.

        Args:
            intents: at least one.
            done: is called once, in the committer's thread, when they are durable or have failed; or in the thread that
                expires the ticket.

        Raises:
            LogUnavailableError: the commit under way hangs, or the last ones failed.
            ShuttingDownError: the service is stopping.
        """
        latest = max(intent.ready_at for intent in intents)
        deadline = max(time.monotonic(), latest) + self._patience
        return self.enqueue(Ticket(intents, deadline=deadline, done=done))

    def enqueue(self, ticket: Ticket) -> Ticket:
        """Put a ticket into the queue; one without intents is a probe.

        Raises:
            LogUnavailableError: the commit under way hangs, or the last ones failed.
            ShuttingDownError: the service is stopping.
        """
        if self._stopping:
            raise ShuttingDownError("the service is stopping")
        if not ticket.intents:
            self._breaker.probing()
        elif not self._breaker.admits():
            raise LogUnavailableError("the log is away")
        if self._hangs():
            raise LogUnavailableError("the log does not answer")
        self._queue.put(ticket)
        return ticket

    def _run(self) -> None:
        while True:
            group = self._form_group()
            if group:
                self._commit_group(group)
            if self._stopping and not self._waiting and self._queue.empty():
                return

    def _form_group(self) -> list[Ticket]:
        """Wait for the first intent whose slot has ended, and take all others whose slot has ended too."""
        waiting = self._waiting
        if not waiting:
            ticket = self._queue.get()
            if ticket is None:
                return []
            waiting.append(ticket)
        pause = waiting[0].ready_at - time.monotonic()
        if pause > 0:
            time.sleep(pause)
        while True:
            try:
                ticket = self._queue.get_nowait()
            except Empty:
                break
            if ticket is not None:
                waiting.append(ticket)
        now = time.monotonic()
        group: list[Ticket] = []
        size = 0
        later: deque[Ticket] = deque()
        while waiting:
            ticket = waiting.popleft()
            if ticket.deadline < now or ticket.is_settled:
                continue
            if ticket.ready_at <= now and size < _MAX_GROUP:
                group.append(ticket)
                size += len(ticket.intents)
            else:
                later.append(ticket)
        waiting.extend(later)
        return group

    def _commit_group(self, tickets: list[Ticket]) -> None:
        began = self._busy_since = time.monotonic()
        intents = [intent for ticket in tickets for intent in ticket.intents]
        settled: list[Settled] = []
        error: ServiceError | None = None
        try:
            settled = self._writer.write(intents)
            self._last_good = time.monotonic()
        except ServiceError as failure:
            error = failure
        except Exception:  # whatever it is, nothing may be answered, and the thread must go on
            _LOGGER.exception("commit failed")
            error = LogUnavailableError("the log cannot be written")
        finally:
            self._busy_since = 0.0
        seconds = time.monotonic() - began
        if error is None:
            self._breaker.succeeded()
        else:
            self._last_good = float("-inf")
            self._breaker.failed(seconds)
        if seconds > self._patience:
            _LOGGER.warning("a commit took longer than callers wait", extra={"seconds": round(seconds, 3)})
        self._observe(len(intents), seconds)
        first = 0
        for ticket in tickets:
            last = first + len(ticket.intents)
            ticket.settle(settled[first:last], error=error)
            first = last
