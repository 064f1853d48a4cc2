"""Write commitment.json: golden vectors of the request digest and its commitments.

Usage: commitment_generate.py [TARGET]

Computes with the standard library's hmac and with an encoder of its own, and not with padan.commitment, so that the
vectors and the code check each other. Another language can be built from this page: docs/formats/commitment.md.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import sys
from pathlib import Path
from typing import Any

TARGET = Path(__file__).with_name("commitment.json")
BLIND = bytes(range(1, 33))

REQUESTS: list[dict[str, Any]] = [
    {
        "name": "five claims about a number",
        "agency": "clinic",
        "request_id": "0b5fd3a4-6ea5-4b4e-9b0d-3f1c2a7d9e10",
        "blind": BLIND.hex(),
        "purpose": "treatment",
        "officer": "desk-7",
        "nik": "9971014101900001",
        "claims": [
            [1, "Sitti Rahmawati"],
            [4, "1990-01-01"],
            [5, "P"],
            [10, "997101"],
            [21, "1"],
        ],
        "legal_basis": 5,
    },
    {
        "name": "every field, a token, text beyond ASCII",
        "agency": "tax-office",
        "request_id": "7d9f6c1e-02c4-4f4e-8a57-5a0f3f7c2b11",
        "blind": bytes(reversed(BLIND)).hex(),
        "purpose": "npwp_link",
        "officer": "A.b_c-9",
        "on_behalf_of": "pajak-daerah",
        "subject_token": "01" + "ab" * 48,
        "claims": [[2, "N\u00e9 Sari\u2019at \u1109"], [101, "17"]],
        "legal_basis": 1,
        "consent_receipt": "cr:2026-11/0001",
        "not_after": [1_795_000_000, 250_000_000],
        "issue_token": True,
    },
    {
        "name": "the same claim twice as long, at another position",
        "agency": "clinic",
        "request_id": "0b5fd3a4-6ea5-4b4e-9b0d-3f1c2a7d9e12",
        "blind": BLIND.hex(),
        "purpose": "treatment",
        "officer": "desk-7",
        "nik": "9971014101900001",
        "claims": [[4, "1990-01-01"], [1, "Sitti Rahmawati"]],
        "legal_basis": 5,
    },
    {
        "name": "two captures of one finger, and no claim",
        "agency": "clinic",
        "request_id": "0b5fd3a4-6ea5-4b4e-9b0d-3f1c2a7d9e13",
        "blind": BLIND.hex(),
        "purpose": "treatment",
        "officer": "desk-7",
        "nik": "9971014101900001",
        "claims": [],
        "legal_basis": 5,
        "probes": [[2, "0802"], [2, "0802105a"]],
    },
    {
        "name": "a face beside a claim, by token, with an end",
        "agency": "clinic",
        "request_id": "0b5fd3a4-6ea5-4b4e-9b0d-3f1c2a7d9e14",
        "blind": BLIND.hex(),
        "purpose": "treatment",
        "officer": "desk-7",
        "subject_token": "01" + "cd" * 48,
        "claims": [[1, "Sitti Rahmawati"]],
        "legal_basis": 5,
        "not_after": [1_795_000_000, 0],
        "issue_token": True,
        "probes": [[1, ""], [3, "00ff"]],
    },
]


def label(text: str) -> bytes:
    """Write a label: u16 length and text."""
    return len(text).to_bytes(2, "big") + text.encode()


def mac(blind: bytes, message: bytes) -> bytes:
    """HMAC-SHA-256."""
    return hmac.new(blind, message, hashlib.sha256).digest()


def subject(blind: bytes, kind: int, value: bytes) -> bytes:
    """Commit to a subject."""
    key = mac(blind, b"subject")
    return hashlib.sha256(label("padan/subject-commitment/1") + key + bytes((kind,)) + value).digest()


def claim(blind: bytes, position: int, attribute: int, value: str) -> bytes:
    """Commit to a claim."""
    key = mac(blind, b"claim" + position.to_bytes(4, "big"))
    body = attribute.to_bytes(2, "big") + value.encode()
    return hashlib.sha256(label("padan/claim-commitment/1") + key + body).digest()


def probe(blind: bytes, position: int, modality: int, template: bytes) -> bytes:
    """Commit to a capture."""
    key = mac(blind, b"probe" + position.to_bytes(4, "big"))
    body = modality.to_bytes(2, "big") + hashlib.sha256(template).digest()
    return hashlib.sha256(label("padan/probe-commitment/1") + key + body).digest()


def vector(request: dict[str, Any]) -> dict[str, Any]:
    """Compute everything about one request."""
    blind = bytes.fromhex(request["blind"])
    claims = [claim(blind, at, number, value) for at, (number, value) in enumerate(request["claims"])]
    fields: list[tuple[int, bytes]] = [
        (1, request["request_id"].encode()),
        (3, request["purpose"].encode()),
        (4, request["officer"].encode()),
    ]
    if "on_behalf_of" in request:
        fields.append((5, request["on_behalf_of"].encode()))
    if "nik" in request:
        about = subject(blind, 1, request["nik"].encode())
        fields.append((6, about))
    else:
        about = subject(blind, 2, bytes.fromhex(request["subject_token"]))
        fields.append((7, about))
    fields += [(8, b"".join(claims)), (9, request["legal_basis"].to_bytes(4, "big"))]
    if "consent_receipt" in request:
        fields.append((10, request["consent_receipt"].encode()))
    if "not_after" in request:
        seconds, nanos = request["not_after"]
        fields.append((11, seconds.to_bytes(8, "big", signed=True) + nanos.to_bytes(4, "big")))
    if request.get("issue_token"):
        fields.append((12, b"\x01"))
    probes = [
        probe(blind, at, number, bytes.fromhex(template))
        for at, (number, template) in enumerate(request.get("probes", []))
    ]
    if probes:
        fields.append((16, b"".join(probes)))
    fields.append((1000, request["agency"].encode()))
    encoded = b"".join(
        number.to_bytes(2, "big") + len(value).to_bytes(4, "big") + value for number, value in fields
    )
    return {
        **request,
        "subject_key": mac(blind, b"subject").hex(),
        "subject_commitment": about.hex(),
        "claim_commitments": [item.hex() for item in claims],
        **({"probe_commitments": [item.hex() for item in probes]} if probes else {}),
        "encoded": encoded.hex(),
        "digest": hashlib.sha256(label("padan/request-digest/1") + encoded).hexdigest(),
    }


ENROLMENTS: list[dict[str, Any]] = [
    {
        "name": "a question about an enrolment",
        "request_id": "00000000-0000-4000-8000-000000000001",
        "blind": bytes(range(32)).hex(),
        "purpose": "service",
        "officer": "desk-7",
        "legal_basis": 5,
        "tokens": ["0102"],
        "class": "food-aid",
        "agency": "rice",
    },
    {
        "name": "a list, with consent and an end",
        "request_id": "00000000-0000-4000-8000-000000000002",
        "blind": bytes(range(1, 33)).hex(),
        "purpose": "service",
        "officer": "desk-7",
        "legal_basis": 1,
        "consent_receipt": "C-1",
        "not_after": [1790000000, 5],
        "tokens": ["0102", "0102", "0304"],
        "class": "school",
        "agency": "cash",
    },
]


def enrolment(request: dict[str, Any]) -> dict[str, Any]:
    """Compute the digest of a question about enrolments."""
    blind = bytes.fromhex(request["blind"])
    about = b"".join(subject(blind, 2, bytes.fromhex(token)) for token in request["tokens"])
    fields = [(1, request["request_id"].encode()), (3, request["purpose"].encode())]
    fields += [(4, request["officer"].encode()), (7, about), (9, request["legal_basis"].to_bytes(4, "big"))]
    if "consent_receipt" in request:
        fields.append((10, request["consent_receipt"].encode()))
    if "not_after" in request:
        seconds, nanos = request["not_after"]
        fields.append((11, seconds.to_bytes(8, "big", signed=True) + nanos.to_bytes(4, "big")))
    fields += [(1000, request["agency"].encode()), (1001, request["class"].encode())]
    encoded = b"".join(
        number.to_bytes(2, "big") + len(value).to_bytes(4, "big") + value for number, value in fields
    )
    return {**request, "digest": hashlib.sha256(label("padan/request-digest/1") + encoded).hexdigest()}


def main() -> None:
    """Write the file."""
    document = {
        "source": "own construction, docs/formats/commitment.md",
        "generator": "tests/vectors/commitment_generate.py",
        "vectors": [vector(request) for request in REQUESTS],
        "enrolments": [enrolment(request) for request in ENROLMENTS],
    }
    target = Path(sys.argv[1]) if sys.argv[1:] else TARGET
    target.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
