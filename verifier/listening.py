"""The TCP sockets of this process: which listen, which are connected. grpcio can end both only together.

A socket that is shut for reading listens no more, and whoever owns it closes it; the kernel deals new connections to
the others that share its port.
"""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_MOST = 65_536
_INTERNET = (socket.AF_INET, socket.AF_INET6)


def stop(ports: Collection[int]) -> int:
    """Let no new connection in on ports; returns how many sockets listened."""
    count = 0
    for found, listens in _sockets(ports):
        if listens:
            with contextlib.suppress(OSError):
                found.shutdown(socket.SHUT_RD)
            count += 1
    return count


def connections(ports: Collection[int]) -> int:
    """Count the connections that came in on ports."""
    return sum(not listens for _, listens in _sockets(ports))


def _sockets(ports: Collection[int]) -> Iterator[tuple[socket.socket, bool]]:
    """Find the process's own sockets on ports, and whether they listen; by number, since /proc may be closed to it."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    for descriptor in range(min(limit, _MOST)):
        try:
            if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                continue
            with socket.socket(fileno=os.dup(descriptor)) as found:
                if found.family in _INTERNET and found.getsockname()[1] in ports:
                    listens = bool(found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
                    if listens or _is_connected(found):
                        yield found, listens
        except OSError:
            continue  # closed meanwhile


def _is_connected(found: socket.socket) -> bool:
    try:
        found.getpeername()
    except OSError:
        return False  # one that no longer listens
    return True
