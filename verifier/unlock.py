"""The reset of a budget: two officers let a resident be asked about again, on the day that the guesses were spent.

Somebody's wrong guesses must not lock a resident out for the day. What is reset are today's failed guesses about this
one resident: at one agency, and over all agencies. A prefix's, an agency's and an officer's budgets stay as they are,
since they are about who guesses.

The proposal names the resident by the budget handle, so that its file holds no number; who executes it enters the
number again. The body is canonical: 1 agency (absent for none), 2 the budget handle (16 bytes).

 1 read what was proposed  2 see that the number is the one  3 see that two agreed, in time  4 try the log
 5 take the execution, once and for all  6 open a period, by which the entry names the resident
 7 commit the entry and the counters in one transaction
"""

from __future__ import annotations

import hmac
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from keys import ceremony
from keys.errors import ProposalFormatError
from keys.period import NONCE_SIZE
from keys.purpose import Purpose
from padan import canonical
from padan.entry import EntryKind, Field
from tokenizer.codes import CodeLists
from verifier import admin_entry
from verifier.budget import KEY_SIZE, CounterKeys
from verifier.epoch import EpochHolder
from verifier.errors import OperatorError
from verifier.log.store import REQUEST_ID_SIZE
from verifier.subject import NikSubject

if TYPE_CHECKING:
    from collections.abc import Mapping

    from keys.agent import KeyAgent
    from keys.ceremony import Proposal
    from keys.ceremonyfile import CeremonyFile
    from padan.nik import Nik
    from tokenizer.record import Handles
    from verifier.ceremony_table import CeremonyTable
    from verifier.log.store import LogStore
    from verifier.vault.store import VaultStore

ACTION: Final = "budget.reset"
SECONDS: Final = 86_400
"""Time between proposal and execution: budgets are of a day."""
_DAY_MS: Final = 86_400_000
_AGENCY, _SUBJECT = 1, 2


