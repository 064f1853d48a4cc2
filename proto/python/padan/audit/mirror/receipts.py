"""Receipts that agencies hold, held against a copy of the log: the check from outside.

A receipt names the leaf of the entry that the service promised to log. On the way to it every bundle of leaves is
checked against the signed tree, so that "it is not there" is as good as "it is there". A leaf that is not in the tree
although the receipt's merge delay was over when the checkpoint was cosigned is a question that the log hides.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final

from padan.audit.mirror import belief, verification
from padan.errors import CopyError, OriginError
from padan.tlog import merkle
from padan.tlog.policy import NONE
from padan.tlog.proof import LogProof

if TYPE_CHECKING:
    from collections.abc import Sequence

    from padan.audit.mirror.place import Copy
    from padan.audit.mirror.trusted import Trusted
    from padan.receipt import Receipt
    from padan.tlog.policy import Believed, Policy

GRACE: Final = 60
"""Seconds beyond the promise that the clocks of service and witnesses may be apart."""


class Absence(enum.Enum):
    """What it says that a leaf is not in the copy."""

    HIDDEN = "hidden"
    """The time for it was over when the quorum of witnesses signed the copy's checkpoint."""
    EARLY = "early"
    """The copy may be from before the time was over."""


def look(
    copy: Copy, policy: Policy, last: Trusted | None, receipts: Sequence[Receipt]
) -> list[LogProof | Absence]:
    """Find the leaves of receipts, and prove each.

    Args:
        copy: the copy; its private entries are not needed.
        policy: whom to believe.
        last: what was trusted last; None believes the copy's own checkpoint.
        receipts: whose signatures were checked.

    Returns:
        Of each its proof, against the copy's checkpoint, or what its absence says.

    Raises:
        OriginError: a receipt is of another log.
        LogError: the copy is damaged, or does not fit what was trusted.
        CopyError: there is no finished copy.
    """
    tree = belief.open_tree(copy, policy, last)
    stated, note = tree.checkpoint, copy.require_checkpoint()
    believed = belief.believe(note, policy, of="the copy")
    if believed.checkpoint != stated:
        # What is absent from the tree of before says nothing at the time of this one.
        raise CopyError(
            "the copy was brought up to the log meanwhile",
            next_step="run the same command again",
            reason="busy",
        )
    for receipt in receipts:
        if receipt.origin != stated.origin:
            raise OriginError(
                f"the copy is of the log {stated.origin!r}, and a receipt names {receipt.origin!r}",
                next_step="hold each receipt against a copy of the log that it names",
                reason="origin",
            )
    wanted, found, first = {receipt.leaf for receipt in receipts}, dict[bytes, int](), 0
    for leaves in verification.leaves(copy, tree):
        for leaf in wanted.intersection(leaves):
            found.setdefault(leaf, first + leaves.index(leaf))
        first += len(leaves)
    shown: list[LogProof | Absence] = []
    for receipt in receipts:
        index = found.get(receipt.leaf)
        if index is None:
            shown.append(_absence(receipt, believed, policy))
            continue
        path = merkle.inclusion_proof(index, stated.size, tree.nodes())
        proof = LogProof(index=index, path=tuple(path), checkpoint=note)
        proof.check(receipt.leaf, policy)
        shown.append(proof)
    return shown


def _absence(receipt: Receipt, believed: Believed, policy: Policy) -> Absence:
    """Say what it means: an accusation takes the quorum's times, since one witness's clock may be ahead."""
    due = receipt.issued_at.timestamp() + receipt.max_merge_delay + GRACE
    after = {signature.key for signature in believed.cosignatures if signature.time > due}
    return Absence.HIDDEN if policy.quorum != NONE and policy.met(after) else Absence.EARLY
