"""The key agent over its socket: the same keys, one period, and nobody of another user."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import threading
import time
from typing import TYPE_CHECKING

import pytest

from keys import agent_wire, host_socket
from keys.agent import LocalKeyAgent
from keys.agent_client import SocketKeyAgent
from keys.agent_server import KeyAgentServer
from keys.custody import Custody
from keys.envelope import generate, open_period
from keys.errors import (
    AuditorsKeyError,
    KeyAgentAwayError,
    KeyAgentFormatError,
    KeyAgentSealedError,
    PassphraseError,
    SocketBusyError,
    SocketPathError,
)
from keys.outer import EpochKeys
from keys.period import LIFETIME
from keys.provider import open_provider
from keys.purpose import Purpose
from keys.realm import Realm
from tests.clock import Clock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

REALM = Realm(registry_id="registry-test", environment="development")
KEYS = agent_wire.encode(agent_wire.Kind.KEYS)
HANDLE, NONCE = b"h" * 16, b"n" * 16
PRIVATE, PUBLIC = generate()


def is_answered(stream: socket.socket, question: bytes) -> bool:
    """Whether bytes get an answer before the stream ends."""
    stream.settimeout(5)
    try:
        stream.sendall(question)
        stream.shutdown(socket.SHUT_WR)
        return bool(stream.recv(1))
    except (BrokenPipeError, ConnectionResetError):
        return False


@pytest.fixture
def clock() -> Clock:
    """The agent's clock."""
    return Clock()


@pytest.fixture
def local(tmp_path: Path, clock: Clock) -> LocalKeyAgent:
    """The unlocked keys."""
    (tmp_path / "passphrase").write_text("a passphrase for tests only")
    uri = f"file:{tmp_path}/kek.json?passphrase-file={tmp_path}/passphrase"
    Custody(path=tmp_path / "keyring.json", provider=open_provider(uri), actor="tests").create(REALM)
    return LocalKeyAgent.unlock(tmp_path / "keyring.json", uri, auditors_key=PUBLIC, monotonic=clock)


@contextlib.contextmanager
def serving(path: Path, local: LocalKeyAgent, clock: Clock) -> Iterator[KeyAgentServer]:
    """Serve the keys."""
    server = KeyAgentServer(path, local, monotonic=clock)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the socket is."""
    return tmp_path / "agent.sock"


@pytest.fixture
def server(path: Path, local: LocalKeyAgent, clock: Clock) -> Iterator[KeyAgentServer]:
    """A running agent."""
    with serving(path, local, clock) as running:
        yield running


@pytest.fixture
def connect(path: Path, clock: Clock) -> Iterator[Callable[[], SocketKeyAgent]]:
    """Fetches the keys for a worker, whose clock is the agent's, as on one host."""
    with contextlib.ExitStack() as opened:

        def make() -> SocketKeyAgent:
            agent = opened.enter_context(contextlib.closing(SocketKeyAgent.connect(path)))
            agent._monotonic = clock
            return agent

        yield make


@pytest.mark.usefixtures("server")
def test_a_worker_computes_as_the_agent_would(path: Path, local: LocalKeyAgent) -> None:
    """Every kind of key gives the same values on both sides, and what one seals the other opens."""
    worker = SocketKeyAgent.connect(path)
    assert (worker.realm, worker.keyring_counter) == (local.realm, local.keyring_counter)
    assert worker.public_keys() == local.public_keys()
    for purpose in (Purpose.INDEX, Purpose.HANDLE, Purpose.BUDGET):
        assert worker.key_id(purpose) == local.key_id(purpose)
        assert worker.mac(purpose).mac(b"value") == local.mac(purpose).mac(b"value")
    assert worker.signer(Purpose.RECEIPT_SIGNING).sign(b"m") == local.signer(Purpose.RECEIPT_SIGNING).sign(
        b"m"
    )
    epoch = EpochKeys(
        epoch=3, outer_token=local.key_id(Purpose.OUTER_TOKEN), row_seal=local.key_id(Purpose.ROW_SEAL)
    )
    assert worker.outer(epoch).token.encrypt(HANDLE) == local.outer(epoch).token.encrypt(HANDLE)
    box = worker.outer(epoch).row.seal(b"row", b"place")
    assert local.outer(epoch).row.open(box, b"place") == b"row"
    assert local.replay_seal(5).open(worker.replay_seal(5).seal(b"answer", b""), b"") == b"answer"
    worker.close()
    assert repr(worker) == "<SocketKeyAgent>"


