"""Checkpoints: a log's signed word on how many leaves it has and on their root (C2SP tlog-checkpoint).

The text is three lines: origin, number of leaves in decimal, root in base64. This log writes no extension lines, and a
checkpoint that has some is refused: nobody could audit what they say.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Final

from padan.errors import LogFormatError
from padan.tlog.merkle import HASH_SIZE

_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,18}")
_LINES: Final = 3


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree, as a log states it.

    Attributes:
        origin: the log's name.
        size: leaves of the tree.
        root: its root, 32 bytes.
    """

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """The note's text."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def parse_text(text: str) -> Checkpoint:
    """Read a note's text as a checkpoint.

    Raises:
        LogFormatError: it is none.
    """
    lines = text.split("\n")
    if len(lines) != _LINES + 1 or lines.pop() or not all(lines):
        raise LogFormatError("a checkpoint has three lines: origin, size and root")
    origin, size, encoded = lines
    if not _SIZE.fullmatch(size):
        raise LogFormatError("a checkpoint's size is a whole number")
    return Checkpoint(origin, int(size), parse_hash(encoded))


def parse_hash(text: str) -> bytes:
    """Read a hash in base64, 32 bytes.

    Raises:
        LogFormatError: it is none.
    """
    try:
        value = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        value = b""
    if len(value) != HASH_SIZE or base64.b64encode(value).decode() != text:
        raise LogFormatError("a hash is base64 of 32 bytes")
    return value


def format_hash(value: bytes) -> str:
    """Write a hash as a line of a proof has it."""
    return base64.b64encode(value).decode()
