"""A worker's end of the key agent: the objects of `LocalKeyAgent`, from keys that another process unlocked.

The keys are fetched once, at the start; what a worker has, it keeps when the agent goes away. The audit period is the
agent's: it is asked for again and again, so that after the agent's end, which is the period's, the next one is used.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import struct
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Self

from keys import agent_stream, agent_wire, host_socket
from keys.agent import LocalKeyAgent
from keys.agent_wire import Frame, Kind
from keys.errors import KeyAgentAwayError, KeyAgentFormatError, SocketPathError
from keys.secret import burn

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from keys.holders import Held
    from keys.keyset import Keyring
    from keys.period import Period
    from keys.probekey import ProbeKeys
    from keys.secret import Material

PATIENCE_SECONDS: Final = 2.0
"""How long the agent may take to answer, and another worker to commit a period's envelope."""
_PENDING_SECONDS: Final = 0.02
_TIMEOUT: Final = struct.pack("ll", int(PATIENCE_SECONDS), 0)
_LOGGER = logging.getLogger("padan.key-agent")


class SocketKeyAgent(LocalKeyAgent):
    """The keys of a key agent, in the process of their user; made by `connect`."""

    _path: Path
    _announced: _Line | None = None

    @classmethod
    def connect(cls, path: Path) -> Self:
        """Fetch the keys.

        Args:
            path: of the agent's socket.

        Raises:
            KeyAgentAwayError: nobody listens there, or not a process of this user, or it does not answer.
            KeyAgentFormatError: it speaks another release's language.
        """
        with contextlib.closing(_Line(path)) as line:
            found = line.keys()
        if found is None:
            raise KeyAgentFormatError("the key agent gives no keys")
        ring, materials = found
        made = cls(ring=ring, materials=materials)
        made._path = path
        return made

    def holders(self) -> Held:
        """Ask the agent how many processes have its keys; errors as `connect`."""
        return holders(self._path)

    def refresh(self) -> bool:
        """Ask the agent for its keyring again; says whether it is another one."""
        with self._refreshing, contextlib.closing(_Line(self._path)) as line:
            found = line.keys(unless=self._ring.counter)
            if found is None:
                return False
            self._take(*found)
            return True

    def open_period(self) -> Period:
        """Ask for the agent's period, however long it has been in use."""
        return self.next_period(None)

    def next_period(self, current: Period | None) -> Period:
        """Ask for the agent's period; where the agent is away or sealed, the current one serves until it ends."""
        self._hang_up()
        try:
            period = self._ask_period()
        except KeyAgentAwayError as error:
            if current is None or current.expired(self._monotonic()):
                raise
            _LOGGER.warning("the key agent is away", extra={"reason": str(error)})
            return current
        return current if current is not None and current.id == period.id else period

    def next_probes(self, current: ProbeKeys | None) -> ProbeKeys:
        """Ask for the agent's probe keys; where the agent is away or sealed, the current ones serve until they end."""
        try:
            with contextlib.closing(_Line(self._path)) as line:
                found = line.probes(unless="" if current is None else current.current.told.key_id)
        except KeyAgentAwayError as error:
            if current is None or current.current.is_over(self._monotonic()):
                raise
            _LOGGER.warning("the key agent is away", extra={"reason": str(error)})
            return current
        if found is not None:
            return found
        if current is None:
            raise KeyAgentFormatError("the key agent gives no probe key")
        return current

    def _ask_period(self) -> Period:
        with contextlib.ExitStack() as open_line:
            line = open_line.enter_context(contextlib.closing(_Line(self._path)))
            period = line.period()
            if not period.logged:
                open_line.pop_all()
                self._announced = line
        return period

    @contextmanager
    def announcing(self, period: Period) -> Iterator[None]:
        """Tell the agent afterwards that the envelope is committed; without that, another worker will commit it."""
        try:
            yield
            if self._announced is not None:
                self._announced.tell_logged(period)
        except KeyAgentAwayError as error:
            _LOGGER.warning("the key agent is away", extra={"reason": str(error)})
        finally:
            self._hang_up()

    def close(self) -> None:
        """Zero the keys, and hang up."""
        self._hang_up()
        super().close()

    def _hang_up(self) -> None:
        line, self._announced = self._announced, None
        if line is not None:
            line.close()


def holders(path: Path) -> Held:
    """Ask an agent how many processes have its keys; also a sealed one says so.

    Args:
        path: of the agent's socket.

    Raises:
        KeyAgentAwayError: nobody listens there, or not a process of this user, or it does not answer.
        KeyAgentFormatError: it speaks another release's language.
    """
    with contextlib.closing(_Line(path)) as line:
        return line.holders()


class _Line:
    """One connection to the agent."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._stream = host_socket.connect(path)
        except host_socket.OtherUserError as error:
            raise KeyAgentAwayError(f"key agent: {path} is of another user's process") from error
        except SocketPathError as error:
            raise KeyAgentAwayError(f"key agent: {error}") from error
        except OSError as error:
            raise KeyAgentAwayError(
                f"key agent: nobody answers at {path} ({error.strerror}); start padan-server agent"
            ) from error
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            self._stream.setsockopt(socket.SOL_SOCKET, option, _TIMEOUT)

    def keys(self, *, unless: int | None = None) -> tuple[Keyring, dict[int, Material]] | None:
        """Ask for the keyring and its keys; None where its counter is the one that is there already."""
        body = b"" if unless is None else agent_wire.encode_counter(unless)
        answer = self._ask(Kind.KEYS, body, Kind.KEYRING, Kind.NOTED)
        return None if answer.kind is Kind.NOTED else agent_wire.decode_keyring(answer.body)

    def period(self) -> Period:
        """Ask for the period in use, until the worker that commits its envelope has done so."""
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            answer = self._ask(Kind.PERIOD, b"", Kind.OPEN, Kind.PENDING)
            if answer.kind is Kind.OPEN:
                period = agent_wire.decode_period(answer.body)
                burn(answer.body)
                return period
            if time.monotonic() >= until:
                raise KeyAgentAwayError("key agent: another process does not come to log the audit period")
            time.sleep(_PENDING_SECONDS)

    def probes(self, *, unless: str) -> ProbeKeys | None:
        """Ask for the probe keys; None where the one that is told is the one that is there already, by its id."""
        answer = self._ask(Kind.PROBE, unless.encode(), Kind.PROBES, Kind.NOTED)
        if answer.kind is Kind.NOTED:
            return None
        keys = agent_wire.decode_probes(answer.body)
        burn(answer.body)
        return keys

    def holders(self) -> Held:
        """Ask how many processes have keys."""
        return agent_wire.decode_held(self._ask(Kind.HOLDERS, b"", Kind.HELD).body)

    def tell_logged(self, period: Period) -> None:
        """Say that the period's envelope is committed."""
        self._ask(Kind.LOGGED, period.id, Kind.NOTED)

    def close(self) -> None:
        """Hang up."""
        self._stream.close()

    def _ask(self, kind: Kind, body: bytes, *expected: Kind) -> Frame:
        try:
            agent_stream.send(self._stream, kind, body)
            answer = agent_stream.receive(self._stream)
        except OSError as error:
            raise KeyAgentAwayError(f"key agent: no answer at {self._path}") from error
        if answer is None:
            raise KeyAgentAwayError(f"key agent: hung up at {self._path}")
        if answer.kind is Kind.FAILED:
            raise agent_wire.decode_failure(answer.body)
        if answer.kind not in expected:
            raise KeyAgentFormatError("the key agent answers another question")
        return answer
