"""The answer's bytes: both variants that a commit can release, and the claims of the receipt."""

from __future__ import annotations

import base64
import json
from functools import lru_cache
from typing import TYPE_CHECKING

from padan.v1 import verification_pb2
from verifier import decision
from verifier.intent import Variant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from verifier.agreement.grant import Grant
    from verifier.epoch import PinnedEpoch

MERGE_DELAY_SECONDS = 60
_CONTEST_BYTES = 10


def contest(digest: bytes) -> str:
    """Make the reference for the redress path from the blinded request digest: 16 characters."""
    return base64.b32encode(digest[:_CONTEST_BYTES]).decode()


def variant(
    *,
    request_id: str,
    attributes: Sequence[int],
    outcome: int,
    verdicts: Sequence[int],
    grant: Grant,
    epoch: PinnedEpoch,
    reference: str,
) -> Variant:
    """Serialise one answer; its size does not depend on what the answer is."""
    response = verification_pb2.VerifyResponse(
        request_id=request_id, outcome=outcome, as_of=epoch.as_of, contest=reference
    )
    if grant.per_claim:
        for attribute, verdict in zip(attributes, verdicts, strict=True):
            response.verdicts.add(attribute=attribute, verdict=verdict)
    return Variant(
        outcome=outcome,
        verdicts=bytes(verdicts) if grant.per_claim else b"",
        body=response.SerializeToString(),
    )


def blocked(
    *,
    request_id: str,
    attributes: Sequence[int],
    grant: Grant,
    epoch: PinnedEpoch,
    reference: str,
) -> Variant:
    """Serialise the answer of a spent budget: every verdict is BLOCKED."""
    return variant(
        request_id=request_id,
        attributes=attributes,
        outcome=decision.BLOCKED,
        verdicts=[decision.BLOCKED] * len(attributes),
        grant=grant,
        epoch=epoch,
        reference=reference,
    )


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
