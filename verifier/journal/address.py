"""The Unix socket between workers and writer: where it is, and who may be at its other end.

The file has mode 0600, its path fits into an address, and each end sees to it that the other runs as the same user
(SO_PEERCRED). Whoever holds the lock beside it is the only writer of the folder's log.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import struct
from typing import TYPE_CHECKING

from verifier.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAX_PATH = 107
"""Bytes of a path in sockaddr_un on Linux, without the NUL (unix(7))."""
BUFFER = 1 << 20
"""Bytes that may be on their way; a full buffer means that the other end does not read."""
_SEND_TIMEOUT = struct.pack("ll", 0, 500_000)
"""A struct timeval of half a second: a send that finds room for a part of its bytes may take it twice."""
_CREDENTIALS = struct.Struct("3i")
_BACKLOG = 256


class JournalAddressError(OperatorError):
    """The socket's path cannot be used."""


class StrangerError(PermissionError):
    """The process at the other end runs as another user."""


def check_path(path: Path) -> str:
    """Give the path as the system wants it.

    Raises:
        JournalAddressError: it is too long.
    """
    if len(os.fsencode(path)) > MAX_PATH:
        raise JournalAddressError(f"{path}: longer than the {MAX_PATH} bytes of a socket; shorten data_dir")
    return str(path)


@contextlib.contextmanager
def only_writer(path: Path) -> Iterator[None]:
    """Be the only writer of a folder; the lock goes with the process, however that ends.

    Raises:
        JournalAddressError: there is another, or the folder cannot be written.
    """
    lock = path.with_suffix(".lock")
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise JournalAddressError(f"{lock}: {error.strerror}") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise JournalAddressError(
                f"{path.parent}: another service writes this folder's log; stop it first"
            ) from error
        yield
    finally:
        os.close(descriptor)


def listen(path: Path) -> socket.socket:
    """Listen; the caller is the only writer, so a socket that is there is a dead one's.

    Raises:
        JournalAddressError: the path is too long, or its folder cannot be written.
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
        raise JournalAddressError(f"{path}: {error.strerror}") from error
    finally:
        os.umask(mask)
    return listener


def connect(path: Path) -> socket.socket:
    """Connect to the writer.

    Raises:
        OSError: nobody listens.
        JournalAddressError: the path is too long.
        StrangerError: who listens runs as another user.
    """
    stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        stream.connect(check_path(path))
        return prepare(stream)
    except BaseException:
        stream.close()
        raise


def prepare(stream: socket.socket) -> socket.socket:
    """See who is at the other end, and bound how long a send may take.

    Raises:
        StrangerError: a process of another user.
    """
    raw = stream.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, user, _ = _CREDENTIALS.unpack(raw)
    if user != os.geteuid():
        raise StrangerError("a process of another user is at the other end of the journal's socket")
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _SEND_TIMEOUT)
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
    return stream
