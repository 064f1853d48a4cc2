"""Probe keys: signed at birth, told for 23 hours, opening for 24, and then gone from memory."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from keys import agent_wire
from keys.agent import LocalKeyAgent
from keys.agent_client import SocketKeyAgent
from keys.agent_server import KeyAgentServer
from keys.custody import Custody
from keys.errors import KeyAgentAwayError, KeyAgentFormatError, KeyAgentSealedError, ProbeKeyOverError
from keys.probekey import LIFETIME, TOLD, ProbeKey, ProbeKeys, make_probe_key
from keys.provider import open_provider
from keys.purpose import Purpose
from keys.realm import Realm
from keys.signing import Signer, verify
from padan import sealing, servicekey
from padan.sealing import Recipient
from tests import memory
from tests.clock import Clock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REALM = Realm(registry_id="registry-test", environment="development")
HOUR = 3_600.0


@pytest.fixture
def clock() -> Clock:
    """The host's clock."""
    return Clock()


@pytest.fixture
def custody(tmp_path: Path) -> Custody:
    """The keyring."""
    (tmp_path / "passphrase").write_text("a passphrase for tests only")
    made = Custody(path=tmp_path / "keyring.json", provider=open_provider(uri(tmp_path)), actor="tests")
    made.create(REALM)
    return made


def uri(folder: Path) -> str:
    """Name the keyring's provider."""
    return f"file:{folder}/kek.json?passphrase-file={folder}/passphrase"


@pytest.fixture
def local(tmp_path: Path, clock: Clock, custody: Custody) -> LocalKeyAgent:
    """The unlocked keys."""
    del custody  # it lies in the folder
    return LocalKeyAgent.unlock(tmp_path / "keyring.json", uri(tmp_path), monotonic=clock)


@contextlib.contextmanager
def serving(path: Path, local: LocalKeyAgent | None, clock: Clock) -> Iterator[KeyAgentServer]:
    """Serve the keys."""
    server = KeyAgentServer(path, local, monotonic=clock)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def connect(path: Path, clock: Clock) -> SocketKeyAgent:
    """Fetch the keys for a worker, whose clock is the agent's, as on one host."""
    agent = SocketKeyAgent.connect(path)
    agent._monotonic = clock
    return agent


def ids(keys: ProbeKeys) -> list[str]:
    """List the ids of keys, the one that is told first."""
    return list(keys._keys)


def opens(key: ProbeKey, public_key: bytes) -> bool:
    """Whether a key opens what is sealed to a public key."""
    box = sealing.seal(b"template", public_key=public_key, info=b"info")
    return key.recipient().open(box, info=b"info") == b"template"


def test_a_key_is_signed_with_its_end_at_its_birth(local: LocalKeyAgent) -> None:
    """The primary receipt-signing key signs id, key and end, and the end is that of its being told."""
    before = time.time()
    told = local.next_probes(None).current.told
    assert before + TOLD - 1 <= told.not_after <= time.time() + TOLD
    assert told.key_id == sealing.key_id(told.public_key)
    signer = local.signer(Purpose.RECEIPT_SIGNING)
    assert told.signer == signer.key_id
    stated = servicekey.statement(
        registry_id="registry-test",
        environment="development",
        purpose="probe",
        algorithm="X25519",
        public_key=told.public_key,
        not_after=told.not_after,
    )
    verify(signer.public_key, stated, told.signature)


def test_a_key_is_told_for_23_hours_and_opens_for_24(local: LocalKeyAgent, clock: Clock) -> None:
    """Then another is told, the former one opens for an hour more, and is gone."""
    first = local.next_probes(None)
    former = first.current
    clock.now += 23 * HOUR - 1
    assert local.next_probes(first) is first
    clock.now += 1
    second = local.next_probes(first)
    assert ids(second) == [second.current.told.key_id, former.told.key_id]
    assert second.current.told.key_id != former.told.key_id
    found = second.find(former.told.key_id, clock.now)
    assert found is not None
    assert opens(found, former.told.public_key)
    assert second.find("another", clock.now) is None
    clock.now += HOUR
    assert second.find(former.told.key_id, clock.now) is None
    second.end(clock.now)
    with pytest.raises(ProbeKeyOverError):
        found.recipient()
    assert opens(second.current, second.current.told.public_key)
    assert (TOLD, LIFETIME) == (23 * HOUR, 24 * HOUR)


def test_a_clock_that_was_set_means_another_key(tmp_path: Path, clock: Clock, custody: Custody) -> None:
    """Where the wall clock is past a key's end, clients would not seal to it: another is told, and it still opens."""
    del custody
    wall = [datetime(2026, 11, 29, tzinfo=UTC)]
    local = LocalKeyAgent.unlock(
        tmp_path / "keyring.json", uri(tmp_path), monotonic=clock, now=lambda: wall[0]
    )
    first = local.next_probes(None)
    wall[0] += timedelta(seconds=TOLD - 1)
    assert local.next_probes(first) is first
    wall[0] += timedelta(seconds=1)
    second = local.next_probes(first)
    assert ids(second)[1:] == ids(first)
    assert second.current.told.not_after == int(wall[0].timestamp() + TOLD)


