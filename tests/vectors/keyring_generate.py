"""Writes the folder keyring/: a keyring, its history, its KEK file and passphrase, as docs/formats says to the byte.

Written apart from the package, from docs/formats/keyring.md and kek-file.md, with the standard library and
bare primitives. All randomness is fixed, so the files are the same at every run. The keys protect nothing.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import struct
from pathlib import Path
from typing import Any

from argon2.low_level import Type, hash_secret_raw
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

FOLDER = Path(__file__).with_name("keyring")
PASSPHRASE = "sebelas burung gereja di atap"
REGISTRY, ENVIRONMENT = "registry-golden", "staging"
ACTOR, AT = "golden", "2026-01-31T08:00:00Z"
KEK = bytes(range(100, 132))
HMAC_URL = "type.googleapis.com/google.crypto.tink.HmacKey"
ED25519_URL = "type.googleapis.com/google.crypto.tink.Ed25519PrivateKey"

KEYS: tuple[tuple[str, int, str, str, str, dict[str, str]], ...] = (
    ("attribute", 101, "active", "hmac-sha256", HMAC_URL, {"activated": AT}),
    ("from-a-newer-release", 909, "active", "new-algorithm", "example.org/new", {"activated": AT}),
    ("index", 202, "deactivated", "hmac-sha256", HMAC_URL, {"activated": AT, "deactivated": AT}),
    ("index", 203, "active", "hmac-sha256", HMAC_URL, {"activated": AT}),
    ("index", 204, "pre-active", "hmac-sha256", HMAC_URL, {}),
    ("receipt-signing", 305, "active", "ed25519", ED25519_URL, {"activated": AT}),
    (
        "receipt-signing",
        2**32 - 1,
        "destroyed",
        "ed25519",
        ED25519_URL,
        {"activated": AT, "compromised": AT, "destroyed": AT},
    ),
)
PRIMARY = {"attribute": 101, "from-a-newer-release": 909, "index": 203, "receipt-signing": 305}
STATUS = {
    "pre-active": "DISABLED",
    "active": "ENABLED",
    "deactivated": "ENABLED",
    "compromised": "DISABLED",
    "destroyed": "DESTROYED",
}


def texts(*parts: str) -> bytes:
    """Join texts, each after its u16 length."""
    return b"".join(struct.pack(">H", len(part.encode())) + part.encode() for part in parts)


def derived(name: str, size: int = 32) -> bytes:
    """Derive one of the KEK's own keys."""
    return HKDF(SHA256(), size, None, texts("padan", name, "1")).derive(KEK)


def material(key_id: int) -> bytes:
    """Make a key's bytes: counting up from the id's last byte."""
    return bytes((key_id + i) % 256 for i in range(32))


def pretty(document: Any) -> bytes:
    """Write a document as its file holds it."""
    return json.dumps(document, sort_keys=True, indent=2, ensure_ascii=True).encode() + b"\n"


def compact(document: Any) -> bytes:
    """Write a document as it is hashed."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def kek_file() -> bytes:
    """Write the KEK file."""
    salt, nonce, kek_id = bytes(range(16)), bytes(range(12)), derived("kek-id", 8)
    wrap = hash_secret_raw(PASSPHRASE.encode(), salt, 3, 65536, 4, 32, Type.ID)
    box = nonce + AESGCM(wrap).encrypt(nonce, KEK, texts("padan", "kek-file", "1") + kek_id)
    content = {
        "format": 1,
        "kdf": {
            "lanes": 4,
            "memoryKib": 65536,
            "name": "argon2id",
            "salt": base64.b64encode(salt).decode(),
            "time": 3,
            "version": 19,
        },
        "kek": [{"box": base64.b64encode(box).decode(), "id": kek_id.hex()}],
    }
    return pretty({**content, "sha256": hashlib.sha256(compact(content)).hexdigest()})


def events() -> list[bytes]:
    """Write the history's lines."""
    lines: list[bytes] = []
    previous = bytes(32)
    told = [("keyring-created", {"environment": ENVIRONMENT, "provider": "file", "registry": REGISTRY})]
    told += [("key-created", {"key_id": str(key[1]), "purpose": key[0]}) for key in KEYS]
    for number, (name, details) in enumerate(told, start=1):
        line = {
            "actor": ACTOR,
            "at": AT,
            "counter": number,
            "details": details,
            "event": name,
            "format": 1,
            "number": number,
            "previous": previous.hex(),
        }
        lines.append(compact(line) + b"\n")
        previous = hashlib.sha256(lines[-1]).digest()
    return lines


def key_entry(key: tuple[str, int, str, str, str, dict[str, str]]) -> Any:
    """Write one key."""
    purpose, key_id, state, algorithm, url, dates = key
    wrapped = b""
    if state != "destroyed":
        nonce = struct.pack(">QI", 0, key_id)
        place = texts("padan", "keyring-key", "1", REGISTRY, ENVIRONMENT) + texts(purpose)
        aad = place + struct.pack(">I", key_id)
        wrapped = nonce + AESGCM(derived("kek-wrap")).encrypt(nonce, material(key_id), aad)
    data = {
        "algorithm": algorithm,
        "keyMaterialType": "SYMMETRIC",
        "typeUrl": url,
        "wrapped": base64.b64encode(wrapped).decode(),
    }
    if algorithm == "ed25519":
        public = Ed25519PrivateKey.from_private_bytes(material(key_id)).public_key().public_bytes_raw()
        data |= {"keyMaterialType": "ASYMMETRIC_PRIVATE", "publicKey": base64.b64encode(public).decode()}
    return {
        "dates": {"created": AT, **dates},
        "keyData": data,
        "keyId": key_id,
        "outputPrefix": (b"\x01" + struct.pack(">I", key_id)).hex(),
        "outputPrefixType": "TINK",
        "state": state,
        "status": STATUS[state],
    }


def keyring(lines: list[bytes]) -> bytes:
    """Write the keyring."""
    content = {
        "counter": len(lines),
        "environment": ENVIRONMENT,
        "events": {"count": len(lines), "head": hashlib.sha256(lines[-1]).hexdigest()},
        "format": 1,
        "kek": derived("kek-id", 8).hex(),
        "keysets": {
            purpose: {"key": [key_entry(key) for key in KEYS if key[0] == purpose], "primaryKeyId": primary}
            for purpose, primary in PRIMARY.items()
        },
        "registry": REGISTRY,
    }
    body = compact(content)
    covered = texts("padan", "keyring", "1") + struct.pack(">I", len(body)) + body
    return pretty({**content, "mac": hmac.new(derived("kek-mac"), covered, hashlib.sha256).hexdigest()})


def build() -> dict[str, bytes]:
    """Write every file, by name."""
    lines = events()
    expected = {
        "source": "Padan's own formats, docs/formats/keyring.md and docs/formats/kek-file.md",
        "generator": "tests/vectors/keyring_generate.py",
        "kek": KEK.hex(),
        "materials": {str(key[1]): material(key[1]).hex() for key in KEYS if key[2] != "destroyed"},
    }
    return {
        "kek.json": kek_file(),
        "keyring.events.jsonl": b"".join(lines),
        "keyring.json": keyring(lines),
        "passphrase": PASSPHRASE.encode() + b"\n",
        "expected.json": json.dumps(expected, indent=1, sort_keys=True).encode() + b"\n",
    }


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, data in build().items():
        (FOLDER / name).write_bytes(data)
