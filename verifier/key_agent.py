"""The key agent as a process: it unlocks the keyring once, and serves the workers of this host over a Unix socket.

Where custodians hold the KEK together it starts sealed, without any key, and lets them hand in shares. Proposals of
custodians who decide together lie with it too, where it is one of the service's own processes, from their first roster
on.
Nobody can dump it, its memory stays out of swap where the system lets it, and nothing runs in it but this. Keys pass
to processes of its own user (ADR 0038 says why).
"""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from keys import process
from keys.agent_server import KeyAgentServer
from verifier import custody_listener, host_keys, roster_watch
from verifier.custody_gate import CustodyGate
from verifier.desk import Desk
from verifier.desk_calls import DeskCalls
from verifier.errors import OperatorError
from verifier.housekeeping import Duty, Housekeeping
from verifier.metrics import SealGauges
from verifier.readiness import Readiness
from verifier.roster_watch import RosterWatch
from verifier.unsealing import Seal

if TYPE_CHECKING:
    import threading

    from keys.agent import LocalKeyAgent
    from verifier.config import Settings

_EXPIRY_SECONDS = 1.0
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
        self._is_locked = process.lock_memory()
        self.readiness = Readiness()
        self._settings = settings
        self._opened = contextlib.ExitStack()
        self._socket = settings.key_agent_socket
        self._seal: Seal | None = None
        self._agent: LocalKeyAgent | None = None
        self._gauges = SealGauges(CollectorRegistry())
        if settings.starts_sealed:
            self._seal = Seal(settings, self._take)
            self._gauges.show(sealed=True)
        else:
            self._agent = host_keys.unlock(settings)
        self._opened.callback(self._forget)
        reason = self._seal.reason if self._seal is not None else str
        self._server = KeyAgentServer(self._socket, self._agent, sealed=reason)

    def start(self) -> None:
        """Let workers in, and custodians where they are needed.

        Raises:
            keys.errors.SocketPathError: the socket cannot be used.
            OperatorError: the listener of custodians cannot be opened.
        """
        if not self._is_locked:
            _LOGGER.warning(
                "memory is not locked, and keys may reach the swap: let RLIMIT_MEMLOCK be unlimited, or have no swap"
            )
        with contextlib.ExitStack() as undo:
            undo.callback(self._opened.close)
            self._server.start()
            self._opened.callback(self._server.stop)
            if self._seal is not None:
                self._let_custodians_in(self._seal)
            elif self._settings.starts_key_agent:
                self._let_proposals_in()
            undo.pop_all()
        if self._seal is not None:
            _LOGGER.warning("sealed", extra={"reason": self._seal.reason()})
            return
        self.readiness.reach()
        _LOGGER.info("ready", extra={"path": str(self._socket)})

    def _let_custodians_in(self, seal: Seal) -> None:
        self._opened.callback(seal.wipe)
        self._gauges.show_shares(*seal.shares())
        keeping = Housekeeping([Duty(name="shares", every=_EXPIRY_SECONDS, act=lambda: self._look_at(seal))])
        keeping.start()
        self._opened.callback(keeping.stop)
        methods = {"GetStanding": seal.get_standing, "HandInShare": seal.hand_in_share}
        calls = DeskCalls(seal.desk, CustodyGate(self._settings))
        self._opened.enter_context(custody_listener.listening(self._settings, {**methods, **calls.methods}))

    def _let_proposals_in(self) -> None:
        """Let custodians decide from afar, now or once a roster stands; the keys are open here without them."""
        desk = Desk(self._settings)
        calls = DeskCalls(desk, CustodyGate(self._settings))

        def let_in() -> None:
            self._opened.enter_context(custody_listener.listening(self._settings, calls.methods))

        watch = RosterWatch(desk.papers, let_in)
        watch.begin()
        if not watch.is_open:
            keeping = Housekeeping([Duty(name="roster", every=roster_watch.EVERY, act=watch.look)])
            keeping.start()
            self._opened.callback(keeping.stop)

    def _look_at(self, seal: Seal) -> None:
        """Let go of shares that waited too long, and count the others."""
        seal.expire()
        self._gauges.show_shares(*seal.shares())

    def _take(self, agent: LocalKeyAgent) -> None:
        """Give out keys that custodians have unlocked, for the first time or after a change of the keyring."""
        if self._agent is not None:
            self._agent.take_up(agent)
            return
        self._agent = agent
        self._server.unseal(agent)
        self._gauges.show(sealed=False)
        self.readiness.reach()
        _LOGGER.info("ready", extra={"path": str(self._socket)})

    def _forget(self) -> None:
        """Zero the keys, once nobody is served any more."""
        if self._agent is not None:
            self._agent.close()

    def hand_over(self, hurry: threading.Event) -> None:
        """Have nothing to say to a successor."""

    def stop(self) -> None:
        """Hang up, and zero the keys."""
        self._opened.close()
        _LOGGER.info("stopped")
