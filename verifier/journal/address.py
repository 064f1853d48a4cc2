"""The Unix socket between workers and writer, as `keys.host_socket` makes it.

Whoever holds the lock beside it is the only writer of the folder's log.
"""

from __future__ import annotations

import contextlib
import socket
import struct
from typing import TYPE_CHECKING

from keys import host_socket
from keys.errors import SocketBusyError, SocketPathError
from keys.host_socket import MAX_PATH
from keys.host_socket import OtherUserError as StrangerError
from verifier.errors import OperatorError

__all__ = ["MAX_PATH", "StrangerError"]

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BUFFER = 1 << 20
"""Bytes that may be on their way; a full buffer means that the other end does not read."""
_SEND_TIMEOUT = struct.pack("ll", 0, 500_000)
"""A struct timeval of half a second: a send that finds room for a part of its bytes may take it twice."""


class JournalAddressError(OperatorError):
    """The socket's path cannot be used."""


def check_path(path: Path) -> None:
    """See that the path fits into an address.

    Raises:
        JournalAddressError: it is too long.
    """
    with _named():
        host_socket.check_path(path)


@contextlib.contextmanager
def only_writer(path: Path, *, wait: bool = False) -> Iterator[None]:
    """Be the only writer of a folder; the lock goes with the process, however that ends.

    Args:
        path: of the socket.
        wait: wait until another has let go.

    Raises:
        JournalAddressError: there is another, or the folder cannot be written.
    """
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(host_socket.only_one(path, wait=wait))
        except SocketBusyError as error:
            raise JournalAddressError(
                f"{path.parent}: another service writes this folder's log; stop it first"
            ) from error
        except SocketPathError as error:
            raise JournalAddressError(str(error)) from error
        yield


def listen(path: Path) -> socket.socket:
    """Listen; the caller is the only writer, so a socket that is there is a dead one's.

    Raises:
        JournalAddressError: the path is too long, or its folder cannot be written.
    """
    with _named():
        return host_socket.listen(path)


def connect(path: Path) -> socket.socket:
    """Connect to the writer.

    Raises:
        OSError: nobody listens.
        JournalAddressError: the path is too long.
        StrangerError: who listens runs as another user.
    """
    with _named():
        return _bound(host_socket.connect(path))


def prepare(stream: socket.socket) -> socket.socket:
    """See who is at the other end, and bound how long a send may take.

    Raises:
        StrangerError: a process of another user.
    """
    host_socket.require_same_user(stream)
    return _bound(stream)


def _bound(stream: socket.socket) -> socket.socket:
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _SEND_TIMEOUT)
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
    return stream


@contextlib.contextmanager
def _named() -> Iterator[None]:
    try:
        yield
    except SocketPathError as error:
        raise JournalAddressError(str(error)) from error
