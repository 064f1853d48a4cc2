"""The lane: serves one unary method of a grpcio server from one thread, all calls that have come in at once.

grpcio's own loop gives each call to a thread of a pool, where it waits for its message, then for the interpreter, then
for its commit; on the machines that were measured those switches between threads cost more than the answer
(docs/adr/0014). The lane asks the same completion queues that grpcio's loop asks, in the same process, listener
and server; it waits for messages and for commits without holding a thread, and hands the core whatever has arrived.

It stands on grpcio's inner layer (grpc._cython.cygrpc), which grpcio's own servers stand on too, but which is not
public. Where that layer is not as expected there is no lane, and the pool serves the method.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import threading
import time
from typing import TYPE_CHECKING, Any, Protocol

import grpc

from verifier.call import Call, Reply
from verifier.errors import VerifierError
from verifier.transport import status_to_send

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from verifier.ticket import Ticket

_PAUSE = 0.05
"""Seconds that the lane waits for an event before it looks for what is late."""
_MAX_BATCH = 64
_MAX_EVENTS = 256
"""Events between two batches; what comes faster waits in grpcio's queue."""
_ASKED_FOR = 64
"""Calls that are asked for ahead: what comes when the server is told to stop, and was not asked for, is cancelled."""
_OPEN_CALLS = 512
"""Calls that may be under way; the rest hears RESOURCE_EXHAUSTED at once."""
_MESSAGE_SECONDS = 5.0
"""How long a caller may hold a call open without sending its message."""
_CENTURY = 100 * 365 * 86_400.0
_NO_FLAGS = 0
_LOGGER = logging.getLogger("padan.lane")


class LaneUnavailableError(Exception):
    """This release of grpcio has no such inner layer."""


class Core(Protocol):
    """What answers."""

    def begin(self, calls: Sequence[Call], answered: Callable[[list[Reply]], object]) -> Ticket | None:
        """Begin to answer calls."""
        ...


class _Open:
    """A call under way."""

    __slots__ = ("arrived", "call", "deadline", "opened")

    def __init__(self, call: Any, deadline: float) -> None:
        self.call = call
        self.deadline = deadline
        self.opened = time.monotonic()
        self.arrived = 0.0


