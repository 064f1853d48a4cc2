"""The writer's end of the journal: takes intents from workers, and answers each call once it is durable.

Each worker's stream has one thread that reads and one that answers, so that a worker that does not read delays nobody.
Answers of one commit group leave in one write. Calls whose deadline has passed are neither committed nor answered.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from typing import TYPE_CHECKING

from verifier.errors import ServiceError
from verifier.journal import address, frame, wire
from verifier.journal.frame import Cutter, Frame, Kind
from verifier.journal.inbox import chunks
from verifier.journal.outbox import Outbox
from verifier.ticket import Ticket

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from verifier.committer import Committer
    from verifier.intent import Intent

_RETRY_SECONDS = 0.1
_LOGGER = logging.getLogger("padan.journal")


class JournalServer:
    """Serves the workers of this host."""

    def __init__(self, path: Path, committer: Committer) -> None:
        """Prepare; `start` listens.

        Args:
            path: of the socket; the caller is the folder's only writer.
            committer: commits, and is running.
        """
        self._path = path
        self._committer = committer
        self._streams: dict[socket.socket, Outbox] = {}
        self._changed = threading.Condition()
        self._draining = threading.Event()
        self._accepting = threading.Thread(target=self._accept, name="journal-accept", daemon=True)

    def start(self) -> None:
        """Listen.

        Raises:
            JournalAddressError: the path cannot be used.
        """
        self._listener = address.listen(self._path)
        self._accepting.start()

    def leave(self, seconds: float) -> None:
        """Send the workers away: they ask another writer, and hang up here when they have their answers."""
        self._stop_accepting()
        with self._changed:
            for outbox in self._streams.values():
                outbox.put(lambda: frame.encode(Kind.LEAVING, 0, b""))
            self._changed.wait_for(lambda: not self._streams, timeout=seconds)

    def drain(self, seconds: float) -> None:
        """Take no new workers, and wait until those that are here have left."""
        self._stop_accepting()
        with self._changed:
            self._changed.wait_for(lambda: not self._streams, timeout=seconds)

    def close(self) -> None:
        """Hang up on the workers that are still here."""
        with self._changed:
            for stream in self._streams:
                with contextlib.suppress(OSError):
                    stream.shutdown(socket.SHUT_RD)  # what is settled is still answered
            self._changed.wait_for(lambda: not self._streams, timeout=1)
        self._path.unlink(missing_ok=True)

    def _stop_accepting(self) -> None:
        self._draining.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                stream, _ = self._listener.accept()
            except OSError:
                if self._draining.wait(_RETRY_SECONDS):
                    return
                continue  # no descriptors, perhaps; the workers that are here go on
            try:
                address.prepare(stream)
            except address.StrangerError:
                _LOGGER.error("a process of another user was turned away")  # noqa: TRY400 - nothing to trace
                stream.close()
                continue
            outbox = Outbox(stream, name="journal-answers")
            outbox.start()
            with self._changed:
                self._streams[stream] = outbox
            threading.Thread(
                target=self._serve, args=(stream, outbox), name="journal-calls", daemon=True
            ).start()

    def _serve(self, stream: socket.socket, outbox: Outbox) -> None:
        cutter = Cutter()
        try:
            for data in chunks(stream):
                for question in cutter.feed(data):
                    self._take(question, outbox)
        except wire.JournalFormatError:
            _LOGGER.exception("a worker speaks otherwise")
        except OSError:
            pass  # the worker is gone
        finally:
            outbox.finish(2)
            stream.close()
            with self._changed:
                self._streams.pop(stream, None)
                self._changed.notify_all()

    def _take(self, question: Frame, outbox: Outbox) -> None:
        intents: Sequence[Intent] = ()
        if question.kind is Kind.COMMIT:
            intents = wire.decode_intents(question.body)
        elif question.kind is not Kind.PROBE:
            raise wire.JournalFormatError("a worker does not answer")
        if not intents and (question.kind is Kind.COMMIT or self._committer.fresh):
            outbox.put(lambda: frame.encode(Kind.SETTLED, question.number, b""))
            return
        if question.deadline < time.monotonic():
            return

        def answer(ticket: Ticket) -> None:
            """Let the answering thread encode and send."""
            outbox.put(lambda: _encode(question.number, ticket))

        ticket = Ticket(intents, deadline=question.deadline, done=answer)
        try:
            self._committer.enqueue(ticket)
        except ServiceError as error:
            ticket.settle(error=error)


def _encode(number: int, ticket: Ticket) -> bytes:
    if ticket.error is not None:
        return frame.encode(Kind.FAILED, number, wire.encode_failure(ticket.error))
    return frame.encode(Kind.SETTLED, number, wire.encode_settled(ticket.settled))
