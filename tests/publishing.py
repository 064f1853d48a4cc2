"""A log's public side in a folder, as C2SP tlog-tiles has it, from a store of entries or from leaves; with witnesses.

It computes every tile from the leaves each time, so that it shares nothing with what grows a tree step by step.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from padan.tlog import merkle, note, tile
from padan.tlog.checkpoint import Checkpoint
from padan.tlog.note import Algorithm, VerifierKey

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ORIGIN = "log.example/test"


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key pair under a name."""

    public: VerifierKey
    private: Ed25519PrivateKey

    @classmethod
    def make(cls, name: str, algorithm: Algorithm = Algorithm.LOG) -> Key:
        """Make one; the same name gives the same key, so that tests repeat."""
        private = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())
        return cls(
            public=VerifierKey(name, algorithm, private.public_key().public_bytes_raw()), private=private
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """A log that is published in a folder.

    Attributes:
        folder: where.
        key: the log's.
        witnesses: who cosigns.
        leaves: in their order.
        origin: its name.
    """

    folder: Path
    key: Key = field(default_factory=lambda: Key.make(ORIGIN))
    witnesses: tuple[Key, ...] = ()
    leaves: list[bytes] = field(default_factory=list)
    origin: str = ORIGIN

    def publish(self, leaves: Sequence[bytes] = (), *, at: int = 1_790_000_000) -> bytes:
        """Add leaves, write every tile and bundle of the tree and sign its checkpoint.

        Args:
            leaves: further ones.
            at: when witnesses cosign, seconds of the Unix epoch.

        Returns:
            The signed checkpoint.
        """
        self.leaves.extend(leaves)
        size = len(self.leaves)
        row = [merkle.leaf_hash(leaf) for leaf in self.leaves]
        rows: list[list[bytes]] = []
        while row:
            rows.append(row)
            row = [
                merkle.subtree_root(row[start : start + tile.WIDTH])
                for start in range(0, len(row) - tile.WIDTH + 1, tile.WIDTH)
            ]
        for each in tile.tiles(0, size):
            start = each.number * tile.WIDTH
            self._write(each.path, b"".join(rows[each.level][start : start + each.width]))
            if each.level == 0:
                self._write(each.bundle_path, tile.encode_bundle(self.leaves[start : start + each.width]))
        signed = self.sign(Checkpoint(self.origin, size, self._root(rows, size)), at=at)
        self._write(tile.CHECKPOINT_PATH, signed)
        return signed

    def sign(self, stated: Checkpoint, *, at: int = 1_790_000_000) -> bytes:
        """Sign and cosign a checkpoint."""
        lines = [note.sign(stated.text, self.key.public, self.key.private.sign)]
        lines += [note.cosign(stated.text, each.public, each.private.sign, at) for each in self.witnesses]
        return note.join(stated.text, lines)

    def policy(self, *, quorum: str = "") -> str:
        """Write the policy of whoever believes it and all of its witnesses."""
        names = [f"w{number}" for number in range(len(self.witnesses))]
        lines = [f"log {self.key.public}"]
        lines += [f"witness {name} {each.public}" for name, each in zip(names, self.witnesses, strict=True)]
        if names:
            lines.append(f"group all-of-them all {' '.join(names)}")
        lines.append(f"quorum {quorum or ('all-of-them' if names else 'none')}")
        return "\n".join(lines) + "\n"

    def _root(self, rows: Sequence[Sequence[bytes]], size: int) -> bytes:
        def node(level: int, index: int) -> bytes:
            row, height = divmod(level, tile.HEIGHT)
            first = index << height
            return merkle.subtree_root(rows[row][first : first + (1 << height)])

        return merkle.root(size, node)

    def _write(self, path: str, data: bytes) -> None:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)


def blind_leaves(count: int, *, first: int = 0) -> list[bytes]:
    """Make leaves of the form that entries have, 33 bytes."""
    return [b"\x01" + hashlib.sha256(b"%d" % number).digest() for number in range(first, first + count)]


def witness(name: str) -> Key:
    """Make a witness's key."""
    return Key.make(name, Algorithm.COSIGNATURE)


def random_leaf() -> bytes:
    """Make a leaf that nobody has seen."""
    return b"\x01" + os.urandom(32)
