"""What a log submits to a witness: the body of `add-checkpoint` (C2SP tlog-witness). Pure.

old <size of the witness's latest checkpoint>
<hash of the consistency proof, in base64>
...

<signed checkpoint>
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from padan.errors import LogFormatError
from padan.tlog import checkpoint, note
from padan.tlog.merkle import MAX_PROOF

if TYPE_CHECKING:
    from collections.abc import Sequence

    from padan.tlog.checkpoint import Checkpoint
    from padan.tlog.note import Note

MAX_SIZE: Final = (1 << 63) - 1
"""Leaves of the largest tree: what the witness's book can hold."""
MAX_BODY: Final = note.MAX_SIZE + 4_096
"""Bytes of the longest body: the longest note, the longest proof, and the line of the old size."""
_OLD: Final = re.compile(r"old (0|[1-9][0-9]{0,18})")


@dataclass(frozen=True, slots=True)
class Submission:
    """A checkpoint that a log wants cosigned; nothing about it is proven yet.

    Attributes:
        old: leaves of the checkpoint from which the proof leads here.
        proof: hashes of 32 bytes.
        signed: the note.
        stated: what it says.
    """

    old: int
    proof: tuple[bytes, ...]
    signed: Note
    stated: Checkpoint


def parse(body: bytes) -> Submission:
    """Read a body.

    Raises:
        LogFormatError: it is none.
    """
    head, separator, rest = body.partition(b"\n\n")
    if not separator:
        raise LogFormatError("the body has no empty line between the proof and the checkpoint")
    try:
        first, *hashes = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise LogFormatError("the lines before the checkpoint are not ASCII") from None
    found = _OLD.fullmatch(first)
    if found is None:
        raise LogFormatError("the first line is not: old SIZE")
    if len(hashes) > MAX_PROOF:
        raise LogFormatError(f"the proof has more than {MAX_PROOF} hashes")
    proof = tuple(map(checkpoint.parse_hash, hashes))
    signed = note.parse(rest)
    stated = checkpoint.parse_text(signed.text)
    if stated.size > MAX_SIZE:
        raise LogFormatError("no tree has so many leaves")
    return Submission(int(found[1]), proof, signed, stated)


def join(old: int, proof: Sequence[bytes], signed: bytes) -> bytes:
    """Write a body.

    Args:
        old: leaves of the witness's latest checkpoint.
        proof: hashes from there to the checkpoint.
        signed: the note.
    """
    lines = [f"old {old}", *map(checkpoint.format_hash, proof)]
    return "\n".join(lines).encode() + b"\n\n" + signed
