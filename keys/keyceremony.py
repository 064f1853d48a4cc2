"""What custodians decide together about a keyring: who may, what its history says, and what a proposal comes to. Pure.

A proposal builds on the keyring as it was written: its base is a hash of the whole file, which is another one after
every write. So whoever is shown the file of that hash sees what will be changed, without the KEK; and a proposal that
was made before anything else happened is outdated.

    base = SHA-256(label "keyring-base" | the keyring's file)

What was executed or cancelled stands in the keyring's history, with the proposal and every signature, and the roster
too: so the history alone shows who decided what (`keys.keyproof`). A roster is set by a ceremony of its own, in which
everybody who is new signs beside as many as the roster before demands.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from keys import ceremony, keychange
from keys.ceremony import NONCE_SIZE, Proposal, Standing, State, body_of
from keys.ceremonyfile import CeremonyFile
from keys.errors import (
    CustodiansMissingError,
    KeyProposalError,
    NoRosterError,
    NotCustodianError,
    ProposalCancelledError,
    ProposalEditedError,
    ProposalExecutedError,
    ProposalExpiredError,
    ProposalFormatError,
    ProposalOpenError,
    ProposalOutdatedError,
    RosterError,
    RosterMismatchError,
    SignatureError,
)
from keys.roster import Roster
from padan import canonical

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from keys.events import Event
    from keys.keychange import Change
    from keys.realm import Realm
    from keys.signing import Signing

SECONDS: Final = 3 * 86_400
"""How long a proposal lives where nothing else is said."""
SET_ROSTER: Final = "roster.set"
_ROSTER: Final = 1

PROPOSED: Final = "ceremony-proposed"
APPROVED: Final = "ceremony-approved"
EXECUTED: Final = "ceremony-executed"
CANCELLED: Final = "ceremony-cancelled"
EXPIRED: Final = "ceremony-expired"
ROSTER_SET: Final = "roster-set"
ROSTER_NOTED: Final = "roster-noted"
"""Names of the lines that ceremonies leave in the history."""

_ENDS: Final[Mapping[str, State]] = MappingProxyType(
    {EXECUTED: State.EXECUTED, CANCELLED: State.WITHDRAWN, EXPIRED: State.EXPIRED}
)
_ERRORS: Final = {
    State.EXECUTED: (ProposalExecutedError, "the proposal was executed already"),
    State.WITHDRAWN: (ProposalCancelledError, "the proposal was cancelled"),
    State.EXPIRED: (ProposalExpiredError, "the proposal's time is over"),
    State.OUTDATED: (ProposalOutdatedError, "the keyring has changed since the proposal was made"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """What a keyring's history says about ceremonies.

    Args:
        roster: who decides together; None where one custodian alone does.
        noted: whether the history itself names them; else they are those who hold the KEK together.
        ended: ids of proposals that came to an end, in hex, to how.
    """

    roster: Roster | None = None
    noted: bool = False
    ended: Mapping[str, State] = field(default_factory=dict)

    @classmethod
    def of(cls, history: Iterable[Event], *, holders: Roster | None = None) -> Register:
        """Read a history.

        Args:
            history: in order.
            holders: who holds the KEK together; None where nobody does, or it is not known here.

        Raises:
            RosterError: it holds a roster that this release cannot read.
            RosterMismatchError: it names others than hold the KEK.
        """
        register = cls()
        for event in history:
            register = register.after(event)
        if holders is None or register.roster == holders:
            return register
        if register.roster is not None:
            raise RosterMismatchError("those who hold the KEK are not those whom the keyring's history names")
        return replace(register, roster=holders)

    def after(self, event: Event) -> Register:
        """Give what the register is after one more line.

        Raises:
            RosterError: as `of`.
        """
        if event.name in {ROSTER_SET, ROSTER_NOTED}:
            return replace(self, roster=Roster.from_text(event.details.get("roster", "")), noted=True)
        if event.name in _ENDS:
            ended = {**self.ended, event.details.get("proposal", ""): _ENDS[event.name]}
            return replace(self, ended=ended)
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Sitting:
    """What a proposal is held against.

    Args:
        realm: the keyring's registry and environment.
        register: what its history says.
        base: hash of the keyring as it is, 32 bytes.
        now: seconds of the Unix epoch.
    """

    realm: Realm
    register: Register
    base: bytes
    now: int


def base_of(realm: Realm, keyring: bytes) -> bytes:
    """Hash a keyring's file: what a proposal builds on, 32 bytes."""
    return hashlib.sha256(realm.label("keyring-base") + keyring).digest()


