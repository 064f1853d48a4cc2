"""A small file of JSON that tells whether it is whole: one spelling, and a SHA-256 over the rest of it.

The sum tells damage from a wrong secret; it protects nothing against whoever edits the file, which what is sealed
inside must do. Assumes nothing about the content but that it is an object without a member `sha256`.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final

MAX_SIZE: Final = 64 * 1024
"""Bytes; a longer file is not read."""


def pretty(content: dict[str, Any]) -> bytes:
    """Spell JSON in the one way that files of keys have."""
    return json.dumps(content, sort_keys=True, indent=2, ensure_ascii=True).encode() + b"\n"


def encode(content: dict[str, Any]) -> bytes:
    """Spell a document: ASCII, sorted keys, two spaces of indentation, a line feed at the end."""
    return pretty({**content, "sha256": _sum(content)})


def decode(data: bytes) -> dict[str, Any]:
    """Read a document and take its sum off.

    Raises:
        ValueError: cut, changed, too long, or spelled in another way; the message says nothing of the content.
    """
    try:
        document: Any = json.loads(data.decode("ascii")) if len(data) <= MAX_SIZE else None
        checksum = document.pop("sha256")
        intact = checksum == _sum(document) and pretty({**document, "sha256": checksum}) == data
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError("damaged") from error
    if not intact:
        raise ValueError("damaged")
    content: dict[str, Any] = document
    return content


def _sum(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