class NikMismatchError(OperatorError):
    """The number is not the one that the proposal is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """What is proposed.

    Attributes:
        agency: at which agency; empty for the budget over all agencies alone.
        subject: the resident's budget handle, 16 bytes.
    """

    agency: str
    subject: bytes


def propose(
    agent: KeyAgent, vault: VaultStore, nik: Nik, *, agency: str, needed: int, proposer: str, now: int
) -> Proposal:
    """Make a proposal.

    Args:
        agent: holds the keys.
        vault: says whose number it is now.
        nik: the resident's number.
        agency: at which agency; empty for the budget over all agencies alone.
        needed: officers who must agree.
        proposer: key id of who proposes.
        now: seconds of the Unix epoch.

    Raises:
        KeysError: a key is missing or may not be used.
        RegistryUnavailableError: the vault cannot be read.
    """
    body: dict[int, bytes] = {_SUBJECT: _handles(agent, vault, nik).budget_subject}
    if agency:
        body[_AGENCY] = agency.encode()
    return ceremony.Proposal(
        action=ACTION,
        body=canonical.encode(body),
        base=bytes(ceremony.BASE_SIZE),
        nonce=os.urandom(ceremony.NONCE_SIZE),
        created=now,
        expires=now + SECONDS,
        needed=needed,
        proposer=proposer,
    )


def read(proposal: Proposal) -> Reset:
    """Read what is proposed.

    Raises:
        ProposalFormatError: it is another action's, or malformed.
    """
    if proposal.action != ACTION:
        raise ProposalFormatError(f"the proposal is for {proposal.action}, not for {ACTION}")
    try:
        fields = canonical.decode(proposal.body)
        agency, subject = fields.pop(_AGENCY, b"").decode(), fields.pop(_SUBJECT)
    except (KeyError, ValueError) as error:
        raise ProposalFormatError("the proposal's body is malformed") from error
    if fields or len(subject) != KEY_SIZE:
        raise ProposalFormatError("the proposal's body is malformed, or of a later release")
    return Reset(agency=agency, subject=subject)


def describe(proposal: Proposal) -> str:
    """Say in words what is proposed."""
    reset = read(proposal)
    where = f"at {reset.agency} and over all agencies" if reset.agency else "over all agencies"
    return f"forget today's failed guesses about one resident, {where}"


def execute(
    agent: KeyAgent,
    vault: VaultStore,
    agreed: CeremonyFile,
    nik: Nik,
    *,
    roster: Mapping[str, bytes],
    log: LogStore,
    table: CeremonyTable,
    now: int,
) -> Reset:
    """Reset the budget, and log it.

    Args:
        agent: holds the keys.
        vault: says whose number it is now.
        agreed: the proposal and its signatures.
        nik: the resident's number.
        roster: the officers: key ids to public keys.
        log: the log, which holds the counters too.
        table: the executed ceremonies.
        now: seconds of the Unix epoch.

    Raises:
        ProposalFormatError: it is another action's, or malformed.
        NikMismatchError: the number is not the one.
        ApprovalError, CeremonyEndedError: it may not be executed.
        RegistryUnavailableError: the vault cannot be read.
        LogUnavailableError: the log cannot be written. Where that is after step 4, the proposal is spent.
    """
    realm, proposal = agent.realm, agreed.proposal
    reset, handles = read(proposal), _handles(agent, vault, nik)  # 1
    if not hmac.compare_digest(reset.subject, handles.budget_subject):  # 2
        raise NikMismatchError("the number is not the one that the proposal is about")
    number = proposal.id(realm)
    standing = ceremony.standing(
        realm, proposal, agreed.voices, roster=roster, now=now, executed=table.is_executed(number)
    )
    standing.require_approved()  # 3
    log.check()  # 4
    table.claim(number, proposal, now_ms=now * 1000)  # 5
    detail = {
        "scope": reset.agency or "all",
        "ceremony": number.hex(),
        "approved": ",".join(standing.approved),
    }
    _commit(agent, log, reset, handles, detail, now_ms=now * 1000)
    return reset


def _commit(
    agent: KeyAgent, log: LogStore, reset: Reset, handles: Handles, detail: Mapping[str, str], *, now_ms: int
) -> None:
    period = agent.open_period()  # 6
    try:
        envelope = {"envelope": period.envelope.hex()}
        admin_entry.append(
            log, EntryKind.PERIOD_OPENED, envelope, now_ms=now_ms, fields={Field.PERIOD: period.id}
        )
        nonce = os.urandom(NONCE_SIZE)
        about: dict[int, bytes] = {
            Field.SUBJECT: period.reference(handles.log, nonce),
            Field.NONCE: nonce,
            Field.PERIOD: period.id,
        }
    finally:
        period.wipe()
    counters = CounterKeys(agent.mac(Purpose.BUDGET), agent.realm).of(
        agency=reset.agency, officer="", subject=reset.subject, prefix=bytes(KEY_SIZE)
    )
    keys = {counters.subject, *({counters.agency_subject} if reset.agency else ())}
    at = max(now_ms, log.head().log_time_ms)
    with log.transaction() as transaction:  # 7
        transaction.counters(keys, at // _DAY_MS)
        row = admin_entry.build(EntryKind.BUDGET_RESET, detail, now_ms=at, fields=about)
        transaction.write(dict.fromkeys(keys, 0), at // _DAY_MS, [row], [])


def _handles(agent: KeyAgent, vault: VaultStore, nik: Nik) -> Handles:
    """Name a subject as the service does: a number that was merged into another one by that one's handles."""
    epoch = EpochHolder(agent=agent, vault=vault, codes=CodeLists.load()).pin()
    subject = NikSubject(nik, epoch.inner)
    (rows,) = epoch.lookup([(subject.record_id, bytes(REQUEST_ID_SIZE))])
    record, held = epoch.open_pair(subject.record_id, rows)
    return (subject.handles, record.handles)[held]
