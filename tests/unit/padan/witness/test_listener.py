"""The witness on the network: HTTP by the letter, and callers who are slow, large or many."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from padan.witness import figures
from padan.witness.listener import MAX_HEAD, Limits
from padan.witness.submission import MAX_BODY
from tests.smalllog import SmallLog
from tests.witnesses import WitnessThread

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LIMITS = Limits(connections=4, request_seconds=0.6, idle_seconds=30)


@pytest.fixture
def log() -> SmallLog:
    """Make a log that the witness watches."""
    return SmallLog()


@pytest.fixture
def running(log: SmallLog, tmp_path: Path) -> Iterator[WitnessThread]:
    """Run a witness with small limits."""
    with WitnessThread(tmp_path / "witness", log.key, limits=LIMITS) as started:
        yield started


def connect(running: WitnessThread) -> http.client.HTTPConnection:
    """Make a caller that speaks HTTP."""
    return http.client.HTTPConnection("127.0.0.1", running.port, timeout=10)


def raw(running: WitnessThread, data: bytes = b"") -> socket.socket:
    """Make a caller that sends what it is given."""
    made = socket.create_connection(("127.0.0.1", running.port), timeout=10)
    made.sendall(data)
    return made


def post(
    connection: http.client.HTTPConnection, body: bytes, path: str = "/w/add-checkpoint"
) -> tuple[int, bytes]:
    """Submit, and read the answer."""
    connection.request("POST", path, body)
    response = connection.getresponse()
    return response.status, response.read()


def until_closed(caller: socket.socket) -> bytes:
    """Read all that comes until the other side ends."""
    data = b""
    with contextlib.suppress(ConnectionError):
        while chunk := caller.recv(65_536):
            data += chunk
    caller.close()
    return data


def test_one_connection_carries_many_requests(running: WitnessThread, log: SmallLog) -> None:
    """Submissions go over one connection, whatever they are answered, and content types are the text's."""
    connection = connect(running)
    connection.connect()
    kept = connection.sock
    assert post(connection, log.body(0, 3))[0] == 200
    connection.request("POST", "/w/add-checkpoint", log.body(0, 5))
    response = connection.getresponse()
    assert (response.status, response.getheader("Content-Type")) == (409, "text/x.tlog.size")
    assert response.read() == b"3\n"
    assert post(connection, b"noise")[0] == 400
    assert post(connection, log.body(3, 5))[0] == 200
    assert post(connection, b"", "/add-checkpoint")[0] == 404
    connection.request("GET", "/w/add-checkpoint")
    response = connection.getresponse()
    assert (response.status, response.read()) == (405, b"no such method here\n")
    connection.request("GET", "/w/health?from=proxy")
    assert connection.getresponse().read() == b"ok\n"
    connection.request("HEAD", "/w/health")
    assert connection.getresponse().status == 405
    assert connection.sock is kept
    connection.close()


def test_chunks_and_expectations(running: WitnessThread, log: SmallLog) -> None:
    """A body may come in chunks, and a caller that waits to be told to go on is told."""
    body = log.body(0, 3)
    head = b"POST /w/add-checkpoint HTTP/1.1\r\nHost: w\r\nConnection: close\r\n"
    chunked = head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    assert until_closed(raw(running, chunked)).startswith(b"HTTP/1.1 200 ")
    caller = raw(running, head + b"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n" % len(body))
    assert caller.recv(100).startswith(b"HTTP/1.1 100 ")
    caller.sendall(body)
    assert until_closed(caller).startswith(b"HTTP/1.1 409 ")


