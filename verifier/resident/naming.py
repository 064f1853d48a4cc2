"""How a resident is named: as the service names who is asked about, and as entries name them."""

from __future__ import annotations

import hmac
import os
from typing import TYPE_CHECKING

from keys.period import NONCE_SIZE
from padan.entry import EntryKind, Field
from tokenizer.codes import CodeLists
from verifier import admin_entry
from verifier.epoch import EpochHolder
from verifier.errors import OperatorError
from verifier.log.store import REQUEST_ID_SIZE
from verifier.subject import NikSubject

if TYPE_CHECKING:
    from collections.abc import Sequence

    from keys.keyagent import KeyAgent
    from padan.nik import Nik
    from tokenizer.record import Handles
    from verifier.epoch import PinnedEpoch
    from verifier.log.store import LogStore
    from verifier.vault.store import VaultStore


class NikMismatchError(OperatorError):
    """The number is not the one that the proposal is about."""


def require_same(proposed: bytes, entered: bytes) -> None:
    """See that the number that was entered is the one that was proposed, by the names of both.

    Raises:
        NikMismatchError: it is not.
    """
    if not hmac.compare_digest(proposed, entered):
        raise NikMismatchError("the number is not the one that the proposal is about")


def handles_of(agent: KeyAgent, vault: VaultStore, nik: Nik) -> Handles:
    """Name a resident as the service does: a number that was merged into another one by that one's handles.

    Raises:
        KeysError: a key is missing or may not be used.
        RegistryUnavailableError: the vault cannot be read.
    """
    return handles_in(epoch_of(agent, vault), nik)


def epoch_of(agent: KeyAgent, vault: VaultStore) -> PinnedEpoch:
    """Pin the epoch in use.

    Raises:
        KeysError: a key is missing or may not be used.
        RegistryUnavailableError: the vault cannot be read.
    """
    return EpochHolder(agent=agent, vault=vault, codes=CodeLists.load()).pin()


def handles_in(epoch: PinnedEpoch, nik: Nik) -> Handles:
    """Do as `handles_of` does, in an epoch that is pinned."""
    subject = NikSubject(nik, epoch.inner)
    (rows,) = epoch.lookup([(subject.record_id, bytes(REQUEST_ID_SIZE))])
    record, held = epoch.open_pair(subject.record_id, rows)
    return (subject.handles, record.handles)[held]


def trails(
    agent: KeyAgent, log: LogStore, handles: Sequence[bytes], *, now_ms: int
) -> list[dict[int, bytes]]:
    """Open a period, log it, and name residents by it: the fields of an entry about each.

    Args:
        agent: makes the period.
        log: takes its envelope.
        handles: the residents' handles for the log, 16 bytes each.
        now_ms: milliseconds of the Unix epoch.

    Raises:
        LogUnavailableError: the log cannot be written.
    """
    period = agent.open_period()
    try:
        admin_entry.append(
            log,
            EntryKind.PERIOD_OPENED,
            {"envelope": period.envelope.hex()},
            now_ms=now_ms,
            fields={Field.PERIOD: period.id},
        )
        nonces = [os.urandom(NONCE_SIZE) for _ in handles]
        return [
            {Field.SUBJECT: period.reference(handle, nonce), Field.NONCE: nonce, Field.PERIOD: period.id}
            for handle, nonce in zip(handles, nonces, strict=True)
        ]
    finally:
        period.wipe()
