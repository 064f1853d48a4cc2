"""What the projector's tests share: a key agent whose keys are in memory, and people."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from keys.agent import LocalKeyAgent
from keys.custody import Custody
from keys.realm import Realm
from tests.simulator.kek_provider import MemoryKekProvider
from verifier.projector.projection import Projection, key_ids

if TYPE_CHECKING:
    from collections.abc import Iterator

AS_OF = date(2026, 6, 1)
EPOCH = 7


@pytest.fixture(scope="session")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKeyAgent]:
    """A key agent over a new keyring."""
    path = tmp_path_factory.mktemp("keyring") / "keyring.json"
    provider = MemoryKekProvider()
    Custody(path=path, provider=provider, actor="tester").create(
        Realm(registry_id="registry-test", environment="development")
    )
    opened = LocalKeyAgent.unlock(path, provider)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def projection(agent: LocalKeyAgent) -> Projection:
    """A projection into epoch 7."""
    return Projection.of(agent, epoch=EPOCH, as_of=AS_OF, keys=key_ids(agent))
