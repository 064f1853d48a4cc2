"""The keys of this process: unlocked as the settings say, and of the registry that the settings name.

A process that gets keys here cannot be dumped or traced by its own user, outside development.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from keys import process
from keys.agent import LocalKeyAgent
from keys.agent_client import SocketKeyAgent
from keys.envelope import read_key
from keys.provider import ask
from keys.realm import DEVELOPMENT
from padan.auditors import AuditorsKey
from verifier.config import ConfigError
from verifier.errors import OperatorError

if TYPE_CHECKING:
    from pathlib import Path

    from keys.kek import Kek
    from keys.provider import Prompt
    from verifier.config import Settings


class RealmMismatchError(OperatorError):
    """The keyring belongs to another registry or environment than the settings."""


def auditors_key(settings: Settings) -> bytes | AuditorsKey | None:
    """Read the auditors' key that the settings name; None where they name none.

    Raises:
        keys.errors.KeysError: it is none.
        ConfigError: the file cannot be read.
    """
    if settings.auditors_key is None:
        return None
    try:
        return read_key(settings.auditors_key.read_bytes())
    except OSError as error:
        raise ConfigError(
            f"auditors_key: {settings.auditors_key} cannot be read ({error.strerror})"
        ) from error


def threshold_key(settings: Settings) -> AuditorsKey | None:
    """Read the auditors' threshold key; None where the settings name none, or one of development."""
    key = auditors_key(settings)
    return key if isinstance(key, AuditorsKey) else None


def protect(settings: Settings) -> None:
    """Harden this process before it holds keys; in development it may be looked into.

    Raises:
        keys.errors.HardeningError: the operating system refused.
    """
    if settings.environment != DEVELOPMENT:
        process.harden()


def unlock(settings: Settings, prompt: Prompt = ask) -> LocalKeyAgent:
    """Unlock the keyring in this process, or fetch the keys where custodians alone unlock it; the caller closes it.

    Args:
        settings: the settings.
        prompt: asks a person for a passphrase where the settings name no source.

    Raises:
        RealmMismatchError: it is another registry's.
        keys.errors.KeysError: it cannot be unlocked.
    """
    if settings.starts_sealed:
        return obtain(settings)
    require_custodians_apart(settings)
    return unlock_with(settings, settings.kek, prompt)


def unlock_for_projection(settings: Settings, prompt: Prompt) -> LocalKeyAgent:
    """Unlock the keyring for the projector, which opens no period and names its registry itself; as `unlock`."""
    if settings.starts_sealed:
        return obtain(settings)
    protect(settings)
    return LocalKeyAgent.unlock(settings.keyring, settings.kek, prompt=prompt)


def agent_socket(settings: Settings) -> Path | None:
    """Name the socket from which helping processes fetch keys; None where they unlock the keyring themselves."""
    return settings.key_agent_socket if settings.starts_sealed else None


def require_custodians_apart(settings: Settings) -> None:
    """Refuse passphrases of custodians that lie on the host: outside development each of them comes.

    Raises:
        ConfigError: the settings name files of them.
    """
    if (
        settings.kek.startswith("quorum:")
        and not settings.starts_sealed
        and settings.environment != DEVELOPMENT
    ):
        raise ConfigError(
            "kek: custodians' passphrases lie on the host, so that whoever has it opens every key; "
            "write quorum:FOLDER alone, and let custodians unseal"
        )


def unlock_with(settings: Settings, kek: str | Kek, prompt: Prompt = ask) -> LocalKeyAgent:
    """Unlock the keyring in this process with a KEK, or with its provider; arguments and errors as `unlock`."""
    protect(settings)
    agent = LocalKeyAgent.unlock(settings.keyring, kek, auditors_key=auditors_key(settings), prompt=prompt)
    return _of_this_registry(agent, settings, str(settings.keyring))


def obtain(settings: Settings) -> LocalKeyAgent:
    """Fetch the keys from the key agent, or unlock the keyring where there is none; the caller closes it.

    Raises:
        RealmMismatchError: they are another registry's.
        keys.errors.KeysError: they cannot be had.
    """
    socket = settings.key_agent_socket
    if socket is None:
        return unlock(settings)
    protect(settings)
    return _of_this_registry(SocketKeyAgent.connect(socket), settings, f"the key agent at {socket}")


def _of_this_registry(agent: LocalKeyAgent, settings: Settings, source: str) -> LocalKeyAgent:
    realm = agent.realm
    if (realm.registry_id, realm.environment) != (settings.registry_id, settings.environment):
        agent.close()
        raise RealmMismatchError(
            f"{source}: made for {realm.registry_id} in {realm.environment}, but the settings say "
            f"{settings.registry_id} in {settings.environment}"
        )
    return agent