@pytest.mark.usefixtures("server")
def test_workers_share_one_period(connect: Callable[[], SocketKeyAgent], clock: Clock) -> None:
    """The first to ask commits the envelope, later ones find it logged, and both name a subject alike."""
    first, second = connect(), connect()
    period = first.next_period(None)
    assert not period.logged
    with first.announcing(period):
        pass
    shared = second.next_period(None)
    assert shared.logged
    assert (shared.id, shared.envelope) == (period.id, period.envelope)
    assert shared.reference(HANDLE, NONCE) == period.reference(HANDLE, NONCE)
    assert open_period(period.envelope, realm=REALM, private_key=PRIVATE)[0] == period.id
    assert first.next_period(period) is period
    clock.now += LIFETIME
    later = first.next_period(period)
    assert later.id != period.id
    assert not later.logged


def test_a_period_that_is_over_is_zeroed_though_nobody_asks(
    server: KeyAgentServer, clock: Clock, connect: Callable[[], SocketKeyAgent]
) -> None:
    """At its time the agent's own copy of the key goes, and the next to ask gets another period."""
    worker = connect()
    current = worker.next_period(None)
    with worker.announcing(current):
        pass
    assert server._opened is not None
    periods = server._opened[1]
    held = periods._period
    assert held is not None
    clock.now += LIFETIME - 1
    periods.end()
    assert any(held.material.view())
    clock.now += 1
    until = time.monotonic() + 20
    while any(held.material.view()):
        assert time.monotonic() < until, "the key is still there"
        time.sleep(0.05)
    assert worker.next_period(current).id != current.id


@pytest.mark.usefixtures("server")
def test_others_wait_until_the_envelope_is_committed(
    connect: Callable[[], SocketKeyAgent], clock: Clock
) -> None:
    """While one worker commits, another does not use the period; where that one fails, the other commits."""
    first, second = connect(), connect()
    given: list[bool] = []
    period = first.next_period(None)
    waiting = threading.Thread(target=lambda: given.append(second.next_period(None).logged))
    with first.announcing(period):
        waiting.start()
        time.sleep(0.2)
        assert not given
    waiting.join()
    assert given == [True]

    clock.now += LIFETIME
    period = first.next_period(period)
    waiting = threading.Thread(target=lambda: given.append(second.next_period(None).logged))
    announcing = first.announcing(period)
    announcing.__enter__()
    waiting.start()
    time.sleep(0.2)
    error = RuntimeError()
    assert not announcing.__exit__(RuntimeError, error, None)
    waiting.join()
    assert given == [True, False]


def test_what_runs_goes_on_without_the_agent(
    path: Path, local: LocalKeyAgent, clock: Clock, connect: Callable[[], SocketKeyAgent]
) -> None:
    """Keys and period stay until the period ends; a new agent brings a new period, to be committed first."""
    with serving(path, local, clock):
        worker = connect()
        period = worker.next_period(None)
        with worker.announcing(period):
            pass
    assert worker.next_period(period) is period
    assert worker.mac(Purpose.INDEX).mac(b"value")
    with pytest.raises(KeyAgentAwayError, match="start padan-server agent"):
        SocketKeyAgent.connect(path)
    with serving(path, local, clock):
        other = worker.next_period(period)
        assert other.id != period.id
        assert not other.logged
        with worker.announcing(other):
            pass
    clock.now += LIFETIME
    with pytest.raises(KeyAgentAwayError):
        worker.next_period(other)


def test_an_agent_that_goes_while_the_envelope_is_committed(
    path: Path, local: LocalKeyAgent, clock: Clock, connect: Callable[[], SocketKeyAgent]
) -> None:
    """The period that was committed is used; nobody fails because the agent could not be told."""
    with serving(path, local, clock):
        worker = connect()
        period = worker.next_period(None)
    with worker.announcing(period):
        pass
    assert worker.next_period(period) is period


def test_an_agent_without_an_auditors_key_says_so(
    path: Path, local: LocalKeyAgent, clock: Clock, connect: Callable[[], SocketKeyAgent]
) -> None:
    """What the agent cannot do, the worker tells as the agent would."""
    local._auditors_key = None
    with serving(path, local, clock), pytest.raises(AuditorsKeyError, match="no auditors' key"):
        connect().next_period(None)


