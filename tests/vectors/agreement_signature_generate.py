"""Write agreement-signature.json: golden vectors of signatures over agreements.

Usage: agreement_signature_generate.py [TARGET]

Signs with the cryptography library and writes the label with struct, where verifier.agreement.sign uses libsodium and
padan.canonical, so that the vectors and the code check each other. Another language can be built from
docs/formats/agreement-signature.md.
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
import sys
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

TARGET = Path(__file__).with_name("agreement-signature.json")
CASES = [
    ("registry", "production", bytes(range(32)), "format = 1\n"),
    ("registry", "staging", bytes(range(32)), "format = 1\n"),
    ("id.registry-2", "development", bytes([255]) * 32, 'title = "Peserta \u2014 ✓"\r\n'),
    ("registry", "production", bytes(range(32)), ""),
]


def label(registry: str, environment: str) -> bytes:
    """Write the label: each text in UTF-8 with its u16 length before it."""
    texts = [text.encode() for text in ("padan", "agreement", "1", registry, environment)]
    return b"".join(struct.pack(">H", len(text)) + text for text in texts)


def thumbprint(public: bytes) -> str:
    """Compute the key id (RFC 7638 over the members of RFC 8037)."""
    x = base64.urlsafe_b64encode(public).rstrip(b"=").decode()
    members = f'{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}'.encode()
    return base64.urlsafe_b64encode(hashlib.sha256(members).digest()).rstrip(b"=").decode()


def main() -> None:
    """Write the vectors."""
    vectors = []
    for registry, environment, seed, document in CASES:
        private = Ed25519PrivateKey.from_private_bytes(seed)
        public = private.public_key().public_bytes_raw()
        vectors.append(
            {
                "registry_id": registry,
                "environment": environment,
                "seed": seed.hex(),
                "document": document,
                "label": label(registry, environment).hex(),
                "public_key": base64.b64encode(public).decode(),
                "key_id": thumbprint(public),
                "signature": private.sign(label(registry, environment) + document.encode()).hex(),
            }
        )
    content = {
        "source": "docs/formats/agreement-signature.md; RFC 8032, RFC 7638, RFC 8037",
        "generator": "tests/vectors/agreement_signature_generate.py",
        "vectors": vectors,
    }
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET
    target.write_text(json.dumps(content, indent=1, ensure_ascii=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
