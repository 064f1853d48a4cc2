"""Where a rotation stands, for the steps that go on with it."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from verifier.vault.open import open_writer
from verifier.vault.rotation import RotationState, RotationStateError

if TYPE_CHECKING:
    from verifier.config import Settings
    from verifier.vault.rotation import Rotation
    from verifier.vault.rotations import Rotations


def require(rotations: Rotations, *states: RotationState) -> Rotation:
    """Read the rotation that is under way; a `RotationStateError` where there is none, or it stands elsewhere."""
    there = rotations.rotation()
    if there is None:
        raise RotationStateError("no rotation is under way")
    if there.state not in states:
        raise RotationStateError(f"{there.name} is {there.state.value}")
    return there


def half_abandoned(settings: Settings, rotations: Rotations) -> Rotation | None:
    """Give the last rotation where it was abandoned and its new epoch is not gone yet."""
    there = rotations.newest_rotation()
    if there is None or there.state is not RotationState.ABANDONED:
        return None
    with closing(open_writer(settings.vault_database)) as writer:
        return there if there.target in writer.left() else None
