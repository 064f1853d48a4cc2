"""The line between a parent process and one that it started: the child says that it runs, and sees its parent go.

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


class ParentEnd:
    """The parent's end; made by `made`."""

    def __init__(self, own: socket.socket, descriptor: int) -> None:
        self._socket = own
        self.descriptor = descriptor
        self._started = False

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
        if not self._started:
            try:
                self._started = self._socket.recv(1) == _STARTED
            except OSError:
                return False
        return self._started

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
        """Tell the parent; where it is gone, `watch` notices."""
        try:
            self._socket.sendall(_STARTED)
        except OSError:
            return

    def watch(self, on_loss: Callable[[], None]) -> None:
        """Call `on_loss` when the parent is gone."""

        def wait() -> None:
            try:
                with self._socket:
                    self._socket.recv(1)
            finally:
                on_loss()

        threading.Thread(target=wait, name="tether", daemon=True).start()
