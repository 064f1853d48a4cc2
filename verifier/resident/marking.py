"""The marking of a resident: two officers restrict, lock or erase a number, or lift that again.

The proposal names the number by its tombstone, so that its file holds no number; who executes it enters the number
again. The body is canonical: 1 step (u8, 1 set, 2 lift), 2 mark (u8), 3 the tombstone (16 bytes).

 1 read what was proposed  2 see that it is the number that the person has now
 3 take the execution (verifier.agreed)  4 open a period, by which the entry names the resident
 5 commit the entry, and with it the mark, set or lifted; running services follow within seconds
"""

from __future__ import annotations

import enum
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from keys import ceremony
from padan.entry import EntryKind
from verifier import admin_entry, agreed
from verifier.errors import OperatorError
from verifier.resident.mark import MODALITIES, MODALITY_LOCKS, NAME_SIZE, Mark, Marked, name_of
from verifier.resident.naming import epoch_of, handles_in, require_same, trails
from verifier.vault.epoch import EpochState

if TYPE_CHECKING:
    from keys.ceremony import Proposal
    from keys.ceremonyfile import CeremonyFile
    from keys.keyagent import KeyAgent
    from padan.nik import Nik
    from tokenizer.inner import Inner
    from verifier.agreed import Office
    from verifier.epoch import PinnedEpoch
    from verifier.log.store import LogTransaction
    from verifier.vault.epoch import Followed
    from verifier.vault.store import VaultStore

ACTION: Final = "resident.mark"
SECONDS: Final = 7 * 86_400
"""Time between proposal and execution."""
_STEP, _MARK, _TOMBSTONE = 1, 2, 3


class MergedNumberError(OperatorError):
    """The number was merged into another one, which is to be marked instead."""


class Step(enum.IntEnum):
    """Which way."""

    SET = 1
    LIFT = 2


_WORDS: Final = {
    (Step.SET, Mark.ERASED): "erase one resident: answered as an unknown number, and not loaded again",
    (
        Step.SET,
        Mark.RESTRICTED,
    ): "restrict one resident: nothing is answered about them, but to exempt purposes",
    (
        Step.SET,
        Mark.LOCKED,
    ): "lock one resident, as they asked: nothing is answered about them, but to exempt purposes",
    (Step.LIFT, Mark.ERASED): "lift one resident's erasure: the next change or load may bring them back",
    (Step.LIFT, Mark.RESTRICTED): "lift one resident's restriction: questions about them are answered again",
    (Step.LIFT, Mark.LOCKED): "lift one resident's lock: questions about them are answered again",
} | {
    (step, mark): words.format(modality)
    for modality, mark in MODALITY_LOCKS.items()
    for step, words in (
        (Step.SET, "lock one resident's {}, as they asked: no question by it is answered"),
        (Step.LIFT, "unlock one resident's {}, as they asked: questions by it are answered again"),
    )
}


