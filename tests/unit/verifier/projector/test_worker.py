"""A process that helps the projector, and where it gets its keys."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from keys.agent import LocalKeyAgent
from keys.agent_server import KeyAgentServer
from keys.custody import Custody
from keys.purpose import Purpose
from keys.realm import Realm
from tests.simulator.kek_provider import MemoryKekProvider
from verifier.projector.errors import ProjectorError
from verifier.projector.worker import unlock

if TYPE_CHECKING:
    from pathlib import Path


def test_keys_that_custodians_unlocked_come_from_the_agent(tmp_path: Path) -> None:
    """With a socket it takes the keys there and reads no keyring; without one it asks nobody who was not asked."""
    provider = MemoryKekProvider()
    path = tmp_path / "keyring.json"
    Custody(path=path, provider=provider, actor="tests").create(
        Realm(registry_id="registry-test", environment="development")
    )
    with contextlib.closing(LocalKeyAgent.unlock(path, provider)) as local:
        server = KeyAgentServer(tmp_path / "agent.sock", local)
        server.start()
        try:
            found = unlock(tmp_path / "nowhere", "quorum:nowhere", None, tmp_path / "agent.sock")
        finally:
            server.stop()
        assert found.mac(Purpose.INDEX).mac(b"value") == local.mac(Purpose.INDEX).mac(b"value")
        found.close()
    (tmp_path / "kek.json").write_text("{}")
    with pytest.raises(ProjectorError, match="was not asked for"):
        unlock_with_a_file(tmp_path)


def unlock_with_a_file(folder: Path) -> None:
    """Unlock a keyring whose passphrase nobody typed."""
    from keys.file_provider import FileKekProvider

    made = FileKekProvider(
        path=folder / "own.json", source=None, prompt=lambda _: "a passphrase for tests", uri="file:own.json"
    )
    made.create()
    unlock(folder / "keyring.json", f"file:{folder}/own.json", None)
