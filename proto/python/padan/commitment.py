"""How a question is bound without being shown: blinded commitments and the request digest.

The log and the receipt carry the request digest. It hashes a commitment in place of the subject and of each
claim, each under its own key derived from `blind`, 32 random bytes that only the caller and the running
service see. So a digest that leaks opens nothing, and in a dispute the caller can open the subject alone:
it hands out that one derived key. To the byte: docs/formats/commitment.md; golden vectors:
tests/vectors/commitment.json.

Guarantees: the digest depends on every field that has a meaning, and on the calling agency; it does not
depend on the client's version nor on how protobuf laid the bytes out. Assumes a blind that `check_blind`
accepted.
"""

from __future__ import annotations

import hashlib
import os
import struct
from typing import TYPE_CHECKING, NoReturn, TypeAlias

from padan import canonical
from padan.errors import InvalidRequestError, Violation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from padan.v1 import token_pb2, verification_pb2

Captured: TypeAlias = "Sequence[tuple[int, bytes]]"
"""What was captured, in the order of the request: number of the padan.v1.Modality, and the serialised Template."""

BLIND_SIZE = 32
COMMITMENT_SIZE = 32
DIGEST_SIZE = 32
KIND_NIK = b"\x01"
KIND_TOKEN = b"\x02"
NIK_FIELD = 6
TOKEN_FIELD = 7
AGENCY_FIELD = 1000
"""Number of the calling agency's id in the digest; no field of the message."""
PROBES_FIELD = 16
"""Number of the commitments to what was captured in the digest; no field of VerifyRequest."""
CLASS_FIELD = 1001
"""Number of the class of a question about an enrolment in the digest; no field of VerifyRequest."""

_SUBJECT_START = hashlib.sha256(canonical.prefixed("padan/subject-commitment/1"))
_CLAIM_START = hashlib.sha256(canonical.prefixed("padan/claim-commitment/1"))
_PROBE_START = hashlib.sha256(canonical.prefixed("padan/probe-commitment/1"))
_DIGEST_START = hashlib.sha256(canonical.prefixed("padan/request-digest/1"))
_POSITION = struct.Struct(">5sI")
_CAPTURE = struct.Struct(">H32s")
_ATTRIBUTE = struct.Struct(">H")
_ENUM = struct.Struct(">I")
_TIME = struct.Struct(">qI")
_INNER_PAD = bytes(byte ^ 0x36 for byte in range(256))  # RFC 2104
_OUTER_PAD = bytes(byte ^ 0x5C for byte in range(256))  # RFC 2104


def new_blind() -> bytes:
    """Draw a blind: 32 bytes of the operating system's randomness."""
    return os.urandom(BLIND_SIZE)


def check_blind(blind: bytes) -> None:
    """Refuse a blind that hides nothing.

    Raises:
        InvalidRequestError: not 32 bytes, or one byte repeated (all zero included).
    """
    if len(blind) != BLIND_SIZE:
        raise InvalidRequestError(
            "the blind is refused",
            reason="INVALID_FIELD",
            fields=(Violation(field="blind", rule="32 bytes"),),
        )
    if blind == blind[:1] * BLIND_SIZE:
        raise InvalidRequestError(
            "the blind is refused",
            reason="INVALID_FIELD",
            fields=(Violation(field="blind", rule="random, not one byte repeated"),),
        )


class Blinder:
    """Makes the commitments of one question. Keeps HMAC-SHA-256 keyed by the blind; has a redacting repr."""

    __slots__ = ("_inner", "_outer")

    def __init__(self, blind: bytes) -> None:
        padded = blind.ljust(64, b"\0")
        # The two keyed states are made once and copied: a third of the time of one HMAC call for each claim.
        self._inner = hashlib.sha256(padded.translate(_INNER_PAD))
        self._outer = hashlib.sha256(padded.translate(_OUTER_PAD))

    def subject_key(self) -> bytes:
        """Derive the key that opens the subject commitment and nothing else, 32 bytes."""
        return self._mac(b"subject")

    def subject(self, *, nik: str = "", token: bytes = b"") -> bytes:
        """Commit to a subject, 32 bytes; its NIK, or its token as on the wire."""
        return open_subject(self.subject_key(), nik=nik, token=token)

    def claim(self, position: int, attribute: int, value: str) -> bytes:
        """Commit to a claim, 32 bytes.

        Args:
            position: place in the request, from 0.
            attribute: number of the padan.v1.Attribute, u16.
            value: as typed.
        """
        # Written out instead of calling _mac: a request has many claims, and a call costs as much as a copy.
        inner, outer, state = self._inner.copy(), self._outer.copy(), _CLAIM_START.copy()
        inner.update(_POSITION.pack(b"claim", position))
        outer.update(inner.digest())
        state.update(outer.digest() + _ATTRIBUTE.pack(attribute) + value.encode())
        return state.digest()

    def probe(self, position: int, modality: int, template: bytes) -> bytes:
        """Commit to what was captured, 32 bytes.

        Args:
            position: place in the request, from 0.
            modality: number of the padan.v1.Modality, u16.
            template: the serialised padan.v1.Template, as it was before it was padded and sealed.
        """
        state = _PROBE_START.copy()
        state.update(self._mac(_POSITION.pack(b"probe", position)))
        state.update(_CAPTURE.pack(modality, hashlib.sha256(template).digest()))
        return state.digest()

    def _mac(self, message: bytes) -> bytes:
        inner = self._inner.copy()
        inner.update(message)
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.digest()

    def __repr__(self) -> str:
        return "Blinder(<redacted>)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Blinder is not pickled")


