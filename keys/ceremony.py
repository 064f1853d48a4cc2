"""What several people decide together: a proposal, approvals of it, and what they come to. Pure.

One person proposes, m distinct people of a roster approve, the service executes it once. Nobody's word counts twice,
a proposal is worth nothing in another registry or environment, after its time, or once what it builds on has changed.

    proposal id = SHA-256(label "ceremony" | proposal)
    approval    = Ed25519(label "ceremony-approval" | proposal id)
    withdrawal  = Ed25519(label "ceremony-withdrawal" | proposal id), by the proposer or by m of the roster

A proposal is a canonical encoding (padan.canonical): 1 format u8, 2 action, 3 body, 4 base (32 bytes), 5 nonce (16),
6 created and 7 expires (u64, seconds of the Unix epoch), 8 approvals needed (u8), 9 key id of the proposer. The body is
the action's own; who approves is shown it in words before signing.

Signatures are policy and not cryptography: they bind whoever runs the service as built. What they bind the service to
is seen in its log, where proposal, approvals and execution are entries.
"""

from __future__ import annotations

import enum
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from keys.errors import (
    ApprovalError,
    CeremonyEndedError,
    ProposalFormatError,
    SignatureError,
    StrangerError,
)
from keys.signing import thumbprint, verify
from padan import canonical
from padan import proposal as shape
from padan.proposal import ProposalError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from keys.realm import Realm
    from keys.signing import Signing

FORMAT: Final = shape.FORMAT
BASE_SIZE: Final = shape.BASE_SIZE
NONCE_SIZE: Final = shape.NONCE_SIZE
FEWEST: Final = shape.FEWEST
MOST: Final = shape.MOST
MAX_BODY: Final = shape.MAX_BODY
MAX_SECONDS: Final = shape.MAX_SECONDS
_CLOCK_SECONDS: Final = 300
"""By how much a proposer's clock may be ahead of ours."""


class State(enum.Enum):
    """Where a ceremony stands."""

    PENDING = "pending"
    APPROVED = "approved"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    OUTDATED = "outdated"
    EXECUTED = "executed"


_ENDED: Final = {
    State.WITHDRAWN: "the proposal was withdrawn",
    State.EXPIRED: "the proposal's time is over",
    State.OUTDATED: "what the proposal builds on has changed since; propose anew",
    State.EXECUTED: "the proposal was executed already",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal(shape.Proposal):
    """What somebody proposes, as `padan.proposal.Proposal`, with this package's errors.

    Raises:
        ProposalFormatError: a part is out of its bounds.
    """

    def __post_init__(self) -> None:
        try:
            shape.Proposal.__post_init__(self)
        except ProposalError as error:
            raise ProposalFormatError(str(error)) from error

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read a canonical encoding.

        Raises:
            ProposalFormatError: malformed, of a format that this release does not know, or out of bounds.
        """
        try:
            return cls(**shape.decode(data))
        except ProposalError as error:
            raise ProposalFormatError(str(error)) from error


@contextmanager
def body_of(proposal: Proposal, action: str) -> Iterator[dict[int, bytes]]:
    """Give the fields of a proposal's body to be taken out; what is missing, malformed or left over refuses it.

    Raises:
        ProposalFormatError: it is another action's, or malformed.
    """
    if proposal.action != action:
        raise ProposalFormatError(f"the proposal is for {proposal.action}, not for {action}")
    try:
        fields = canonical.decode(proposal.body)
        yield fields
    except (IndexError, KeyError, ValueError) as error:
        raise ProposalFormatError("the proposal's body is malformed") from error
    if fields:
        raise ProposalFormatError("the proposal's body is malformed, or of a later release")


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """A signature under a proposal.

    Args:
        key_id: thumbprint of who signed.
        signature: 64 bytes.
        withdraws: the signature ends the ceremony instead of approving it.
    """

    key_id: str
    signature: bytes
    withdraws: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a proposal and its voices come to.

    Attributes:
        state: where it stands.
        approved: key ids of who approved, in order; each once.
        missing: approvals that are still needed.
    """

    state: State
    approved: tuple[str, ...]
    missing: int

    def require_approved(self) -> None:
        """Demand that the proposal may be executed now.

        Raises:
            CeremonyEndedError: it is over, for the reason that the message gives.
            ApprovalError: approvals are missing.
        """
        if self.state in _ENDED:
            raise CeremonyEndedError(_ENDED[self.state])
        if self.state is not State.APPROVED:
            raise ApprovalError(f"{self.missing} more of the roster must approve the proposal")


def approve(realm: Realm, proposal: Proposal, signer: Signing) -> Voice:
    """Approve a proposal."""
    return _speak(realm, proposal, signer, withdraws=False)


def withdraw(realm: Realm, proposal: Proposal, signer: Signing) -> Voice:
    """Ask for the end of a ceremony: at once where the proposer does, else when as many do as must approve."""
    return _speak(realm, proposal, signer, withdraws=True)


def require_voice(realm: Realm, proposal: Proposal, voice: Voice, roster: Mapping[str, bytes]) -> None:
    """Check one signature before it is kept.

    Args:
        realm: this registry and environment.
        proposal: what it stands under.
        voice: the signature.
        roster: who may approve: key ids to public keys.

    Raises:
        StrangerError: the signer is not on the roster.
        SignatureError: the signature is not theirs, or for another registry, environment or proposal.
    """
    key = roster.get(voice.key_id)
    if key is None or thumbprint(key) != voice.key_id:
        raise StrangerError("the signature is of nobody on the roster")
    verify(key, shape.message(realm, proposal, withdraws=voice.withdraws), voice.signature)


def standing(
    realm: Realm,
    proposal: Proposal,
    voices: Iterable[Voice],
    *,
    roster: Mapping[str, bytes],
    now: int,
    base: bytes = bytes(BASE_SIZE),
    executed: bool = False,
) -> Standing:
    """Say where a ceremony stands. Signatures that do not count are passed over: they must not end it.

    Args:
        realm: this registry and environment.
        proposal: the proposal.
        voices: the signatures under it, in any order.
        roster: who may approve today: key ids to public keys. Who has left it counts no more.
        now: seconds of the Unix epoch.
        base: hash of the state as it is now, 32 bytes.
        executed: whether it was executed before.
    """
    approved: set[str] = set()
    against: set[str] = set()
    for voice in voices:
        try:
            require_voice(realm, proposal, voice, roster)
        except (StrangerError, SignatureError):
            continue
        (against if voice.withdraws else approved).add(voice.key_id)
    approved -= against
    missing = max(0, proposal.needed - len(approved))
    return Standing(
        state=_state(proposal, against, missing, now=now, base=base, executed=executed),
        approved=tuple(sorted(approved)),
        missing=missing,
    )


def _state(
    proposal: Proposal, against: set[str], missing: int, *, now: int, base: bytes, executed: bool
) -> State:
    if executed:
        return State.EXECUTED
    if proposal.proposer in against or len(against) >= proposal.needed:
        return State.WITHDRAWN
    if now >= proposal.expires or now < proposal.created - _CLOCK_SECONDS:
        return State.EXPIRED
    if base != proposal.base:
        return State.OUTDATED
    return State.PENDING if missing else State.APPROVED


def _speak(realm: Realm, proposal: Proposal, signer: Signing, *, withdraws: bool) -> Voice:
    message = shape.message(realm, proposal, withdraws=withdraws)
    return Voice(key_id=signer.key_id, signature=signer.sign(message), withdraws=withdraws)