def test_another_signer_means_another_key(local: LocalKeyAgent, custody: Custody) -> None:
    """Once another key signs receipts, another probe key is told at once; the former one opens until its end."""
    first = local.next_probes(None)
    custody.rotate(Purpose.RECEIPT_SIGNING)
    assert local.refresh()
    second = local.next_probes(first)
    assert second.current.told.signer == local.signer(Purpose.RECEIPT_SIGNING).key_id
    assert ids(second)[1:] == ids(first)


def test_workers_share_the_agents_keys(tmp_path: Path, local: LocalKeyAgent, clock: Clock) -> None:
    """All of them have the same keys with the same signature, which pass the socket once a worker."""
    with serving(tmp_path / "agent.sock", local, clock):
        one, other = connect(tmp_path / "agent.sock", clock), connect(tmp_path / "agent.sock", clock)
        first, shared = one.next_probes(None), other.next_probes(None)
        assert first.current.told == shared.current.told
        assert opens(first.current, shared.current.told.public_key)
        assert one.next_probes(first) is first
        clock.now += TOLD
        second = one.next_probes(first)
        assert ids(second) == [second.current.told.key_id, first.current.told.key_id]
        assert other.next_probes(shared).current.told == second.current.told


def test_what_runs_goes_on_without_the_agent(tmp_path: Path, local: LocalKeyAgent, clock: Clock) -> None:
    """Keys open until their end; another agent brings another key, and a sealed one none."""
    path = tmp_path / "agent.sock"
    with serving(path, local, clock):
        worker = connect(path, clock)
        first = worker.next_probes(None)
    assert worker.next_probes(first) is first
    with pytest.raises(KeyAgentAwayError):
        worker.next_probes(None)
    with serving(path, None, clock):
        assert worker.next_probes(first) is first
        with pytest.raises(KeyAgentSealedError):
            worker.next_probes(None)
    with serving(path, local, clock):
        assert ids(worker.next_probes(first)) != ids(first)
    clock.now += LIFETIME
    with pytest.raises(KeyAgentAwayError):
        worker.next_probes(first)


def test_keys_are_zeroed_at_their_end(tmp_path: Path, local: LocalKeyAgent, clock: Clock) -> None:
    """A key that is over goes within a second though nobody asks, and the rest with the agent."""
    with serving(tmp_path / "agent.sock", local, clock):
        connect(tmp_path / "agent.sock", clock).next_probes(None)
        (held,) = local._probes._keys
        assert any(held.material.view())
        clock.now += LIFETIME
        until = time.monotonic() + 20
        while any(held.material.view()):
            assert time.monotonic() < until, "the key is still there"
            time.sleep(0.05)
        connect(tmp_path / "agent.sock", clock).next_probes(None)
        (held,) = local._probes._keys
        assert any(held.material.view())
    assert not any(held.material.view())


def test_the_shape_of_probe_keys_on_the_socket() -> None:
    """What is cut off, empty or of another size is refused."""
    key = make_probe_key(realm=REALM, signer=Signer(bytes(range(32))), born=5.0, wall=1_000.0)
    body = agent_wire.encode_probes([key, key])
    assert agent_wire.decode_probes(bytes(bytearray(body))).current.told == key.told
    for wrong in (
        b"",
        body[:-1],
        body[:9],
        body.replace(b"\x00\x01\x00\x00\x00\x20", b"\x00\x01\x00\x00\x00\x1f"),
    ):
        with pytest.raises(KeyAgentFormatError):
            agent_wire.decode_probes(bytes(bytearray(wrong)))


AGENT_AND_WORKER = """
import contextlib, gc, sys, time
from pathlib import Path
from keys.agent import LocalKeyAgent
from keys.agent_client import SocketKeyAgent
from keys.agent_server import KeyAgentServer
from padan import sealing

folder, ahead = Path(sys.argv[1]), 0.0
def clock():
    return time.monotonic() + ahead

local = LocalKeyAgent.unlock(folder / "keyring.json", sys.argv[2], monotonic=clock)
server = KeyAgentServer(folder / "agent.sock", local, monotonic=clock)
server.start()
worker = SocketKeyAgent.connect(folder / "agent.sock")
worker._monotonic = clock
keys = worker.next_probes(None)
for _ in range(20):
    box = sealing.seal(b"template", public_key=keys.current.told.public_key, info=b"info")
    keys.current.recipient().open(box, info=b"info")
print("used", flush=True)
sys.stdin.readline()
ahead = 24 * 3600.0
keys.end(clock())
while local._probes._keys:
    time.sleep(0.05)
print("over", flush=True)
sys.stdin.readline()
"""
"""Is the key agent and one of its workers in one process, which lends a key, opens with it, and lives a day on."""


@pytest.mark.usefixtures("custody")
def test_no_memory_holds_a_key_that_is_over(tmp_path: Path, clock: Clock) -> None:
    """After its end neither agent nor worker has the key anywhere, also not where it passed through on its way."""
    with subprocess.Popen(
        [sys.executable, "-c", AGENT_AND_WORKER, str(tmp_path), uri(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "used\n"
        keys = connect(tmp_path / "agent.sock", clock).next_probes(None)
        secret = keys.current.recipient()._private.private_bytes_raw()
        assert Recipient(secret).key_id == keys.current.told.key_id
        living = memory.copies(process.pid, [secret])
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "over\n"
        left = memory.copies(process.pid, [secret])
        process.stdin.write("\n")
        process.stdin.flush()
    assert living == [2]  # the agent's, and the worker's in the library
    assert left == [0]
