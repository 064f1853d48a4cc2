"""What an agency opens a dispute with, its id, and what of it is kept (docs/formats/dispute.md). Pure.

A case names claims, never a value. Whom it is about is sealed to the officer; the service keeps the box and cannot
open it.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import Final

from padan import canonical, commitment
from verifier.dispute.errors import CaseFileError

ID_SIZE: Final = 16
"""Characters of a dispute's id."""
_CONTEST, _CLAIMS, _STATEMENT, _KEY_ID, _BOX = range(1, 6)
_FIELDS: Final = [_CONTEST, _CLAIMS, _STATEMENT, _KEY_ID, _BOX]
_ID_LABEL: Final = ("padan", "dispute", "1")
_ORDER_LABEL: Final = canonical.prefixed("padan", "dispute-order", "1")
_ATTRIBUTE_SIZE: Final = 2


def dispute_id(agency: str, request_id: bytes) -> str:
    """Name the dispute that a request opens: 16 characters of base32, lower case.

    Args:
        agency: id of the agency.
        request_id: the UUID, 16 bytes.
    """
    named = hashlib.sha256(canonical.prefixed(*_ID_LABEL, agency) + request_id).digest()
    return base64.b32encode(named[:10]).decode().lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is kept of a dispute.

    Attributes:
        contest: the reference of the answer.
        claims: the disputed attributes, numbers of padan.v1.Attribute, ascending.
        statement: what the request digest is made over.
        key_id: of the key that the box is sealed to.
        box: the sealed opening.
    """

    contest: str
    claims: tuple[int, ...]
    statement: bytes
    key_id: str
    box: bytes

    @property
    def digest(self) -> bytes:
        """The request digest that the statement makes, 32 bytes."""
        return commitment.statement_digest(self.statement)

    def order(self, agency: str, request_id: bytes) -> bytes:
        """Digest what is asked for, 32 bytes: a repetition with the same is the same dispute.

        The box is left out, because sealing the same again gives other bytes.
        """
        fields = {
            1: agency.encode(),
            2: request_id,
            3: self.contest.encode(),
            4: _pack(self.claims),
            5: self.digest,
        }
        return hashlib.sha256(_ORDER_LABEL + canonical.encode(fields)).digest()

    def encode(self) -> bytes:
        """Encode it as it is kept."""
        return canonical.encode(
            {
                _CONTEST: self.contest.encode(),
                _CLAIMS: _pack(self.claims),
                _STATEMENT: self.statement,
                _KEY_ID: self.key_id.encode(),
                _BOX: self.box,
            }
        )


def decode(data: bytes) -> Case:
    """Read what was kept.

    Raises:
        CaseFileError: malformed.
    """
    try:
        fields = canonical.decode(data)
        if list(fields) != _FIELDS or len(fields[_CLAIMS]) % _ATTRIBUTE_SIZE:
            raise CaseFileError("what is kept of the dispute is malformed")
        packed = fields[_CLAIMS]
        return Case(
            contest=fields[_CONTEST].decode(),
            claims=unpack(packed),
            statement=fields[_STATEMENT],
            key_id=fields[_KEY_ID].decode(),
            box=fields[_BOX],
        )
    except ValueError as error:
        raise CaseFileError("what is kept of the dispute is malformed") from error


def unpack(packed: bytes) -> tuple[int, ...]:
    """Read a run of attributes, u16 each."""
    return tuple(int.from_bytes(packed[at : at + 2], "big") for at in range(0, len(packed), _ATTRIBUTE_SIZE))


def _pack(claims: tuple[int, ...]) -> bytes:
    return b"".join(number.to_bytes(_ATTRIBUTE_SIZE, "big") for number in claims)
