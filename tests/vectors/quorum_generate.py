"""Write quorum.json: golden vectors of a quorum: its shares, KEK, id, files, sealed shares and paper.

Usage: quorum_generate.py [TARGET]

Written from docs/formats/quorum.md, RFC 5869, RFC 9106, RFC 9180 and RFC 9496 alone, and on the group in plain integers
and the HPKE of the generators beside it, so that the vectors and the code check each other.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import runpy
import struct
import sys
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

TARGET = Path(__file__).with_name("quorum.json")
GROUP: dict[str, Any] = runpy.run_path(str(Path(__file__).with_name("auditors_generate.py")))
HPKE: dict[str, Any] = runpy.run_path(str(Path(__file__).with_name("dispute_generate.py")))
texts, fields, listed, text, times, number = (
    GROUP[name] for name in ("texts", "fields", "listed", "text", "times", "number")
)
ORDER: int = GROUP["L"]
REGISTRY, ENVIRONMENT = "registry.example", "production"
NAMES = ("ani", "budi", "cici")
THRESHOLD, GENERATION = 2, 3
PASSPHRASE = "the passphrase of ani"
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CHECKS = CROCKFORD + "*~$=U"


def label(name: str) -> bytes:
    """A label of this registry and environment."""
    found: bytes = texts("padan", name, "1", REGISTRY, ENVIRONMENT)
    return found


def drawn(name: str) -> bytes:
    """Draw 32 bytes by a name."""
    return hashlib.sha256(name.encode()).digest()


def hkdf(key: bytes, info: bytes, size: int = 32) -> bytes:
    """RFC 5869 without a salt, for one block."""
    return hmac.digest(hmac.digest(bytes(32), key, "sha256"), info + b"\x01", "sha256")[:size]


def grouped(data: bytes) -> list[str]:
    """Crockford's base32 in groups of four, each with its check symbol over place and value, modulo 37."""
    wanted = -(-len(data) * 8 // 20)
    data += bytes(-len(data) % 5)
    value = int.from_bytes(data, "big")
    symbols = [value >> shift & 31 for shift in range(len(data) * 8 - 5, -1, -5)]
    groups = []
    for place, at in enumerate(range(0, len(symbols), 4), 1):
        four = symbols[at : at + 4]
        weight = place
        for each in four:
            weight = weight * 32 + each
        groups.append("".join(CROCKFORD[each] for each in four) + CHECKS[weight % 37])
    return groups[:wanted]


def kept(
    card: bytes, keys: tuple[bytes, bytes], quorum: bytes, box_of_share: bytes
) -> tuple[bytes, dict[str, Any]]:
    """Seal ani's keys under the passphrase: the bytes for paper, and the file."""
    salt, nonce = drawn("salt")[:16], drawn("nonce")[:12]
    derived = Argon2id(salt=salt, length=32, iterations=3, lanes=4, memory_cost=65_536).derive(
        PASSPHRASE.encode()
    )
    inside = fields(drawn("sign ani"), drawn("seal ani"))
    box = nonce + AESGCM(derived).encrypt(nonce, inside, texts("padan", "custodian-private", "1") + card)
    body = b"\x01" + bytes([1]) + struct.pack(">I", GENERATION) + quorum[:8] + salt + box + box_of_share[1:]
    paper = body + hashlib.sha256(label("custodian-paper") + body).digest()[:8]
    return paper, {
        "format": 1,
        "use": "custodian-private",
        "name": NAMES[0],
        "signing_key": text(keys[0]),
        "sealing_key": text(keys[1]),
        "kdf": {"name": "argon2id", "passes": 3, "memory_kib": 65_536, "lanes": 4, "salt": text(salt)},
        "box": text(box),
    }


def file_of(
    kek_id: bytes, quorum: bytes, commitments: list[bytes], public: list[tuple[bytes, bytes]]
) -> dict[str, Any]:
    """Write the quorum's file."""
    generation = {
        "generation": GENERATION,
        "threshold": THRESHOLD,
        "kek": kek_id.hex(),
        "quorum": quorum.hex(),
        "commitments": [text(each) for each in commitments],
        "custodians": [
            {"name": name, "signing_key": text(keys[0]), "sealing_key": text(keys[1])}
            for name, keys in zip(NAMES, public, strict=True)
        ],
    }
    return {
        "format": 1,
        "use": "quorum",
        "registry_id": REGISTRY,
        "environment": ENVIRONMENT,
        "generations": [generation],
    }


def share_file(quorum: bytes, name: str, member: int, box: bytes) -> dict[str, Any]:
    """Write a share's file."""
    return {
        "format": 1,
        "use": "custodian-share",
        "registry_id": REGISTRY,
        "environment": ENVIRONMENT,
        "generation": GENERATION,
        "quorum": quorum.hex(),
        "name": name,
        "number": member,
        "box": text(box),
    }


def build() -> str:
    """Build the file."""
    polynomial = [number(f"quorum {power}") for power in range(THRESHOLD)]
    shares = [
        sum(c * member**power for power, c in enumerate(polynomial)) % ORDER
        for member in range(1, len(NAMES) + 1)
    ]
    kek = hkdf(polynomial[0].to_bytes(32, "little"), label("quorum-kek") + struct.pack(">I", GENERATION))
    kek_id = hkdf(kek, texts("padan", "kek-id", "1"), 8)
    signing = [Ed25519PrivateKey.from_private_bytes(drawn(f"sign {name}")) for name in NAMES]
    sealing = [X25519PrivateKey.from_private_bytes(drawn(f"seal {name}")) for name in NAMES]
    public = [
        (one.public_key().public_bytes_raw(), other.public_key().public_bytes_raw())
        for one, other in zip(signing, sealing, strict=True)
    ]
    cards = [fields(name.encode(), *keys) for name, keys in zip(NAMES, public, strict=True)]
    commitments = [times(each) for each in polynomial]
    statement = fields(
        b"\x01",
        REGISTRY.encode(),
        ENVIRONMENT.encode(),
        struct.pack(">I", GENERATION),
        bytes([THRESHOLD]),
        kek_id,
        listed(commitments),
        listed(cards),
    )
    quorum = hashlib.sha256(label("quorum") + statement).digest()
    boxes = [
        b"\x01"
        + HPKE["hpke"](
            share.to_bytes(32, "little"),
            label("quorum-share") + quorum + bytes([member]),
            drawn(f"seal {name}"),
            drawn(f"ephemeral {name}"),
        )
        for member, (name, share) in enumerate(zip(NAMES, shares, strict=True), 1)
    ]
    paper, key_file = kept(cards[0], public[0], quorum, boxes[0])
    document = {
        "shares": [share.to_bytes(32, "little").hex() for share in shares],
        "secret": polynomial[0].to_bytes(32, "little").hex(),
        "kek": kek.hex(),
        "statement": statement.hex(),
        "quorum": quorum.hex(),
        "file": file_of(kek_id, quorum, commitments, public),
        "share_files": [
            share_file(quorum, name, member, each)
            for member, (name, each) in enumerate(zip(NAMES, boxes, strict=True), 1)
        ],
        "passphrase": PASSPHRASE,
        "key_file": key_file,
        "private": [drawn(f"seal {name}").hex() for name in NAMES],
        "seeds": [drawn(f"sign {name}").hex() for name in NAMES],
        "paper": grouped(paper),
    }
    return json.dumps(document, indent=1) + "\n"


if __name__ == "__main__":
    (Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET).write_text(build())
