"""Write ceremony.json: golden vectors of proposals, their ids, approvals and withdrawals.

Usage: ceremony_generate.py [TARGET]

Written with struct, hashlib and the cryptography library from docs/formats/ceremony.md alone, where keys.ceremony uses
padan.canonical and libsodium, so that the vectors and the code check each other.
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
import sys
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

TARGET = Path(__file__).with_name("ceremony.json")
CASES = [
    (
        "registry",
        "production",
        bytes(range(32)),
        "budget.reset",
        b"\x00\x01\x00\x00\x00\x03abc",
        bytes(32),
        2,
    ),
    ("id.registry-2", "development", bytes([255]) * 32, "keyring.rotate", b"", bytes(range(100, 132)), 3),
]
CREATED, EXPIRES = 1_800_000_000, 1_800_086_400


def texts(*parts: str) -> bytes:
    """Join texts, each after its u16 length."""
    return b"".join(struct.pack(">H", len(part.encode())) + part.encode() for part in parts)


def field(number: int, value: bytes) -> bytes:
    """Write a field: number, length, value."""
    return struct.pack(">HI", number, len(value)) + value


def thumbprint(public: bytes) -> str:
    """Compute the key id (RFC 7638 over the members of RFC 8037)."""
    x = base64.urlsafe_b64encode(public).rstrip(b"=").decode()
    members = f'{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}'.encode()
    return base64.urlsafe_b64encode(hashlib.sha256(members).digest()).rstrip(b"=").decode()


def main() -> None:
    """Write the vectors."""
    vectors = []
    for registry, environment, seed, action, body, base, needed in CASES:
        private = Ed25519PrivateKey.from_private_bytes(seed)
        public = private.public_key().public_bytes_raw()
        nonce = hashlib.sha256(action.encode()).digest()[:16]
        proposal = b"".join(
            field(number, value)
            for number, value in enumerate(
                (
                    b"\x01",
                    action.encode(),
                    body,
                    base,
                    nonce,
                    struct.pack(">Q", CREATED),
                    struct.pack(">Q", EXPIRES),
                    bytes((needed,)),
                    thumbprint(public).encode(),
                ),
                1,
            )
        )

        def signed(construction: str, message: bytes, private: Ed25519PrivateKey, *realm: str) -> str:
            return private.sign(texts("padan", construction, "1", *realm) + message).hex()

        number = hashlib.sha256(texts("padan", "ceremony", "1", registry, environment) + proposal).digest()
        vectors.append(
            {
                "registry_id": registry,
                "environment": environment,
                "seed": seed.hex(),
                "key_id": thumbprint(public),
                "action": action,
                "body": body.hex(),
                "base": base.hex(),
                "nonce": nonce.hex(),
                "created": CREATED,
                "expires": EXPIRES,
                "needed": needed,
                "proposal": proposal.hex(),
                "id": number.hex(),
                "approval": signed("ceremony-approval", number, private, registry, environment),
                "withdrawal": signed("ceremony-withdrawal", number, private, registry, environment),
            }
        )
    content = {
        "source": "docs/formats/ceremony.md; RFC 8032, RFC 7638, RFC 8037",
        "generator": "tests/vectors/ceremony_generate.py",
        "vectors": vectors,
    }
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET
    target.write_text(json.dumps(content, indent=1, ensure_ascii=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
