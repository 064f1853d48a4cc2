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
import hashlib
import re
import struct
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
from keys.signing import Signer, thumbprint, verify
from padan import canonical

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from keys.realm import Realm

FORMAT: Final = 1
BASE_SIZE: Final = 32
NONCE_SIZE: Final = 16
FEWEST: Final = 2
"""Least number of approvals of any ceremony: nobody decides alone."""
MOST: Final = 16
MAX_BODY: Final = 16_384
MAX_SECONDS: Final = 30 * 86_400
"""Longest time between a proposal and its end."""
_CLOCK_SECONDS: Final = 300
"""By how much a proposer's clock may be ahead of ours."""
_ACTION: Final = re.compile(r"[a-z][a-z0-9-]*(\.[a-z][a-z0-9-]*)*")
_MAX_ACTION: Final = 64
_TIME: Final = struct.Struct(">Q")


class _Field(enum.IntEnum):
    FORMAT = 1
    ACTION = 2
    BODY = 3
    BASE = 4
    NONCE = 5
    CREATED = 6
    EXPIRES = 7
    NEEDED = 8
    PROPOSER = 9


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
class Proposal:
    """What somebody proposes.

    Args:
        action: what is to be done: words of a-z, 0-9 and "-", joined by ".", at most 64.
        body: how, in the action's own encoding; at most 16,384 bytes.
        base: hash of the state that it builds on, 32 bytes; zeros where it builds on none.
        nonce: 16 random bytes.
        created: when, seconds of the Unix epoch.
        expires: until when it may be executed; at most 30 days later.
        needed: approvals needed, 2 to 16.
        proposer: key id of who proposes.

    Raises:
        ProposalFormatError: a part is out of its bounds.
    """

    action: str
    body: bytes
    base: bytes
    nonce: bytes
    created: int
    expires: int
    needed: int
    proposer: str

    def __post_init__(self) -> None:
        if len(self.action) > _MAX_ACTION or _ACTION.fullmatch(self.action) is None:
            raise ProposalFormatError("an action is words of a-z, 0-9 and '-', joined by '.', at most 64")
        if len(self.body) > MAX_BODY:
            raise ProposalFormatError(f"the body of a proposal has at most {MAX_BODY} bytes")
        if len(self.base) != BASE_SIZE or len(self.nonce) != NONCE_SIZE:
            raise ProposalFormatError("a proposal's base has 32 bytes and its nonce 16")
        if not 0 <= self.created < self.expires <= self.created + MAX_SECONDS:
            raise ProposalFormatError("a proposal ends after it begins, and within 30 days")
        if not FEWEST <= self.needed <= MOST:
            raise ProposalFormatError(f"a proposal needs {FEWEST} to {MOST} approvals")

    def encode(self) -> bytes:
        """Write the canonical encoding."""
        return canonical.encode(
            {
                _Field.FORMAT: bytes((FORMAT,)),
                _Field.ACTION: self.action.encode(),
                _Field.BODY: self.body,
                _Field.BASE: self.base,
                _Field.NONCE: self.nonce,
                _Field.CREATED: _TIME.pack(self.created),
                _Field.EXPIRES: _TIME.pack(self.expires),
                _Field.NEEDED: bytes((self.needed,)),
                _Field.PROPOSER: self.proposer.encode(),
            }
        )

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read a canonical encoding.

        Raises:
            ProposalFormatError: malformed, of a format that this release does not know, or out of bounds.
        """
        try:
            fields = canonical.decode(data)
            if fields[_Field.FORMAT] != bytes((FORMAT,)):
                raise ProposalFormatError("the proposal has a format that this release does not know")
            if fields.keys() != set(_Field):
                raise ProposalFormatError("the proposal has fields that this release does not know")
            (needed,) = fields[_Field.NEEDED]
            return cls(
                action=fields[_Field.ACTION].decode(),
                body=fields[_Field.BODY],
                base=fields[_Field.BASE],
                nonce=fields[_Field.NONCE],
                created=_TIME.unpack(fields[_Field.CREATED])[0],
                expires=_TIME.unpack(fields[_Field.EXPIRES])[0],
                needed=needed,
                proposer=fields[_Field.PROPOSER].decode(),
            )
        except (KeyError, ValueError, struct.error) as error:
            raise ProposalFormatError("the proposal is malformed") from error

    def id(self, realm: Realm) -> bytes:
        """Compute the proposal's id in a realm, 32 bytes."""
        return hashlib.sha256(realm.label("ceremony") + self.encode()).digest()


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


def approve(realm: Realm, proposal: Proposal, signer: Signer) -> Voice:
    """Approve a proposal."""
    return _speak(realm, proposal, signer, withdraws=False)


def withdraw(realm: Realm, proposal: Proposal, signer: Signer) -> Voice:
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
    verify(key, _message(realm, proposal, withdraws=voice.withdraws), voice.signature)


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


def _speak(realm: Realm, proposal: Proposal, signer: Signer, *, withdraws: bool) -> Voice:
    message = _message(realm, proposal, withdraws=withdraws)
    return Voice(key_id=signer.key_id, signature=signer.sign(message), withdraws=withdraws)


def _message(realm: Realm, proposal: Proposal, *, withdraws: bool) -> bytes:
    label = realm.label("ceremony-withdrawal" if withdraws else "ceremony-approval")
    return label + proposal.id(realm)
