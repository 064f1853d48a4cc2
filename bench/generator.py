"""The load generator: one process, many calls in flight, every request a body of its own.

h2load repeats one body, and a repeated request is a replay to Padan, so this small driver takes its place:
HTTP/2 over TLS with a client certificate, headers built once, bodies built before the clock starts. It
answers a finished call with the next body in one write per read, as h2load does, and can be pinned to a core
of its own. HTTP/1.1 with one call at a time a connection serves the peer.

Run as a process: a `Plan` in JSON on standard input, a `Count` in JSON on standard output.
"""

from __future__ import annotations

import base64
import itertools
import json
import selectors
import socket
import ssl
import struct
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from bench import cpu, frames

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_LENGTH = struct.Struct(">I")
_SAMPLE_EVERY = 97
_READ = 262_144


class LoadError(RuntimeError):
    """The server did not take the load: the run has no figure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to send, to whom, for how long."""

    port: int
    ca: str
    certificate: str
    key: str
    bodies: str  # file written by `write_bodies`
    first: int = 0  # index of the first body to send
    server_name: str = "localhost"
    path: str = ""
    http: int = 2
    connections: int = 8
    streams: int = 8
    rate: float = 0.0  # calls a second over HTTP/2, however long answers take; 0: as many as `streams` allow
    warm_up: float = 0.5  # seconds
    measure: float = 2.0  # seconds
    pids: list[int] = field(default_factory=list)  # of the server; descendants are found


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """What was measured between warm-up and end."""

    calls: int
    failed: int
    seconds: float
    cpu_us: float  # server processor time a call, microseconds
    rate: float  # calls a second
    p50_ms: float
    p99_ms: float
    sent: int  # bodies used, warm-up included
    statuses: dict[str, int]
    samples: list[str]  # some answers, base64


def write_bodies(path: Path, bodies: Iterator[bytes]) -> int:
    """Write bodies, each behind its length, and count them."""
    count = 0
    with path.open("wb") as file:
        for body in bodies:
            file.write(_LENGTH.pack(len(body)) + body)
            count += 1
    return count


def read_bodies(path: Path) -> list[bytes]:
    """Read what `write_bodies` wrote."""
    raw, position, bodies = path.read_bytes(), 0, []
    while position < len(raw):
        (size,) = _LENGTH.unpack_from(raw, position)
        position += _LENGTH.size
        bodies.append(raw[position : position + size])
        position += size
    return bodies


@dataclass(slots=True, kw_only=True)
class Tally:
    """What the connections report."""

    bodies: Iterator[bytes]
    used: int = 0
    done: int = 0
    statuses: dict[str, int] = field(default_factory=dict)
    latencies: list[float] = field(default_factory=list)
    samples: list[bytes] = field(default_factory=list)

    def next_body(self) -> bytes:
        """Take the next body; the file holds enough, or the run has no figure."""
        self.used += 1
        try:
            return next(self.bodies)
        except StopIteration:
            raise LoadError("the bodies ran out; prepare more or measure shorter") from None

    def finish(self, status: str, started: float, answer: bytes) -> None:
        """Count one answer."""
        self.done += 1
        self.statuses[status] = self.statuses.get(status, 0) + 1
        self.latencies.append(time.perf_counter() - started)
        if self.done % _SAMPLE_EVERY == 0:
            self.samples.append(answer)


class Speaker(Protocol):
    """One connection's protocol: what to send first, and what to send after bytes came."""

    def open(self) -> bytes:
        """Give the first bytes, with the first calls in them."""

    def receive(self, received: bytes) -> bytes:
        """Read what came; give what goes out: acknowledgements and the next calls."""


