"""The opening of a resident's trail as two auditors agree to it: their proposal's body, a commitment to the number.

    commitment = SHA-256(label "trail-subject" | blind 32 | the sixteen digits)

The proposal (`padan.proposal`, action "trail.open") commits to the number, so that its file says nobody's; blind and
number go to the service with it. Format: docs/formats/trail.md.
"""

from __future__ import annotations

import hashlib
import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from padan import canonical
from padan.proposal import Proposal, ProposalError

if TYPE_CHECKING:
    from padan.nik import Nik
    from padan.place import Labels

ACTION: Final = "trail.open"
SECONDS: Final = 3 * 86_400
"""Time between proposal and execution: that which the law gives for an answer."""
NEEDED: Final = 2
"""Auditors who must agree."""
BLIND_SIZE: Final = 32
ID_SIZE: Final = 16
HANDLE_SIZE: Final = 16
MAX_TEXT: Final = 200
TEXT_RULE: Final = "1 to 200 printable characters on one line"
_DIGEST_SIZE: Final = 32
_TEXT: Final = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029]{1,200}")
_ID, _COMMITMENT, _REASON, _MANDATE, _RECEIVED = 1, 2, 3, 4, 5
_TIME: Final = struct.Struct(">Q")


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What is proposed.

    Args:
        request_id: 16 random bytes; names the answer in the log.
        commitment: to the resident's number, 32 bytes.
        reason: why, for the log; never about the resident.
        mandate: what it rests on, such as the number of the resident's letter.
        received: when the resident asked, seconds of the Unix epoch; the clock of 3 x 24 hours begins then.

    Raises:
        ProposalError: a part is out of its bounds.
    """

    request_id: bytes
    commitment: bytes
    reason: str
    mandate: str
    received: int

    def __post_init__(self) -> None:
        if len(self.request_id) != ID_SIZE or len(self.commitment) != _DIGEST_SIZE:
            raise ProposalError("an opening's request id has 16 bytes and its commitment 32")
        if not (_TEXT.fullmatch(self.reason) and _TEXT.fullmatch(self.mandate)):
            raise ProposalError(f"reason and mandate are {TEXT_RULE} each")
        if not 0 <= self.received < 1 << 63:
            raise ProposalError("the time of the resident's request does not exist")

    def encode(self) -> bytes:
        """Write the proposal's body."""
        return canonical.encode(
            {
                _ID: self.request_id,
                _COMMITMENT: self.commitment,
                _REASON: self.reason.encode(),
                _MANDATE: self.mandate.encode(),
                _RECEIVED: _TIME.pack(self.received),
            }
        )


def read(proposal: Proposal) -> Opening:
    """Read what is proposed.

    Raises:
        ProposalError: it is for something else, or malformed.
    """
    if proposal.action != ACTION:
        raise ProposalError("the proposal is for something else than opening a trail")
    try:
        fields = canonical.decode(proposal.body)
        if fields.keys() != {_ID, _COMMITMENT, _REASON, _MANDATE, _RECEIVED}:
            raise ProposalError("the proposal's body has other fields than this release knows")
        return Opening(
            request_id=fields[_ID],
            commitment=fields[_COMMITMENT],
            reason=fields[_REASON].decode(),
            mandate=fields[_MANDATE].decode(),
            received=_TIME.unpack(fields[_RECEIVED])[0],
        )
    except (ValueError, struct.error) as error:
        raise ProposalError("the proposal's body is malformed") from error


def commit(place: Labels, *, blind: bytes, nik: Nik) -> bytes:
    """Commit to a number, 32 bytes.

    Args:
        place: the registry and environment.
        blind: 32 random bytes.
        nik: the number.
    """
    return hashlib.sha256(place.label("trail-subject") + blind + nik.value.encode()).digest()
