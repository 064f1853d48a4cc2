"""The `contest` reference of an answer: it says when the answer was logged, and which request digest its entry holds.

24 characters of hexadecimal: the second of log time (u32), then the first 8 bytes of the request digest. So the entry
is found among the agency's own of that second, and no index is kept for it. Earlier releases gave the 8 bytes alone, 16
characters; for those the caller says when it was. Nothing in a reference is about the resident: the digest is blinded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from verifier.errors import InvalidFieldError

TAG_SIZE: Final = 8
SIZE: Final = 24
"""Characters of a reference."""
ANSWERED_WITHIN_MS: Final = 60_000
"""How far from the time that a caller names an answer may lie whose reference holds none."""

_REFERENCE = re.compile(r"(?:[0-9a-f]{8})?[0-9a-f]{16}")
_SECOND_MS: Final = 1_000


def make(ms: int, digest: bytes) -> bytes:
    """Make a reference.

    Args:
        ms: log time of the answer, milliseconds of the Unix epoch.
        digest: the blinded request digest, 32 bytes.
    """
    return _second(ms // _SECOND_MS) + digest[:TAG_SIZE].hex().encode()


@lru_cache(maxsize=8)
def _second(second: int) -> bytes:
    """Spell a second; all answers of one share it."""
    return b"%08x" % (second & 0xFFFFFFFF)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """A reference that was read.

    Attributes:
        tag: the first 8 bytes of the request digest.
        from_ms: log time of the answer, at the earliest.
        until_ms: before this.
    """

    tag: bytes
    from_ms: int
    until_ms: int


def parse(text: str, *, answered_ms: int | None) -> Contest:
    """Read a reference.

    Args:
        text: as it stands in the answer.
        answered_ms: when the answer came, where the caller says so; needed for a reference of 16 characters.

    Raises:
        InvalidFieldError: malformed, or the time is missing or one too many.
    """
    if not _REFERENCE.fullmatch(text):
        raise InvalidFieldError("the reference as it stands in the answer", field="contest")
    if len(text) == SIZE:
        if answered_ms is not None:
            raise InvalidFieldError("left out: a reference of 24 characters holds it", field="answered_at")
        from_ms = int(text[:8], 16) * _SECOND_MS
        return Contest(tag=bytes.fromhex(text[8:]), from_ms=from_ms, until_ms=from_ms + _SECOND_MS)
    if answered_ms is None:
        raise InvalidFieldError(
            "given for a reference of 16 characters: when the answer came", field="answered_at"
        )
    return Contest(
        tag=bytes.fromhex(text),
        from_ms=answered_ms - ANSWERED_WITHIN_MS,
        until_ms=answered_ms + ANSWERED_WITHIN_MS,
    )
