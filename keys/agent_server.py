"""The key agent's own end: gives workers of the same user keys, the audit period and probe keys, over a Unix socket.

Guarantees: whoever runs as another user is turned away; the keys are unlocked once, and a worker that begins again has
them in milliseconds. There is one period at a time. Of the workers that ask for a new one the first commits its
envelope, and the others wait until it says that this is done, or is gone. A period or a probe key that is over is
zeroed within a second, whether anybody asks for another or not. Each process that gets keys is counted and told of in a
message.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import socket
import struct
import threading
import time
from typing import TYPE_CHECKING, Final

from keys import agent_stream, agent_wire, host_socket
from keys.agent_wire import Frame, Kind
from keys.errors import KeyAgentFormatError, KeyAgentSealedError, KeysError
from keys.holders import Holders
from keys.secret import burn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from keys.agent import LocalKeyAgent
    from keys.period import SharedPeriod
    from keys.probekey import SharedProbeKey

_PATIENCE: Final = struct.pack("ll", 30, 0)
"""A struct timeval: how long a worker may take to say or to read something."""
_RETRY_SECONDS: Final = 0.1
_END_SECONDS: Final = 1.0
"""How often it is seen whether the period is over."""
_LOOK_SECONDS: Final = 0.5
"""How often it is looked whether the keyring was changed."""
_LOOK_AGAIN_SECONDS: Final = 5.0
"""The same, where a changed one could not be read."""
_LOGGER = logging.getLogger("padan.key-agent")


class KeyAgentServer:
    """Serves the workers of this host.

    Args:
        path: of the socket.
        agent: holds the unlocked keys; closed by the caller, after `stop`. None while it is sealed.
        sealed: says what is missing while there are no keys.
        monotonic: monotonic clock, seconds.
    """

    def __init__(
        self,
        path: Path,
        agent: LocalKeyAgent | None,
        *,
        sealed: Callable[[], str] = lambda: "sealed",
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = path
        self._sealed = sealed
        self._monotonic = monotonic
        self._opened: tuple[LocalKeyAgent, _Periods] | None = None
        if agent is not None:
            self.unseal(agent)
        self._held = contextlib.ExitStack()
        self._holders = Holders()
        self._stopping = threading.Event()
        self._streams: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._reading = threading.Thread(target=self._read_again, name="key-agent-reading", daemon=True)
        self._accepting = threading.Thread(target=self._accept, name="key-agent", daemon=True)
        self._ending = threading.Thread(target=self._end_periods, name="key-agent-period", daemon=True)

    def unseal(self, agent: LocalKeyAgent) -> None:
        """Give out an agent's keys from now on."""
        self._opened = agent, _Periods(agent, self._monotonic)

    def start(self) -> None:
        """Listen.

        Raises:
            SocketBusyError: another agent listens there.
            SocketPathError: the path cannot be used.
        """
        self._held.enter_context(host_socket.only_one(self._path))
        try:
            self._listener = host_socket.listen(self._path)
        except BaseException:
            self._held.close()
            raise
        self._accepting.start()
        self._ending.start()
        self._reading.start()

    def stop(self) -> None:
        """Hang up on everybody; workers go on with what they have."""
        self._stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._reading.join()
        self._listener.close()
        with self._lock:
            for stream in self._streams:
                with contextlib.suppress(OSError):
                    stream.shutdown(socket.SHUT_RDWR)
        self._path.unlink(missing_ok=True)
        self._held.close()
        self._ending.join()
        self._holders.close()
        if self._opened is not None:
            self._opened[1].wipe()
            self._opened[0].wipe_probes()

    def _end_periods(self) -> None:
        while not self._stopping.wait(_END_SECONDS):
            if self._opened is not None:
                self._opened[1].end()
                self._opened[0].end_probes()

    def _accept(self) -> None:
        while True:
            try:
                stream, _ = self._listener.accept()
            except OSError:
                if self._stopping.wait(_RETRY_SECONDS):
                    return
                continue  # no descriptors, perhaps
            try:
                host_socket.require_same_user(stream)
            except host_socket.OtherUserError:
                _LOGGER.error("a process of another user was turned away")  # noqa: TRY400 - nothing to trace
                stream.close()
                continue
            for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
                stream.setsockopt(socket.SOL_SOCKET, option, _PATIENCE)
            with self._lock:
                self._streams.add(stream)
            threading.Thread(target=self._serve, args=(stream,), name="key-agent-worker", daemon=True).start()

    def _serve(self, stream: socket.socket) -> None:
        try:
            while (question := agent_stream.receive(stream)) is not None:
                answer = self._answer(question, stream)
                agent_stream.send(stream, *answer)
                if answer.kind in {Kind.OPEN, Kind.PROBES}:
                    burn(answer.body)
        except KeyAgentFormatError:
            _LOGGER.exception("a worker speaks otherwise")
        except OSError:
            pass  # the worker is gone, or silent
        finally:
            if self._opened is not None:
                self._opened[1].leave(stream)
            with self._lock:
                self._streams.discard(stream)
            stream.close()

    def _answer(self, question: Frame, stream: socket.socket) -> Frame:
        try:
            if question.kind is Kind.HOLDERS:
                return Frame(Kind.HELD, agent_wire.encode_held(self._holders.count()))
            if self._opened is None:
                raise KeyAgentSealedError(f"key agent: {self._sealed()}")
            agent, periods = self._opened
            if question.kind is Kind.KEYS:
                return self._lend_keys(agent, question, stream)
            if question.kind is Kind.PERIOD:
                return periods.lend(stream)
            if question.kind is Kind.PROBE:
                return agent.use_probes(functools.partial(_lend_probes, unless=question.body))
            if question.kind is Kind.LOGGED:
                periods.note(question.body)
                return Frame(Kind.NOTED, b"")
        except KeysError as error:
            return Frame(Kind.FAILED, agent_wire.encode_failure(error))
        raise KeyAgentFormatError("a worker does not answer")

    def _lend_keys(self, agent: LocalKeyAgent, question: Frame, stream: socket.socket) -> Frame:
        if question.body == agent_wire.encode_counter(agent.keyring_counter):
            return Frame(Kind.NOTED, b"")
        self._note(stream)
        return Frame(Kind.KEYRING, agent_wire.encode_keyring(agent.keyring, agent.materials()))

    def _note(self, stream: socket.socket) -> None:
        """Count and tell who gets keys, before they leave."""
        pid = host_socket.peer_of(stream)
        if self._holders.note(pid):
            _LOGGER.info(
                "a process gets keys",
                extra={"reason": f"process {pid}", "count": self._holders.count().living},
            )

    def _read_again(self) -> None:
        """Take up a keyring that was changed, beside the workers: they wait for no passphrase to be worked on."""
        pause, said = _LOOK_SECONDS, ""
        while not self._stopping.wait(pause):
            pause = _LOOK_SECONDS
            try:
                if self._opened is not None and self._opened[0].refresh():
                    _LOGGER.info("the changed keyring was read")
                    said = ""
            except KeysError as error:
                pause = _LOOK_AGAIN_SECONDS
                if str(error) != said:
                    said = str(error)
                    _LOGGER.warning("the changed keyring cannot be read", extra={"reason": said})


