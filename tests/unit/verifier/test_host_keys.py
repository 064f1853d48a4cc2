"""Where a process of the service gets its keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from keys.errors import KeyAgentAwayError
from verifier import config, host_keys

if TYPE_CHECKING:
    from pathlib import Path


def settings(folder: Path, kek: str, environment: str = "production") -> config.Settings:
    """Write a configuration."""
    path = folder / "padan.toml"
    path.write_text(
        f'registry_id = "registry-test"\nenvironment = "{environment}"\ntrust_domain = "test.example"\n'
        f'kek = "{kek}"\ndata_dir = "."\n'
    )
    return config.load(path)


def test_passphrases_of_custodians_do_not_lie_on_the_host(tmp_path: Path) -> None:
    """Outside development files of them in the setting are refused; the paths in it are the configuration's."""
    found = settings(tmp_path, "quorum:custody?ani=ani.pass&budi=budi.pass")
    assert found.kek == f"quorum:{tmp_path}/custody?ani={tmp_path}/ani.pass&budi={tmp_path}/budi.pass"
    with pytest.raises(config.ConfigError, match="let custodians unseal"):
        host_keys.unlock(found)
    host_keys.require_custodians_apart(settings(tmp_path, "quorum:custody?ani=ani.pass", "development"))
    host_keys.require_custodians_apart(settings(tmp_path, "quorum:custody"))


def test_a_sealed_service_has_an_agent_and_a_parent(tmp_path: Path) -> None:
    """With one worker too; who needs keys asks the agent, and hears that it is not there."""
    found = settings(tmp_path, "quorum:custody", "development")  # nothing protects this process, for good
    assert (found.starts_sealed, found.starts_key_agent, found.has_parent) == (True, True, True)
    assert host_keys.agent_socket(found) == tmp_path / "agent.sock"
    for obtain in (host_keys.unlock, lambda each: host_keys.unlock_for_projection(each, str)):
        with pytest.raises(KeyAgentAwayError):
            obtain(found)
    other = settings(tmp_path, "file:kek.json")
    assert (other.starts_sealed, other.has_parent, host_keys.agent_socket(other)) == (False, False, None)
