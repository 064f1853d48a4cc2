"""Unix sockets between processes of one host and one user: where they are, and who may be at the other end.

The file has mode 0600, its path fits into an address, and each end sees to it that the other runs as the same user
(SO_PEERCRED). Whoever holds the lock beside it is the only one that listens there.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import struct
from typing import TYPE_CHECKING, Final

from keys.errors import SocketBusyError, SocketPathError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAX_PATH: Final = 107
"""Bytes of a path in sockaddr_un on Linux, without the NUL (unix(7))."""
_CREDENTIALS = struct.Struct("3i")
_BACKLOG: Final = 256


class OtherUserError(PermissionError):
    """The process at the other end runs as another user."""


def check_path(path: Path) -> str:
    """Give the path as the system wants it.

    Raises:
        SocketPathError: it is too long.
    """
    if len(os.fsencode(path)) > MAX_PATH:
        raise SocketPathError(f"{path}: longer than the {MAX_PATH} bytes of a socket; shorten data_dir")
    return str(path)


@contextlib.contextmanager
def only_one(path: Path, *, wait: bool = False) -> Iterator[None]:
    """Be the only one that listens at a path; the lock goes with the process, however that ends.

    Args:
        path: of the socket.
        wait: wait until another has let go.

    Raises:
        SocketBusyError: there is another.
        SocketPathError: the folder cannot be written.
    """
    lock = path.with_suffix(".lock")
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise SocketPathError(f"{lock}: {error.strerror}") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SocketBusyError(f"{path}: another process listens there; stop it first") from error
        yield
    finally:
        os.close(descriptor)


def listen(path: Path) -> socket.socket:
    """Listen; the caller is the only one there, so a socket that is there is a dead one's.

    Raises:
        SocketPathError: the path is too long, or its folder cannot be written.
    """
    address = check_path(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        path.unlink(missing_ok=True)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise SocketPathError(f"{path}: {error.strerror}") from error
    finally:
        os.umask(mask)
    return listener


def connect(path: Path) -> socket.socket:
    """Connect.

    Raises:
        OSError: nobody listens.
        SocketPathError: the path is too long.
        OtherUserError: who listens runs as another user.
    """
    stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        stream.connect(check_path(path))
        require_same_user(stream)
    except BaseException:
        stream.close()
        raise
    return stream


def peer_of(stream: socket.socket) -> int:
    """Give the id of the process at the other end: for a client, the one that listens."""
    raw = stream.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return int(_CREDENTIALS.unpack(raw)[0])


def require_same_user(stream: socket.socket) -> None:
    """See who is at the other end.

    Raises:
        OtherUserError: a process of another user.
    """
    raw = stream.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, user, _ = _CREDENTIALS.unpack(raw)
    if user != os.geteuid():
        raise OtherUserError("a process of another user is at the other end of the socket")
