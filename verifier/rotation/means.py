"""What the steps of a rotation work with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from keys.keyagent import KeyAgent
    from verifier.config import Settings
    from verifier.projector.progress import Meter
    from verifier.rotation.step import Step
    from verifier.rotation.translation import Translation
    from verifier.vault.changer import VaultChanger
    from verifier.vault.epoch import Epoch
    from verifier.vault.rotation import Rotation
    from verifier.vault.rotations import Rotations


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """Open for as long as a command works.

    Attributes:
        settings: the installation's.
        rotations: the catalogue.
        there: the rotation, as the command found it.
        agent: holds the keys.
        passphrase: what the operator typed; None where nothing was asked.
        folder: where moved parts are kept.
        meter: where progress is told.
        workers: processes that move.
        rate: rows a second at most, of all of them; 0 for no limit.
        changer: opens the vault for changes; waits for others.
        reached: is told each step.
        translation: from the old epoch to the new one.
        newer: the new epoch may show a later state of the registry than the old one does.
    """

    settings: Settings
    rotations: Rotations
    there: Rotation
    agent: KeyAgent
    passphrase: str | None
    folder: Path
    meter: Meter
    workers: int
    rate: int
    changer: Callable[[], AbstractContextManager[VaultChanger]]
    reached: Callable[[Step], object]
    translation: Translation
    newer: bool = False

    def epoch(self, number: int) -> Epoch:
        """Read what an epoch is now."""
        return next(each for each in self.rotations.epochs() if each.number == number)
