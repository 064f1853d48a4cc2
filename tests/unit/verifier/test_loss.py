"""What two officers accept: the proposal's body, and what it says in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from keys.errors import ProposalFormatError
from padan import canonical
from verifier import loss
from verifier.headfile import Extent
from verifier.loss import Loss

LOG = Extent(5, b"\x05" * 32)
SEEN = Extent(7, b"\x07" * 32)
LOSSES = {
    "entries": Loss(head=SEEN, head_keyring=3, log=LOG, keyring=3),
    "the head": Loss(head=None, head_keyring=0, log=LOG, keyring=3),
    "the head and a keyring": Loss(head=None, head_keyring=0, log=LOG, keyring=3, log_keyring=4),
    "a keyring that only the log has seen": Loss(head=LOG, head_keyring=3, log=LOG, keyring=3, log_keyring=4),
    "a keyring": Loss(head=LOG, head_keyring=4, log=LOG, keyring=3),
}


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_is_read_as_it_was_proposed(name: str) -> None:
    """Each field comes back, and the words say whether the keyring is older."""
    lost = LOSSES[name]
    proposal = loss.propose(lost, needed=2, proposer="one", now=1)
    assert loss.read(proposal) == lost
    words = loss.describe(proposal)
    assert ("the log has seen counter 4" in words) == (lost.log_keyring == 4)
    assert ("the keyring is older" in words) == (
        lost.head is not None and lost.keyring < 4 and "keyring" in name
    )
    assert ("2 acknowledged entries are lost" in words) == (lost.head == SEEN)


def test_what_is_proposed_without_it_is_as_before() -> None:
    """A release before reads a proposal where head or keyring have come to what the log has seen."""
    fields = canonical.decode(loss.propose(LOSSES["a keyring"], needed=2, proposer="one", now=1).body)
    assert sorted(fields) == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("known", [(3).to_bytes(8, "big"), b"\x04", bytes(8)], ids=["equal", "short", "zero"])
def test_a_counter_that_says_nothing_is_refused(known: bytes) -> None:
    """One body, one loss: the log's counter is there only where it is above the others."""
    proposal = loss.propose(LOSSES["the head and a keyring"], needed=2, proposer="one", now=1)
    fields = canonical.decode(proposal.body) | {7: known}
    with pytest.raises(ProposalFormatError):
        loss.read(replace(proposal, body=canonical.encode(fields)))