def open_subject(key: bytes, *, nik: str = "", token: bytes = b"") -> bytes:
    """Recompute a subject commitment from its opened key, 32 bytes."""
    state = _SUBJECT_START.copy()
    state.update(key + (KIND_NIK + nik.encode() if nik else KIND_TOKEN + token))
    return state.digest()


def subject_commitment(blind: bytes, *, nik: str = "", token: bytes = b"") -> bytes:
    """Commit to a subject, 32 bytes."""
    return Blinder(blind).subject(nik=nik, token=token)


def claim_commitment(blind: bytes, position: int, attribute: int, value: str) -> bytes:
    """Commit to a claim, 32 bytes."""
    return Blinder(blind).claim(position, attribute, value)


def probe_commitments(blind: bytes, probes: Captured) -> tuple[bytes, ...]:
    """Commit to what was captured, 32 bytes each, in the order of the request."""
    blinder = Blinder(blind)
    return tuple(blinder.probe(position, *captured) for position, captured in enumerate(probes))


def request_digest(request: verification_pb2.VerifyRequest, agency: str, probes: Captured = ()) -> bytes:
    """Digest a request as the log and the receipt carry it, 32 bytes.

    Args:
        request: a request whose fields were checked.
        agency: id of the calling agency, from its certificate.
        probes: what was captured besides.
    """
    committed = probe_commitments(request.blind, probes) if probes else ()
    return statement_digest(statement(request, agency, committed))


def statement_digest(stated: bytes) -> bytes:
    """Digest a statement, 32 bytes."""
    state = _DIGEST_START.copy()
    state.update(stated)
    return state.digest()


def statement(request: verification_pb2.VerifyRequest, agency: str, committed: Sequence[bytes] = ()) -> bytes:
    """Write what the request digest is made over: commitments in place of subject and claims, all else as it is.

    A dispute shows it, so that one commitment in it can be opened against the digest in the log.

    Args:
        request: a request whose fields were checked.
        agency: id of the calling agency, from its certificate.
        committed: the commitments to what was captured besides, from `probe_commitments`.
    """
    blinder = Blinder(request.blind)
    nik, token = request.nik, request.subject_token
    claims = b"".join(
        [
            blinder.claim(position, claim.attribute, claim.value)
            for position, claim in enumerate(request.claims)
        ]
    )
    fields = {
        1: request.request_id.encode(),
        3: request.purpose.encode(),
        4: request.officer.encode(),
        8: claims,
        9: _ENUM.pack(request.legal_basis),
        AGENCY_FIELD: agency.encode(),
    }
    if nik:
        fields[NIK_FIELD] = blinder.subject(nik=nik)
    if token:
        fields[TOKEN_FIELD] = blinder.subject(token=token)
    if request.on_behalf_of:
        fields[5] = request.on_behalf_of.encode()
    if request.consent_receipt:
        fields[10] = request.consent_receipt.encode()
    if request.HasField("not_after"):
        fields[11] = _TIME.pack(request.not_after.seconds, request.not_after.nanos)
    if request.issue_token:
        fields[12] = b"\x01"
    if committed:
        fields[PROBES_FIELD] = b"".join(committed)
    return canonical.encode(fields)


def enrolment_digest(said: token_pb2.Circumstances, *, token: bytes, category: str, agency: str) -> bytes:
    """Digest a question about an enrolment as the log and the receipt carry it, 32 bytes.

    The fields are those of a VerifyRequest that names its subject by token and claims nothing, and the class.

    Args:
        said: who asks, and why; checked.
        token: of the resident.
        category: the class.
        agency: id of the calling agency, from its certificate.
    """
    return enrolment_list_digest(said, tokens=(token,), category=category, agency=agency)


def enrolment_list_digest(
    said: token_pb2.Circumstances, *, tokens: Sequence[bytes], category: str, agency: str
) -> bytes:
    """Digest the same question about many residents, whose commitments follow each other in the request's order."""
    blinder = Blinder(said.blind)
    fields = {
        1: said.request_id.encode(),
        3: said.purpose.encode(),
        4: said.officer.encode(),
        TOKEN_FIELD: b"".join(blinder.subject(token=token) for token in tokens),
        9: _ENUM.pack(said.legal_basis),
        AGENCY_FIELD: agency.encode(),
        CLASS_FIELD: category.encode(),
    }
    if said.consent_receipt:
        fields[10] = said.consent_receipt.encode()
    if said.HasField("not_after"):
        fields[11] = _TIME.pack(said.not_after.seconds, said.not_after.nanos)
    return statement_digest(canonical.encode(fields))
