"""A process that follows the keyring."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from keys.agent import LocalKeyAgent
from keys.custody import Custody
from keys.errors import KeyAgentSealedError, KeyNotFoundError
from keys.purpose import Purpose
from keys.realm import Realm
from tests.simulator.kek_provider import MemoryKekProvider
from verifier.errors import LogUnavailableError, OperatorError
from verifier.keywatch import KeyWatch
from verifier.metrics import SealGauges

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

REALM = Realm(registry_id="registry-test", environment="development")


def test_each_change_is_followed_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Followers hear of a change once, also of one that somebody else took up, and again where one of them failed."""
    provider = MemoryKekProvider()
    custody = Custody(path=tmp_path / "keyring.json", provider=provider, actor="tests")
    custody.create(REALM)
    agent = LocalKeyAgent.unlock(tmp_path / "keyring.json", provider)
    heard: list[int] = []
    failing = [KeyNotFoundError("not yet")]

    def last() -> None:
        if failing:
            raise failing.pop()

    watch = KeyWatch(agent, [lambda: heard.append(agent.keyring_counter), last])
    watch.look()
    assert heard == []
    custody.rotate(Purpose.REPLAY)
    watch.look()
    watch.look()
    watch.look()
    assert heard == [2, 2]
    custody.rotate(Purpose.RECEIPT_SIGNING)
    assert agent.refresh()
    watch.look()
    assert heard == [2, 2, 3]
    kept, provider.kept = provider.kept, []
    (tmp_path / "keyring.json").touch()
    watch.look()
    watch.look()
    assert sum("is not followed" in record.message for record in caplog.records) == 2
    provider.kept = kept
    watch.look()
    assert heard == [2, 2, 3]


def test_a_follower_that_cannot_follow_holds_up_those_after_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A mirror or a log that is away is told once, and asked again at each look; nobody follows before it has."""
    provider = MemoryKekProvider()
    custody = Custody(path=tmp_path / "keyring.json", provider=provider, actor="tests")
    custody.create(REALM)
    agent = LocalKeyAgent.unlock(tmp_path / "keyring.json", provider)
    heard: list[int] = []
    failing = [LogUnavailableError("the log"), OperatorError("the disk"), OperatorError("the disk")]

    def first() -> None:
        if failing:
            raise failing.pop()

    watch = KeyWatch(agent, [first, lambda: heard.append(agent.keyring_counter)])
    custody.rotate(Purpose.REPLAY)
    for _ in range(3):
        watch.look()
        assert heard == []
    watch.look()
    watch.look()
    assert heard == [2]
    told = [vars(record)["reason"] for record in caplog.records if "is not followed" in record.message]
    assert told == ["the disk", "the log"]


def test_a_key_agent_that_is_sealed_again_is_told(tmp_path: Path) -> None:
    """While the keys are served from memory, each look says whether the agent waits for custodians."""
    provider = MemoryKekProvider()
    Custody(path=tmp_path / "keyring.json", provider=provider, actor="tests").create(REALM)
    sealed = [False, True, False]

    class Agent(LocalKeyAgent):
        """An agent that restarts."""

        def refresh(self) -> bool:
            """Refresh, or hear that it is sealed."""
            if sealed[0]:
                raise KeyAgentSealedError("sealed")
            return super().refresh()

    registry, told = CollectorRegistry(), []
    watch = KeyWatch(Agent.unlock(tmp_path / "keyring.json", provider), [], SealGauges(registry))
    while sealed:
        watch.look()
        told.append(registry.get_sample_value("padan_sealed"))
        sealed.pop(0)
    assert told == [0, 1, 0]


def test_a_keyring_that_waits_for_people_is_told(tmp_path: Path) -> None:
    """While the changed keyring cannot be taken up, each look says so; once it is, no more."""
    provider, path = MemoryKekProvider(), tmp_path / "keyring.json"
    custody = Custody(path=path, provider=provider, actor="tests")
    custody.create(REALM)
    registry, told = CollectorRegistry(), []
    watch = KeyWatch(LocalKeyAgent.unlock(path, provider), [], SealGauges(registry), path)

    def look() -> None:
        watch.look()
        told.append(registry.get_sample_value("padan_keyring_behind"))

    look()
    custody.rotate(Purpose.REPLAY)
    kept, provider.kept = provider.kept, []
    look()
    provider.kept = kept
    look()
    path.unlink()
    look()
    assert told == [0, 1, 0, 0]
