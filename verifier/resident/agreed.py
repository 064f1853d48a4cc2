"""The way from a proposal about a resident to the right to carry it out, the same for all of them.

1 see that the number is the one that was proposed  2 see that two agreed, in time  3 try the log
4 take the execution, once and for all
"""

from __future__ import annotations

import hmac
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from keys import ceremony
from verifier.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from keys.ceremonyfile import CeremonyFile
    from keys.realm import Realm
    from verifier.ceremony_table import CeremonyTable
    from verifier.log.store import LogStore


class NikMismatchError(OperatorError):
    """The number is not the one that the proposal is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """What the execution of a proposal needs of the installation.

    Attributes:
        realm: registry and environment.
        roster: the officers: key ids to public keys.
        log: the log.
        table: the executed ceremonies.
        now: seconds of the Unix epoch.
    """

    realm: Realm
    roster: Mapping[str, bytes]
    log: LogStore
    table: CeremonyTable
    now: int


def propose(
    action: str, body: bytes, *, seconds: int, needed: int, proposer: str, now: int
) -> ceremony.Proposal:
    """Make a proposal that builds on no state.

    Args:
        action: what is to be done.
        body: in the action's own encoding.
        seconds: how long it may be executed.
        needed: officers who must agree.
        proposer: key id of who proposes.
        now: seconds of the Unix epoch.
    """
    return ceremony.Proposal(
        action=action,
        body=body,
        base=bytes(ceremony.BASE_SIZE),
        nonce=os.urandom(ceremony.NONCE_SIZE),
        created=now,
        expires=now + seconds,
        needed=needed,
        proposer=proposer,
    )


def take(office: Office, agreed: CeremonyFile, *, proposed: bytes, entered: bytes) -> dict[str, str]:
    """Take the execution of a proposal.

    Args:
        office: what it needs.
        agreed: the proposal and its signatures.
        proposed: the name of the resident in the proposal.
        entered: the name of the number that was entered now.

    Returns:
        The ceremony and who approved it, for the entry.

    Raises:
        NikMismatchError: the number is not the one.
        ApprovalError, CeremonyEndedError: it may not be executed.
        LogUnavailableError: the log cannot be written.
    """
    if not hmac.compare_digest(proposed, entered):  # 1
        raise NikMismatchError("the number is not the one that the proposal is about")
    proposal, number = agreed.proposal, agreed.proposal.id(office.realm)
    standing = ceremony.standing(
        office.realm,
        proposal,
        agreed.voices,
        roster=office.roster,
        now=office.now,
        executed=office.table.is_executed(number),
    )
    standing.require_approved()  # 2
    office.log.check()  # 3
    office.table.claim(number, proposal, now_ms=office.now * 1000)  # 4
    return {"ceremony": number.hex(), "approved": ",".join(standing.approved)}
