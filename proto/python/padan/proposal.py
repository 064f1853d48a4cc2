"""Proposals that several people sign, as bytes: what the service's ceremonies and the tools of people outside it share.

    proposal id = SHA-256(label "ceremony" | proposal)
    approval    = Ed25519(label "ceremony-approval" | proposal id)

A proposal is a canonical encoding (padan.canonical): 1 format u8, 2 action, 3 body, 4 base (32 bytes), 5 nonce (16),
6 created and 7 expires (u64, seconds of the Unix epoch), 8 approvals needed (u8), 9 key id of the proposer. What
signatures come to is the service's to say. Format: docs/formats/ceremony.md.
"""

from __future__ import annotations

import enum
import hashlib
import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypedDict

from padan import canonical
from padan.errors import PadanError

if TYPE_CHECKING:
    from padan.place import Labels

FORMAT: Final = 1
BASE_SIZE: Final = 32
NONCE_SIZE: Final = 16
FEWEST: Final = 2
"""Least number of approvals of any ceremony: nobody decides alone."""
MOST: Final = 16
MAX_BODY: Final = 16_384
MAX_SECONDS: Final = 30 * 86_400
"""Longest time between a proposal and its end."""
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


class ProposalError(PadanError):
    """A proposal is malformed, of an unknown format, or out of bounds."""


class Parts(TypedDict):
    """The arguments of `Proposal`."""

    action: str
    body: bytes
    base: bytes
    nonce: bytes
    created: int
    expires: int
    needed: int
    proposer: str


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
        ProposalError: a part is out of its bounds.
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
            raise ProposalError("an action is words of a-z, 0-9 and '-', joined by '.', at most 64")
        if len(self.body) > MAX_BODY:
            raise ProposalError(f"the body of a proposal has at most {MAX_BODY} bytes")
        if len(self.base) != BASE_SIZE or len(self.nonce) != NONCE_SIZE:
            raise ProposalError("a proposal's base has 32 bytes and its nonce 16")
        if not 0 <= self.created < self.expires <= self.created + MAX_SECONDS:
            raise ProposalError("a proposal ends after it begins, and within 30 days")
        if not FEWEST <= self.needed <= MOST:
            raise ProposalError(f"a proposal needs {FEWEST} to {MOST} approvals")

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

    def id(self, place: Labels) -> bytes:
        """Compute the proposal's id in a registry and environment, 32 bytes."""
        return hashlib.sha256(place.label("ceremony") + self.encode()).digest()


def decode(data: bytes) -> Parts:
    """Read a canonical encoding: the arguments of `Proposal`.

    Raises:
        ProposalError: malformed, or of a format that this release does not know; bounds are for `Proposal` to check.
    """
    try:
        fields = canonical.decode(data)
        if fields[_Field.FORMAT] != bytes((FORMAT,)):
            raise ProposalError("the proposal has a format that this release does not know")
        if fields.keys() != set(_Field):
            raise ProposalError("the proposal has fields that this release does not know")
        (needed,) = fields[_Field.NEEDED]
        return Parts(
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
        raise ProposalError("the proposal is malformed") from error


def message(place: Labels, proposal: Proposal, *, withdraws: bool = False) -> bytes:
    """Give what is signed under a proposal: to approve it, or to end it."""
    return place.label("ceremony-withdrawal" if withdraws else "ceremony-approval") + proposal.id(place)