class Http2:
    """A gRPC client connection with a fixed number of calls in flight, or with calls when they are due."""

    def __init__(self, tally: Tally, *, path: str, authority: str, streams: int) -> None:
        """Prepare a connection.

        Args:
            streams: calls in flight; 0 where `call` starts each.
        """
        self._tally = tally
        self._streams = streams
        self._blocks = frames.steady_blocks(frames.call_headers(path, authority))
        self._cutter = frames.Cutter()
        self._trailers = frames.Trailers()
        self._next_stream = 1
        self._window = frames.DEFAULT_WINDOW
        self._owed = 0
        self._open: dict[int, tuple[float, list[bytes]]] = {}

    def open(self) -> bytes:
        """Send preface and settings, then as many calls as may be in flight."""
        self._owed = self._streams
        return frames.opening({frames.Setting.INITIAL_WINDOW_SIZE: 1 << 20}) + self._calls()

    def receive(self, received: bytes) -> bytes:
        """Read frames; answer with acknowledgements and new calls."""
        out: list[bytes] = []
        for item in self._cutter.feed(received):
            if item.kind == frames.Kind.DATA:
                self._open[item.stream][1].append(item.payload)
            elif item.kind == frames.Kind.HEADERS:
                fields = self._trailers.read(item.payload)
                if item.flags & frames.Flag.END_STREAM:
                    self._finish(item.stream, fields.get("grpc-status", "none"))
            else:
                out.append(self._control(item))
        out.append(self._calls())
        return b"".join(out)

    def _control(self, item: frames.Frame) -> bytes:
        if item.kind == frames.Kind.WINDOW_UPDATE and item.stream == 0:
            self._window += int.from_bytes(item.payload, "big")
        elif item.kind == frames.Kind.SETTINGS and not item.flags & frames.Flag.ACK:
            return frames.settings_ack()
        elif item.kind == frames.Kind.PING and not item.flags & frames.Flag.ACK:
            return frames.ping(item.payload, ack=True)
        elif item.kind == frames.Kind.RST_STREAM and item.stream in self._open:
            self._finish(item.stream, "reset")
        elif item.kind == frames.Kind.GOAWAY:
            raise LoadError("the server ended a connection")
        return b""

    def _finish(self, stream: int, status: str) -> None:
        started, parts = self._open.pop(stream)
        self._tally.finish(status, started, b"".join(parts)[5:])
        self._owed += bool(self._streams)

    def call(self, due: float) -> bytes:
        """Start one call, whose time counts from when it was due."""
        self._owed += 1
        return self._calls(due)

    def _calls(self, started: float = 0.0) -> bytes:
        """Start the calls that are owed, as far as the connection's window goes."""
        out: list[bytes] = []
        now = started or time.perf_counter()
        while self._owed and self._window >= frames.DEFAULT_WINDOW // 4:
            body = frames.message(self._tally.next_body())
            stream = self._next_stream
            block = self._blocks[0] if stream == 1 else self._blocks[1]
            self._next_stream += 2
            self._window -= len(body)
            self._owed -= 1
            self._open[stream] = (now, [])
            out += (frames.headers(stream, block), frames.data(stream, body))
        return b"".join(out)


class Http1:
    """A keep-alive HTTP/1.1 connection with one call in flight."""

    def __init__(self, tally: Tally, *, path: str, authority: str) -> None:
        self._tally = tally
        self._head = f"POST {path} HTTP/1.1\r\nhost: {authority}\r\ncontent-type: application/json\r\n"
        self._buffer = b""
        self._started = 0.0

    def open(self) -> bytes:
        """Send the first call."""
        body = self._tally.next_body()
        self._started = time.perf_counter()
        return f"{self._head}content-length: {len(body)}\r\n\r\n".encode() + body

    def receive(self, received: bytes) -> bytes:
        """Wait for the whole answer, then send the next call."""
        self._buffer += received
        head, separator, rest = self._buffer.partition(b"\r\n\r\n")
        if not separator:
            return b""
        lines = head.decode("latin-1").lower().split("\r\n")
        size = next(int(line.split(":")[1]) for line in lines if line.startswith("content-length:"))
        if len(rest) < size:
            return b""
        self._buffer = b""
        self._tally.finish(lines[0].split()[1], self._started, rest)
        return self.open()


