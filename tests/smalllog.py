"""A small log for tests of witnesses: numbered leaves, a key, checkpoints, proofs; and the same with another past."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from padan.tlog import merkle, note
from padan.tlog.checkpoint import Checkpoint
from padan.tlog.note import Algorithm, VerifierKey
from padan.witness import submission

if TYPE_CHECKING:
    from collections.abc import Callable

ORIGIN = "log.example/padan"


class SmallLog:
    """A log of numbered leaves."""

    def __init__(
        self, origin: str = ORIGIN, *, past: str = "leaf", private: Ed25519PrivateKey | None = None
    ) -> None:
        self.private = private or Ed25519PrivateKey.generate()
        self.key = VerifierKey(origin, Algorithm.LOG, self.private.public_key().public_bytes_raw())
        self._past = past

    def forked(self) -> SmallLog:
        """Give a log of the same key whose leaves are others."""
        return SmallLog(self.key.name, past="lie", private=self.private)

    def node(self, level: int, index: int) -> bytes:
        """Hash a complete subtree."""
        places = range(index << level, (index + 1) << level)
        return merkle.subtree_root([merkle.leaf_hash(f"{self._past} {place}".encode()) for place in places])

    def root(self, size: int) -> bytes:
        """Give the root over so many leaves."""
        return merkle.root(size, self.node)

    def text(self, size: int) -> str:
        """Write the text of a checkpoint."""
        return Checkpoint(self.key.name, size, self.root(size)).text

    def signed(self, size: int) -> bytes:
        """Sign a checkpoint."""
        text = self.text(size)
        return note.join(text, [note.sign(text, self.key, self.private.sign)])

    def proof(self, old: int, size: int) -> list[bytes]:
        """Prove growth; empty from the empty tree."""
        return merkle.consistency_proof(old, size, self.node) if old else []

    def proving(self, size: int) -> Callable[[int], list[bytes]]:
        """Give what proves growth to a size."""
        return lambda old: self.proof(old, size)

    def body(self, old: int, size: int) -> bytes:
        """Write what is submitted."""
        return submission.join(old, self.proof(old, size), self.signed(size))