def propose(
    sitting: Sitting, what: Change | Roster, signer: Signing, *, seconds: int = SECONDS
) -> CeremonyFile:
    """Propose a change of the keyring or a roster, and approve it as the one who proposes.

    Args:
        sitting: what it builds on.
        what: a change of a key, or who is to decide from now on.
        signer: the proposer's key.
        seconds: how long the proposal lives, at most 30 days.

    Raises:
        NoRosterError: nobody is named who could decide about keys together.
        NotCustodianError: the proposer is not one of those who decide.
        ProposalFormatError: the time is out of its bounds.
    """
    action, body = (
        (SET_ROSTER, canonical.encode({_ROSTER: what.encode()}))
        if isinstance(what, Roster)
        else (str(what.action), what.body())
    )
    deciding = _deciding(sitting, action, body)
    _require_one_of(deciding.keys, signer)
    draft = Proposal(
        action=action,
        body=body,
        base=sitting.base,
        nonce=secrets.token_bytes(NONCE_SIZE),
        created=sitting.now,
        expires=sitting.now + seconds,
        needed=deciding.threshold,
        proposer=signer.key_id,
    )
    return CeremonyFile(proposal=draft).with_voice(ceremony.approve(sitting.realm, draft, signer))


def subject(proposal: Proposal) -> Change | Roster:
    """Read what a proposal is about.

    Raises:
        KeyProposalError: nothing that custodians decide with this release, or malformed.
    """
    if proposal.action != SET_ROSTER:
        return keychange.read(proposal)
    try:
        with body_of(proposal, SET_ROSTER) as fields:
            return Roster.decode(fields.pop(_ROSTER))
    except (ProposalFormatError, RosterError) as error:
        raise KeyProposalError(str(error)) from error


def voters(sitting: Sitting, proposal: Proposal) -> Mapping[str, bytes]:
    """Say who may sign a proposal: key ids to public keys of those who decide, and of who is new on a roster.

    Raises:
        NoRosterError: nobody decides together about this keyring.
        KeyProposalError: malformed.
    """
    deciding = _deciding(sitting, proposal.action, proposal.body).keys
    return {**deciding, **_newcomers(sitting, proposal)}


def approve(sitting: Sitting, file: CeremonyFile, signer: Signing) -> CeremonyFile:
    """Add an approval.

    Raises:
        NotCustodianError: the signer is none of those who may sign.
        CeremonyEndedError: the proposal has ended; the subclass says how.
        KeyProposalError, NoRosterError: as `standing`.
    """
    _require_one_of(voters(sitting, file.proposal), signer)
    require_open(standing(sitting, file))
    return file.with_voice(ceremony.approve(sitting.realm, file.proposal, signer))


def withdraw(sitting: Sitting, file: CeremonyFile, signer: Signing) -> CeremonyFile:
    """Add a signature that asks for the proposal's end; raises as `approve` does."""
    _require_one_of(voters(sitting, file.proposal), signer)
    require_open(standing(sitting, file))
    return file.with_voice(ceremony.withdraw(sitting.realm, file.proposal, signer))


def standing(sitting: Sitting, file: CeremonyFile) -> Standing:
    """Say where a proposal stands.

    Raises:
        ProposalEditedError: a signature of somebody who decides is not over this proposal.
        KeyProposalError: malformed, or it asks for other approvals than the roster demands.
        NoRosterError: nobody decides together about this keyring.
    """
    realm, proposal, register = sitting.realm, file.proposal, sitting.register
    ended = register.ended.get(proposal.id(realm).hex())
    if ended is not None:
        return Standing(state=ended, approved=(), missing=0)
    deciding = _deciding(sitting, proposal.action, proposal.body)
    newcomers = _newcomers(sitting, proposal)
    allowed = {**deciding.keys, **newcomers}
    _require_unedited(sitting, file, allowed)
    if sitting.base == proposal.base:
        _require_proposer(file, deciding)
    decided, joined = (
        ceremony.standing(realm, proposal, file.voices, roster=roster, now=sitting.now, base=sitting.base)
        for roster in (deciding.keys, newcomers)
    )
    outstanding = newcomers.keys() - set(joined.approved)
    missing = len(outstanding) + max(0, decided.missing - len(outstanding & deciding.keys.keys()))
    state = State.PENDING if decided.state is State.APPROVED and missing else decided.state
    return Standing(
        state=state, approved=tuple(sorted({*decided.approved, *joined.approved})), missing=missing
    )


def require_open(found: Standing) -> None:
    """Demand that a proposal has not ended.

    Raises:
        ProposalExecutedError, ProposalCancelledError, ProposalExpiredError, ProposalOutdatedError: it has.
    """
    if found.state in _ERRORS:
        kind, text = _ERRORS[found.state]
        raise kind(text)


