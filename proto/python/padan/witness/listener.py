"""The witness on the network: HTTP/1.1 with keep-alive, for callers of whom nothing is known.

h11 reads and writes the protocol; sockets, times and limits are here. Each limit bounds what one caller can take:
a request has so many seconds from its first byte to its last, whatever pace it comes at; heads and bodies have a
largest size; of so many connections the one that has been without a whole request for longest makes room for a new one,
so that a log that submits every second keeps its own. Submissions are decided one after the other in one thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import h11

from padan.witness.submission import MAX_BODY
from padan.witness.witness import TEXT, Answer

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from padan.witness.witness import Witness

    Route = Callable[[bytes], Answer]
    """Answers the body of one kind of request."""

MAX_HEAD: Final = 8_192
"""Bytes of the longest request line with all headers."""
_CHUNK: Final = 65_536
_LINGER_SECONDS: Final = 1.0
_LINGER_BYTES: Final = 1 << 20

_LOGGER = logging.getLogger("padan.witness")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a caller may take.

    Attributes:
        connections: open at once.
        request_seconds: from the first byte of a request to its last, and again for writing the answer; a new
            connection counts from its beginning, its TLS handshake apart.
        idle_seconds: between two requests of a connection.
        handshake_seconds: for TLS.
    """

    connections: int = 256
    request_seconds: float = 10.0
    idle_seconds: float = 120.0
    handshake_seconds: float = 5.0


class _GoneError(Exception):
    """The caller is gone, or took too long."""


