"""Tiles: how a log's tree and leaves lie in files that any web server can serve (C2SP tlog-tiles).

A tile is 256 hashes of one height that stand side by side; the last one of each level is narrower. A bundle is the
leaves below a tile of level 0, each with its length in front. Full ones never change; a partial one has its width in
its name, and so never changes either.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, NamedTuple

from padan.errors import LogFormatError
from padan.tlog import merkle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Read = Callable[[str], bytes]
    """Gives the bytes at a path below the log's prefix."""

HEIGHT: Final = 8
WIDTH: Final = 1 << HEIGHT
MAX_LEAF: Final = 0xFFFF
"""Bytes of the longest leaf."""
CHECKPOINT_PATH: Final = "checkpoint"
BUNDLES: Final = "tile/entries/"
"""Where the bundles lie."""
_LENGTH: Final = struct.Struct(">H")


class Tile(NamedTuple):
    """A tile of hashes.

    Attributes:
        level: 0 holds the hashes of leaves, each level above the roots of full tiles below.
        number: its place in its level, from 0.
        width: hashes in it, 1 to 256.
    """

    level: int
    number: int
    width: int

    @property
    def path(self) -> str:
        """Where it lies below the log's prefix."""
        return f"tile/{self.level}/{_place(self.number, self.width)}"

    @property
    def bundle_path(self) -> str:
        """Where the leaves below a tile of level 0 lie."""
        return f"{BUNDLES}{_place(self.number, self.width)}"


def _place(index: int, width: int) -> str:
    parts = [f"{index % 1000:03}"]
    while index := index // 1000:
        parts.insert(0, f"x{index % 1000:03}")
    return "/".join(parts) + (f".p/{width}" if width < WIDTH else "")


def width_at(level: int, index: int, size: int) -> int:
    """Say how many hashes a tile has in the tree over `size` leaves; 0 where there is none."""
    return max(0, min(WIDTH, (size >> (HEIGHT * level)) - index * WIDTH))


def tiles(old: int, new: int) -> Iterator[Tile]:
    """List the tiles that the tree over `new` leaves has and the one over `old` leaves has not, level by level."""
    level = 0
    while (last := new >> (HEIGHT * level)) > 0:
        had = old >> (HEIGHT * level)
        if last > had:
            for index in range(had // WIDTH, (last + WIDTH - 1) // WIDTH):
                yield Tile(level, index, width_at(level, index, new))
        level += 1


def encode_bundle(leaves: Sequence[bytes]) -> bytes:
    """Encode leaves: each with its length, u16.

    Raises:
        LogFormatError: a leaf has more than 65,535 bytes.
    """
    sizes = set(map(len, leaves))
    try:
        if len(sizes) == 1:  # as all of Padan's are
            length = _LENGTH.pack(*sizes)
            return length + length.join(leaves)
        return b"".join([_LENGTH.pack(len(leaf)) + leaf for leaf in leaves])
    except struct.error:
        raise LogFormatError(f"a leaf has at most {MAX_LEAF:,} bytes") from None


def decode_bundle(data: bytes, width: int) -> list[bytes]:
    """Decode the leaves of a bundle.

    Raises:
        LogFormatError: cut off, or not so many leaves.
    """
    leaves: list[bytes] = []
    position = 0
    while position + _LENGTH.size <= len(data):
        (length,) = _LENGTH.unpack_from(data, position)
        position += _LENGTH.size
        leaves.append(data[position : position + length])
        position += length
    if position != len(data) or len(leaves) != width:
        raise LogFormatError(f"the bundle is cut off or has other than {width} leaves")
    return leaves


def decode_tile(data: bytes, tile: Tile) -> list[bytes]:
    """Decode a tile's hashes.

    Raises:
        LogFormatError: another size than its width says.
    """
    if len(data) != tile.width * merkle.HASH_SIZE:
        raise LogFormatError(
            f"{tile.path} has {len(data):,} bytes instead of {tile.width * merkle.HASH_SIZE:,}: "
            "it is cut off or damaged"
        )
    return [data[at : at + merkle.HASH_SIZE] for at in range(0, len(data), merkle.HASH_SIZE)]


class TileNodes:
    """The nodes of a tree of a known size, read from tiles as they are asked for.

    What is read is not proven by itself: a root computed from it must equal a signed one, or a proof computed from it
    must hold against a signed root.
    """

    def __init__(self, size: int, read: Read) -> None:
        """Read nodes of the tree over `size` leaves.

        Args:
            size: leaves of the tree.
            read: gives a file below the log's prefix, and raises where there is none.
        """
        self._size = size
        self._read = read
        self._tiles: dict[Tile, list[list[bytes]]] = {}

    def __call__(self, level: int, index: int) -> bytes:
        """Give the hash of a complete subtree, 32 bytes.

        Raises:
            LogFormatError: its tile is damaged.
        """
        row, height = divmod(level, HEIGHT)
        number, place = divmod(index << height, WIDTH)
        tile = Tile(row, number, width_at(row, number, self._size))
        levels = self._tiles.get(tile)
        if levels is None:
            levels = self._tiles[tile] = _complete(decode_tile(self._read(tile.path), tile))
        return levels[height][place >> height]

    def root(self) -> bytes:
        """Compute the tree's root."""
        return merkle.root(self._size, self)


def _complete(hashes: list[bytes]) -> list[list[bytes]]:
    """Compute the complete subtrees over a tile's hashes, by height."""
    levels = [hashes]
    while len(levels[-1]) > 1:
        below = levels[-1]
        levels.append(
            [merkle.node_hash(left, right) for left, right in zip(below[::2], below[1::2], strict=False)]
        )
    return levels