def require_approved(found: Standing) -> None:
    """Demand that a proposal may be executed.

    Raises:
        CeremonyEndedError: as `require_open`.
        CustodiansMissingError: approvals are missing.
    """
    require_open(found)
    if found.state is not State.APPROVED:
        raise CustodiansMissingError(f"{found.missing} more custodians must approve the proposal")


def ending(sitting: Sitting, file: CeremonyFile) -> tuple[Standing, str]:
    """Say how a proposal ended without an execution, and name the line that records it.

    Raises:
        ProposalOpenError: it has not ended.
        CeremonyEndedError: its end is recorded already, or it is outdated, which needs no record.
        KeyProposalError, NoRosterError: as `standing`.
    """
    found = standing(sitting, file)
    if file.proposal.id(sitting.realm).hex() not in sitting.register.ended:
        if found.state is State.WITHDRAWN:
            return found, CANCELLED
        if found.state is State.EXPIRED and sitting.base == file.proposal.base:
            return found, EXPIRED
    require_open(found)
    raise ProposalOpenError("the proposal is neither cancelled nor expired")


def lines(
    sitting: Sitting, file: CeremonyFile, found: Standing, end: str
) -> list[tuple[str, dict[str, str]]]:
    """Write what a ceremony leaves in the history: the proposal, the signatures that count, and its end."""
    proposal, allowed = file.proposal, voters(sitting, file.proposal)
    name = {"proposal": proposal.id(sitting.realm).hex(), "action": proposal.action}
    written = [(PROPOSED, {**name, "by": proposal.proposer, "bytes": _text(proposal.encode())})]
    written += [
        (APPROVED, {**name, "by": voice.key_id, "signature": _text(voice.signature)})
        for voice in file.voices
        if voice.key_id in found.approved and not voice.withdraws
    ]
    roster = sitting.register.roster
    if roster is not None and not sitting.register.noted:
        written.insert(0, (ROSTER_NOTED, {"roster": roster.text, "threshold": str(roster.threshold)}))
    if end == EXECUTED:
        return [*written, (end, {**name, "approved": " ".join(found.approved)})]
    against = [voice for voice in file.voices if voice.withdraws and voice.key_id in allowed]
    signatures = {f"signature-{voice.key_id}": _text(voice.signature) for voice in against}
    return [*written, (end, {**name, "by": " ".join(voice.key_id for voice in against), **signatures})]


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _deciding(sitting: Sitting, action: str, body: bytes) -> Roster:
    """Say whose roster counts: the one that stands, or for the first one itself."""
    if sitting.register.roster is not None:
        return sitting.register.roster
    if action != SET_ROSTER:
        raise NoRosterError("this keyring has no roster of custodians, so one custodian alone changes it")
    try:
        return Roster.decode(canonical.decode(body)[_ROSTER])
    except (KeyError, ValueError, RosterError) as error:
        raise KeyProposalError("the proposal's roster is malformed") from error


def _newcomers(sitting: Sitting, proposal: Proposal) -> dict[str, bytes]:
    what = subject(proposal)
    if not isinstance(what, Roster):
        return {}
    known = sitting.register.roster.keys if sitting.register.roster is not None else {}
    return {key_id: key for key_id, key in what.keys.items() if key_id not in known}


def _require_unedited(sitting: Sitting, file: CeremonyFile, allowed: Mapping[str, bytes]) -> None:
    """See that each signature of one who may sign is over this proposal."""
    for voice in file.voices:
        if voice.key_id in allowed:
            try:
                ceremony.require_voice(sitting.realm, file.proposal, voice, allowed)
            except SignatureError as error:
                raise ProposalEditedError(
                    "the proposal is not the one that was signed: a signature in the file is not over it"
                ) from error


def _require_proposer(file: CeremonyFile, deciding: Roster) -> None:
    """See that the proposal's maker may make it and stands behind it, and that it asks for what the roster demands."""
    proposal = file.proposal
    if proposal.proposer not in deciding.keys:
        raise NotCustodianError("whoever made the proposal is not one of those who decide about this keyring")
    if proposal.proposer not in {voice.key_id for voice in file.voices}:
        raise ProposalEditedError("the proposal lacks the signature of whoever made it")
    if proposal.needed != deciding.threshold:
        raise KeyProposalError(
            f"the proposal asks for {proposal.needed} approvals, and the roster demands {deciding.threshold}"
        )


def _require_one_of(allowed: Mapping[str, bytes], signer: Signing) -> None:
    if signer.key_id not in allowed:
        raise NotCustodianError("the key is not that of a custodian who decides about this keyring")
