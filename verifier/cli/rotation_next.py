"""What an operator types next in a rotation, and the keys that it leaves, as `padan-keys propose retire` takes them.

Needs no KEK: the keyring's file names keys and states in the clear, and its history says whether custodians decide
together. Where this account may not read them, the catalogue's own ids and the operator's own command are said.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from keys import events, ringformat
from keys.errors import KeyNotFoundError, KeysError
from keys.keyceremony import Register
from keys.provider import QUORUM
from keys.ringfile import RingFile
from keys.state import KeyState
from verifier.errors import ServiceError
from verifier.rotation import outer_keys
from verifier.rotation.errors import KeysInUseError
from verifier.token import standing
from verifier.token.errors import RowsStandError
from verifier.vault.open import open_rotations
from verifier.vault.rotation import Rotation, RotationState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from keys.keyset import Keyring
    from keys.purpose import Purpose
    from verifier.config import Settings
    from verifier.vault.epoch import Epoch

_LEAVING = {
    RotationState.READY,
    RotationState.FLIPPED,
    RotationState.FINISHING,
    RotationState.FINISHED,
}
"""States in which the old epoch's own keys are on their way out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What comes after where a rotation stands.

    Attributes:
        keys: keys of the old epoch alone that are not destroyed, each PURPOSE:ID.
        steps: commands, each with "next", "then" or "or".
    """

    keys: tuple[str, ...] = ()
    steps: tuple[tuple[str, str], ...] = ()


def outlook(settings: Settings, there: Rotation, *, due: bool = False) -> Outlook:
    """Say what comes next.

    Args:
        settings: the installation's.
        there: where the rotation stands.
        due: whether processes hold keys that it has destroyed.

    Raises:
        ServiceError: the catalogue cannot be read.
    """
    with closing(open_rotations(settings.vault_database)) as rotations:
        epochs = {each.number: each for each in rotations.epochs()}
        lacks = any(lack.position < lack.until for lack in rotations.behind().values())
    ring, is_shared = _keyring(settings)
    keys = _left(ring, there, epochs)
    names = tuple(f"{purpose}:{key_id}" for purpose, key_id in keys)
    if there.state is RotationState.MOVING:
        again = "project SOURCE, as it was begun" if there.is_inner else "begin"
        steps = [("next", f"padan-server rotation {again}")]
    elif there.state is RotationState.READY:
        steps = [("next", "padan-server rotation flip")]
        if lacks:
            steps = [("next", "padan-server rotation replay FILE..."), ("then", steps[0][1])]
    elif there.state in {RotationState.FLIPPED, RotationState.FINISHING}:
        steps = _cut_off(settings, names, is_shared=is_shared)
        if _have_rows(settings, keys):
            later = [("then" if when == "next" else when, command) for when, command in steps]
            steps = [("next", "padan-server token rekey"), *later]
        if there.state is RotationState.FLIPPED:
            steps.append(("or", "padan-server rotation revert"))
    else:
        steps = _afterwards(ring, keys, names, is_shared=is_shared)
        if due:
            steps = [("next", "padan-server reload"), *steps]
    return Outlook(keys=names, steps=tuple(steps))


def _have_rows(settings: Settings, keys: list[tuple[Purpose, int]]) -> bool:
    """Say whether rows beside the log stand under keys that are to go, as far as this account may look."""
    try:
        standing.require_unused(settings, keys)
    except RowsStandError:
        return True
    except ServiceError:
        return False
    return False


def _retire(names: tuple[str, ...]) -> str:
    return f"padan-keys propose retire {' '.join(names)} --key KEY --out FILE"


def _cut_off(settings: Settings, names: tuple[str, ...], *, is_shared: bool) -> list[tuple[str, str]]:
    if not names or not is_shared:
        return [("next", "padan-server rotation finish")]
    steps = [("next", _retire(names)), ("then", "padan-server rotation finish --agreed FILE")]
    if _is_quorum(settings):
        steps.append(
            ("or", "padan-server rotation finish, with as many custodians as it takes at this terminal")
        )
    return steps


def _afterwards(
    ring: Keyring | None, keys: list[tuple[Purpose, int]], names: tuple[str, ...], *, is_shared: bool
) -> list[tuple[str, str]]:
    """Say how keys go that were kept at the cut-off."""
    if not names:
        return []
    if is_shared:
        return [("next", _retire(names)), ("then", "padan-keys execute FILE")]
    commands = [
        f"padan-keys {step} {purpose} {key_id}"
        for purpose, key_id in keys
        for step in ("deactivate", "destroy")
        if step == "destroy" or _state(ring, (purpose, key_id)) in {None, KeyState.ACTIVE}
    ]
    return [("then" if number else "next", command) for number, command in enumerate(commands)]


def _left(ring: Keyring | None, there: Rotation, epochs: Mapping[int, Epoch]) -> list[tuple[Purpose, int]]:
    """Name the keys of the old epoch alone that are not destroyed."""
    if there.state not in _LEAVING:
        return []
    old, new = epochs[there.source], epochs[there.target]
    keys = [each for each in outer_keys.old_ones(old, new) if _state(ring, each) is not KeyState.DESTROYED]
    if there.state is RotationState.FINISHED:
        try:
            outer_keys.require_unused(epochs.values(), old, keys)
        except KeysInUseError:
            return []  # they are not to go, as long as that epoch stands under them
    return keys


def _state(ring: Keyring | None, key: tuple[Purpose, int]) -> KeyState | None:
    """Look a key up; None where the keyring is not at hand, or is one from before the key."""
    try:
        return None if ring is None else ring.key(*key).state
    except KeyNotFoundError:
        return None


def _keyring(settings: Settings) -> tuple[Keyring | None, bool]:
    """Read the keyring without its KEK, and whether custodians decide together; no keyring where it cannot be read."""
    try:
        ring = ringformat.peek(RingFile(settings.keyring).read())
        history = events.read(events.path_beside(settings.keyring), ring)
        return ring, _is_quorum(settings) or Register.of(history).roster is not None
    except (KeysError, OSError):
        return None, _is_quorum(settings)


def _is_quorum(settings: Settings) -> bool:
    return settings.kek.startswith(f"{QUORUM}:")
