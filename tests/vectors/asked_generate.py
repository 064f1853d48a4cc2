"""Write asked.json: golden vectors of questions as they are kept, with commitments to what was captured.

Usage: asked_generate.py [TARGET]

Takes requests from commitment_generate.py, one without captures and those with, and writes each as it is kept, with a
protobuf encoder of its own, and not with padan, so that page, vectors and code check each other
(docs/formats/asked.md).
"""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path
from typing import Any

TARGET = Path(__file__).with_name("asked.json")
COMMITMENT: dict[str, Any] = runpy.run_path(str(Path(__file__).with_name("commitment_generate.py")))
_TEXTS = {1: "request_id", 3: "purpose", 4: "officer", 6: "nik"}
_BYTES = {2: "blind", 7: "subject_token"}


def varint(number: int) -> bytes:
    """Write a varint."""
    written = b""
    while number > 0x7F:
        written += bytes((number & 0x7F | 0x80,))
        number >>= 7
    return written + bytes((number,))


def field(number: int, value: bytes | int) -> bytes:
    """Write a field: a number as a varint, bytes with their length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def message(request: dict[str, Any]) -> bytes:
    """Write a VerifyRequest, fields in ascending order."""
    fields: dict[int, list[bytes | int]] = {}
    for number, name in _TEXTS.items():
        if request.get(name):
            fields[number] = [request[name].encode()]
    for number, name in _BYTES.items():
        if request.get(name):
            fields[number] = [bytes.fromhex(request[name])]
    fields[8] = [field(1, number) + field(2, value.encode()) for number, value in request["claims"]]
    fields[9] = [request["legal_basis"]]
    if "not_after" in request:
        seconds, nanos = request["not_after"]
        fields[11] = [field(1, seconds) + (field(2, nanos) if nanos else b"")]
    if request.get("issue_token"):
        fields[12] = [1]
    return b"".join(field(number, value) for number, values in sorted(fields.items()) for value in values)


def kept(request: dict[str, Any]) -> dict[str, Any]:
    """Compute what is kept of one question."""
    made = COMMITMENT["vector"](request)
    body = message(request)
    modalities = b"".join(number.to_bytes(2, "big") for number, _ in request.get("probes", []))
    commitments = bytes.fromhex("".join(made.get("probe_commitments", [])))
    encoded = COMMITMENT["label"]("padan/asked-question/1") + b"".join(
        number.to_bytes(2, "big") + len(value).to_bytes(4, "big") + value
        for number, value in ((1, body), (2, modalities), (3, commitments))
    )
    attributes = [number for number, _ in request["claims"]]
    attributes += dict.fromkeys(40 + number for number, _ in request.get("probes", []))
    return {
        "name": request["name"],
        "agency": request["agency"],
        "body": body.hex(),
        "encoded": (encoded if commitments else body).hex(),
        "attributes": attributes,
        "statement": made["encoded"],
        "digest": made["digest"],
    }


def main() -> None:
    """Write the file."""
    first, *others = COMMITMENT["REQUESTS"]
    requests: list[dict[str, Any]] = [first, *(each for each in others if "probes" in each)]
    document = {
        "source": "own construction, docs/formats/asked.md",
        "generator": "tests/vectors/asked_generate.py",
        "vectors": [kept(request) for request in requests],
    }
    target = Path(sys.argv[1]) if sys.argv[1:] else TARGET
    target.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
