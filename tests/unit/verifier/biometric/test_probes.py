"""Probes are opened for the request that they came with, by keys of the host's agent."""

from __future__ import annotations

import contextlib
import uuid
from typing import TYPE_CHECKING

import pytest

from keys.agent import LocalKeyAgent
from keys.agent_client import SocketKeyAgent
from keys.agent_server import KeyAgentServer
from keys.custody import Custody
from keys.probekey import LIFETIME, TOLD
from keys.provider import open_provider
from keys.purpose import Purpose
from keys.realm import Realm
from padan import probe, rpc
from padan.capture import Capture, Sealer
from padan.errors import ProbeKeyEndedError as ProbeKeyEnded
from padan.info import read_key
from padan.v1 import biometric_pb2, verification_pb2
from tests.clock import Clock
from verifier.biometric.probekeys import ASK_SECONDS, CurrentProbeKeys
from verifier.biometric.probes import Probes
from verifier.biometric.refusals import ProbeKeyEndedError, ProbeUnreadableError
from verifier.errors import RegistryUnavailableError
from verifier.status import status_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import grpc

    from keys.probekey import ProbeKeys

REALM = Realm(registry_id="registry-test", environment="development")
EXTRACTOR = biometric_pb2.Extractor(name="extractor", version="1")
TEMPLATE = biometric_pb2.Template(position=2, minutiae=b"a record").SerializeToString()
FINGER = biometric_pb2.MODALITY_FINGER


@pytest.fixture
def clock() -> Clock:
    """The host's clock."""
    return Clock()


@pytest.fixture
def local(tmp_path: Path, clock: Clock) -> LocalKeyAgent:
    """The unlocked keys."""
    (tmp_path / "passphrase").write_text("a passphrase for tests only")
    uri = f"file:{tmp_path}/kek.json?passphrase-file={tmp_path}/passphrase"
    Custody(path=tmp_path / "keyring.json", provider=open_provider(uri), actor="tests").create(REALM)
    return LocalKeyAgent.unlock(tmp_path / "keyring.json", uri, monotonic=clock)


@pytest.fixture
def keys(local: LocalKeyAgent, clock: Clock) -> CurrentProbeKeys:
    """The keys of a service of one process."""
    return CurrentProbeKeys(local, clock=clock)


@contextlib.contextmanager
def serving(path: Path, local: LocalKeyAgent, clock: Clock) -> Iterator[None]:
    """Serve the keys to workers."""
    server = KeyAgentServer(path, local, monotonic=clock)
    server.start()
    try:
        yield
    finally:
        server.stop()


class Agent(SocketKeyAgent):
    """A worker's end of the agent, which counts how often it asks for probe keys."""

    asked = 0

    def next_probes(self, current: ProbeKeys | None) -> ProbeKeys:
        """Count, and ask."""
        self.asked += 1
        return super().next_probes(current)


def worker(path: Path, clock: Clock) -> CurrentProbeKeys:
    """Make a worker's keys, whose clock is the agent's, as on one host."""
    agent = Agent.connect(path)
    agent._monotonic = clock
    return CurrentProbeKeys(agent, clock=clock)


def question(**other: object) -> verification_pb2.VerifyRequest:
    """Ask about somebody."""
    request = verification_pb2.VerifyRequest(
        request_id=str(uuid.uuid4()), blind=bytes(range(32)), purpose="treatment", nik="9971014101909001"
    )
    for name, value in other.items():
        setattr(request, name, value)
    return request


def sealer(
    local: LocalKeyAgent,
    keys: CurrentProbeKeys,
    request: verification_pb2.VerifyRequest,
    agency: str = "clinic",
) -> Sealer:
    """Seal as that agency's client does."""
    published = keys.published()
    assert published is not None
    binding = probe.Binding.of(request, registry_id="registry-test", environment="development", agency=agency)
    captures = [Capture(modality=FINGER, extractor=EXTRACTOR, template=TEMPLATE)]
    signers = [local.signer(Purpose.RECEIPT_SIGNING).public_key]
    return Sealer(binding, captures, key=read_key(published), signers=signers)


class FailedCall:
    """A call that failed with a status, as the client sees it."""

    def __init__(self, status: grpc.Status) -> None:
        self._status = status

    def code(self) -> grpc.StatusCode:
        """Give the code."""
        return self._status.code

    def details(self) -> str | None:
        """Give the message."""
        return self._status.details

    def trailing_metadata(self) -> object:
        """Give the details."""
        return self._status.trailing_metadata


def test_a_probe_opens_for_its_request(local: LocalKeyAgent, keys: CurrentProbeKeys) -> None:
    """What a client seals to the published key comes out as it was; the key is signed, and ends in 23 hours."""
    request = question()
    (sealed,) = sealer(local, keys, request).probes()
    opening = Probes(keys, REALM)
    assert opening.open(sealed, opening.binding(request, "clinic")) == TEMPLATE


