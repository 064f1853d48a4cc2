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
from verifier.journal.outbox import Outbox

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from verifier.intent import Intent, Settled

_CHUNK = 1 << 18
_FRESH_SECONDS = 1.0
_RETRY_SECONDS = 0.05
_AHEAD_SECONDS = 0.002
"""How long before its slot ends an intent leaves: enough to be read before, and others leave with it."""
_LOGGER = logging.getLogger("padan.journal")


class _Wait:
    """One caller's place to wait for its answer."""

    __slots__ = ("answer", "done")

    def __init__(self) -> None:
        self.answer: Frame | None = None
        self.done = threading.Lock()
        self.done.acquire()


class _Stream:
    """One connection to the writer."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._outbox = Outbox(connected, name="journal-questions")
        self._outbox.start()
        self._numbers = itertools.count(1)
        self._waits: dict[int, _Wait] = {}
        self._broken = False
        self.heard = True

    def ask(self, kind: Kind, body: bytes, deadline: float, *, by: float = 0.0) -> Frame:
        """Send a question, which may wait for others until `by`, and wait for its answer.

        Raises:
            LogUnavailableError: no answer by the deadline, or the stream broke.
        """
        number, wait = next(self._numbers), _Wait()
        question = frame.encode(kind, number, body, deadline=deadline)
        self._waits[number] = wait
        if self._broken:  # after the entry, so that whoever breaks the stream sees the entry or is seen here
            self._waits.pop(number, None)
            raise LogUnavailableError("the log's writer is away")
        self._outbox.put(lambda: question, by=by)
        if not wait.done.acquire(timeout=max(0.0, deadline - time.monotonic())):
            self._waits.pop(number, None)
            self.heard = False
            raise LogUnavailableError("the log's writer does not answer")
        if wait.answer is None:
            raise LogUnavailableError("the log's writer went away")
        return wait.answer

    def read(self) -> None:
        """Hand answers to those who wait, until the stream breaks."""
        cutter = Cutter()
        try:
            while data := self._socket.recv(_CHUNK):
                self.heard = True
                for answer in cutter.feed(data):
                    wait = self._waits.pop(answer.number, None)
                    if wait is not None:
                        wait.answer = answer
                        wait.done.release()
        except wire.JournalFormatError:
            _LOGGER.exception("the writer speaks otherwise")
        except OSError:
            pass  # the writer is gone
        finally:
            self._broken = True
            for number in list(self._waits):
                wait = self._waits.pop(number, None)
                if wait is not None:
                    wait.done.release()
            self.hang_up()
            self._outbox.finish(1)
            self._socket.close()

    def hang_up(self) -> None:
        """Break the stream."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    @property
    def idle(self) -> bool:
        """Whether nobody waits."""
        return not self._waits


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

    def commit(self, intents: Sequence[Intent]) -> list[Settled]:
        """Commit intents and wait until they are durable.

        Raises:
            LogUnavailableError: not durable in time, or the writer went away; whether it became durable is not known.
            ShuttingDownError: the service is stopping.
        """
        if not intents:
            return []
        latest = max(intent.ready_at for intent in intents)
        deadline = max(time.monotonic(), latest) + self._patience
        stream = self._reach(deadline)
        if not stream.heard:
            raise LogUnavailableError("the log's writer does not answer")
        question = wire.encode_intents(intents)
        by = min(intent.ready_at for intent in intents) - _AHEAD_SECONDS
        settled = wire.decode_settled(self._ask(stream, Kind.COMMIT, question, deadline, by=by))
        if len(settled) != len(intents):
            raise LogUnavailableError("the log did not settle the request")
        return settled

    def probe(self) -> None:
        """Say whether commits work: a moment ago one did, or the writer tries one now.

        Raises:
            LogUnavailableError: it failed, hangs, or the writer is away.
        """
        if time.monotonic() - self._last_good < _FRESH_SECONDS:
            return
        deadline = time.monotonic() + self._patience
        self._ask(self._reach(deadline), Kind.PROBE, b"", deadline)

    def _ask(self, stream: _Stream, kind: Kind, body: bytes, deadline: float, *, by: float = 0.0) -> bytes:
        try:
            answer = stream.ask(kind, body, deadline, by=by)
            if answer.kind is Kind.FAILED:
                raise wire.decode_failure(answer.body)
        except LogUnavailableError:
            self._last_good = float("-inf")
            raise
        self._last_good = time.monotonic()
        return answer.body

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
                stream = _Stream(address.connect(self._path))
            except address.StrangerError:
                _LOGGER.error("the journal's socket is not ours")  # noqa: TRY400 - nothing to trace
                self._stopping.wait(1)
                continue
            except OSError:
                self._stopping.wait(_RETRY_SECONDS)
                continue
            self._stream = stream
            self._connected.set()
            stream.read()
            self._stream, self._last_good = None, float("-inf")
            self._away_since = time.monotonic()
            self._connected.clear()
