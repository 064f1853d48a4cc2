"""Write probe.json: golden vectors of sealed probes, of what capture devices sign, and of the statement of a key.

Usage: python -m tests.vectors.probe_generate [TARGET]

Computes with the standard library's hmac, an encoder of its own and the steps of RFC 9180 written out
(dispute_generate), and not with padan or keys, so that page, vectors and code check each other (docs/formats/probe.md).
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from tests.vectors.dispute_generate import canonical, hpke, mac, prefixed, thumbprint

TARGET = Path(__file__).with_name("probe.json")
REGISTRY, ENVIRONMENT = "vector-registry", "staging"
PROBE_KEY = bytes(range(64, 96))
EPHEMERAL_KEY = bytes(range(96, 128))
RECEIPT_SEED = bytes(range(128, 160))
DEVICE_SEED = bytes(range(160, 192))
BLIND = bytes(range(1, 33))

CASES: list[dict[str, Any]] = [
    {
        "name": "a finger, about a number",
        "agency": "clinic",
        "request_id": "0b5fd3a4-6ea5-4b4e-9b0d-3f1c2a7d9e10",
        "purpose": "treatment",
        "nik": "9971014101909001",
        "modality": 2,
        "size": 2112,
        "extractor": ["leader-mcc", "1.0"],
        "template": "08021a0446414b45",
        "device": "counter-3",
        "captured_at": [1_795_000_000, 500_000_000],
        "presentation_attack": 2,
    },
    {
        "name": "a face, about a token, with a last moment",
        "agency": "tax-office",
        "request_id": "7d9f6c1e-02c4-4f4e-8a57-5a0f3f7c2b11",
        "purpose": "npwp_link",
        "subject_token": "01" + "ab" * 48,
        "not_after": [1_795_000_060, 250_000_000],
        "modality": 1,
        "size": 2112,
        "extractor": ["mobilefacenet-192", "2026.1"],
        "template": "2200",
        "device": "phone.7",
        "captured_at": [1_795_000_001, 0],
        "presentation_attack": 1,
    },
    {
        "name": "an iris, of the longest template",
        "agency": "clinic",
        "request_id": "0b5fd3a4-6ea5-4b4e-9b0d-3f1c2a7d9e12",
        "purpose": "treatment",
        "nik": "9971014101909002",
        "modality": 3,
        "size": 4160,
        "extractor": ["open-iris", "A_1-b"],
        "template": "a5" * 4158,
        "device": "A",
        "captured_at": [1_795_000_002, 1],
        "presentation_attack": 2,
    },
]


def moment(second: int, nanos: int) -> bytes:
    """Write a time."""
    return second.to_bytes(8, "big", signed=True) + nanos.to_bytes(4, "big")


def case(given: dict[str, Any]) -> dict[str, Any]:
    """Compute everything about one probe."""
    token = bytes.fromhex(given.get("subject_token", ""))
    subject = b"\x02" + token if token else b"\x01" + given["nik"].encode()
    key = mac(BLIND, b"subject")
    commitment = hashlib.sha256(prefixed("padan/subject-commitment/1") + key + subject).digest()
    template = bytes.fromhex(given["template"])
    public = X25519PrivateKey.from_private_bytes(PROBE_KEY).public_key().public_bytes_raw()
    fields = {
        1: REGISTRY.encode(),
        2: ENVIRONMENT.encode(),
        3: given["agency"].encode(),
        4: given["request_id"].encode(),
        5: given["purpose"].encode(),
        6: commitment,
        7: bytes([given["modality"]]),
        8: prefixed(*given["extractor"]),
    }
    bound = fields | {9: thumbprint("X25519", public).encode()}
    if "not_after" in given:
        bound[10] = moment(*given["not_after"])
    info = prefixed("padan/probe/1") + canonical(bound)
    plain = (len(template).to_bytes(2, "big") + template).ljust(given["size"], b"\0")
    said = fields | {
        11: hashlib.sha256(template).digest(),
        12: given["device"].encode(),
        13: moment(*given["captured_at"]),
        14: bytes([given["presentation_attack"]]),
    }
    digest = hashlib.sha256(prefixed("padan/capture/1") + canonical(said)).digest()
    return given | {
        "subject": commitment.hex(),
        "info": info.hex(),
        "box": (b"\x01" + hpke(plain, info, PROBE_KEY, EPHEMERAL_KEY)).hex(),
        "capture_digest": digest.hex(),
        "signature": Ed25519PrivateKey.from_private_bytes(DEVICE_SEED).sign(digest).hex(),
    }


def service_key() -> dict[str, Any]:
    """Compute the service's statement of its key."""
    public = X25519PrivateKey.from_private_bytes(PROBE_KEY).public_key().public_bytes_raw()
    signer = Ed25519PrivateKey.from_private_bytes(RECEIPT_SEED)
    not_after = 1_795_082_800
    stated = prefixed("padan/service-key/1") + canonical(
        {
            1: REGISTRY.encode(),
            2: ENVIRONMENT.encode(),
            3: b"probe",
            4: thumbprint("X25519", public).encode(),
            5: b"X25519",
            6: public,
            7: not_after.to_bytes(8, "big", signed=True),
        }
    )
    return {
        "public_key": public.hex(),
        "key_id": thumbprint("X25519", public),
        "not_after": not_after,
        "statement": stated.hex(),
        "signer": signer.public_key().public_bytes_raw().hex(),
        "signature": signer.sign(stated).hex(),
    }


def build() -> str:
    """Compute the file's content."""
    device = Ed25519PrivateKey.from_private_bytes(DEVICE_SEED).public_key()
    document = {
        "source": "own construction, docs/formats/probe.md",
        "generator": "tests/vectors/probe_generate.py",
        "registry": REGISTRY,
        "environment": ENVIRONMENT,
        "blind": BLIND.hex(),
        "probe_key": PROBE_KEY.hex(),
        "device_seed": DEVICE_SEED.hex(),
        "device_public_key": device.public_bytes_raw().hex(),
        "service_key": service_key(),
        "probes": [case(given) for given in CASES],
    }
    return json.dumps(document, indent=1) + "\n"


def main() -> None:
    """Write the file."""
    target = Path(sys.argv[1]) if sys.argv[1:] else TARGET
    target.write_text(build(), encoding="utf-8")


if __name__ == "__main__":
    main()