@pytest.mark.parametrize(
    ("other", "agency"),
    [
        ({"request_id": str(uuid.UUID(int=1))}, "clinic"),
        ({"purpose": "other"}, "clinic"),
        ({"nik": "9971014101909002"}, "clinic"),
        ({"blind": bytes(range(1, 33))}, "clinic"),
        ({"subject_token": b"token"}, "clinic"),
        ({}, "hospital"),
    ],
)
def test_a_probe_of_another_request_does_not_open(
    local: LocalKeyAgent, keys: CurrentProbeKeys, other: dict[str, object], agency: str
) -> None:
    """Cut out of one request, a probe opens in no other, nor for another agency; the message says nothing of it."""
    request = question()
    (sealed,) = sealer(local, keys, request).probes()
    for name, value in other.items():
        setattr(request, name, value)
    opening = Probes(keys, REALM)
    with pytest.raises(ProbeUnreadableError, match="damaged, or sealed for another request") as refused:
        opening.open(sealed, opening.binding(request, agency), field="probes[1]")
    assert refused.value.field == "probes[1].sealed"
    request = question(request_id=request.request_id)
    request.not_after.seconds = 5
    with pytest.raises(ProbeUnreadableError):
        opening.open(sealed, opening.binding(request, "clinic"))


def test_a_client_seals_once_more_to_the_key_of_the_refusal(
    local: LocalKeyAgent, keys: CurrentProbeKeys, clock: Clock
) -> None:
    """The status of a refusal carries the current key, signed; sealed to it, the same question is opened."""
    request = question()
    sealing, opening = sealer(local, keys, request), Probes(keys, REALM)
    binding = opening.binding(request, "clinic")
    clock.now += LIFETIME
    (sealed,) = sealing.probes()
    with pytest.raises(ProbeKeyEndedError) as refused:
        opening.open(sealed, binding)
    error = rpc.from_rpc(FailedCall(status_of(refused.value)))
    assert isinstance(error, ProbeKeyEnded)
    assert error.reason == "PROBE_KEY_ENDED"
    (again,) = sealing.again(error)
    assert again.key_id != sealed.key_id
    assert opening.open(again, binding) == TEMPLATE
    with pytest.raises(ProbeKeyEnded):
        sealing.again(error)


def test_a_former_key_opens_while_another_is_told(
    local: LocalKeyAgent, keys: CurrentProbeKeys, clock: Clock
) -> None:
    """What was sealed before the change is opened for an hour more, and then refused with the current key."""
    request = question()
    (sealed,) = sealer(local, keys, request).probes()
    opening = Probes(keys, REALM)
    clock.now += TOLD
    published = keys.published()
    assert published is not None
    assert published.key_id != sealed.key_id
    assert opening.open(sealed, opening.binding(request, "clinic")) == TEMPLATE
    clock.now += LIFETIME - TOLD
    with pytest.raises(ProbeKeyEndedError) as refused:
        opening.open(sealed, opening.binding(request, "clinic"))
    assert refused.value.detail == published


def test_a_worker_opens_what_another_one_told(tmp_path: Path, local: LocalKeyAgent, clock: Clock) -> None:
    """A key that a worker has not heard of is asked for at once, and at most once a second."""
    path, request = tmp_path / "agent.sock", question()
    with serving(path, local, clock):
        one, other = worker(path, clock), worker(path, clock)
        one.renew()
        other.renew()
        clock.now += TOLD
        (sealed,) = sealer(local, one, request).probes()
        opening = Probes(other, REALM)
        assert opening.open(sealed, opening.binding(request, "clinic")) == TEMPLATE
        agent = other._agent
        assert isinstance(agent, Agent)
        asked = agent.asked
        clock.now += ASK_SECONDS
        sealed.key_id = "unknown"
        for _ in range(5):
            with pytest.raises(ProbeKeyEndedError):
                opening.open(sealed, opening.binding(request, "clinic"))
        assert agent.asked == asked + 1


def test_without_an_agent_what_is_there_serves_until_its_end(
    tmp_path: Path, local: LocalKeyAgent, clock: Clock
) -> None:
    """No key is told but what the agent gave; after its end nothing opens, and the service says that it is away."""
    path, request = tmp_path / "agent.sock", question()
    with serving(path, local, clock):
        keys = worker(path, clock)
        (sealed,) = sealer(local, keys, request).probes()
    opening = Probes(keys, REALM)
    binding = opening.binding(request, "clinic")
    clock.now += TOLD
    assert keys.published() is None
    assert opening.open(sealed, binding) == TEMPLATE
    clock.now += LIFETIME - TOLD
    with pytest.raises(RegistryUnavailableError):
        opening.open(sealed, binding)
    with serving(path, local, clock):
        clock.now += ASK_SECONDS
        with pytest.raises(ProbeKeyEndedError):
            opening.open(sealed, binding)


def test_keys_go_with_their_holder(keys: CurrentProbeKeys, local: LocalKeyAgent) -> None:
    """A closed service opens nothing, and another agent's keys take the place of those before."""
    request = question()
    (sealed,) = sealer(local, keys, request).probes()
    held = keys._keys
    assert held is not None
    local.wipe_probes()
    keys.renew()
    assert held.current.is_over(0.0)
    with pytest.raises(ProbeKeyEndedError):
        keys.recipient(sealed.key_id)
    held = keys._keys
    keys.close()
    assert held is not None
    assert held.current.is_over(0.0)


def test_fields_that_nobody_checked_open_nothing(local: LocalKeyAgent, keys: CurrentProbeKeys) -> None:
    """A modality or an extractor that there cannot be is refused as what does not open."""
    request, opening = question(), Probes(keys, REALM)
    (sealed,) = sealer(local, keys, request).probes()
    for name, value in (
        ("modality", 0),
        ("modality", 300),
        ("name", ""),
        ("name", "a" * 70_000),
        ("version", ""),
    ):
        changed = biometric_pb2.Probe.FromString(sealed.SerializeToString())
        setattr(changed if name == "modality" else changed.extractor, name, value)
        with pytest.raises(ProbeUnreadableError):
            opening.open(changed, opening.binding(request, "clinic"))
