"""The way from a proposal of the officers to the right to carry it out, the same for every action.

 1 see that enough agreed, in time  2 try the log  3 take the execution, once and for all

An action compares before that what it is about to do with what was proposed.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from keys import ceremony
from padan import canonical

if TYPE_CHECKING:
    from collections.abc import Mapping

    from keys.ceremonyfile import CeremonyFile
    from keys.realm import Realm
    from verifier.ceremony_table import CeremonyTable
    from verifier.log.store import LogStore


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
    action: str, body: Mapping[int, bytes], *, seconds: int, needed: int, proposer: str, now: int
) -> ceremony.Proposal:
    """Make a proposal that builds on no state.

    Args:
        action: what is to be done.
        body: the fields of the action's own encoding.
        seconds: how long it may be executed.
        needed: approvals needed.
        proposer: key id of who proposes.
        now: seconds of the Unix epoch.
    """
    return ceremony.Proposal(
        action=action,
        body=canonical.encode(dict(body)),
        base=bytes(ceremony.BASE_SIZE),
        nonce=os.urandom(ceremony.NONCE_SIZE),
        created=now,
        expires=now + seconds,
        needed=needed,
        proposer=proposer,
    )


def take(office: Office, file: CeremonyFile) -> dict[str, str]:
    """Take the execution of a proposal.

    Args:
        office: what it needs.
        file: the proposal and its signatures.

    Returns:
        The ceremony and who approved it, for the entry.

    Raises:
        ApprovalError, CeremonyEndedError: it may not be executed.
        LogUnavailableError: the log cannot be written.
    """
    proposal, number = file.proposal, file.proposal.id(office.realm)
    standing = ceremony.standing(
        office.realm,
        proposal,
        file.voices,
        roster=office.roster,
        now=office.now,
        executed=office.table.is_executed(number),
    )
    standing.require_approved()  # 1
    office.log.check()  # 2
    office.table.claim(number, proposal, now_ms=office.now * 1000)  # 3
    return {"ceremony": number.hex(), "approved": ",".join(standing.approved)}
