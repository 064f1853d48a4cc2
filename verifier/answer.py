"""The answer's bytes: both variants that a commit can release, and the claims of the receipt."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING

from padan.v1 import attribute_pb2, verification_pb2
from verifier import decision
from verifier.intent import Variant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from google.protobuf import timestamp_pb2

    from verifier.agreement.grant import Grant
    from verifier.epoch import PinnedEpoch

MERGE_DELAY_SECONDS = 60
_BYTE = [bytes((number,)) for number in range(128)]
_BLOCKED = _BYTE[decision.BLOCKED]
_TOKEN_TAG = b"\x22"  # field 4 of VerifyResponse, length-delimited; a token has less than 128 bytes
_ANSWER_TAG = b"\x0a"  # field 1 of VerifyBiometricResponse, length-delimited
_CLAIM_BYTES = 6
"""Size of an encoded verdict on a claim: attributes have numbers below 128, and the verdict is the last byte."""


def both(
    *,
    request_id: str,
    attributes: tuple[int, ...],
    outcome: int,
    verdicts: Sequence[int],
    per_claim: bool,
    as_of: bytes,
    token: bytes = b"",
) -> tuple[Variant, Variant]:
    """Serialise the released and the blocked answer, without what the commit adds: reference for disputes, receipt.

    Their size does not depend on what the answer is, but for the token that leaves with a match where one is asked for.

    The bytes are those that protobuf writes for padan.v1.VerifyResponse, put together by hand because every request
    needs two of them; a test holds the two ways equal.

    Args:
        attributes: what was claimed, in the order of the request.
        verdicts: one for each claim.
        per_claim: the agreement grants a verdict for each claim.
        as_of: the epoch's encoded field, from `as_of_field`.
        token: leaves with a match; empty where none is asked for.
    """
    front, back = b"\n$" + request_id.encode() + b"\x10", as_of
    given = _TOKEN_TAG + bytes((len(token),)) + token + back if token and outcome == decision.MATCH else back
    if not per_claim:
        return (
            Variant(outcome=outcome, verdicts=b"", body=front + _BYTE[outcome] + given),
            Variant(outcome=decision.BLOCKED, verdicts=b"", body=front + _BLOCKED + back),
        )
    shown = bytes(verdicts)
    blocked_claims = _blocked_claims(attributes)
    filled = bytearray(blocked_claims)
    filled[_CLAIM_BYTES - 1 :: _CLAIM_BYTES] = shown
    return (
        Variant(outcome=outcome, verdicts=shown, body=front + _BYTE[outcome] + filled + given),
        Variant(
            outcome=decision.BLOCKED,
            verdicts=_BLOCKED * len(attributes),
            body=front + _BLOCKED + blocked_claims + back,
        ),
    )


def enclosed(body: bytes) -> bytes:
    """Put a VerifyBiometricResponse around a serialised VerifyResponse."""
    return _ANSWER_TAG + varint(len(body)) + body


def varint(number: int) -> bytes:
    """Write a length as protobuf does."""
    out = bytearray()
    while number > 0x7F:  # noqa: PLR2004 - seven bits a byte
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def as_of_field(as_of: timestamp_pb2.Timestamp) -> bytes:
    """Encode the field as_of of a VerifyResponse."""
    return verification_pb2.VerifyResponse(as_of=as_of).SerializeToString()


@lru_cache(maxsize=1024)
def _blocked_claims(attributes: tuple[int, ...]) -> bytes:
    """Encode the field verdicts as it is where every claim is blocked."""
    response = verification_pb2.VerifyResponse(
        verdicts=[
            verification_pb2.ClaimVerdict(
                attribute=attribute_pb2.Attribute.ValueType(attribute), verdict=attribute_pb2.VERDICT_BLOCKED
            )
            for attribute in attributes
        ]
    )
    return response.SerializeToString()


def receipt_claims(*, request_id: str, digest: bytes, grant: Grant, epoch: PinnedEpoch) -> bytes:
    """Write the receipt's claims, without the closing brace and what only the commit knows."""
    return b'{"jti":"%s","digest":"%s"%s' % (
        request_id.encode(),
        digest.hex().encode(),
        _fixed_claims(
            epoch.registry_id,
            epoch.origin,
            grant.agency,
            f"{grant.agreement_id}@{grant.agreement_version}",
            epoch.number,
            epoch.key_versions,
        ),
    )


@lru_cache(maxsize=1024)
def _fixed_claims(  # noqa: PLR0917 - lru_cache keys by position
    issuer: str, origin: str, audience: str, agreement: str, epoch: int, keys: tuple[str, ...]
) -> bytes:
    claims = {
        "iss": issuer,
        "aud": audience,
        "origin": origin,
        "mmd": MERGE_DELAY_SECONDS,
        "agreement": agreement,
        "epoch": epoch,
        "keys": list(keys),
    }
    return ("," + json.dumps(claims, separators=(",", ":"))[1:-1]).encode()
