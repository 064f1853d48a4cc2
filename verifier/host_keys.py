"""The keys of this process: unlocked as the settings say, and of the registry that the settings name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from keys.agent import LocalKeyAgent
from keys.envelope import parse_key
from verifier.errors import OperatorError

if TYPE_CHECKING:
    from verifier.config import Settings


class RealmMismatchError(OperatorError):
    """The keyring belongs to another registry or environment than the settings."""


def unlock(settings: Settings) -> LocalKeyAgent:
    """Unlock the keyring; the caller closes it.

    Raises:
        RealmMismatchError: it is another registry's.
        keys.errors.KeysError: it cannot be unlocked.
    """
    auditors_key = parse_key(settings.auditors_key.read_text()) if settings.auditors_key else None
    agent = LocalKeyAgent.unlock(settings.keyring, settings.kek, auditors_key=auditors_key)
    realm = agent.realm
    if (realm.registry_id, realm.environment) != (settings.registry_id, settings.environment):
        agent.close()
        raise RealmMismatchError(
            f"{settings.keyring}: made for {realm.registry_id} in {realm.environment}, but the settings say "
            f"{settings.registry_id} in {settings.environment}"
        )
    return agent
