"""Writes keys.json: golden vectors of keyed values, HKDF infos, seals, blocks, period references and thumbprints.

Written apart from the package: the standard library and bare primitives only, from
docs/formats/keyed-values.md. Every key here is a counting pattern and every NIK is synthetic.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import struct
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import ECB

PATH = Path(__file__).with_name("keys.json")
REALMS = (("registry-test", "development"), ("r", "production"))
NIK = b"3273014507900001"


def pattern(start: int, size: int = 32) -> bytes:
    """Make a recognisable key: counting bytes."""
    return bytes((start + i) % 256 for i in range(size))


def texts(*parts: str) -> bytes:
    """Join texts, each after its u16 length."""
    return b"".join(struct.pack(">H", len(part.encode())) + part.encode() for part in parts)


def label(realm: tuple[str, str], construction: str, fmt: int = 1) -> bytes:
    """Write a label."""
    return texts("padan", construction, str(fmt), *realm)


def hmac256(key: bytes, message: bytes) -> bytes:
    """Compute HMAC-SHA-256."""
    return hmac.new(key, message, hashlib.sha256).digest()


def hkdf(key: bytes, info: bytes, size: int = 32) -> bytes:
    """Compute HKDF-SHA-256 with an empty salt, as RFC 5869 writes it."""
    pseudorandom = hmac256(bytes(32), key)
    output, block = b"", b""
    for counter in range(1, -(-size // 32) + 1):
        block = hmac256(pseudorandom, block + info + bytes([counter]))
        output += block
    return output[:size]


def keyed_values() -> list[dict[str, Any]]:
    """Make vectors of keyed values."""
    cases = [
        ("record", 0, 0, 0, 1, NIK),
        ("exact", 0, 1, 1, 1, pattern(0, 16) + b"SITI AMINAH"),
        ("exact", 0, 1, 1, 1, b""),
        ("dyadic", 0, 5, 0, 1, pattern(0, 16) + b"\x10\x12\x34"),
        ("handle", 65535, 65535, 255, 2, "nama é".encode()),
    ]
    return [
        {
            "registry": realm[0],
            "environment": realm[1],
            "construction": name,
            "source": source,
            "attribute": attribute,
            "profile": profile,
            "format": fmt,
            "prefix": (
                prefix := label(realm, name, fmt) + struct.pack(">HHB", source, attribute, profile)
            ).hex(),
            "key": (key := pattern(32 * number)).hex(),
            "value": value.hex(),
            "mac": hmac256(key, prefix + struct.pack(">I", len(value)) + value).hex(),
        }
        for realm in REALMS
        for number, (name, source, attribute, profile, fmt, value) in enumerate(cases)
    ]


def derivations() -> list[dict[str, Any]]:
    """Make vectors of HKDF infos and derived keys."""
    realm = REALMS[0]
    found = []
    for name, epoch, source, table, modality in (
        ("outer-token", 1, "registry", "person", ""),
        ("row-seal", 1, "registry", "person", ""),
        ("row-seal", 2**32 - 1, "police", "finger", "finger"),
    ):
        info = label(realm, name) + struct.pack(">I", epoch) + texts(source, table, modality)
        found.append(
            {
                "construction": name,
                "epoch": epoch,
                "source": source,
                "table": table,
                "modality": modality,
                "key": pattern(7).hex(),
                "info": info.hex(),
                "derived": hkdf(pattern(7), info).hex(),
            }
        )
    info = label(realm, "replay") + struct.pack(">I", 20_500)
    found.append(
        {
            "construction": "replay",
            "day": 20_500,
            "key": pattern(9).hex(),
            "info": info.hex(),
            "derived": hkdf(pattern(9), info).hex(),
        }
    )
    return found


def seals() -> list[dict[str, Any]]:
    """Make vectors of sealed boxes, with fixed nonces and with a keyring's prefix."""
    key, nonce = pattern(64), pattern(200, 12)
    aad = label(REALMS[0], "row") + texts("registry", "person") + struct.pack(">IB", 1, 1) + pattern(0, 16)
    return [
        {
            "key": key.hex(),
            "key_id": 0x01020304,
            "aad": aad.hex(),
            "plaintext": plaintext.hex(),
            "box": (box := nonce + AESGCM(key).encrypt(nonce, plaintext, aad)).hex(),
            "ring_box": (b"\x01\x01\x02\x03\x04" + box).hex(),
        }
        for plaintext in (b"", b"x", pattern(0, 900))
    ]


def blocks() -> list[dict[str, Any]]:
    """Make vectors of stored tokens."""
    encryptor = Cipher(AES256(pattern(96)), ECB()).encryptor()  # noqa: S305 - the construction under test
    return [
        {"key": pattern(96).hex(), "record_id": r.hex(), "token": encryptor.update(r).hex()}
        for r in (pattern(0, 16), bytes(16), b"\xff" * 16)
    ]


def period_references() -> list[dict[str, Any]]:
    """Make vectors of how log entries name their subjects."""
    key = pattern(128)
    return [
        {
            "period_key": key.hex(),
            "handle": handle.hex(),
            "nonce": nonce.hex(),
            "reference": hmac256(hmac256(key, handle), nonce)[:16].hex(),
        }
        for handle, nonce in ((pattern(0, 16), pattern(16, 16)), (pattern(0, 16), bytes(16)))
    ]


def thumbprints() -> list[dict[str, Any]]:
    """Make vectors of Ed25519 keys and their RFC 7638 ids."""
    seed = pattern(160)
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    x = base64.urlsafe_b64encode(public).rstrip(b"=").decode()
    members = json.dumps({"crv": "Ed25519", "kty": "OKP", "x": x}, separators=(",", ":"), sort_keys=True)
    digest = hashlib.sha256(members.encode()).digest()
    return [
        {
            "seed": seed.hex(),
            "public": public.hex(),
            "thumbprint": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        }
    ]


def build() -> str:
    """Write all vectors as text."""
    document = {
        "source": "Padan's own constructions, docs/formats/keyed-values.md",
        "generator": "tests/vectors/keys_generate.py",
        "keyed_values": keyed_values(),
        "derivations": derivations(),
        "seals": seals(),
        "blocks": blocks(),
        "period_references": period_references(),
        "thumbprints": thumbprints(),
    }
    return json.dumps(document, indent=1, ensure_ascii=True) + "\n"


if __name__ == "__main__":
    PATH.write_text(build(), encoding="ascii")
