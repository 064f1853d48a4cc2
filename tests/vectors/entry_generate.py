"""Write entry.json: golden vectors of the log entry's encoding and of its blind leaf.

Usage: entry_generate.py [TARGET]

Encodes by hand from docs/formats/entry.md, and not with padan.entry, so that page, vectors and code check each other.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

TARGET = Path(__file__).with_name("entry.json")


def text_list(*texts: str) -> bytes:
    """Write a list of texts: u32 length and UTF-8 each."""
    return b"".join(len(text.encode()).to_bytes(4, "big") + text.encode() for text in texts)


ENTRIES: list[tuple[str, dict[int, bytes]]] = [
    (
        "a question and its answer",
        {
            1: (1).to_bytes(2, "big"),
            4: b"clinic",
            5: b"desk-7",
            6: bytes(range(32)),
            8: b"clinic-2026",
            9: (2).to_bytes(4, "big"),
            10: b"3.1",
            11: b"treatment",
            12: b"\x01",
            13: b"\x05",
            15: bytes(range(16)),
            16: bytes(range(16, 32)),
            17: bytes(range(32, 48)),
            18: (1).to_bytes(2, "big") + (4).to_bytes(2, "big"),
            19: bytes(range(64, 96)),
            20: (3).to_bytes(4, "big"),
            21: text_list("index:1", "outer-token:7"),
            22: text_list("normaliser:1"),
            23: b"\x02",
            24: b"\x01",
            28: bytes.fromhex("0b5fd3a46ea54b4e9b0d3f1c2a7d9e10"),
            40: (1_795_000_000_123).to_bytes(8, "big"),
            41: b"\x00",
            42: b"\x02",
            43: b"\x02\x02",
            44: b"\x03",
            45: b"\x01",
        },
    ),
    (
        "a refused request",
        {
            1: (2).to_bytes(2, "big"),
            4: b"clinic",
            6: bytes(range(32)),
            26: (11).to_bytes(2, "big"),
            28: bytes.fromhex("0b5fd3a46ea54b4e9b0d3f1c2a7d9e10"),
            40: (1_795_000_000_456).to_bytes(8, "big"),
            41: b"\x01",
        },
    ),
]
SALT = bytes(range(200, 232))


def vector(name: str, fields: dict[int, bytes]) -> dict[str, Any]:
    """Encode an entry and compute its leaf."""
    body = b"".join(
        number.to_bytes(2, "big") + len(value).to_bytes(4, "big") + value for number, value in fields.items()
    )
    entry = b"\x01" + body
    label = len("padan/leaf/1").to_bytes(2, "big") + b"padan/leaf/1"
    leaf = b"\x01" + hashlib.sha256(label + SALT + entry).digest()
    return {
        "name": name,
        "fields": {str(number): value.hex() for number, value in fields.items()},
        "entry": entry.hex(),
        "salt": SALT.hex(),
        "leaf": leaf.hex(),
    }


def main() -> None:
    """Write the file."""
    document = {
        "source": "own construction, docs/formats/entry.md",
        "generator": "tests/vectors/entry_generate.py",
        "vectors": [vector(name, fields) for name, fields in ENTRIES],
    }
    target = Path(sys.argv[1]) if sys.argv[1:] else TARGET
    target.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
