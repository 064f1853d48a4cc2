"""Proofs as files (C2SP tlog-proof): that a leaf stands in a log, for whoever has the leaf, a policy and no network."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from padan.errors import LogFormatError, QuorumError
from padan.tlog import checkpoint, merkle, note
from padan.tlog.checkpoint import format_hash, parse_hash

if TYPE_CHECKING:
    from padan.tlog.checkpoint import Checkpoint
    from padan.tlog.policy import Believed, Policy

SUFFIX: Final = ".tlog-proof"
MAX_SIZE: Final = 1 << 17
_MAGIC: Final = "c2sp.org/tlog-proof@v1"
_INDEX: Final = re.compile(r"index (0|[1-9][0-9]{0,18})")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogProof:
    """The proof that a leaf stands in a log.

    Attributes:
        index: the leaf's place, from 0.
        path: hashes from the leaf's sibling to the root's child.
        checkpoint: the signed note, verbatim.
    """

    index: int
    path: tuple[bytes, ...]
    checkpoint: bytes

    def check(self, leaf: bytes, policy: Policy) -> Believed:
        """Check the proof without a network, and give the checkpoint that it is against.

        Args:
            leaf: the leaf itself, not its hash.
            policy: whom to believe.

        Raises:
            LogFormatError: the checkpoint is none.
            LogProofError: the leaf is not shown to stand there.
            QuorumError: all of it holds, and witnesses are missing.
            LogSignatureError: the policy does not believe it.
        """
        try:
            believed = policy.believe(self.checkpoint)
        except QuorumError:
            self.check_path(leaf)  # witnesses may come; a path that does not hold is told at once
            raise
        self._lead(leaf, believed.checkpoint)
        return believed

    def check_path(self, leaf: bytes) -> None:
        """Check the path alone: that the leaf leads to the root of the checkpoint, whoever has signed that.

        Raises:
            LogFormatError: the checkpoint is none.
            LogProofError: the leaf is not shown to stand there.
        """
        self._lead(leaf, checkpoint.parse_text(note.parse(self.checkpoint).text))

    def _lead(self, leaf: bytes, stated: Checkpoint) -> None:
        merkle.check_inclusion(merkle.leaf_hash(leaf), self.index, stated.size, stated.root, self.path)

    def encode(self) -> bytes:
        """Write the file."""
        lines = [_MAGIC, f"index {self.index}", *map(format_hash, self.path), "", ""]
        return "\n".join(lines).encode() + self.checkpoint


def parse(data: bytes) -> LogProof:
    """Read a file.

    Raises:
        LogFormatError: it is no proof.
    """
    if len(data) > MAX_SIZE:
        raise LogFormatError(f"a proof has at most {MAX_SIZE:,} bytes")
    head, separator, signed = data.partition(b"\n\n")
    try:
        magic, *lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise LogFormatError("the file is no proof of a log") from None
    if magic != _MAGIC or not separator:
        raise LogFormatError(f"the file is no proof of a log; it begins with {_MAGIC}")
    if lines and lines[0].startswith("extra "):
        del lines[0]  # nobody vouches for it
    found = _INDEX.fullmatch(lines[0]) if lines else None
    if found is None:
        raise LogFormatError("the proof does not say at which place the leaf is")
    if len(lines) - 1 > merkle.MAX_PROOF:
        raise LogFormatError(f"a path has at most {merkle.MAX_PROOF} hashes")
    return LogProof(
        index=int(found[1]), path=tuple(parse_hash(line) for line in lines[1:]), checkpoint=signed
    )