def _lend_probes(keys: Sequence[SharedProbeKey], *, unless: bytes) -> Frame:
    if keys[0].told.key_id.encode() == unless:
        return Frame(Kind.NOTED, b"")
    return Frame(Kind.PROBES, agent_wire.encode_probes(keys))


class _Periods:
    """The period in use, and who is committing its envelope."""

    def __init__(self, agent: LocalKeyAgent, monotonic: Callable[[], float]) -> None:
        self._agent = agent
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._period: SharedPeriod | None = None
        self._committer: socket.socket | None = None

    def lend(self, stream: socket.socket) -> Frame:
        """Answer who asks for the period."""
        with self._lock:
            self._end()
            if self._period is None:
                self._period = self._agent.make_period()
            if not self._period.logged:
                if self._committer not in (None, stream):
                    return Frame(Kind.PENDING, b"")
                self._committer = stream
            return Frame(Kind.OPEN, agent_wire.encode_period(self._period))

    def note(self, period_id: bytes) -> None:
        """Take notice that a period's envelope is committed."""
        with self._lock:
            if self._period is not None and self._period.id == period_id:
                self._period.logged = True

    def leave(self, stream: socket.socket) -> None:
        """Let another commit what this one has not."""
        with self._lock:
            if self._committer is stream:
                self._committer = None

    def end(self) -> None:
        """Zero the key of a period that is over."""
        with self._lock:
            self._end()

    def wipe(self) -> None:
        """Zero the key."""
        with self._lock:
            self._forget()

    def _end(self) -> None:
        if self._period is not None and self._period.expired(self._monotonic()):
            self._forget()

    def _forget(self) -> None:
        if self._period is not None:
            self._period.wipe()
        self._period = self._committer = None