def test_nobody_of_another_user(
    path: Path, local: LocalKeyAgent, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The socket is its owner's alone; each end refuses a process of another user before a key passes."""
    with serving(path, local, clock):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        me = os.geteuid()
        with socket.socket(socket.AF_UNIX) as stream:
            monkeypatch.setattr(os, "geteuid", lambda: me + 1)
            stream.connect(str(path))
            assert not is_answered(stream, KEYS)
        with pytest.raises(KeyAgentAwayError, match="another user"):
            SocketKeyAgent.connect(path)
        monkeypatch.undo()
        with socket.socket(socket.AF_UNIX) as stream:
            stream.connect(str(path))
            assert is_answered(stream, KEYS)


def test_there_is_one_agent(path: Path, local: LocalKeyAgent, clock: Clock, tmp_path: Path) -> None:
    """A second one at the path is refused, a dead one's socket is replaced, an impossible path is named."""
    with serving(path, local, clock), pytest.raises(SocketBusyError):
        KeyAgentServer(path, local).start()
    host_socket.listen(path).close()
    with serving(path, local, clock):
        assert SocketKeyAgent.connect(path).realm == REALM
    with pytest.raises(SocketPathError, match="shorten"):
        KeyAgentServer(tmp_path / ("x" * host_socket.MAX_PATH), local).start()


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    "sent",
    [
        b"\0\0\0\2\2\1",  # another format
        b"\0\0\0\2\1\x63",  # an unknown kind
        b"\0\0\0\1\1",  # too short
        b"\xff\xff\xff\xff",  # too long
        b"\0\0\0\2\1\4",  # a question that only an answer is
        b"\0\0\0\2\1",  # cut off
    ],
)
def test_what_is_no_question_is_hung_up_on(path: Path, sent: bytes) -> None:
    """A stream that speaks otherwise ends, and others are served."""
    with socket.socket(socket.AF_UNIX) as stream:
        stream.connect(str(path))
        assert not is_answered(stream, sent)
    assert SocketKeyAgent.connect(path).realm == REALM


def test_the_formats_of_bodies() -> None:
    """Bodies of another shape are named as such; errors keep their class, or become the base."""
    for decode in (agent_wire.decode_keyring, agent_wire.decode_period, agent_wire.decode_failure):
        for body in (b"", b"\0\1", b"\0\1\0\0\0\1x"):
            with pytest.raises(KeyAgentFormatError):
                decode(body)
    told = agent_wire.decode_failure(agent_wire.encode_failure(PassphraseError("wrong")))
    assert isinstance(told, PassphraseError)
    assert str(told) == "wrong"

    class NewerError(PassphraseError):
        """Of a release that this one does not know."""

    assert type(agent_wire.decode_failure(agent_wire.encode_failure(NewerError("x")))).__name__ == "KeysError"


def test_a_sealed_agent_gives_nothing(
    path: Path, local: LocalKeyAgent, clock: Clock, connect: Callable[[], SocketKeyAgent]
) -> None:
    """While it is sealed it says what is missing; unsealed it serves; a worker outlives a successor that is sealed."""
    missing = ["two"]
    server = KeyAgentServer(path, None, sealed=lambda: f"sealed: missing: {missing[0]}", monotonic=clock)
    server.start()
    with pytest.raises(KeyAgentSealedError, match="missing: two"):
        SocketKeyAgent.connect(path)
    server.unseal(local)
    worker = connect()
    period = worker.next_period(None)
    with worker.announcing(period):
        pass
    server.stop()
    successor = KeyAgentServer(path, None, monotonic=clock)
    successor.start()
    try:
        assert worker.next_period(period) is period
        clock.now += LIFETIME
        with pytest.raises(KeyAgentSealedError):
            worker.next_period(period)
    finally:
        successor.stop()


@pytest.mark.usefixtures("server")
def test_a_worker_fetches_keys_that_were_made_since(
    connect: Callable[[], SocketKeyAgent], tmp_path: Path
) -> None:
    """The agent reads a keyring that was changed, and a worker that asks has what the agent has then."""
    worker = connect()
    before = worker.key_id(Purpose.ROW_SEAL)
    assert not worker.refresh()
    uri = f"file:{tmp_path}/kek.json?passphrase-file={tmp_path}/passphrase"
    ring = Custody(path=tmp_path / "keyring.json", provider=open_provider(uri), actor="tests").succeed(
        [Purpose.ROW_SEAL]
    )
    until = time.monotonic() + 60
    while not worker.refresh():
        assert time.monotonic() < until
        time.sleep(0.05)
    assert worker.key_id(Purpose.ROW_SEAL) == ring.primary(Purpose.ROW_SEAL).key_id != before


def test_an_agent_that_would_have_to_ask_keeps_what_it_has(tmp_path: Path, path: Path, clock: Clock) -> None:
    """Where a person typed the passphrase, nobody is asked again: the worker gets the keys that there are."""
    (tmp_path / "passphrase").write_text("a passphrase for tests only")
    source = f"file:{tmp_path}/kek.json?passphrase-file={tmp_path}/passphrase"
    custody = Custody(path=tmp_path / "keyring.json", provider=open_provider(source), actor="tests")
    custody.create(REALM)
    typed = LocalKeyAgent.unlock(
        tmp_path / "keyring.json",
        f"file:{tmp_path}/kek.json",
        prompt=lambda _question: "a passphrase for tests only",
        monotonic=clock,
    )
    custody.succeed([Purpose.ROW_SEAL])
    with pytest.raises(PassphraseError, match="restart the key agent"):
        typed.refresh()
    with serving(path, typed, clock), contextlib.closing(SocketKeyAgent.connect(path)) as worker:
        assert worker.key_id(Purpose.ROW_SEAL) == typed.key_id(Purpose.ROW_SEAL)
        assert not worker.refresh()
