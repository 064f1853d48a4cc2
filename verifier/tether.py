"""The line between a parent process and one that it started: the child says how far it is, and sees its parent go.

A child whose parent is gone stops as if it had been told to, so that none is left behind, however the parent ended.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_STARTED = b"1"
_READY = b"2"


class ParentEnd:
    """The parent's end; made by `made`."""

    def __init__(self, own: socket.socket, descriptor: int) -> None:
        self._socket = own
        self.descriptor = descriptor
        self._heard = b""

    @classmethod
    @contextlib.contextmanager
    def made(cls) -> Iterator[ParentEnd]:
        """Make both ends; inside the block a child inherits its own by number."""
        own, other = socket.socketpair()
        own.settimeout(0)
        try:
            with other:
                yield cls(own, other.fileno())
        except BaseException:
            own.close()
            raise

    def has_started(self) -> bool:
        """Whether the child has said that it runs."""
        return _STARTED in self._hear()

    def is_ready(self) -> bool:
        """Whether the child has said that it can do its work."""
        return _READY in self._hear()

    def _hear(self) -> bytes:
        with contextlib.suppress(OSError):
            self._heard += self._socket.recv(len(_STARTED + _READY))
        return self._heard

    def close(self) -> None:
        """Let go of a child that has ended."""
        self._socket.close()


class ChildEnd:
    """The child's end."""

    def __init__(self, descriptor: int) -> None:
        """Take the inherited end."""
        os.set_inheritable(descriptor, False)  # noqa: FBT003 - it takes no keyword
        self._socket = socket.socket(fileno=descriptor)

    def say_started(self) -> None:
        """Tell the parent that this process runs; where it is gone, `watch` notices."""
        self._say(_STARTED)

    def say_ready(self) -> None:
        """Tell the parent that this process can do its work, for the first time."""
        self._say(_READY)

    def _say(self, word: bytes) -> None:
        with contextlib.suppress(OSError):
            self._socket.sendall(word)

    def watch(self, on_loss: Callable[[], None]) -> None:
        """Call `on_loss` when the parent is gone."""

        def wait() -> None:
            try:
                with self._socket:
                    self._socket.recv(1)
            finally:
                on_loss()

        threading.Thread(target=wait, name="tether", daemon=True).start()
