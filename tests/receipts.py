"""Receipts as the service gives them, for leaves that a test chooses."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from joserfc import jws
from joserfc.jwk import OKPKey

from tests.publishing import ORIGIN

if TYPE_CHECKING:
    from pathlib import Path

KEY, OTHER = (OKPKey.generate_key("Ed25519", private=True) for _ in range(2))
"""The service's key, and that of somebody else."""
DELAY = 60


def write_keys(path: Path) -> Path:
    """Write the service's keys, as `padan info --jwks` prints them."""
    entry = {"kty": "OKP", "crv": "Ed25519", "x": KEY.as_dict(private=False)["x"], "kid": KEY.thumbprint()}
    path.write_text(json.dumps({"keys": [entry]}))
    return path


def write(path: Path, leaf: bytes, *, age: float = 3_600, signer: OKPKey = KEY, origin: str = ORIGIN) -> Path:
    """Write a receipt for a leaf, given some seconds ago."""
    head = {"alg": "Ed25519", "typ": "padan-receipt+jwt", "kid": KEY.thumbprint()}
    claims: dict[str, Any] = {
        "iss": "registry.test",
        "aud": "tax",
        "jti": "5c7e5a0e-0000-4000-8000-000000000000",
        "origin": origin,
        "leaf": leaf.hex(),
        "mmd": DELAY,
        "digest": "00" * 32,
        "outcome": "MATCH",
        "agreement": "PKS/1@1",
        "epoch": 1,
        "keys": [],
        "iat": int(time.time() - age),
    }
    path.write_text(jws.serialize_compact(head, json.dumps(claims), signer, algorithms=["Ed25519"]) + "\n")
    return path
