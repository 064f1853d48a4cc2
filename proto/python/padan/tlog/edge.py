"""The right edge of a tree: what of its tiles and bundle is not full yet, and the files that new leaves fill.

Pure but for the reading of the edge's own files. Whole tiles are hashed in one pass over their 256 hashes.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from padan.tlog import merkle, tile
from padan.tlog.frontier import Frontier
from padan.tlog.tile import HEIGHT, WIDTH, Tile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from padan.tlog.tile import Read

    File = tuple[str, bytes]
    """A path below the log's prefix, and what lies there."""

_sha256 = hashlib.sha256


class Edge:
    """The edge of one tree, which `grow` moves on. For one thread at a time."""

    def __init__(
        self, rows: list[list[bytes]] | None = None, leaves: Sequence[bytes] = (), size: int = 0
    ) -> None:
        """Begin with an empty tree, or with what `read` found.

        Args:
            rows: for each level of tiles the hashes of the tile that is not full.
            leaves: of the bundle that is not full.
            size: leaves of the tree.
        """
        self.size = size
        self._rows = rows or []
        self._leaves = list(leaves)

    @classmethod
    def read(cls, size: int, read: Read) -> Edge:
        """Read the edge of the tree over `size` leaves from its files.

        Args:
            size: leaves of the tree.
            read: gives a file below the log's prefix, and raises where there is none.

        Raises:
            LogFormatError: a file is damaged.
        """
        rows: list[list[bytes]] = []
        level = 0
        while last := size >> (HEIGHT * level):
            width = last % WIDTH
            edge = Tile(level, last // WIDTH, width)
            rows.append(tile.decode_tile(read(edge.path), edge) if width else [])
            level += 1
        bundle = Tile(0, size // WIDTH, size % WIDTH)
        leaves = tile.decode_bundle(read(bundle.bundle_path), bundle.width) if bundle.width else []
        return cls(rows, leaves, size)

    @property
    def leaves(self) -> tuple[bytes, ...]:
        """The leaves of the bundle that is not full."""
        return tuple(self._leaves)

    @property
    def frontier(self) -> Frontier:
        """The tree's complete subtrees, which its root is made of."""
        peaks, place = [], 0
        for level in range(self.size.bit_length() - 1, -1, -1):
            if self.size >> level & 1:
                peaks.append(self._node(level, place >> level))
                place += 1 << level
        return Frontier(self.size, tuple(peaks))

    @property
    def root(self) -> bytes:
        """The tree's root, 32 bytes."""
        return self.frontier.root

    @property
    def partial_files(self) -> list[File]:
        """The bundle and the tiles that are not full: what a checkpoint of this size needs beside the full ones."""
        bundle = Tile(0, self.size // WIDTH, len(self._leaves))
        files = [(bundle.bundle_path, tile.encode_bundle(self._leaves))] if self._leaves else []
        for level, row in enumerate(self._rows):
            if row:
                edge = Tile(level, (self.size >> (HEIGHT * level)) // WIDTH, len(row))
                files.append((edge.path, b"".join(row)))
        return files

    def grow(self, leaves: Sequence[bytes]) -> list[File]:
        """Append leaves; give the bundles and tiles that became full.

        Raises:
            LogFormatError: a leaf has more than 65,535 bytes.
        """
        files = self._bundles(leaves)
        fresh = [_sha256(b"\x00" + leaf).digest() for leaf in leaves]
        level = 0
        while fresh:
            if level == len(self._rows):
                self._rows.append([])
            number = (self.size >> (HEIGHT * level)) // WIDTH
            fresh = self._fill(level, number, self._rows[level] + fresh, files)
            level += 1
        self.size += len(leaves)
        return files

    def _bundles(self, leaves: Sequence[bytes]) -> list[File]:
        number, have = self.size // WIDTH, [*self._leaves, *leaves]
        files: list[File] = []
        whole = len(have) - len(have) % WIDTH
        for at in range(0, whole, WIDTH):
            full = have[at : at + WIDTH]
            files.append((Tile(0, number, WIDTH).bundle_path, tile.encode_bundle(full)))
            number += 1
        self._leaves = have[whole:]
        return files

    def _fill(self, level: int, number: int, have: list[bytes], files: list[File]) -> list[bytes]:
        """Make a level's tiles, keep what fills none, and give the roots of those that are full."""
        roots: list[bytes] = []
        whole = len(have) - len(have) % WIDTH
        for at in range(0, whole, WIDTH):
            full = have[at : at + WIDTH]
            files.append((Tile(level, number, WIDTH).path, b"".join(full)))
            roots.append(merkle.subtree_root(full))
            number += 1
        self._rows[level] = have[whole:]
        return roots

    def _node(self, level: int, index: int) -> bytes:
        """Give a complete subtree of the edge: all that a root is made of lies in tiles that are not full."""
        row, height = divmod(level, HEIGHT)
        place = (index << height) % WIDTH
        return merkle.subtree_root(self._rows[row][place : place + (1 << height)])
