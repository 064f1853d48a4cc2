"""The TCP sockets of this process: which listen, which are connected. grpcio can end both only together.

A socket that is shut for reading listens no more, and whoever owns it closes it; the kernel deals new connections to
the others that share its port. What it had begun for this socket it resets, so that must have ended before:
 1 a filter drops the first packet of each handshake, so that the kernel begins none for this socket; the caller sends
   it again after a second, and it goes to another socket of the port by then
 2 handshakes that had begun end
 3 whoever owns the socket accepts what waits, which nothing joins any more
 4 the socket is shut
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import socket
import stat
import struct
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

HANDSHAKE_SECONDS = 0.5
"""How long a handshake may take: a caller who is half a second away is far."""
ACCEPT_SECONDS = 3.0
"""How long a busy process may take to accept what waits."""
_STEP_SECONDS = 0.001
_UNACKED = struct.Struct("=I")
_ATTACH_FILTER = 26
"""SO_ATTACH_FILTER of Linux (asm-generic/socket.h), which Python does not name."""
_STATEMENT = struct.Struct("=HBBI")
_NO_FIRST_PACKETS = b"".join(
    _STATEMENT.pack(*statement)
    for statement in (
        (0x30, 0, 0, 13),  # load the octet of TCP's flags (RFC 9293, section 3.1)
        (0x45, 0, 1, 0x02),  # where SYN is set,
        (0x06, 0, 0, 0),  # drop the packet,
        (0x06, 0, 0, 0xFFFF_FFFF),  # and take all of it where it is not
    )
)
"""A program of the kernel's classic packet filter (socket(7), linux/filter.h): code, two jumps, operand."""
_MOST = 65_536
_INTERNET = (socket.AF_INET, socket.AF_INET6)


def stop(ports: Collection[int], *, pause: Callable[[float], object] = time.sleep) -> int:
    """Let no new connection in on ports, and lose none that was on its way; returns how many sockets listened.

    Args:
        ports: whose sockets.
        pause: waits for seconds; what it returns, where that is true, says not to wait any longer.
    """
    with contextlib.ExitStack() as opened:
        found = [opened.enter_context(each.dup()) for each, listens in _sockets(ports) if listens]
        for each in found:
            with contextlib.suppress(OSError):  # its owner has stopped it
                _begin_no_handshake(each)  # 1
        if found:
            pause(HANDSHAKE_SECONDS)  # 2
        until = time.monotonic() + ACCEPT_SECONDS
        for each in found:
            while _waiting(each) and time.monotonic() < until:  # 3
                if pause(_STEP_SECONDS):
                    break
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RD)  # 4
    return len(found)


def _begin_no_handshake(listener: socket.socket) -> None:
    program = ctypes.create_string_buffer(_NO_FIRST_PACKETS)  # which the kernel copies
    statements = len(_NO_FIRST_PACKETS) // _STATEMENT.size
    described = struct.pack("@HP", statements, ctypes.addressof(program))
    listener.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, described)


def _waiting(listener: socket.socket) -> int:
    """Count the connections that nobody has accepted yet: `tcpi_unacked` of a socket that listens (tcp(7))."""
    (count,) = _UNACKED.unpack_from(listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 64), 24)
    return int(count)


def connections(ports: Collection[int]) -> int:
    """Count the connections that came in on ports."""
    return sum(not listens for _, listens in _sockets(ports))


def _sockets(ports: Collection[int]) -> Iterator[tuple[socket.socket, bool]]:
    """Find the process's own sockets on ports, and whether they listen; by number, since /proc may be closed to it."""
    for descriptor in _descriptors():
        try:
            with socket.socket(fileno=os.dup(descriptor)) as found:
                if found.family in _INTERNET and found.getsockname()[1] in ports:
                    listens = bool(found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
                    if listens or _is_connected(found):
                        yield found, listens
        except OSError:
            continue  # closed meanwhile


def _descriptors() -> list[int]:
    """List the sockets that there are now: who copies one meanwhile does not meet the copy."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    found: list[int] = []
    for descriptor in range(min(limit, _MOST)):
        with contextlib.suppress(OSError):  # closed
            if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                found.append(descriptor)
    return found


def _is_connected(found: socket.socket) -> bool:
    try:
        found.getpeername()
    except OSError:
        return False  # one that no longer listens
    return True
