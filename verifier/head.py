"""The head of a log entry, as the worker writes it: who asked, under what, about whom, which kinds of claim.

What does not change from one request of a caller to the next is encoded once and kept.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from padan import canonical
from padan.entry import EntryKind, Field

if TYPE_CHECKING:
    from collections.abc import Sequence

    from verifier.agreement.grant import Grant
    from verifier.identity import Peer

_SUBJECT, _NONCE, _PERIOD, _REQUEST_ID = (
    canonical.header(number, 16) for number in (Field.SUBJECT, Field.NONCE, Field.PERIOD, Field.REQUEST_ID)
)
_DIGEST = canonical.header(Field.REQUEST_DIGEST, 32)


def question(
    *,
    peer: Peer,
    grant: Grant,
    officer: str,
    on_behalf_of: str,
    legal_basis: int,
    consent_receipt: str,
    subject: bytes,
    nonce: bytes,
    period: bytes,
    attributes: tuple[int, ...],
    digest: bytes,
    request_id: bytes,
    epoch: int,
    versions: bytes,
    tokens: bytes = b"",
    kind: EntryKind = EntryKind.VERIFY,
    detail: bytes = b"",
) -> bytes:
    """Encode the head of a question about a resident.

    Args:
        subject: the blind reference, 16 bytes.
        nonce: of the reference, 16 bytes.
        period: id of the audit period, 16 bytes.
        digest: the blinded request digest, 32 bytes.
        request_id: 16 bytes.
        versions: the encoded fields KEY_VERSIONS and POLICY_VERSIONS of the epoch.
        tokens: the encoded field TOKENS, from `tokens`.
        kind: of the question.
        detail: the encoded field DETAIL, from `detail`.
    """
    return b"".join(
        (
            _front(kind, peer, grant, officer, on_behalf_of, legal_basis, consent_receipt),
            *(_SUBJECT, subject),
            *(_NONCE, nonce),
            *(_PERIOD, period),
            _claims(attributes),
            *(_DIGEST, digest),
            _epoch(epoch),
            versions,
            _back(grant),
            detail,
            *(_REQUEST_ID, request_id),
            tokens,
        )
    )


@lru_cache(maxsize=1024)
def tokens(subject: str, issued: str) -> bytes:
    """Encode which token named the subject, and which one leaves with a match: domain and version; empty for none."""
    named = [f"subject={subject}".encode()] if subject else []
    named += [f"issue={issued}".encode()] if issued else []
    return canonical.encode({Field.TOKENS: canonical.encode_list(named)}) if named else b""


@lru_cache(maxsize=1024)
def detail(texts: tuple[str, ...]) -> bytes:
    """Encode what else is told, each "name=value"; never about a resident."""
    return canonical.encode({Field.DETAIL: canonical.encode_list(text.encode() for text in texts)})


@lru_cache(maxsize=1024)
def _claims(attributes: tuple[int, ...]) -> bytes:
    return canonical.encode({Field.CLAIMS: b"".join(number.to_bytes(2, "big") for number in attributes)})


@lru_cache(maxsize=8)
def _epoch(number: int) -> bytes:
    return canonical.encode({Field.EPOCH: number.to_bytes(4, "big")})


def refusal(
    *,
    reason: int,
    peer: Peer | None,
    officer: str = "",
    purpose: str = "",
    subject: tuple[bytes, bytes, bytes] | None = None,
    request_id: bytes = b"",
) -> bytes:
    """Encode the head of a refused request; what of it was valid is recorded.

    Args:
        reason: the padan.v1.ErrorReason.
        peer: the caller; None where the certificate names none.
        subject: reference, nonce and period where the request named a valid subject.
    """
    fields: dict[int, bytes] = {
        Field.KIND: int(EntryKind.REFUSED).to_bytes(2, "big"),
        Field.REASON: reason.to_bytes(2, "big"),
    }
    if peer is not None:
        fields |= {Field.AGENCY: peer.id.encode(), Field.CERTIFICATE: peer.fingerprint}
    if officer:
        fields[Field.OFFICER] = officer.encode()
    if purpose:
        fields[Field.PURPOSE] = purpose.encode()
    if subject is not None:
        fields |= dict(zip((Field.SUBJECT, Field.NONCE, Field.PERIOD), subject, strict=True))
    if request_id:
        fields[Field.REQUEST_ID] = request_id
    return canonical.encode(fields)


def versions(key_versions: Sequence[str], policy_versions: Sequence[str]) -> bytes:
    """Encode the fields that name an epoch's keys and policies."""
    return canonical.encode(
        {
            Field.KEY_VERSIONS: canonical.encode_list(text.encode() for text in key_versions),
            Field.POLICY_VERSIONS: canonical.encode_list(text.encode() for text in policy_versions),
        }
    )


@lru_cache(maxsize=4096)
def _front_of(  # noqa: PLR0917 - lru_cache keys by position
    kind: EntryKind,
    agency: str,
    officer: str,
    fingerprint: bytes,
    on_behalf_of: str,
    agreement: tuple[str, int, str, str, int],
    legal_basis: int,
    consent_receipt: str,
) -> bytes:
    agreement_id, version, clause, purpose, lawful_use = agreement
    fields: dict[int, bytes] = {
        Field.KIND: int(kind).to_bytes(2, "big"),
        Field.AGENCY: agency.encode(),
        Field.OFFICER: officer.encode(),
        Field.CERTIFICATE: fingerprint,
        Field.AGREEMENT: agreement_id.encode(),
        Field.AGREEMENT_VERSION: version.to_bytes(4, "big"),
        Field.CLAUSE: clause.encode(),
        Field.PURPOSE: purpose.encode(),
        Field.LAWFUL_USE: bytes((lawful_use,)),
        Field.LEGAL_BASIS: bytes((legal_basis,)),
    }
    if on_behalf_of:
        fields[Field.ON_BEHALF_OF] = on_behalf_of.encode()
    if consent_receipt:
        fields[Field.CONSENT_RECEIPT] = consent_receipt.encode()
    return canonical.encode(fields)


def _front(  # noqa: PLR0917 - one call, above
    kind: EntryKind,
    peer: Peer,
    grant: Grant,
    officer: str,
    on_behalf_of: str,
    legal_basis: int,
    consent_receipt: str,
) -> bytes:
    agreement = (
        grant.agreement_id,
        grant.agreement_version,
        grant.clause,
        grant.purpose,
        grant.lawful_use,
    )
    return _front_of(
        kind, peer.id, officer, peer.fingerprint, on_behalf_of, agreement, legal_basis, consent_receipt
    )


def _back(grant: Grant) -> bytes:
    return _back_of(grant.sensitivity, grant.retention, grant.delayed_disclosure)


@lru_cache(maxsize=256)
def _back_of(sensitivity: int, retention: int, delayed_disclosure: str) -> bytes:
    fields: dict[int, bytes] = {
        Field.SENSITIVITY: bytes((sensitivity,)),
        Field.RETENTION: bytes((retention,)),
    }
    if delayed_disclosure:
        fields[Field.DELAYED_DISCLOSURE] = delayed_disclosure.encode()
    return canonical.encode(fields)
