"""Executes a proposal with a KEK that custodians who are apart have combined for it.

 1 the keyring opens with it, and is this registry's  2 who came, and for what, is committed to the log  3 the change is
written, by `keys.custody` and under its lock, which holds the proposal against the keyring once more
Where one of them fails, the keyring is as it was.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from keys import ringformat
from keys.custody import Custody
from keys.lent_provider import LentKekProvider
from keys.ringfile import RingFile
from keys.step import ignore
from verifier.host_keys import RealmMismatchError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from keys.ceremonyfile import CeremonyFile
    from keys.kek import Kek
    from keys.quorum import Generation
    from keys.step import Step
    from verifier.config import Settings

_LOGGER = logging.getLogger("padan.custody")


def execute(
    settings: Settings,
    kek: Kek,
    generation: Generation,
    agreed: CeremonyFile,
    *,
    told: Mapping[str, str],
    log: Callable[[Mapping[str, str]], None],
    reached: Callable[[Step], object] = ignore,
) -> None:
    """Do once what custodians have agreed on.

    Args:
        settings: name the keyring, and the registry that it must be of.
        kek: what opens it; the caller wipes it.
        generation: the dealing that it comes of.
        agreed: the proposal and the signatures under it.
        told: who came, for the log.
        log: commits an entry.
        reached: is told each step of the change.

    Raises:
        RealmMismatchError: the keyring is another registry's.
        LogUnavailableError: the entry cannot be committed.
        keys.errors.KeysError: the keyring cannot be opened, or the proposal not be executed.
        OSError: the disk refuses.
    """
    ring, _ = ringformat.decode(RingFile(settings.keyring).read(), (kek,))  # 1
    realm = ring.realm
    if (realm.registry_id, realm.environment) != (settings.registry_id, settings.environment):
        raise RealmMismatchError(f"{settings.keyring}: made for {realm.registry_id} in {realm.environment}")
    name = agreed.proposal.id(realm).hex()
    log({**told, "counter": str(ring.counter), "proposal": name})  # 2
    custody = Custody(
        path=settings.keyring,
        provider=LentKekProvider(kek, generation),
        actor=f"key-agent: {told['custodians']}",
        reached=reached,
    )
    written, _ = custody.execute(agreed)  # 3
    _LOGGER.info("a proposal is executed", extra={"reason": f"{name}, counter {written.counter}"})
