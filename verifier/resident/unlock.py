"""The reset of a budget: two officers let a resident be asked about again, on the day that the guesses were spent.

Somebody's wrong guesses must not lock a resident out for the day. What is reset are today's failed guesses about this
one resident: at one agency, and over all agencies. A prefix's, an agency's and an officer's budgets stay as they are,
since they are about who guesses.

The proposal names the resident by the budget handle, so that its file holds no number; who executes it enters the
number again. The body is canonical: 1 agency (absent for none), 2 the budget handle (16 bytes).

 1 read what was proposed, and see that the number is the one  2 take the execution (verifier.agreed)
 3 open a period, by which the entry names the resident  4 commit the entry and the counters in one transaction
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from keys import ceremony
from keys.purpose import Purpose
from padan.entry import EntryKind
from verifier import admin_entry, agreed
from verifier.budget import KEY_SIZE, CounterKeys
from verifier.resident.naming import handles_of, require_same, trails

if TYPE_CHECKING:
    from keys.ceremony import Proposal
    from keys.ceremonyfile import CeremonyFile
    from keys.keyagent import KeyAgent
    from padan.nik import Nik
    from verifier.agreed import Office
    from verifier.vault.store import VaultStore

ACTION: Final = "budget.reset"
SECONDS: Final = 86_400
"""Time between proposal and execution: budgets are of a day."""
_DAY_MS: Final = 86_400_000
_AGENCY, _SUBJECT = 1, 2


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
    body: dict[int, bytes] = {_SUBJECT: handles_of(agent, vault, nik).budget_subject}
    if agency:
        body[_AGENCY] = agency.encode()
    return agreed.propose(ACTION, body, seconds=SECONDS, needed=needed, proposer=proposer, now=now)


def read(proposal: Proposal) -> Reset:
    """Read what is proposed.

    Raises:
        ProposalFormatError: it is another action's, or malformed.
    """
    with ceremony.body_of(proposal, ACTION) as fields:
        agency, subject = fields.pop(_AGENCY, b"").decode(), fields.pop(_SUBJECT)
        if len(subject) != KEY_SIZE:
            raise ValueError("a handle has 16 bytes")
    return Reset(agency=agency, subject=subject)


def describe(proposal: Proposal) -> str:
    """Say in words what is proposed."""
    reset = read(proposal)
    where = f"at {reset.agency} and over all agencies" if reset.agency else "over all agencies"
    return f"forget today's failed guesses about one resident, {where}"


def execute(agent: KeyAgent, vault: VaultStore, file: CeremonyFile, nik: Nik, *, office: Office) -> Reset:
    """Reset the budget, and log it.

    Args:
        agent: holds the keys.
        vault: says whose number it is now.
        file: the proposal and its signatures.
        nik: the resident's number.
        office: what the execution needs.

    Raises:
        ProposalFormatError: it is another action's, or malformed.
        NikMismatchError: the number is not the one.
        ApprovalError, CeremonyEndedError: it may not be executed.
        RegistryUnavailableError: the vault cannot be read.
        LogUnavailableError: the log cannot be written. Where that is after step 2, the proposal is spent.
    """
    reset, handles = read(file.proposal), handles_of(agent, vault, nik)  # 1
    require_same(reset.subject, handles.budget_subject)
    taken = agreed.take(office, file)  # 2
    log = office.log
    last_ms = log.head().log_time_ms
    (about,) = trails(agent, log, [handles.log], now_ms=office.now * 1000)  # 3
    counters = CounterKeys(agent.mac(Purpose.BUDGET), agent.realm).of(
        agency=reset.agency, officer="", subject=reset.subject, prefix=bytes(KEY_SIZE)
    )
    keys = {counters.subject, *({counters.agency_subject} if reset.agency else ())}
    with log.transaction() as transaction:  # 4
        # Guesses are counted with their entries: the last entry's day is the last on which there can be any.
        transaction.counters(keys, day := last_ms // _DAY_MS)
        row = admin_entry.build(
            EntryKind.BUDGET_RESET,
            {"scope": reset.agency or "all", **taken},
            now_ms=admin_entry.log_time(transaction, office.now * 1000),
            fields=about,
        )
        transaction.write(dict.fromkeys(keys, 0), day, [row], [])
    return reset
