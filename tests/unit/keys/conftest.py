"""What the tests of keys share: vectors, a realm, and keyrings whose KEK is in memory or in a file."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from keys.agent import LocalKeyAgent
from keys.custody import Custody
from keys.provider import open_provider
from keys.realm import Realm
from tests.simulator.kek_provider import MemoryKekProvider

VECTORS = Path(__file__).parents[2] / "vectors"
NOW = datetime(2026, 1, 31, 8, 0, 0, tzinfo=UTC)
PASSPHRASE = "dua belas kucing tidur"
Unlock: TypeAlias = Callable[..., LocalKeyAgent]


@dataclass(slots=True)
class Clock:
    """A wall clock that a test moves."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        """Tell the time."""
        return self.now


@pytest.fixture(scope="session")
def golden() -> dict[str, Any]:
    """Our own vectors."""
    loaded: dict[str, Any] = json.loads((VECTORS / "keys.json").read_text())
    return loaded


@pytest.fixture(scope="session")
def published() -> dict[str, Any]:
    """Published vectors."""
    loaded: dict[str, Any] = json.loads((VECTORS / "keys-published.json").read_text())
    return loaded


@pytest.fixture
def realm() -> Realm:
    """A development realm."""
    return Realm(registry_id="registry-test", environment="development")


@pytest.fixture
def clock() -> Clock:
    """A wall clock that a test moves."""
    return Clock()


@pytest.fixture
def provider() -> MemoryKekProvider:
    """A provider in memory."""
    return MemoryKekProvider()


@pytest.fixture
def custody(tmp_path: Path, provider: MemoryKekProvider, realm: Realm, clock: Clock) -> Custody:
    """A new keyring whose KEK is in memory."""
    made = Custody(path=tmp_path / "keyring.json", provider=provider, actor="tester", now=clock)
    made.create(realm)
    return made


@pytest.fixture
def unlock(custody: Custody, provider: MemoryKekProvider, tmp_path: Path, clock: Clock) -> Unlock:
    """Unlock the keyring of the custody fixture as it is now."""
    del custody

    def opened(auditors_key: bytes | None = None) -> LocalKeyAgent:
        return LocalKeyAgent.unlock(
            tmp_path / "keyring.json", provider, auditors_key=auditors_key, now=clock, monotonic=lambda: 5.0
        )

    return opened


@pytest.fixture(scope="session")
def file_keyring(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a keyring, its KEK file and its passphrase, made once; copy it before changing it."""
    folder = tmp_path_factory.mktemp("file-keyring")
    (folder / "passphrase").write_text(PASSPHRASE + "\n")
    kek = open_provider("file:kek.json?passphrase-file=passphrase", base=folder)
    custody = Custody(path=folder / "keyring.json", provider=kek, actor="tester")
    custody.create(Realm(registry_id="registry-test", environment="development"))
    return folder


@pytest.fixture
def own_keyring(file_keyring: Path, tmp_path: Path) -> Path:
    """A copy of that folder, to change."""
    return Path(shutil.copytree(file_keyring, tmp_path / "own"))
