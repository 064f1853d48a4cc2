"""Making an epoch the one that is answered from, with its log entry.

The entry is committed first: what the log cannot record does not happen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from padan.entry import EntryKind, Field
from verifier import admin_entry
from verifier.projector.errors import EpochChoiceError
from verifier.reference.errors import ReferencesLeftError
from verifier.vault.epoch import EpochState

if TYPE_CHECKING:
    from verifier.log.store import LogStore
    from verifier.reference.bringing import Bringing
    from verifier.vault.epoch import Epoch
    from verifier.vault.writer import VaultWriter

_ATTEMPTS: Final = 20
_MAY_ACTIVATE = frozenset({EpochState.READY, EpochState.RETIRED})


def find(writer: VaultWriter, number: int) -> Epoch:
    """Find an epoch by its number.

    Raises:
        EpochChoiceError: there is none.
    """
    for epoch in writer.epochs():
        if epoch.number == number:
            return epoch
    raise EpochChoiceError(f"there is no epoch {number}")


def activate(writer: VaultWriter, log: LogStore, number: int, bringing: Bringing) -> int | None:
    """Activate an epoch; returns the number of the one before, None if there was none or it was active already.

    Args:
        writer: the vault.
        log: takes the entry.
        number: of the epoch.
        bringing: brings biometric references along.

    Raises:
        EpochChoiceError: there is no such epoch, or it is not ready.
        ReferencesLeftError: biometric references of the one in use cannot follow; nothing was activated.
        LogUnavailableError: the log cannot be written; nothing was activated.
        VaultUnavailableError: the vault cannot be written.
    """
    epoch = find(writer, number)
    if epoch.state is EpochState.ACTIVE:
        return None
    if epoch.state not in _MAY_ACTIVATE:
        raise EpochChoiceError(f"epoch {number} is {epoch.state.value}, not ready")
    under_way = writer.rotation()
    if under_way is not None:
        raise EpochChoiceError(f"epoch {number} cannot be activated now: {under_way.name} is under way")
    active = next((each for each in writer.epochs() if each.state is EpochState.ACTIVE), None)
    if active is not None:
        bringing.before(active, epoch)
    admin_entry.append(
        log,
        EntryKind.EPOCH_ACTIVATED,
        {"epoch": str(number)},
        fields={Field.EPOCH: number.to_bytes(4, "big")},
    )
    before = _activate(writer, epoch, active, bringing)
    if before is not None:
        bringing.after(before)
    return None if before is None else before.number


def _activate(writer: VaultWriter, epoch: Epoch, active: Epoch | None, bringing: Bringing) -> Epoch | None:
    """Activate an epoch, and bring references again where the first of a slot have come meanwhile."""
    for _ in range(_ATTEMPTS):
        try:
            return writer.activate(epoch.number)
        except ReferencesLeftError:
            if active is None:
                raise
            bringing.before(active, epoch)
    return writer.activate(epoch.number)
