"""A worker's end of the journal: the same promises as the committer's, from another process.

Guarantees (P3): `commit` returns only what the writer says is durable, and gives up after `patience` seconds. When the
stream breaks, whoever waits on it hears so at once: whether those intents became durable is not known, and a repetition
with the same request_id learns it. The client connects again by itself; meanwhile callers wait, within their patience,
and where the writer has been away for longer, hear so at once.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import socket
import threading
import time
from typing import TYPE_CHECKING

from verifier.errors import LogUnavailableError, ShuttingDownError
from verifier.journal import address, frame, wire
from verifier.journal.frame import Cutter, Frame, Kind
from verifier.journal.inbox import chunks
from verifier.journal.outbox import Outbox
from verifier.ticket import Ticket, Wait

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from verifier.intent import Intent, Settled

_FRESH_SECONDS = 1.0
_RETRY_SECONDS = 0.05
_AHEAD_SECONDS = 0.002
"""How long before its slot ends an intent leaves: enough to be read before, and others leave with it."""
_LOGGER = logging.getLogger("padan.journal")


class _LeavingError(Exception):
    """The writer takes nothing more on this stream; another will."""


class _Stream:
    """One connection to the writer."""

    def __init__(self, connected: socket.socket, *, on_leaving: Callable[[], object]) -> None:
        self._socket = connected
        self._on_leaving = on_leaving
        self._leaving = False
        self._taking = threading.Lock()
        self._outbox = Outbox(connected, name="journal-questions")
        self._outbox.start()
        self._numbers = itertools.count(1)
        self._asked: dict[int, Ticket] = {}
        self._broken = False
        self.heard = True

    def ask(self, kind: Kind, body: bytes, ticket: Ticket, *, by: float = 0.0) -> None:
        """Send a question, which may wait for others until `by`; its answer settles the ticket.

        Raises:
            LogUnavailableError: the stream broke.
            _LeavingError: the writer is leaving; nothing was asked.
        """
        self._forget_expired()
        number = next(self._numbers)
        question = frame.encode(kind, number, body, deadline=ticket.deadline)
        with self._taking:
            if self._leaving:
                raise _LeavingError
            self._asked[number] = ticket
        if self._broken:  # after the entry, so that whoever breaks the stream sees the entry or is seen here
            self._asked.pop(number, None)
            raise LogUnavailableError("the log's writer is away")
        self._outbox.put(lambda: question, by=by)

    def read(self) -> None:
        """Settle tickets as answers come, until the stream breaks."""
        cutter = Cutter()
        try:
            for data in chunks(self._socket):
                self.heard = True
                for answer in cutter.feed(data):
                    if answer.kind is Kind.LEAVING:
                        self._leave()
                        continue
                    ticket = self._asked.pop(answer.number, None)
                    if ticket is not None:
                        _settle(ticket, answer)
                if self._leaving and self.idle:
                    self.hang_up()
        except wire.JournalFormatError:
            _LOGGER.exception("the writer speaks otherwise")
        except OSError:
            pass  # the writer is gone
        finally:
            self._broken = True
            for number in list(self._asked):
                ticket = self._asked.pop(number, None)
                if ticket is not None:
                    ticket.settle(error=LogUnavailableError("the log's writer went away"))
            self.hang_up()
            self._outbox.finish(1)
            self._socket.close()

    def hang_up(self) -> None:
        """Break the stream."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def _leave(self) -> None:
        with self._taking:  # what is asked from here on is asked elsewhere, and what was, is in `_asked`
            self._leaving = True
        self._on_leaving()

    @property
    def idle(self) -> bool:
        """Whether nobody waits."""
        return all(ticket.is_settled for ticket in list(self._asked.values()))

    def _forget_expired(self) -> None:
        """Forget what nobody waits for any more: the writer does not answer what has come too late."""
        with contextlib.suppress(StopIteration, RuntimeError):  # nothing is asked, or an answer came just now
            while (oldest := next(iter(self._asked.items())))[1].is_settled:
                self._asked.pop(oldest[0], None)


def _settle(ticket: Ticket, answer: Frame) -> None:
    """Settle a ticket with what the writer says.

    Raises:
        JournalFormatError: it says it otherwise.
    """
    if answer.kind is Kind.FAILED:
        ticket.settle(error=wire.decode_failure(answer.body))
        return
    settled = wire.decode_settled(answer.body)
    if len(settled) == len(ticket.intents):
        ticket.settle(settled)
    else:
        ticket.settle(error=LogUnavailableError("the log did not settle the request"))


