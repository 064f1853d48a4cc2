"""Attack 24: slow connections. Each form is dropped within 10 s of the limit that is configured for it."""

from __future__ import annotations

import contextlib
import selectors
import ssl
import time
from typing import TYPE_CHECKING

import pytest

from bench import frames
from tests import service
from tests.attack.network.target import honest_client
from tests.attack.network.wire import VERIFY, Wire, context, tcp
from verifier.transport import OPTIONS

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator, Sequence

    from tests.attack.network.conftest import Report, Target
    from tests.attack.network.target import Caller, Honest

pytestmark = pytest.mark.attack

_LIMITS = dict(OPTIONS)
_HANDSHAKE = _LIMITS["grpc.server_handshake_timeout_ms"] / 1_000
_IDLE = _LIMITS["grpc.max_connection_idle_ms"] / 1_000
_GRACE = 10.0  # seconds within which a limit must bite
_CONNECTIONS = 200
_P50_MS = 50
_BUSY = 3  # on a machine that is busy with other things, times what it does without the attack


def silent(caller: Caller) -> socket.socket:
    """Connect and say nothing."""
    return tcp(caller)


def slow_hello(caller: Caller) -> socket.socket:
    """Begin a TLS handshake and send no more than the first bytes of it."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    hello = context(caller).wrap_bio(incoming, outgoing, server_hostname=caller.server_name)
    with contextlib.suppress(ssl.SSLWantReadError):
        hello.do_handshake()
    opened = tcp(caller)
    opened.sendall(outgoing.read(40))
    return opened


def no_preface(caller: Caller) -> socket.socket:
    """Finish the TLS handshake and say nothing in HTTP/2."""
    return Wire(caller, greet=False).socket


def idle(caller: Caller) -> socket.socket:
    """Greet and call nothing."""
    return Wire(caller).socket


def half_call(caller: Caller) -> socket.socket:
    """Begin a call with a deadline and send a part of its message."""
    wire = Wire(caller)
    stream = wire.begin(frames.call_headers(VERIFY, wire.authority, timeout="5S"))
    whole = frames.message(service.request().SerializeToString())
    wire.send(frames.data(stream, whole[:20], end=False))
    return wire.socket


def never_reads(caller: Caller) -> socket.socket:
    """Call with a window of zero, so that no answer can be sent, and read nothing."""
    wire = Wire(caller, settings={frames.Setting.INITIAL_WINDOW_SIZE: 0})
    stream = wire.begin(frames.call_headers(VERIFY, wire.authority, timeout="5S"))
    wire.send(frames.data(stream, frames.message(service.request().SerializeToString())))
    return wire.socket


def _drip(sockets: Sequence[socket.socket], byte: bytes) -> None:
    for opened in sockets:
        with contextlib.suppress(OSError):
            opened.send(byte)


@contextlib.contextmanager
def _opened(
    form: Callable[[Caller], socket.socket], caller: Caller, count: int
) -> Iterator[list[socket.socket]]:
    sockets: list[socket.socket] = []
    try:
        sockets.extend(form(caller) for _ in range(count))
        yield sockets
    finally:
        for opened in sockets:
            opened.close()


def _alive_after(sockets: Sequence[socket.socket], seconds: float, *, drip: bytes = b"") -> tuple[int, float]:
    """Read until all are closed or the time is over; give how many are left, and when the last one went."""
    selector = selectors.DefaultSelector()
    for opened in sockets:
        opened.setblocking(False)  # noqa: FBT003 -- the standard library's signature
        selector.register(opened, selectors.EVENT_READ, opened)
    begin = last = time.monotonic()
    left = len(sockets)
    next_drip = begin + 1
    while left and time.monotonic() - begin < seconds:
        for key, _ in selector.select(0.2):
            if _is_closed(key.data):
                selector.unregister(key.fileobj)
                left, last = left - 1, time.monotonic()
        if drip and time.monotonic() > next_drip:
            _drip(sockets, drip)
            next_drip += 1
    return left, last - begin


def _is_closed(opened: socket.socket) -> bool:
    try:
        while opened.recv(65_536):
            pass
    except (ssl.SSLWantReadError, BlockingIOError):
        return False
    except OSError:
        return True
    return True


def _hold(
    target: Target,
    form: Callable[[Caller], socket.socket],
    caller: Caller,
    *,
    limit: float,
    calm: Honest,
    report: Report,
    drip: bytes = b"",
) -> None:
    with (
        honest_client(target.honest, target.bodies, first=target.first()) as seen,
        _opened(form, caller, _CONNECTIONS) as sockets,
    ):
        left, last = _alive_after(sockets, limit + _GRACE, drip=drip)
    report(
        form.__name__,
        f"{len(sockets)} connections, {left} left, last dropped after {last:.1f} s of {limit:.0f} s",
    )
    report("honest client", seen[0])
    assert left == 0
    assert last <= limit + _GRACE
    assert seen[0].errors == 0
    assert seen[0].p50_ms <= max(_P50_MS, _BUSY * calm.p50_ms)


@pytest.mark.parametrize("form", [silent, slow_hello, no_preface])
def test_unfinished_handshake_is_dropped(
    target: Target, form: Callable[[Caller], socket.socket], calm: Honest, report: Report
) -> None:
    """A connection that does not finish its handshake goes, and honest calls do not feel it."""
    caller = target.known if form is no_preface else target.nobody
    _hold(
        target,
        form,
        caller,
        limit=_HANDSHAKE,
        calm=calm,
        report=report,
        drip=b"\0" if form is slow_hello else b"",
    )


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("form", [idle, half_call, never_reads])
def test_slow_connection_is_dropped(
    target: Target, form: Callable[[Caller], socket.socket], calm: Honest, report: Report
) -> None:
    """A connection that calls nothing, or whose calls never end, goes when it has been idle for too long."""
    _hold(target, form, target.known, limit=_IDLE, calm=calm, report=report)
