"""Copies of a proposal become one: what counts is added, what does not is refused, and nothing is taken away."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from keys import ceremony, keyceremony
from keys.ceremony import State
from keys.ceremonyfile import CeremonyFile
from keys.errors import (
    NotCustodianError,
    ProposalCancelledError,
    ProposalEditedError,
    ProposalExecutedError,
    ProposalExpiredError,
    ProposalOutdatedError,
)
from keys.keychange import Action, Change
from keys.merging import merge
from keys.purpose import Purpose
from tests.unit.keys.council import SIGNERS, STRANGER, agree, seat

if TYPE_CHECKING:
    from keys.custody import Custody
    from keys.keyceremony import Sitting

ROTATE = Change(action=Action.ROTATE, purpose=Purpose.REPLAY)


@pytest.fixture
def sitting(custody: Custody) -> Sitting:
    """A keyring about which two of three decide."""
    seat(custody)
    return custody.sitting()


def test_signatures_of_two_copies_come_together(custody: Custody, sitting: Sitting) -> None:
    """Whichever copy is first, both approvals stand; an older copy takes none away."""
    file = agree(custody, ROTATE, 0)
    bayu, citra = (keyceremony.approve(sitting, file, SIGNERS[number]) for number in (1, 2))
    kept = merge(sitting, merge(sitting, None, bayu), citra)
    assert keyceremony.standing(sitting, kept).approved == tuple(
        sorted(signer.key_id for signer in SIGNERS[:3])
    )
    assert merge(sitting, merge(sitting, None, citra), bayu) == kept
    assert merge(sitting, kept, file) == kept


def test_who_does_not_decide_is_refused(custody: Custody, sitting: Sitting) -> None:
    """A stranger's signature, one of another proposal, and a proposal without its maker's add nothing."""
    file = agree(custody, ROTATE, 0)
    realm, proposal = sitting.realm, file.proposal
    with pytest.raises(NotCustodianError):
        merge(sitting, file, file.with_voice(ceremony.approve(realm, proposal, STRANGER)))
    other = agree(custody, ROTATE, 1).voices[0]
    with pytest.raises(ProposalEditedError):
        merge(sitting, file, file.with_voice(other))
    edited = dataclasses.replace(file, proposal=dataclasses.replace(proposal, needed=3))
    with pytest.raises(ProposalEditedError):
        merge(sitting, None, edited)
    with pytest.raises(ProposalEditedError):
        merge(sitting, None, CeremonyFile(proposal=proposal))


def test_a_withdrawal_ends_it(custody: Custody, sitting: Sitting) -> None:
    """Once its proposer is against it, in whichever copy, no approval is taken any more."""
    file = agree(custody, ROTATE, 0)
    against = keyceremony.withdraw(sitting, file, SIGNERS[0])
    kept = merge(sitting, file, against)
    assert keyceremony.standing(sitting, kept).state is State.WITHDRAWN
    assert merge(sitting, None, against) == against
    with pytest.raises(ProposalCancelledError):
        merge(sitting, kept, keyceremony.approve(sitting, file, SIGNERS[1]))


def test_what_is_over_is_refused(custody: Custody, sitting: Sitting) -> None:
    """Expired, outdated and executed proposals are not taken, new or known."""
    file = agree(custody, ROTATE, 0, 1)
    late = dataclasses.replace(sitting, now=file.proposal.expires)
    for kept in (None, file):
        with pytest.raises(ProposalExpiredError):
            merge(late, kept, file)
    with pytest.raises(ProposalOutdatedError):
        merge(dataclasses.replace(sitting, base=bytes(32)), None, file)
    custody.execute(file)
    with pytest.raises(ProposalExecutedError):
        merge(custody.sitting(), None, file)