class JournalClient:
    """Commits by way of the writer."""

    def __init__(self, path: Path, *, patience: float = 1.8) -> None:
        """Make a client; `start` starts it.

        Args:
            path: of the writer's socket.
            patience: seconds that a caller waits for its commit, counted from the end of its time slot.

        Raises:
            JournalAddressError: the path is too long.
        """
        address.check_path(path)
        self._path = path
        self._patience = patience
        self._stream: _Stream | None = None
        self._connected = threading.Event()
        self._away_since = float("inf")
        self._last_good = float("-inf")
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)

    def start(self) -> None:
        """Start connecting."""
        self._away_since = time.monotonic()
        self._thread.start()

    def stop(self, timeout: float = 5.0) -> None:
        """Wait for the answers that are due, then hang up; callers that come later hear SHUTTING_DOWN."""
        self._stopping.set()
        until = time.monotonic() + timeout
        stream = self._stream
        while stream is not None and not stream.idle and time.monotonic() < until:
            time.sleep(0.01)
        if stream is not None:
            stream.hang_up()
        self._thread.join(timeout)

    def commit(self, intents: Sequence[Intent]) -> Sequence[Settled]:
        """Commit intents and wait until they are durable.

        Raises:
            LogUnavailableError: not durable in time, or the writer went away; whether it became durable is not known.
            ShuttingDownError: the service is stopping.
        """
        if not intents:
            return []
        wait = Wait()
        return wait.until_settled(self.submit(intents, wait.done))

    def submit(self, intents: Sequence[Intent], done: Callable[[Ticket], object]) -> Ticket:
        """Commit intents without waiting for more than a connection.

        Args:
            intents: at least one.
            done: is called once, in the thread that reads from the writer, when they are durable or have failed; or in
                the thread that expires the ticket.

        Raises:
            LogUnavailableError: the writer is away or silent.
            ShuttingDownError: the service is stopping.
        """
        latest = max(intent.ready_at for intent in intents)
        deadline = max(time.monotonic(), latest) + self._patience
        by = min(intent.ready_at for intent in intents) - _AHEAD_SECONDS
        stream = self._reach(
            deadline
        )  # before anything is encoded: where nobody commits, nobody has time to lose
        question = wire.encode_intents(intents)
        while True:
            if not stream.heard:
                raise LogUnavailableError("the log's writer does not answer")
            ticket = self._ticket(stream, intents, deadline, done)
            try:
                return self._ask(stream, Kind.COMMIT, question, ticket, by=by)
            except _LeavingError:
                stream = self._reach(deadline)

    def probe(self) -> None:
        """Say whether commits work: a moment ago one did, or the writer tries one now.

        Raises:
            LogUnavailableError: it failed, hangs, or the writer is away.
        """
        if time.monotonic() - self._last_good < _FRESH_SECONDS:
            return
        deadline = time.monotonic() + self._patience
        while True:
            stream, wait = self._reach(deadline), Wait()
            try:
                ticket = self._ask(stream, Kind.PROBE, b"", self._ticket(stream, (), deadline, wait.done))
            except _LeavingError:
                continue
            wait.until_settled(ticket)
            return

    def _ticket(
        self,
        stream: _Stream,
        intents: Sequence[Intent],
        deadline: float,
        done: Callable[[Ticket], object],
    ) -> Ticket:
        """Make a ticket that also notes how the writer does."""

        def noted(ticket: Ticket) -> None:
            now, was_good = time.monotonic(), self._last_good > 0
            self._last_good = now if ticket.error is None else float("-inf")
            if was_good and ticket.error is not None:
                _LOGGER.warning("the writer commits no more", extra={"reason": str(ticket.error)})
            if now >= ticket.deadline:
                stream.heard = False
            done(ticket)

        return Ticket(intents, deadline=deadline, done=noted)

    def _ask(self, stream: _Stream, kind: Kind, body: bytes, ticket: Ticket, *, by: float = 0.0) -> Ticket:
        try:
            stream.ask(kind, body, ticket, by=by)
        except LogUnavailableError:
            self._last_good = float("-inf")
            raise
        return ticket

    def _reach(self, deadline: float) -> _Stream:
        if self._stopping.is_set():
            raise ShuttingDownError("the service is stopping")
        stream = self._stream
        if stream is None:
            patience = min(deadline, self._away_since + self._patience) - time.monotonic()
            self._connected.wait(max(0.0, patience))
            stream = self._stream
        if stream is None:
            raise LogUnavailableError("the log's writer is away")
        return stream

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                stream = _Stream(address.connect(self._path), on_leaving=self._lose)
            except address.StrangerError:
                _LOGGER.error("the journal's socket is not ours")  # noqa: TRY400 - nothing to trace
                self._stopping.wait(1)
                continue
            except OSError:
                self._stopping.wait(_RETRY_SECONDS)
                continue
            self._stream = stream
            if self._stopping.is_set():  # `stop` has looked for a stream already, and may have found none
                stream.hang_up()
            self._connected.set()
            stream.read()
            self._lose()

    def _lose(self) -> None:
        """Have no stream until the next one is there."""
        self._connected.clear()
        self._stream, self._last_good = None, float("-inf")
        self._away_since = time.monotonic()