_KINDS: Final = {
    (Step.SET, False): EntryKind.RESIDENT_MARKED,
    (Step.LIFT, False): EntryKind.RESIDENT_LIFTED,
    (Step.SET, True): EntryKind.MODALITY_LOCKED,
    (Step.LIFT, True): EntryKind.MODALITY_UNLOCKED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Marking:
    """What is proposed.

    Attributes:
        step: which way.
        mark: one mark.
        tombstone: the number's, 16 bytes.
    """

    step: Step
    mark: Mark
    tombstone: bytes


def names_of(inner: Inner, nik: Nik) -> Marked:
    """Compute the names under which a number is marked."""
    return Marked(tombstone=inner.tombstone(nik), handle=inner.handles(nik).budget_subject)


def propose(
    agent: KeyAgent,
    vault: VaultStore,
    nik: Nik,
    *,
    step: Step,
    mark: Mark,
    needed: int,
    proposer: str,
    now: int,
) -> Proposal:
    """Make a proposal.

    Args:
        agent: holds the keys.
        vault: says whose number it is now.
        nik: the resident's number.
        step: which way.
        mark: one mark.
        needed: officers who must agree.
        proposer: key id of who proposes.
        now: seconds of the Unix epoch.

    Raises:
        MergedNumberError: the person has another number now.
        KeysError: a key is missing or may not be used.
        RegistryUnavailableError: the vault cannot be read.
    """
    body = {
        _STEP: step.to_bytes(1, "big"),
        _MARK: int(mark).to_bytes(1, "big"),
        _TOMBSTONE: _named(epoch_of(agent, vault), nik)[0].tombstone,
    }
    return agreed.propose(ACTION, body, seconds=SECONDS, needed=needed, proposer=proposer, now=now)


def read(proposal: Proposal) -> Marking:
    """Read what is proposed.

    Raises:
        ProposalFormatError: it is another action's, or malformed.
    """
    with ceremony.body_of(proposal, ACTION) as fields:
        step, mark = Step(fields.pop(_STEP)[0]), Mark(fields.pop(_MARK)[0])
        tombstone = fields.pop(_TOMBSTONE)
        if len(tombstone) != NAME_SIZE or (step, mark) not in _WORDS:
            raise ValueError("a tombstone has 16 bytes, and a step sets or lifts one mark")
    return Marking(step=step, mark=mark, tombstone=tombstone)


def describe(proposal: Proposal) -> str:
    """Say in words what is proposed."""
    marking = read(proposal)
    return _WORDS[marking.step, marking.mark]


def execute(agent: KeyAgent, vault: VaultStore, file: CeremonyFile, nik: Nik, *, office: Office) -> Marking:
    """Set the mark or lift it, and log it.

    Args:
        agent: holds the keys.
        vault: says whose number it is now.
        file: the proposal and its signatures.
        nik: the resident's number.
        office: what the execution needs.

    Raises:
        ProposalFormatError: it is another action's, or malformed.
        MergedNumberError: the person has another number now.
        NikMismatchError: the number is not the one.
        ApprovalError, CeremonyEndedError: it may not be executed.
        RegistryUnavailableError: the vault cannot be read.
        LogUnavailableError: the log cannot be written. Where that is after step 3, the proposal is spent.
    """
    marking = read(file.proposal)  # 1
    followed = _followed(vault)
    epoch = epoch_of(agent, vault)
    marked, handle = _named(epoch, nik)  # 2
    require_same(marking.tombstone, marked.tombstone)
    taken = agreed.take(office, file)  # 3
    (about,) = trails(agent, office.log, [handle], now_ms=office.now * 1000)  # 4
    detail = {"mark": name_of(marking.mark), **taken}
    kind = _KINDS[marking.step, marking.mark in MODALITIES]

    def change(transaction: LogTransaction) -> None:
        if marking.step is Step.SET:
            transaction.marks().put(marked, marking.mark, office.now * 1000, followed.get(epoch.number, {}))
        else:
            transaction.marks().lift(marked.tombstone, marking.mark)

    admin_entry.append(office.log, kind, detail, now_ms=office.now * 1000, fields=about, beside=change)  # 5
    return marking


def _followed(vault: VaultStore) -> dict[int, dict[str, Followed]]:
    """Read how far sources of changes were followed, before any row is read: what comes in meanwhile meets the mark."""
    return {
        each.number: vault.sources(each.number) for each in vault.epochs() if each.state is EpochState.ACTIVE
    }


def _named(epoch: PinnedEpoch, nik: Nik) -> tuple[Marked, bytes]:
    """Name a number for marks, and for the log."""
    marked, handles = names_of(epoch.inner, nik), handles_in(epoch, nik)
    if not hmac.compare_digest(marked.handle, handles.budget_subject):
        raise MergedNumberError(
            "the number was merged into another one: enter the one that the person has now"
        )
    return marked, handles.log
