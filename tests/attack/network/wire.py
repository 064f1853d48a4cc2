"""One TLS connection on which anything can be sent: whole calls, half calls, frames, bytes."""

from __future__ import annotations

import select
import socket
import ssl
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench import frames

if TYPE_CHECKING:
    from tests.attack.network.target import Caller

VERIFY = "/padan.v1.VerificationService/Verify"
CLOSED = "closed"


def context(caller: Caller) -> ssl.SSLContext:
    """Trust the service's authority; bring a certificate where there is one."""
    made = ssl.create_default_context(cafile=caller.ca)
    made.set_alpn_protocols(["h2"])
    if caller.certificate:
        made.load_cert_chain(caller.certificate, caller.key)
    return made


def tcp(caller: Caller) -> socket.socket:
    """Open a TCP connection."""
    opened = socket.create_connection(("127.0.0.1", caller.port), timeout=10)
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return opened


@dataclass(slots=True)
class Answer:
    """What came back on a stream."""

    headers: dict[str, str] = field(default_factory=dict)
    data: bytes = b""
    ended: str = ""  # "headers", "reset", "goaway" or "closed"

    @property
    def status(self) -> int:
        """The gRPC status code; -1 where the call ended without one."""
        return int(self.headers.get("grpc-status", -1))


class Wire:
    """A connection after its TLS handshake."""

    def __init__(self, caller: Caller, *, settings: dict[int, int] | None = None, greet: bool = True) -> None:
        self.authority = f"{caller.server_name}:{caller.port}"
        self.socket = context(caller).wrap_socket(tcp(caller), server_hostname=caller.server_name)
        self.socket.settimeout(5)
        self._cutter = frames.Cutter()
        self._trailers = frames.Trailers()
        self.next_stream = 1
        if greet:
            self.send(frames.opening(settings))

    def send(self, raw: bytes) -> None:
        """Send bytes as they are.

        Raises:
            OSError: the server has closed the connection, or does not read.
        """
        self.socket.sendall(raw)

    def receive(self, seconds: float) -> list[frames.Frame]:
        """Read what comes within the time; acknowledge what must be.

        Raises:
            ConnectionError: the server closed the connection.
        """
        if not self.socket.pending() and not select.select([self.socket], [], [], max(seconds, 0))[0]:
            return []
        raw = self.socket.recv(65_536)
        if not raw:
            raise ConnectionError(CLOSED)
        came = list(self._cutter.feed(raw))
        for item in came:
            if item.flags & frames.Flag.ACK:
                continue
            if item.kind == frames.Kind.SETTINGS:
                self.send(frames.settings_ack())
            elif item.kind == frames.Kind.PING:
                self.send(frames.ping(item.payload, ack=True))
        return came

    def settle(self) -> None:
        """Wait for the server's settings and acknowledge them: its limits bind nobody before."""
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            if any(item.kind == frames.Kind.SETTINGS for item in self.receive(0.5)):
                return

    def begin(self, fields: list[tuple[str, str]]) -> int:
        """Send the headers of a call; give its stream."""
        stream = self.next_stream
        self.next_stream += 2
        self.send(frames.headers(stream, frames.plain_block(fields)))
        return stream

    def finish(self, stream: int, *, seconds: float = 10) -> Answer:
        """Wait until a stream ends, one way or another."""
        answer = Answer()
        deadline = time.monotonic() + seconds
        while not answer.ended and time.monotonic() < deadline:
            try:
                came = self.receive(deadline - time.monotonic())
            except OSError:
                answer.ended = CLOSED
                break
            for item in came:
                self._take(answer, item, stream)
        return answer

    def call(self, payload: bytes, *, path: str = VERIFY, extra: tuple[tuple[str, str], ...] = ()) -> Answer:
        """Make a whole call with a payload that stands for prefix and message."""
        stream = self.begin([*frames.call_headers(path, self.authority), *extra])
        self.send(frames.data(stream, payload))
        return self.finish(stream)

    def _take(self, answer: Answer, item: frames.Frame, stream: int) -> None:
        if item.kind == frames.Kind.HEADERS:
            fields = self._trailers.read(item.payload)
            if item.stream == stream:
                answer.headers |= fields
                answer.ended = "headers" if item.ends_stream else ""
        elif item.kind == frames.Kind.DATA and item.stream == stream:
            answer.data += item.payload
        elif item.kind == frames.Kind.RST_STREAM and item.stream == stream:
            answer.ended = "reset"
        elif item.kind == frames.Kind.GOAWAY:
            answer.ended = "goaway"

    def close(self) -> None:
        """Close without ceremony."""
        self.socket.close()
