"""The opening of a question's subject, and of nothing else: what a dispute seals to the registry's officer.

The log holds the request digest, which is made over a statement; the statement holds a commitment to the subject. The
opening is that commitment's own key and the subject. It opens no claim, whose commitments have keys of their own. To
the byte: docs/formats/dispute.md; golden vectors: tests/vectors/dispute.json.

Guarantees: `require` accepts an opening only if it is of the subject that the statement's digest, and so the log's
entry, is about. Nobody but the holder of the question can make one.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from padan import canonical, commitment, sealing
from padan.errors import DisputeError, SealingError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from padan.sealing import Recipient
    from padan.v1 import verification_pb2

_KEY, _SUBJECT = 1, 2
_KEY_SIZE: Final = 32
_NIK_SIZE: Final = 16
MAX_BOX: Final = 512
"""Size of the largest box: an opening has a NIK of 16 bytes, or a token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A subject and the key of its commitment.

    Attributes:
        key: 32 bytes.
        nik: the resident's number; empty where a token names it.
        token: a token of the agency's; empty where a number does.
    """

    key: bytes = field(repr=False)
    nik: str = field(default="", repr=False)
    token: bytes = field(default=b"", repr=False)

    def encode(self) -> bytes:
        """Encode it."""
        subject = commitment.KIND_NIK + self.nik.encode() if self.nik else commitment.KIND_TOKEN + self.token
        return canonical.encode({_KEY: self.key, _SUBJECT: subject})


def of(request: verification_pb2.VerifyRequest) -> Opening:
    """Open the subject of one's own question."""
    key = commitment.Blinder(request.blind).subject_key()
    return Opening(key=key, nik=request.nik, token=request.subject_token)


def decode(data: bytes) -> Opening:
    """Read an opening.

    Raises:
        DisputeError: reason "opening": malformed.
    """
    try:
        fields = canonical.decode(data)
        key, subject = fields.pop(_KEY), fields.pop(_SUBJECT)
        kind, value = subject[:1], subject[1:]
        nik = value.decode("ascii") if kind == commitment.KIND_NIK else ""
    except (KeyError, ValueError):
        raise DisputeError("what is sealed is no opening", reason="opening") from None
    is_nik = len(nik) == _NIK_SIZE and nik.isdigit()
    is_token = kind == commitment.KIND_TOKEN and bool(value)
    if fields or len(key) != _KEY_SIZE or not (is_nik or is_token):
        raise DisputeError("what is sealed is no opening", reason="opening")
    return Opening(key=key, nik=nik) if nik else Opening(key=key, token=value)


def require(opening: Opening, statement: bytes) -> None:
    """See that an opening is of the subject that a statement commits to.

    Raises:
        DisputeError: reason "subject": it is of another one; "statement": the statement is malformed.
    """
    try:
        fields = canonical.decode(statement)
    except canonical.CanonicalError:
        raise DisputeError("the statement is malformed", reason="statement") from None
    number = commitment.NIK_FIELD if opening.nik else commitment.TOKEN_FIELD
    committed = fields.get(number, b"")
    found = commitment.open_subject(opening.key, nik=opening.nik, token=opening.token)
    if not hmac.compare_digest(committed, found):
        raise DisputeError("the opening is not of the subject that was asked about", reason="subject")


def seal(
    request: verification_pb2.VerifyRequest,
    agency: str,
    *,
    registry_id: str,
    environment: str,
    public_key: bytes,
    committed: Sequence[bytes] = (),
) -> bytes:
    """Seal the opening of one's own question to the registry's officer.

    Args:
        request: the question.
        agency: id of the agency that asked, from its certificate.
        registry_id: of the service.
        environment: of the service.
        public_key: the officer's, X25519, 32 bytes.
        committed: the commitments to what was captured beside the question.

    Raises:
        DisputeError: reason "key": the key is not usable.
    """
    digest = commitment.statement_digest(commitment.statement(request, agency, committed))
    info = _info(registry_id, environment, digest)
    try:
        return sealing.seal(of(request).encode(), public_key=public_key, info=info)
    except SealingError as error:
        raise DisputeError(error.message, reason=error.reason) from None


def unseal(
    box: bytes, *, statement: bytes, registry_id: str, environment: str, recipient: Recipient
) -> Opening:
    """Open a box as the officer, and see that the opening is of the statement's subject.

    Raises:
        DisputeError: it does not open, or holds something else.
    """
    info = _info(registry_id, environment, commitment.statement_digest(statement))
    try:
        plain = recipient.open(box, info=info)
    except SealingError as error:
        raise DisputeError(error.message, reason=error.reason) from None
    opening = decode(plain)
    require(opening, statement)
    return opening


def _info(registry_id: str, environment: str, digest: bytes) -> bytes:
    return canonical.prefixed("padan", "dispute-opening", "1", registry_id, environment) + digest
