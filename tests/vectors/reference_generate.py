"""Write reference.json: rows of biometric references under fixed keys.

Computed here from docs/formats/reference.md, without a line of the packages.
"""

from __future__ import annotations

import hashlib
import json
import struct
import sys
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

TARGET = Path(__file__).with_name("reference.json")
REALM = ("id-test", "development")
TOKEN_KEY, SEAL_KEY, BIOMETRIC = (bytes([place]) * 32 for place in (1, 2, 3))
EPOCH = 7
R = bytes(range(16))
NONCE = bytes(range(100, 112))
MODALITIES = {"face": 1, "finger": 2, "iris": 3}
CASES = (
    # suite, its name, modality, position, sample, extractor, key id, renewal, day, size
    (1, "face-hd3-1024/1", "face", 0, 0, ("mobilefacenet", "192.1"), 0x01020304, 0, 20_000, 128),
    (2, "finger-mcc8-hd3-256/1", "finger", 10, 2, ("leader", "2"), 0xFFFFFFFF, 3, 0, 2_048),
    (3, "iris", "iris", 2, 0, ("osiris", "4.1"), 1, 0xFFFFFFFF, 0xFFFFFFFF, 16),
)


def prefixed(*texts: str) -> bytes:
    """Join texts, each with its u16 length."""
    return b"".join(len(text).to_bytes(2, "big") + text.encode() for text in texts)


def label(construction: str) -> bytes:
    """Make a label."""
    return prefixed("padan", construction, "1", *REALM)


def derived(key: bytes, info: bytes) -> bytes:
    """Derive a key."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(key)


def case(place: int) -> dict[str, object]:
    """Compute one row."""
    suite, suite_name, modality, position, sample, extractor, key_id, renewal, day, size = CASES[place]
    name = f"{modality}/{position}/{sample}"
    scope = EPOCH.to_bytes(4, "big") + prefixed("registry", "reference", name)
    token_key, seal_key = (
        derived(TOKEN_KEY, label("outer-token") + scope),
        derived(SEAL_KEY, label("row-seal") + scope),
    )
    encryptor = Cipher(algorithms.AES(token_key), modes.ECB()).encryptor()  # noqa: S305 - one block
    token = encryptor.update(R) + encryptor.finalize()
    draw = bytes([0x20 + place]) * 16
    protected = bytes(at % 251 for at in range(size))
    digest = hashlib.sha256(prefixed(*extractor)).digest()[:8]
    content = (
        struct.pack(">BH8sI16sI16sI16s", 1, suite, digest, key_id, draw, renewal, R, day, bytes(16))
        + protected
    )
    data = label("row") + prefixed("registry", "reference") + EPOCH.to_bytes(4, "big") + b"\1" + token
    text = "/".join(extractor)
    info = label("template") + prefixed(suite_name, modality, text) + draw + renewal.to_bytes(4, "big")
    return {
        "suite": suite,
        "suite_name": suite_name,
        "slot": MODALITIES[modality] << 8 | position << 4 | sample,
        "modality": modality,
        "position": position,
        "sample": sample,
        "extractor": text,
        "key_id": key_id,
        "draw": draw.hex(),
        "renewal": renewal,
        "day": day,
        "protected": protected.hex(),
        "content": content.hex(),
        "token": token.hex(),
        "box": (b"\1" + NONCE + AESGCM(seal_key).encrypt(NONCE, content, data)).hex(),
        "stream": hashlib.shake_256(derived(BIOMETRIC, info) + b"tag").hexdigest(32),
    }


def build() -> str:
    """Compute everything, as text."""
    values = {
        "realm": {"registry_id": REALM[0], "environment": REALM[1]},
        "token_key": TOKEN_KEY.hex(),
        "seal_key": SEAL_KEY.hex(),
        "biometric_key": BIOMETRIC.hex(),
        "epoch": EPOCH,
        "r": R.hex(),
        "rows": [case(place) for place in range(len(CASES))],
    }
    return json.dumps(values, indent=1) + "\n"


def main() -> None:
    """Write the file that is named, or the one beside this."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET
    target.write_text(build(), encoding="utf-8")


if __name__ == "__main__":
    main()
