"""Custodians for tests: their keys, a roster, and keyrings that they decide about."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from keys import keyceremony
from keys.roster import Roster
from keys.signing import Signer

if TYPE_CHECKING:
    from keys.ceremonyfile import CeremonyFile
    from keys.custody import Custody
    from keys.keychange import Change

NAMES = ("ani", "bayu", "citra", "dewi", "eka")
SIGNERS = [Signer(bytes([number]) * 32) for number in range(1, 6)]
STRANGER = Signer(bytes([99]) * 32)


def roster(threshold: int = 2, count: int = 3) -> Roster:
    """Make a roster of the first few."""
    return Roster.of(
        threshold,
        {name: signer.public_key for name, signer in zip(NAMES[:count], SIGNERS[:count], strict=True)},
    )


def agree(custody: Custody, what: Change | Roster, *who: int, **changed: Any) -> CeremonyFile:
    """Propose as the first of these custodians, and approve as the others."""
    sitting = dataclasses.replace(custody.sitting(), **changed)
    file = keyceremony.propose(sitting, what, SIGNERS[who[0]])
    for number in who[1:]:
        file = keyceremony.approve(sitting, file, SIGNERS[number])
    return file


def seat(custody: Custody, threshold: int = 2, count: int = 3) -> None:
    """Let custodians decide together from now on."""
    custody.execute(agree(custody, roster(threshold, count), *range(count)))
