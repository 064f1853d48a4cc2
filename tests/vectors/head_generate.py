"""Write head.json: golden vectors of the chain and the tree over a log's leaves, and heads' files of both formats.

Usage: head_generate.py [TARGET]

Written with struct and hashlib from docs/formats/head.md and RFC 6962 alone, so that vectors and code check each other.
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


def root(hashes: list[bytes]) -> bytes:
    """Compute a root as RFC 6962, section 2.1, defines it."""
    if len(hashes) == 1:
        return hashes[0]
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    return hashlib.sha256(b"\x01" + root(hashes[:split]) + root(hashes[split:])).digest()


def peaks(hashes: list[bytes]) -> list[str]:
    """Cut a tree into complete ones, the largest first, and give their roots."""
    found = []
    begin = 0
    for bit in reversed(range(len(hashes).bit_length())):
        if len(hashes) >> bit & 1:
            found.append(root(hashes[begin : begin + (1 << bit)]).hex())
            begin += 1 << bit
    return found


def main() -> None:
    """Write the vectors."""
    vectors = []
    hashes = [hashlib.sha256(b"\x00" + leaf(number)).digest() for number in range(1, max(COUNTS) + 1)]
    roots = {count: (root(hashes[:count]) if count else hashlib.sha256().digest()).hex() for count in COUNTS}
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
                "roots": {str(count): roots[count] for count in COUNTS},
                "file": {
                    "format": 2,
                    "registry_id": registry,
                    "environment": environment,
                    "entries": 5000,
                    "root": roots[5000],
                    "peaks": peaks(hashes),
                    "checkpoints": [{"entries": 4096, "peaks": peaks(hashes[:4096])}],
                    "keyring": 17,
                    "published": {"entries": 4096, "root": roots[4096]},
                },
                "file_before": {
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
