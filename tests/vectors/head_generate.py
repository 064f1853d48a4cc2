"""Write head.json: golden vectors of the chain over a log's leaves, and a head's file.

Usage: head_generate.py [TARGET]

Written with struct and hashlib from docs/formats/head.md alone, so that the vectors and the code check each other.
"""

from __future__ import annotations

import hashlib
import json
import struct
import sys
from pathlib import Path

TARGET = Path(__file__).with_name("head.json")
REALMS = [("registry", "production"), ("id.registry-2", "development")]
COUNTS = [0, 1, 2, 3, 4096, 5000]


def texts(*parts: str) -> bytes:
    """Join texts, each after its u16 length."""
    return b"".join(struct.pack(">H", len(part.encode())) + part.encode() for part in parts)


def leaf(number: int) -> bytes:
    """Make a leaf by its place."""
    return b"\x01" + hashlib.sha256(b"leaf %d" % number).digest()


def main() -> None:
    """Write the vectors."""
    vectors = []
    for registry, environment in REALMS:
        link = hashlib.sha256(texts("padan", "log-chain", "1", registry, environment)).digest()
        chains = {0: link.hex()}
        for number in range(1, max(COUNTS) + 1):
            link = hashlib.sha256(link + leaf(number)).digest()
            chains[number] = link.hex()
        vectors.append(
            {
                "registry_id": registry,
                "environment": environment,
                "chains": {str(count): chains[count] for count in COUNTS},
                "file": {
                    "format": 1,
                    "registry_id": registry,
                    "environment": environment,
                    "entries": 5000,
                    "chain": chains[5000],
                    "checkpoints": [{"entries": 4096, "chain": chains[4096]}],
                    "keyring": 17,
                },
            }
        )
    document = {"leaf": 'leaf n = 0x01 | SHA-256("leaf n"), n in decimal', "vectors": vectors}
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET
    target.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
