"""The outer keys of a rotation in the keyring: the new ones before it begins, the old ones after its cut-off."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from keys import keyceremony, ringformat
from keys.agent_client import SocketKeyAgent
from keys.custody import Custody
from keys.errors import CustodianError, KeyAgentAwayError, KeyProposalError
from keys.keychange import Action, Change
from keys.provider import open_provider
from keys.purpose import Purpose
from keys.ringfile import RingFile
from keys.state import KeyState
from verifier.rotation.errors import (
    KeyringBehindError,
    KeysInUseError,
    KeysNotServedError,
    SameKeysError,
)
from verifier.rotation.translation import OUTER_PURPOSES, outer_of
from verifier.rotation.workplace import operator
from verifier.token import standing
from verifier.vault.epoch import EpochState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from keys.ceremonyfile import CeremonyFile
    from keys.keyagent import KeyAgent
    from keys.keyset import Keyring
    from keys.provider import Prompt
    from verifier.config import Settings
    from verifier.vault.epoch import Epoch

EPOCH_PURPOSES = (Purpose.INDEX, Purpose.ATTRIBUTE, *OUTER_PURPOSES)
"""Purposes of the keys that go with an epoch; the others outlive it."""


def custody_of(settings: Settings, prompt: Prompt) -> Custody:
    """Open the keyring for a change."""
    provider = open_provider(settings.kek, prompt=prompt)
    return Custody(path=settings.keyring, provider=provider, actor=operator())


def make(
    settings: Settings, epoch: Epoch, prompt: Prompt, purposes: Sequence[Purpose] = OUTER_PURPOSES
) -> bool:
    """Make new primary keys beside those under which an epoch stands, also where one was declared compromised.

    Says whether any were missing.

    Raises:
        CustodianError: the keyring cannot be changed.
    """
    ring = ringformat.peek(RingFile(settings.keyring).read())  # whoever works with the keys opens it
    missing = [each for each in purposes if ring.keyset(each).primary in {None, epoch.key_ids[each]}]
    if missing:
        custody_of(settings, prompt).succeed(missing)
    return bool(missing)


def require_taken_up(settings: Settings, agent: KeyAgent) -> None:
    """See that the key agent, where custodians alone open the keyring, holds it as it is now.

    Raises:
        KeyringBehindError: it does not.
    """
    if settings.starts_sealed:
        ring = ringformat.peek(RingFile(settings.keyring).read())
        if ring.counter != agent.keyring_counter:
            raise KeyringBehindError("the key agent does not hold the changed keyring yet")


def destruction(
    settings: Settings,
    epoch: Epoch,
    keys: Sequence[tuple[Purpose, int]],
    prompt: Prompt,
    agreed: CeremonyFile | None,
) -> Callable[[], object]:
    """Make ready to destroy keys of an epoch: what stands in the way is told before anything is dropped.

    Args:
        settings: the installation's.
        epoch: the old one.
        keys: those that are to go.
        prompt: asks for passphrases.
        agreed: how custodians have agreed on it, where they did by a file.

    Returns:
        What destroys them; nothing, where they are destroyed.

    Raises:
        RowsStandError: rows beside the log stand under one of them.
        KeyProposalError: they have agreed on something else.
        RosterStandsError: there is a roster, and nobody has agreed.
        CustodianError: the keyring cannot be changed, or the ceremony is over or lacks approvals.
    """
    standing.require_unused(settings, keys)
    custody = custody_of(settings, prompt)
    ring = custody.read()
    if all(ring.key(*each).state is KeyState.DESTROYED for each in keys):
        return lambda: None
    (purpose, key_id), *others = keys
    change = Change(action=Action.RETIRE, purpose=purpose, key_id=key_id, others=tuple(others))
    if agreed is None:
        agreed = custody.agree(change)
    elif keyceremony.subject(agreed.proposal) != change:
        named = " ".join(f"{each}:{number}" for each, number in keys)
        raise KeyProposalError(f"the proposal is not to retire the keys of epoch {epoch.number}, {named}")
    if agreed is None:
        return lambda: custody.retire(keys)
    keyceremony.require_approved(keyceremony.standing(custody.sitting(), agreed))
    return lambda: custody.execute(agreed)


def key_ids(agent: KeyAgent, epoch: Epoch) -> dict[str, int]:
    """Name the keys of the new epoch: its old ones, and the keyring's newest outer ones.

    Raises:
        SameKeysError: those are no others.
        CustodianError: a purpose has no key that is active.
    """
    newest = {purpose: agent.key_id(purpose) for purpose in OUTER_PURPOSES}
    same = [str(purpose) for purpose, key_id in newest.items() if epoch.key_ids[purpose] == key_id]
    if same:
        raise SameKeysError(
            f"epoch {epoch.number} stands under the keyring's primary {' and '.join(same)} key already"
        )
    return {**epoch.key_ids, **{purpose.value: key_id for purpose, key_id in newest.items()}}


def require_served(settings: Settings, epoch: Epoch) -> None:
    """See that the key agent of this host, where there is one, holds an epoch's keys.

    Raises:
        KeysNotServedError: it runs and does not.
    """
    if settings.key_agent_socket is None:
        return
    try:
        agent = SocketKeyAgent.connect(settings.key_agent_socket)
    except KeyAgentAwayError:
        return  # nobody answers from an epoch here either
    with closing(agent):
        try:
            outer_of(agent, epoch)
            agent.mac(Purpose.INDEX, epoch.key_ids[Purpose.INDEX])
            agent.mac(Purpose.ATTRIBUTE, epoch.key_ids[Purpose.ATTRIBUTE])
        except CustodianError as error:
            raise KeysNotServedError(
                f"the key agent at {settings.key_agent_socket} does not hold the keys of epoch {epoch.number}"
            ) from error


def old_ones(old: Epoch, new: Epoch) -> list[tuple[Purpose, int]]:
    """Name the keys of an epoch that another one, which takes its place, does not stand under."""
    return [
        (purpose, old.key_ids[purpose])
        for purpose in EPOCH_PURPOSES
        if old.key_ids[purpose] != new.key_ids[purpose]
    ]


def require_unused(epochs: Iterable[Epoch], old: Epoch, keys: Sequence[tuple[Purpose, int]]) -> None:
    """See that no other epoch's rows stand under keys of an epoch that are to be destroyed.

    Raises:
        KeysInUseError: one's do.
    """
    users = [
        each.number
        for each in epochs
        if each.number != old.number
        and each.state is not EpochState.DROPPED
        and any(each.key_ids[purpose] == key_id for purpose, key_id in keys)
    ]
    if users:
        names = ", ".join(map(str, users))
        raise KeysInUseError(f"epoch {names} stands under the keys that are to be destroyed")


def are_destroyed(ring: Keyring, epoch: Epoch) -> bool:
    """Say whether an epoch's outer keys are gone from a keyring."""
    keys = [(purpose, epoch.key_ids[purpose]) for purpose in OUTER_PURPOSES]
    return all(ring.key(purpose, key_id).state is KeyState.DESTROYED for purpose, key_id in keys)
