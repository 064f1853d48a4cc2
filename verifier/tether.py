"""The line between a parent process and one that it started: the child says that it runs, and sees its parent go.

A child whose parent is gone stops as if it had been told to, so that no worker is left behind, however the parent ended.
"""

from __future__ import annotations

import os
import socket
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_STARTED = b"1"


class ParentEnd:
    """The parent's end."""

    def __init__(self) -> None:
        """Make both ends; the child's is inherited by number."""
        self._socket, self._child = socket.socketpair()
        self._socket.setblocking(False)
        self._started = False

    @property
    def descriptor(self) -> int:
        """Number of the child's end."""
        return self._child.fileno()

    def hand_over(self) -> None:
        """Leave the child's end to the child, once it has been started."""
        self._child.close()

    @property
    def started(self) -> bool:
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
        os.set_inheritable(descriptor, False)
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
                self._socket.recv(1)
            finally:
                on_loss()

        threading.Thread(target=wait, name="tether", daemon=True).start()