class _RefusedError(Exception):
    """The request is refused as HTTP; the connection ends with the answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer


class Listener:
    """Serves routes on one address."""

    def __init__(self, routes: dict[tuple[str, str], Route], limits: Limits | None = None) -> None:
        """Prepare.

        Args:
            routes: what answers which method and path; called in one thread, one at a time.
            limits: what a caller may take.
        """
        self._routes = routes
        self._limits = limits or Limits()
        self._open: dict[_Connection, None] = {}  # who has been without a whole request for longest is first
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="witness")
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.answers: Counter[int] = Counter()
        self.evicted = 0

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._open)

    async def start(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> tuple[str, int]:
        """Listen, and give the address.

        Raises:
            OSError: the address is taken, or not of this host.
        """
        self._server = await asyncio.start_server(
            self._accept,
            host,
            port,
            ssl=tls,
            backlog=256,
            ssl_handshake_timeout=self._limits.handshake_seconds if tls else None,
        )
        address, bound, *_ = self._server.sockets[0].getsockname()
        return address, bound

    async def stop(self, seconds: float = 5.0) -> None:
        """Accept nobody any more, answer what is being decided, and end."""
        if self._server is not None:
            self._server.close()
        for connection in list(self._open):
            if not connection.deciding:
                connection.abort()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        for connection in list(self._open):
            connection.abort()
        self._worker.shutdown(wait=True, cancel_futures=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        connection = _Connection(reader, writer, self._limits)
        self._make_room()
        self._open[connection] = None
        try:
            await self._serve(connection)
        except (_GoneError, ConnectionError, TimeoutError):
            pass
        except Exception:  # one caller's fault ends no other's connection
            _LOGGER.exception("a connection fell over")
        finally:
            self._open.pop(connection, None)
            connection.abort()

    def _make_room(self) -> None:
        while len(self._open) >= self._limits.connections:
            stalled = next((each for each in self._open if not each.deciding), None)
            if stalled is None:
                return
            self._open.pop(stalled)
            stalled.abort()
            self.evicted += 1

    async def _serve(self, connection: _Connection) -> None:
        while True:
            try:
                method, path, body = await connection.request()
                connection.deciding = True
                answer = await self._decide(method, path, body)
                ends = False
            except _RefusedError as refused:
                answer, ends = refused.answer, True
            self.answers[answer.status] += 1
            await connection.answer(answer, ends=ends)
            connection.deciding = False
            if connection in self._open:  # it has shown that it is of use
                self._open[connection] = self._open.pop(connection)
            if not connection.goes_on():
                return

    async def _decide(self, method: str, path: str, body: bytes) -> Answer:
        route = self._routes.get((method, path))
        if route is None:
            known = any(path == other for _, other in self._routes)
            return _text(405 if known else 404, "no such method here" if known else "nothing is at this path")
        try:
            return await asyncio.get_running_loop().run_in_executor(self._worker, route, body)
        except Exception:
            _LOGGER.exception("a request fell over")
            return _text(500, "internal fault")


class _Connection:
    """One connection: its protocol, and its times."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limits: Limits) -> None:
        self._reader = reader
        self._writer = writer
        self._limits = limits
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD)
        self._fresh = True
        self._wants_body = True
        self.deciding = False

    def abort(self) -> None:
        self._writer.transport.abort()

    def goes_on(self) -> bool:
        """Say whether another request may follow, and be ready for it."""
        if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
            return False
        self._http.start_next_cycle()
        return True

    async def request(self) -> tuple[str, str, bytes]:
        """Read a whole request: its method, its path without a query, and its body.

        Raises:
            _GoneError: there is none, or it takes too long.
            _RefusedError: it is no request of HTTP, or too large.
        """
        if not self._fresh and not self._http.trailing_data[0]:
            async with asyncio.timeout(self._limits.idle_seconds):
                await self._receive()
        self._fresh = False
        try:
            async with asyncio.timeout(self._limits.request_seconds):
                return await self._whole()
        except h11.RemoteProtocolError as error:
            status = error.error_status_hint if error.error_status_hint in {413, 431, 501} else 400
            raise _RefusedError(_text(status, "not a request that is understood here")) from None

    async def _whole(self) -> tuple[str, str, bytes]:
        head: h11.Request | None = None
        body = bytearray()
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                if self._http.they_are_waiting_for_100_continue:
                    await self._send(h11.InformationalResponse(status_code=100, headers=[]))
                await self._receive()
            elif isinstance(event, h11.Request):
                head = event
                self._wants_body = event.method != b"HEAD"
                length = dict(event.headers).get(b"content-length", b"0")
                if int(length) > MAX_BODY:
                    raise _RefusedError(_text(413, f"a body has at most {MAX_BODY} bytes"))
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > MAX_BODY:
                    raise _RefusedError(_text(413, f"a body has at most {MAX_BODY} bytes"))
            elif isinstance(event, h11.EndOfMessage) and head is not None:
                path = head.target.decode("ascii", "replace").partition("?")[0]
                return head.method.decode("ascii", "replace"), path, bytes(body)
            else:
                raise _GoneError

    async def _receive(self) -> None:
        data = await self._reader.read(_CHUNK)
        self._http.receive_data(data)

    async def answer(self, answer: Answer, *, ends: bool) -> None:
        """Write an answer, and end the connection where it must."""
        headers = [
            (b"content-type", answer.kind.encode()),
            (b"content-length", b"%d" % len(answer.body)),
            (b"cache-control", b"no-store"),
        ]
        if answer.status == 405:  # noqa: PLR2004 - of HTTP
            headers.append((b"allow", b"GET, POST"))
        if ends:
            headers.append((b"connection", b"close"))
        async with asyncio.timeout(self._limits.request_seconds):
            await self._send(h11.Response(status_code=answer.status, headers=headers))
            if self._wants_body:
                await self._send(h11.Data(data=answer.body))
            await self._send(h11.EndOfMessage())
        if ends:
            await self._linger()

    async def _send(self, event: h11.Event) -> None:
        data = self._http.send(event)
        if data:
            self._writer.write(data)
            await self._writer.drain()

    async def _linger(self) -> None:
        """Read on for a moment, so that the answer is not lost with what was not read."""
        with contextlib.suppress(TimeoutError, ConnectionError, OSError):
            if self._writer.can_write_eof():
                self._writer.write_eof()
            async with asyncio.timeout(_LINGER_SECONDS):
                left = _LINGER_BYTES
                while left > 0 and (data := await self._reader.read(_CHUNK)):
                    left -= len(data)


def _text(status: int, cause: str) -> Answer:
    return Answer(status, f"{cause}\n".encode(), TEXT)


def submission_routes(witness: Witness, prefix: str) -> dict[tuple[str, str], Route]:
    """Say what a log may call.

    Args:
        witness: decides.
        prefix: of the path, as `/w1`; empty for none.
    """
    return {
        ("POST", f"{prefix}/add-checkpoint"): witness.add_checkpoint,
        ("GET", f"{prefix}/health"): lambda _body: (
            _text(200, "ok") if witness.is_well() else _text(503, "not well")
        ),
    }
