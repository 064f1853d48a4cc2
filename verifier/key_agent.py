"""The key agent as a process: it unlocks the keyring once, and serves the workers of this host over a Unix socket.

Nobody can dump it, and nothing runs in it but this. Keys pass to processes of its own user (ADR 0022 says why).
"""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING

from keys import process
from keys.agent_server import KeyAgentServer
from keys.errors import KeysError
from verifier import host_keys
from verifier.errors import OperatorError
from verifier.readiness import Readiness

if TYPE_CHECKING:
    import threading

    from keys.agent import LocalKeyAgent
    from verifier.config import Settings

_LOGGER = logging.getLogger("padan.key-agent")


class NoKeyAgentError(OperatorError):
    """The settings name no socket for a key agent."""


class KeyAgentProcess:
    """A running key agent."""

    def __init__(self, settings: Settings) -> None:
        """Open the keyring; asks for the passphrase where the settings name no source of it.

        Raises:
            NoKeyAgentError: no socket is named.
            RealmMismatchError: the keyring is another registry's.
            keys.errors.KeysError: it cannot be unlocked.
        """
        if settings.key_agent_socket is None:
            raise NoKeyAgentError("key_agent: names no socket, so the service unlocks the keyring itself")
        process.harden()
        self.readiness = Readiness()
        self._opened = contextlib.ExitStack()
        self._socket = settings.key_agent_socket
        self._agent: LocalKeyAgent = host_keys.unlock(settings)
        self._opened.callback(self._agent.close)

    def start(self) -> None:
        """Let workers in.

        Raises:
            keys.errors.SocketPathError: the socket cannot be used.
        """
        server = KeyAgentServer(self._socket, self._agent)
        try:
            server.start()
        except KeysError:
            self._opened.close()
            raise
        self._opened.callback(server.stop)
        self.readiness.reach()
        _LOGGER.info("ready", extra={"path": str(self._socket)})

    def hand_over(self, hurry: threading.Event) -> None:
        """Have nothing to say to a successor."""

    def stop(self) -> None:
        """Hang up, and zero the keys."""
        self._opened.close()
        _LOGGER.info("stopped")