class Lane:
    """Serves a method. `start` after the server has started; `stop` after it was told to stop."""

    def __init__(
        self,
        server: grpc.Server,
        method: str,
        *,
        core: Core,
        observe: Callable[[Reply, float], None],
    ) -> None:
        """Take a method out of the hands of a server that has not started yet.

        Args:
            server: a grpcio server, from `grpc.server`.
            method: full name, "/package.Service/Method".
            core: answers.
            observe: is told of each reply and its seconds.

        Raises:
            LaneUnavailableError: grpcio's inner layer is not as expected.
        """
        self._core = core
        self._observe = observe
        self._method = method
        try:
            self._grpc: Any = importlib.import_module("grpc._cython.cygrpc")
            self._server: Any = server._cy_server  # type: ignore[attr-defined]  # noqa: SLF001 - see above
            self._queue: Any = self._grpc.CompletionQueue()
            self._server.register_completion_queue(self._queue)
            self._server.register_method(method)
        except (ImportError, AttributeError, TypeError) as error:
            raise LaneUnavailableError(str(error)) from error
        self._timeout = self._grpc.CompletionType.queue_timeout
        self._shutdown = self._grpc.CompletionType.queue_shutdown
        self._asked = 0
        self._open = 0
        self._silent: dict[_Open, None] = {}
        self._tickets: list[Ticket] = []
        self._thread = threading.Thread(target=self._run, name="lane", daemon=True)

    def start(self) -> None:
        """Take calls."""
        for _ in range(_ASKED_FOR):
            self._request()
        self._thread.start()

    def stop(self, seconds: float) -> None:
        """Wait until the calls under way are answered."""
        self._thread.join(seconds)

    @property
    def is_alive(self) -> bool:
        """Whether calls are being served."""
        return self._thread.is_alive()

    def _request(self) -> None:
        """Ask for one more call.

        Raises:
            ValueError: the server stops.
        """
        self._server.request_registered_call(self._queue, self._queue, self._method, (self._accept, None))
        self._asked += 1

    def _run(self) -> None:
        while self._asked or self._open:
            calls = self._gather()
            if calls:
                self._begin(calls)
            self._expire()
        self._queue.shutdown()
        while self._queue.poll(deadline=time.time() + 1).completion_type != self._shutdown:
            pass

    def _gather(self) -> list[tuple[_Open, bytes]]:
        """Wait for an event, and take all others that are there."""
        messages: list[tuple[_Open, bytes]] = []
        event = self._queue.poll(deadline=time.time() + _PAUSE)
        events = 0
        while event.completion_type != self._timeout:
            try:
                act, opened = event.tag
                act(event, opened, messages)
            except Exception:  # one call's fault must not end the thread that serves all
                _LOGGER.exception("an event of the lane fell over")
            events += 1
            event = None  # an event holds on to its call, which must be gone before the queue is asked again
            if len(messages) == _MAX_BATCH or events == _MAX_EVENTS:
                break
            event = self._queue.poll(deadline=0)
        return messages

    def _accept(self, event: Any, _opened: None, _messages: list[tuple[_Open, bytes]]) -> None:
        """Take a new call, and wait for its message."""
        self._asked -= 1
        if not event.success:  # the server stops, and gives back what was asked for
            return
        with contextlib.suppress(
            ValueError
        ):  # the server begins to stop; this call came before, and is answered
            self._request()
        opened = _Open(event.call, event.call_details.deadline)
        self._open += 1
        if self._open > _OPEN_CALLS:
            self._end(opened, grpc.StatusCode.RESOURCE_EXHAUSTED, "too many calls are under way")
            return
        self._silent[opened] = None
        receive = (self._grpc.ReceiveMessageOperation(_NO_FLAGS),)
        opened.call.start_server_batch(receive, (self._received, opened))

    def _received(self, event: Any, opened: _Open, messages: list[tuple[_Open, bytes]]) -> None:
        """Take a call's message into the batch."""
        if opened not in self._silent:
            return  # it waited too long, and has its answer
        del self._silent[opened]
        message = event.batch_operations[0].message()
        if message is None:  # cancelled, too large, or ended without a message
            self._end(opened, grpc.StatusCode.UNIMPLEMENTED, "the method takes exactly one message")
            return
        opened.arrived = time.monotonic()
        messages.append((opened, message))

    def _ended(self, _event: Any, _opened: _Open, _messages: list[tuple[_Open, bytes]]) -> None:
        self._open -= 1

    def _begin(self, messages: list[tuple[_Open, bytes]]) -> None:
        """Hand a batch to the core."""

        def answered(replies: list[Reply]) -> None:
            for (opened, _), reply in zip(messages, replies, strict=True):
                try:
                    self._answer(opened, reply)
                except Exception:  # the others of the batch have their answers all the same
                    _LOGGER.exception("an answer could not be sent")

        try:
            ticket = self._core.begin([self._call(opened, raw) for opened, raw in messages], answered)
        except VerifierError as error:
            answered([Reply(body=None, error=error)] * len(messages))
        except Exception as error:
            _LOGGER.exception("the core fell over")
            answered([Reply(body=None, error=error)] * len(messages))
        else:
            if ticket is not None:
                self._tickets.append(ticket)

    def _call(self, opened: _Open, raw: bytes) -> Call:
        certificates = self._grpc.auth_context(opened.call).get(b"x509_pem_cert") or (b"",)
        remaining = opened.deadline - time.time()
        return Call(
            raw=raw,
            certificate=bytes(certificates[0]),
            peer=_text(opened.call.peer()),
            remaining=None if remaining > _CENTURY else remaining,
            arrived=opened.arrived,
        )

    def _answer(self, opened: _Open, reply: Reply) -> None:
        """Send a reply; called in the journal's thread."""
        self._observe(reply, time.monotonic() - opened.arrived)
        if reply.body is None:
            status = status_to_send(reply.error)
            self._end(opened, status.code, status.details, status.trailing_metadata)
        else:
            self._send(opened, (), 0, b"", self._grpc.SendMessageOperation(reply.body, _NO_FLAGS))

    def _end(
        self,
        opened: _Open,
        code: grpc.StatusCode,
        details: str,
        trailing: Sequence[tuple[str, str | bytes]] | None = None,
    ) -> None:
        """End a call with a status."""
        self._send(opened, tuple(trailing or ()), code.value[0], details.encode())

    def _send(
        self, opened: _Open, trailing: tuple[Any, ...], code: int, details: bytes, *message: Any
    ) -> None:
        inner = self._grpc
        # Its last batch holds the call now. Held here too, until the commit's ticket is put away, it would go on
        # counting as a stream of its connection, whose caller may send the next one already.
        call, opened.call = opened.call, None
        call.start_server_batch(
            (
                inner.SendInitialMetadataOperation((), _NO_FLAGS),
                *message,
                inner.SendStatusFromServerOperation(trailing, code, details, _NO_FLAGS),
                inner.ReceiveCloseOnServerOperation(_NO_FLAGS),
            ),
            (self._ended, opened),
        )

    def _expire(self) -> None:
        """End what waits too long: for a message, or for a commit that hangs."""
        now = time.monotonic()
        while self._silent:
            oldest = next(iter(self._silent))
            if now - oldest.opened < _MESSAGE_SECONDS:
                break
            del self._silent[oldest]
            self._end(oldest, grpc.StatusCode.DEADLINE_EXCEEDED, "the message did not come")
        if self._tickets and (self._tickets[0].is_settled or self._tickets[0].deadline < now):
            for ticket in self._tickets:
                if ticket.deadline < now:
                    ticket.expire()
            self._tickets = [ticket for ticket in self._tickets if not ticket.is_settled]


def _text(raw: str | bytes) -> str:
    return raw if isinstance(raw, str) else raw.decode()