def test_pipelined_requests(running: WitnessThread, log: SmallLog) -> None:
    """Requests that come in one piece are answered in their order."""
    parts = [
        b"POST /w/add-checkpoint HTTP/1.1\r\nHost: w\r\nContent-Length: %d\r\n%s\r\n%s"
        % (len(body), close, body)
        for body, close in ((log.body(0, 3), b""), (log.body(3, 4), b"Connection: close\r\n"))
    ]
    assert until_closed(raw(running, b"".join(parts))).count(b"HTTP/1.1 200 ") == 2


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (
            b"POST /w/add-checkpoint HTTP/1.1\r\nHost: w\r\nContent-Length: %d\r\n\r\n" % (MAX_BODY + 1),
            b"413",
        ),
        (
            b"POST /w/add-checkpoint HTTP/1.1\r\nHost: w\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n"
            % (MAX_BODY * 2)
            + bytes(MAX_BODY + 1),
            b"413",
        ),
        (b"GET / HTTP/1.1\r\nHost: w\r\nX: " + b"x" * MAX_HEAD * 2, b"431"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"400"),
        (b"POST /w/add-checkpoint HTTP/1.1\r\n\r\n", b"400"),
        (
            b"POST /w/add-checkpoint HTTP/1.1\r\nHost: w\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            b"400",
        ),
        (b"POST /w/add-checkpoint HTTP/1.1\r\nHost: w\r\nTransfer-Encoding: gzip\r\n\r\n", b"501"),
    ],
)
def test_what_is_refused_as_http(running: WitnessThread, log: SmallLog, data: bytes, status: bytes) -> None:
    """Oversized heads and bodies, and what is no request, get their status and an end; others are not disturbed."""
    other = connect(running)
    assert post(other, log.body(0, 3))[0] == 200
    assert until_closed(raw(running, data)).startswith(b"HTTP/1.1 " + status)
    assert post(other, log.body(3, 4))[0] == 200
    other.close()


def test_slow_callers_are_ended(running: WitnessThread, log: SmallLog) -> None:
    """Who sends a byte now and then, or nothing, is gone after the bound; the others are served meanwhile."""
    slow = [
        raw(running, b"POST /w/add-checkpoint HTTP/1.1\r\nHost: w\r\n"),
        raw(running, b"POST /w/add-checkpoint HTTP/1.1\r\nHost: w\r\nContent-Length: 900\r\n\r\nold"),
        raw(running),
    ]
    honest = connect(running)
    ended = threading.Event()

    def drip() -> None:
        while not ended.wait(0.1):
            for caller in slow:
                with contextlib.suppress(OSError):
                    caller.send(b"a")

    dripping = threading.Thread(target=drip)
    dripping.start()
    size = 0
    for _ in range(5):
        assert post(honest, log.body(size, size + 1))[0] == 200
        size += 1
    for caller in slow:
        caller.settimeout(5)
        assert not until_closed(caller).startswith(b"HTTP/1.1 200")
    ended.set()
    dripping.join()
    assert post(honest, log.body(size, size + 1))[0] == 200
    honest.close()


def test_many_connections_do_not_shut_the_log_out(running: WitnessThread, log: SmallLog) -> None:
    """Above the bound of connections the one without a whole request for longest goes, not the log's."""
    honest = connect(running)
    assert post(honest, log.body(0, 1))[0] == 200
    kept = honest.sock
    crowd = []
    for size in range(1, 12):
        crowd.append(raw(running, b"POST "))
        assert post(honest, log.body(size, size + 1))[0] == 200
    assert honest.sock is kept
    assert running.listener.connections <= LIMITS.connections
    assert running.listener.evicted >= 7
    for caller in crowd:
        caller.close()
    honest.close()


def test_figures(running: WitnessThread, log: SmallLog) -> None:
    """Prometheus reads answers by status, each log's size and what was refused as evidence."""
    connection = connect(running)
    post(connection, log.body(0, 3))
    post(connection, log.forked().body(3, 3))
    connection.close()
    text = figures.text(running.listener, running.book)
    assert 'padan_witness_answers_total{status="200"} 1\n' in text
    assert 'padan_witness_size{log="log.example/padan"} 3\n' in text
    assert 'padan_witness_evidence{kind="fork",log="log.example/padan"} 1\n' in text
