"""Write dispute.json: golden vectors of what a dispute seals, says and decides.

Usage: dispute_generate.py [TARGET]

Computes with the standard library's hmac, an encoder of its own and the steps of RFC 9180 written out, and not with
padan or verifier, so that page, vectors and code check each other (docs/formats/dispute.md). Only the primitives
X25519, AES-GCM and Ed25519 come from a library.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import sys
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

TARGET = Path(__file__).with_name("dispute.json")
REGISTRY, ENVIRONMENT, AGENCY = "vector-registry", "staging", "clinic"
OFFICER_KEY = bytes(range(64, 96))
EPHEMERAL_KEY = bytes(range(96, 128))
SIGNING_SEED = bytes(range(128, 160))
SUITE_ID = b"HPKE" + bytes.fromhex("002000010002")
KEM_ID = b"KEM" + bytes.fromhex("0020")


def prefixed(*texts: str) -> bytes:
    """Write a label."""
    return b"".join(len(text).to_bytes(2, "big") + text.encode() for text in texts)


def canonical(fields: dict[int, bytes]) -> bytes:
    """Write fields."""
    return b"".join(
        number.to_bytes(2, "big") + len(value).to_bytes(4, "big") + value for number, value in fields.items()
    )


def mac(key: bytes, message: bytes) -> bytes:
    """HMAC-SHA-256."""
    return hmac.new(key, message, hashlib.sha256).digest()


def extract(suite: bytes, salt: bytes, name: bytes, secret: bytes) -> bytes:
    """LabeledExtract of RFC 9180, section 4."""
    return mac(salt or bytes(32), b"HPKE-v1" + suite + name + secret)


def expand(suite: bytes, key: bytes, name: bytes, info: bytes, size: int) -> bytes:
    """LabeledExpand of RFC 9180, section 4, for one block."""
    return mac(key, size.to_bytes(2, "big") + b"HPKE-v1" + suite + name + info + b"\x01")[:size]


def hpke(plaintext: bytes, info: bytes, to: bytes = OFFICER_KEY, drawn: bytes = EPHEMERAL_KEY) -> bytes:
    """Seal in base mode with a fixed ephemeral key to the public half of a private one: enc and ciphertext."""
    recipient = X25519PrivateKey.from_private_bytes(to).public_key().public_bytes_raw()
    ephemeral = X25519PrivateKey.from_private_bytes(drawn)
    enc = ephemeral.public_key().public_bytes_raw()
    agreed = ephemeral.exchange(X25519PublicKey.from_public_bytes(recipient))
    shared = expand(KEM_ID, extract(KEM_ID, b"", b"eae_prk", agreed), b"shared_secret", enc + recipient, 32)
    context = (
        b"\x00" + extract(SUITE_ID, b"", b"psk_id_hash", b"") + extract(SUITE_ID, b"", b"info_hash", info)
    )
    secret = extract(SUITE_ID, shared, b"secret", b"")
    key = expand(SUITE_ID, secret, b"key", context, 32)
    nonce = expand(SUITE_ID, secret, b"base_nonce", context, 12)
    return enc + AESGCM(key).encrypt(nonce, plaintext, b"")


def thumbprint(curve: str, public: bytes) -> str:
    """RFC 7638 over an OKP key."""
    spelt = base64.urlsafe_b64encode(public).rstrip(b"=").decode()
    members = f'{{"crv":"{curve}","kty":"OKP","x":"{spelt}"}}'
    return base64.urlsafe_b64encode(hashlib.sha256(members.encode()).digest()).rstrip(b"=").decode()


def opening(name: str, kind: int, subject: bytes, field: int) -> dict[str, Any]:
    """Compute everything about one question's subject."""
    key = mac(bytes(range(1, 33)), b"subject")
    kinded = bytes((kind,)) + subject
    commitment = hashlib.sha256(prefixed("padan/subject-commitment/1") + key + kinded).digest()
    statement = canonical(
        {1: b"0b5fd3a4-6ea5-4b4e-9b0d-3f1c2a7d9e10", field: commitment, 8: bytes(64), 1000: AGENCY.encode()}
    )
    digest = hashlib.sha256(prefixed("padan/request-digest/1") + statement).digest()
    info = prefixed("padan", "dispute-opening", "1", REGISTRY, ENVIRONMENT) + digest
    plain = canonical({1: key, 2: kinded})
    return {
        "name": name,
        "subject": subject.hex() if kind == 2 else subject.decode(),
        "kind": kind,
        "statement": statement.hex(),
        "digest": digest.hex(),
        "opening": plain.hex(),
        "info": info.hex(),
        "box": (b"\x01" + hpke(plain, info)).hex(),
    }


def dispute(digest: bytes) -> dict[str, Any]:
    """Compute the references and the decision of one dispute."""
    request_id = bytes.fromhex("7d9f6c1e02c44f4e8a575a0f3f7c2b11")
    second = 1_795_000_000
    contest = second.to_bytes(4, "big").hex() + digest[:8].hex()
    named = hashlib.sha256(prefixed("padan", "dispute", "1", AGENCY) + request_id).digest()[:10]
    reference = base64.b32encode(named).decode().lower()
    order = canonical(
        {1: AGENCY.encode(), 2: request_id, 3: contest.encode(), 4: bytes.fromhex("00010004"), 5: digest}
    )
    decision = canonical(
        {
            1: reference.encode(),
            2: AGENCY.encode(),
            3: digest,
            4: b"\x03",
            5: b"\x01",
            6: (second * 1000 + 3_600_123).to_bytes(8, "big"),
        }
    )
    signer = Ed25519PrivateKey.from_private_bytes(SIGNING_SEED)
    label = prefixed("padan", "dispute-decision", "1", REGISTRY, ENVIRONMENT)
    return {
        "request_id": "7d9f6c1e-02c4-4f4e-8a57-5a0f3f7c2b11",
        "second": second,
        "contest": contest,
        "claims": [1, 4],
        "dispute_id": reference,
        "order": hashlib.sha256(prefixed("padan", "dispute-order", "1") + order).hexdigest(),
        "decision": decision.hex(),
        "decided_ms": second * 1000 + 3_600_123,
        "signature": signer.sign(label + decision).hex(),
        "signer": thumbprint("Ed25519", signer.public_key().public_bytes_raw()),
    }


def main() -> None:
    """Write the file."""
    public = X25519PrivateKey.from_private_bytes(OFFICER_KEY).public_key().public_bytes_raw()
    vectors = [
        opening("a number", 1, b"9971014101909001", 6),
        opening("a token", 2, bytes.fromhex("01" + "ab" * 48), 7),
    ]
    document = {
        "source": "own construction, docs/formats/dispute.md",
        "generator": "tests/vectors/dispute_generate.py",
        "registry": REGISTRY,
        "environment": ENVIRONMENT,
        "agency": AGENCY,
        "private_key": OFFICER_KEY.hex(),
        "key_id": thumbprint("X25519", public),
        "signing_seed": SIGNING_SEED.hex(),
        "openings": vectors,
        "dispute": dispute(bytes.fromhex(vectors[0]["digest"])),
    }
    target = Path(sys.argv[1]) if sys.argv[1:] else TARGET
    target.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