class Connection:
    """A TLS socket and its speaker."""

    def __init__(self, plan: Plan, context: ssl.SSLContext, speaker: Speaker) -> None:
        raw = socket.create_connection(("127.0.0.1", plan.port), timeout=10)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = context.wrap_socket(raw, server_hostname=plan.server_name)
        self.socket.setblocking(False)  # noqa: FBT003 -- the standard library's signature
        self._speaker = speaker
        self._waiting = b""

    def open(self) -> None:
        """Send the first bytes."""
        self._send(self._speaker.open())

    def call(self, due: float) -> None:
        """Start one call that is due."""
        if not isinstance(self._speaker, Http2):
            raise LoadError("only HTTP/2 calls at a rate")
        self._send(self._speaker.call(due))

    def turn(self) -> None:
        """Read all that has come, and answer it in one write."""
        parts: list[bytes] = []
        while True:
            try:
                part = self.socket.recv(_READ)
            except ssl.SSLWantReadError:
                break
            if not part:
                raise LoadError("the server closed a connection")
            parts.append(part)
        if parts:
            self._send(self._speaker.receive(b"".join(parts)))

    def _send(self, out: bytes) -> None:
        self._waiting += out
        while self._waiting:
            try:
                self._waiting = self._waiting[self.socket.send(self._waiting) :]
            except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
                time.sleep(0.0005)


def _context(plan: Plan) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=plan.ca)
    context.load_cert_chain(plan.certificate, plan.key)
    context.set_alpn_protocols(["h2"] if plan.http == 2 else ["http/1.1"])
    return context


def _speaker(plan: Plan, tally: Tally) -> Speaker:
    authority = f"{plan.server_name}:{plan.port}"
    if plan.http == 2:
        streams = 0 if plan.rate else plan.streams
        return Http2(tally, path=plan.path, authority=authority, streams=streams)
    return Http1(tally, path=plan.path, authority=authority)


class Driver:
    """Turns the connections, and starts calls that are due."""

    def __init__(self, connections: Sequence[Connection], rate: float) -> None:
        self._selector = selectors.DefaultSelector()
        for connection in connections:
            self._selector.register(connection.socket, selectors.EVENT_READ, connection.turn)
        self._connections = itertools.cycle(connections)
        self._interval = 1 / rate if rate else 0.0
        self._due = time.perf_counter()

    def run_until(self, deadline: float) -> None:
        """Drive the load."""
        while (now := time.perf_counter()) < deadline:
            wait = 0.2
            if self._interval:
                while self._due <= now:
                    next(self._connections).call(self._due)
                    self._due += self._interval
                wait = min(wait, self._due - now)
            for key, _ in self._selector.select(wait):
                turn: Callable[[], None] = key.data
                turn()


def run(plan: Plan) -> Count:
    """Drive the load and count what came back in the measured window.

    Raises:
        LoadError: a connection ended, or the bodies ran out.
    """
    bodies = iter(read_bodies(Path(plan.bodies))[plan.first :])
    tally = Tally(bodies=bodies)
    context = _context(plan)
    connections = [Connection(plan, context, _speaker(plan, tally)) for _ in range(plan.connections)]
    driver = Driver(connections, plan.rate)
    for connection in connections:
        connection.open()
    driver.run_until(time.perf_counter() + plan.warm_up)
    pids = cpu.tree(*plan.pids)
    done, used_before, start = tally.done, cpu.seconds(pids), time.perf_counter()
    tally.latencies.clear()
    driver.run_until(start + plan.measure)
    elapsed, used = time.perf_counter() - start, cpu.seconds(pids) - used_before
    calls = tally.done - done
    for connection in connections:
        connection.socket.close()
    if not calls:
        raise LoadError("no call was answered")
    return _count(tally, calls=calls, elapsed=elapsed, used=used)


def _count(tally: Tally, *, calls: int, elapsed: float, used: float) -> Count:
    ordered = sorted(tally.latencies)
    good = {"0", "200"}
    return Count(
        calls=calls,
        failed=sum(number for status, number in tally.statuses.items() if status not in good),
        seconds=elapsed,
        cpu_us=used / calls * 1e6,
        rate=calls / elapsed,
        p50_ms=ordered[len(ordered) // 2] * 1e3,
        p99_ms=ordered[len(ordered) * 99 // 100] * 1e3,
        sent=tally.used,
        statuses=tally.statuses,
        samples=[base64.b64encode(sample).decode() for sample in tally.samples[:200]],
    )


def main() -> None:
    """Read a plan, drive it, print the count."""
    try:
        count = run(Plan(**json.load(sys.stdin)))
    except (LoadError, OSError) as error:
        raise SystemExit(f"load generator: {error}") from error
    json.dump(asdict(count), sys.stdout)


if __name__ == "__main__":
    main()
