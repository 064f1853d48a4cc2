"""The receipt: the service's signed word that it gave this answer to this question and logged it.

A receipt is a JWS in compact serialisation (RFC 7515), algorithm Ed25519 (RFC 9864), type `padan-receipt+jwt`. It names
neither the subject nor the claims: it carries the blinded request digest, which only the holder of the question can
recompute. To the byte: docs/formats/receipt.md.

Guarantees: `check` accepts exactly the bytes that were signed, by a key of the given set; every other byte string
raises `ReceiptError`. A receipt proves what was answered; that the entry stands in the log is proven by the log.
Assumes the extra `receipts` (joserfc).
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from padan.errors import ReceiptError
from padan.vocabulary import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from padan.asked import AskedQuestion
    from padan.question import Question

ALGORITHM: Final = "Ed25519"
TYPE: Final = "padan-receipt+jwt"
MAX_SIZE: Final = 4096
_HEADER_NAMES = frozenset({"alg", "typ", "kid"})
_SEGMENTS = 3
_TEXTS = ("iss", "aud", "jti", "origin", "leaf", "digest", "outcome", "agreement")
_NUMBERS = ("iat", "mmd", "epoch")
_LEAF = re.compile(r"01[0-9a-f]{64}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_AGREEMENT = re.compile(r"[^@]+@[1-9][0-9]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a receipt says; its signature has been checked."""

    key_id: str
    """RFC 7638 thumbprint of the key that signed."""
    issuer: str
    """Id of the registry."""
    audience: str
    """Id of the agency that asked."""
    issued_at: datetime
    request_id: str
    origin: str
    """Name of the log."""
    leaf: bytes
    """The entry's public leaf, 33 bytes."""
    max_merge_delay: int
    """Seconds after which the leaf must be in the log's tree."""
    digest: bytes
    """The blinded request digest, 32 bytes."""
    outcome: Verdict
    agreement: str
    """Agreement and version, `id@version`."""
    epoch: int
    keys: tuple[str, ...]
    """Keys that were used, `purpose:id`."""


def check(
    token: str,
    keys: Mapping[str, Any],
    *,
    question: Question | AskedQuestion | None = None,
    audience: str | None = None,
    issuer: str | None = None,
) -> Receipt:
    """Verify a receipt and read it.

    Args:
        token: the JWS, compact.
        keys: the service's JWK Set, as a JSON object (`padan info --jwks`).
        question: recompute the digest from this question, and compare; one that was asked with captures is a
            `padan.AskedQuestion`.
        audience: the agency that must have asked; default any.
        issuer: the registry that must have answered; default any.

    Raises:
        ReceiptError: reason "shape", "key", "signature", "claims", "audience", "issuer" or "question".
    """
    header = _shape(token)
    verified = _verify(token, _key(keys, header["kid"]))
    receipt = _read(header["kid"], verified)
    if audience is not None and receipt.audience != audience:
        raise ReceiptError("the receipt was given to another agency", reason="audience")
    if issuer is not None and receipt.issuer != issuer:
        raise ReceiptError("the receipt was given by another registry", reason="issuer")
    if question is not None and not _belongs(receipt, question):
        raise ReceiptError(
            "the receipt belongs to another question, or to this one with other captures", reason="question"
        )
    return receipt


def _shape(token: str) -> dict[str, str]:
    """Check the outer shape and read the header; nothing in it is believed but the key's id."""
    segments = token.split(".")
    if len(token) > MAX_SIZE or len(segments) != _SEGMENTS:
        raise ReceiptError("this is no receipt: not a compact JWS", reason="shape")
    raw, _, _ = [_decode(segment) for segment in segments]
    header = _object(raw)
    if header.keys() != _HEADER_NAMES or not all(isinstance(value, str) for value in header.values()):
        raise ReceiptError("the header has not exactly alg, typ and kid", reason="shape")
    if header["alg"] != ALGORITHM or header["typ"] != TYPE:
        raise ReceiptError("the header names another algorithm or type", reason="shape")
    return header


def _decode(segment: str) -> bytes:
    """Decode base64url; refuse every spelling but the one that encoding gives."""
    try:
        raw = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except (binascii.Error, ValueError):
        raise ReceiptError("a part is not base64url", reason="shape") from None
    if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != segment:
        raise ReceiptError("a part is not canonical base64url", reason="shape")
    return raw


def _object(raw: bytes) -> dict[str, Any]:
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        raise ReceiptError("a part is not JSON", reason="shape") from None
    if not isinstance(value, dict):
        raise ReceiptError("a part is not a JSON object", reason="shape")
    return value


def _key(keys: Mapping[str, Any], key_id: str) -> OKPKey:
    entries = keys.get("keys")
    if not isinstance(entries, list):
        raise ReceiptError("the keys are no JWK Set", reason="key")
    for entry in entries:
        if isinstance(entry, dict) and entry.get("kid") == key_id:
            return _import(entry)
    raise ReceiptError("the receipt was signed by a key that is not in the set", reason="key")


def _import(entry: dict[str, Any]) -> OKPKey:
    try:
        key = OKPKey.import_key({name: entry[name] for name in ("kty", "crv", "x")})
    except (JoseError, ValueError, KeyError, TypeError):
        raise ReceiptError("the key of that id is not usable", reason="key") from None
    if entry["crv"] != "Ed25519" or key.thumbprint() != entry["kid"]:
        raise ReceiptError("the key is not the Ed25519 key that its id names", reason="key")
    return key


def _verify(token: str, key: OKPKey) -> bytes:
    try:
        return jws.deserialize_compact(token, key, algorithms=[ALGORITHM]).payload
    except (JoseError, ValueError):
        raise ReceiptError("the signature does not fit", reason="signature") from None


def _read(key_id: str, payload: bytes) -> Receipt:
    claims = _object(payload)
    _typed(claims)
    try:
        return Receipt(
            key_id=key_id,
            issuer=claims["iss"],
            audience=claims["aud"],
            issued_at=datetime.fromtimestamp(claims["iat"], tz=UTC),
            request_id=claims["jti"],
            origin=claims["origin"],
            leaf=bytes.fromhex(claims["leaf"]),
            max_merge_delay=claims["mmd"],
            digest=bytes.fromhex(claims["digest"]),
            outcome=Verdict[claims["outcome"]],
            agreement=claims["agreement"],
            epoch=claims["epoch"],
            keys=tuple(claims["keys"]),
        )
    except (KeyError, ValueError, OverflowError, OSError):
        raise ReceiptError("a claim of the receipt is not readable", reason="claims") from None


def _typed(claims: dict[str, Any]) -> None:
    keys = claims.get("keys")
    good = (
        all(isinstance(claims.get(name), str) for name in _TEXTS)
        and all(type(claims.get(name)) is int and claims[name] >= 0 for name in _NUMBERS)
        and isinstance(keys, list)
        and all(isinstance(item, str) for item in keys)
        and _LEAF.fullmatch(claims["leaf"])
        and _DIGEST.fullmatch(claims["digest"])
        and _AGREEMENT.fullmatch(claims["agreement"])
    )
    if not good:
        raise ReceiptError("a claim of the receipt is missing or malformed", reason="claims")


def _belongs(receipt: Receipt, question: Question | AskedQuestion) -> bool:
    same = hmac.compare_digest(receipt.digest, question.digest(receipt.audience))
    return same and receipt.request_id == question.request_id
