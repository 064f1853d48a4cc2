"""Write journal.json: golden vectors of what workers and writer say to each other.

Usage: journal_generate.py [TARGET]

Encodes by hand from docs/formats/journal.md, and not with verifier.journal, so that page, vectors and code check each
other.
"""

from __future__ import annotations

import json
import struct
import sys
from pathlib import Path
from typing import Any

TARGET = Path(__file__).with_name("journal.json")
SALT = bytes(range(100, 132))
COUNTERS = bytes(byte for key in range(10) for byte in [0xA0 + key] * 16)


def canonical(fields: dict[int, bytes]) -> bytes:
    """Write fields."""
    return b"".join(struct.pack(">HI", number, len(value)) + value for number, value in fields.items())


def items(*values: bytes) -> bytes:
    """Write a list."""
    return b"".join(struct.pack(">I", len(value)) + value for value in values)


def frame(kind: int, number: int, deadline: float, body: bytes) -> bytes:
    """Write a frame."""
    return struct.pack(">IBBQd", 18 + len(body), 4, kind, number, deadline) + body


def answer(outcome: int, verdicts: bytes, body: bytes) -> bytes:
    """Write one of the two answers."""
    return struct.pack(">BH", outcome, len(verdicts)) + verdicts + body


HEAD = canonical({1: b"\x00\x01", 4: b"clinic"})


def intent(
    shape: int, kind: int, ready_at: float, texts: tuple[bytes, bytes, bytes], rest: bytes = b""
) -> bytes:
    """Write what every intent has, and then the rest."""
    lengths = struct.pack(">4H", *(len(text) for text in texts), len(HEAD))
    return struct.pack(">BHd", shape, kind, ready_at) + SALT + lengths + b"".join(texts) + HEAD + rest


RELEASED, BLOCKED = answer(1, b"\x01\x02", b"released"), answer(6, b"\x06\x06", b"blocked")
_ASKED = (
    bytes(range(16))
    + bytes(range(32, 64))
    + struct.pack(">II", 3, 1)
    + COUNTERS
    + struct.pack(">7Q", 5, 20, 1000, 100, 40, 400, 0)
    + struct.pack(">II", len(RELEASED), len(BLOCKED))
    + RELEASED
    + BLOCKED
    + b'{"jti":"x"'
)
QUESTION = intent(1, 1, 1234.5, (b"clinic", b"desk-7", b"treatment"), _ASKED)
ROW = bytes([1, 1]) + bytes(range(16)) + b"box"
KEEPING = intent(
    17,
    1,
    1234.5,
    (b"clinic", b"desk-7", b"treatment"),
    struct.pack(">I", len(items(ROW))) + items(ROW) + _ASKED,
)
RELEASING = intent(33, 4, 1234.5, (b"clinic", b"desk-7", b"treatment"), _ASKED)
REFUSED = intent(0, 2, 0.0, (b"", b"", b""))
OPENING = intent(
    2,
    810,
    0.0,
    (b"clinic", b"desk-7", b""),
    b"abcdefgh234567xy"
    + bytes(range(16))
    + bytes(range(32, 64))
    + struct.pack(">QII", 77, 72, 100)
    + b"kept",
)
ANSWERED = struct.pack(">BBH", 1, 1, 0) + b"response"
STORED = struct.pack(">BBH", 0, 3, 0)
QUOTA = struct.pack(">BBH", 0, 0, 15) + b"QUOTA_EXHAUSTED"

FRAMES = [
    ("two intents", frame(1, 7, 99.25, items(QUESTION, REFUSED))),
    ("an answer with a row", frame(1, 11, 99.5, items(KEEPING))),
    ("an answer that releases a budget", frame(1, 12, 99.5, items(RELEASING))),
    ("a dispute", frame(1, 10, 99.5, items(OPENING))),
    ("a probe", frame(2, 8, 1.5, b"")),
    ("three outcomes", frame(3, 7, 0.0, items(ANSWERED, STORED, QUOTA))),
    ("the log cannot be written", frame(4, 2**40, 0.0, b"\x01log: the disk is full")),
    ("the service stops", frame(4, 9, 0.0, b"\x02the service is stopping")),
    ("the writer leaves", frame(5, 0, 0.0, b"")),
]


def main() -> None:
    """Write the file."""
    document: dict[str, Any] = {
        "source": "own construction, docs/formats/journal.md",
        "generator": "tests/vectors/journal_generate.py",
        "frames": [{"name": name, "bytes": data.hex()} for name, data in FRAMES],
    }
    target = Path(sys.argv[1]) if sys.argv[1:] else TARGET
    target.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
