"""Checks a log's tiles from its signed root downwards, so that whatever does not fit is named. Pure but for `read`.

1. The root follows from the tiles on the tree's right edge.
2. Each full tile of level 1 and up leads to the hash that stands for it in the tile above.
3. Each bundle of leaves leads to its hash in level 1 (the last one: to the hashes in the last tile of level 0, which
   the root has shown), and the tile of level 0 beside it says the same.

Steps 1 and 2 take one file for 65,536 leaves; after them each bundle is checked alone, in any order, as it comes, or
some that stand side by side at once: what hashing leaves of the time goes into laying out what is hashed, and numpy
does that for all of them together.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from padan.errors import DamageError, LogFormatError
from padan.tlog import merkle
from padan.tlog.tile import HEIGHT, WIDTH, Tile, TileNodes, decode_bundle, decode_tile, width_at

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from padan.tlog.checkpoint import Checkpoint

    Read = Callable[[str], bytes]

LEAF_LENGTH: Final = 33
_STRIDE: Final = 2 + LEAF_LENGTH
_LENGTH: Final = np.frombuffer(LEAF_LENGTH.to_bytes(2, "big"), np.uint8)
_sha256 = hashlib.sha256


class Tree:
    """A signed tree whose tiles above level 0 are checked; it checks bundles.

    Attributes:
        checkpoint: the signed tree.
    """

    def __init__(self, checkpoint: Checkpoint, read: Read) -> None:
        """Read and check the tiles of level 1 and up, and the last one of level 0: steps 1 and 2.

        Args:
            checkpoint: a believed one.
            read: gives a file below the log's prefix; FileNotFoundError where there is none.

        Raises:
            DamageError: a tile is missing, cut off, or does not lead to the root; with its place.
        """
        self.checkpoint = checkpoint
        self._source = read
        check_edge(checkpoint, self._read)
        self._above = self._check_levels()
        self._last = self._last_hashes()

    def _read(self, path: str) -> bytes:
        return need(self._source, path)

    def nodes(self) -> TileNodes:
        """Give its nodes, for proofs; those below level 8 are only as good as the files that they come from."""
        return TileNodes(self.checkpoint.size, self._read)

    @property
    def bundles(self) -> int:
        """How many bundles the tree has."""
        return (self.checkpoint.size + WIDTH - 1) // WIDTH

    def tile(self, number: int) -> Tile:
        """Name the tile of level 0 over a bundle."""
        return Tile(0, number, width_at(0, number, self.checkpoint.size))

    def check_bundle(self, number: int, bundle: bytes, tile_data: bytes | None = None) -> list[bytes]:
        """Check a bundle and the tile over it: step 3.

        Args:
            number: which bundle, from 0.
            bundle: its bytes.
            tile_data: bytes of the tile of level 0; None where that is not looked at.

        Returns:
            Its leaves.

        Raises:
            DamageError: with the leaf, where that can be told.
        """
        tile = self.tile(number)
        leaves = split(bundle, tile)
        hashes = [_sha256(b"\x00" + leaf).digest() for leaf in leaves]
        if not self._leads_up(number, hashes):
            raise DamageError(self._damaged(tile, hashes, tile_data), next_step=NEXT_STEP, reason="bundle")
        if tile_data is not None and b"".join(hashes) != tile_data:
            raise DamageError(
                f"{tile.path} is not what the leaves in {tile.bundle_path} hash to: it was changed or cut off",
                next_step=NEXT_STEP,
                reason="tile",
            )
        return leaves

    def check_bundles(self, first: int, bundles: Sequence[bytes], tiles: Sequence[bytes]) -> list[bytes]:
        """Check neighbouring bundles and the tiles over them: step 3.

        Full ones with leaves of 33 bytes, as all of Padan's are, are checked at once; others, and all where something
        does not fit, one after the other.

        Args:
            first: the number of the first bundle.
            bundles: bytes of each.
            tiles: bytes of the tile of level 0 over each.

        Returns:
            Their leaves.

        Raises:
            DamageError: with the first leaf that does not fit, where that can be told.
        """
        above = self._above[first : first + len(bundles)]
        is_full = len(above) == len(bundles) and {len(each) for each in bundles} == {WIDTH * _STRIDE}
        if is_full and {len(each) for each in tiles} == {WIDTH * merkle.HASH_SIZE}:
            laid = np.frombuffer(b"".join(bundles), np.uint8).reshape(-1, _STRIDE)
            leaves = np.ascontiguousarray(laid[:, 2:])
            hashes = _hashes(b"\x00", leaves)
            if (
                np.array_equal(laid[:, :2], np.broadcast_to(_LENGTH, (len(laid), 2)))
                and hashes == b"".join(tiles)
                and _roots(hashes, len(bundles)) == b"".join(above)
            ):
                return _rows(leaves)
        numbered = zip(bundles, tiles, strict=True)
        return [
            leaf
            for number, (bundle, tile) in enumerate(numbered, first)
            for leaf in self.check_bundle(number, bundle, tile)
        ]

    def _leads_up(self, number: int, hashes: list[bytes]) -> bool:
        if number < len(self._above):
            return merkle.subtree_root(hashes) == self._above[number]
        return hashes == self._last

    def _damaged(self, tile: Tile, hashes: list[bytes], tile_data: bytes | None) -> str:
        first = tile.number * WIDTH
        expected = self._last if tile.number >= len(self._above) else []
        if not expected and tile_data is not None and len(tile_data) == tile.width * merkle.HASH_SIZE:
            beside = decode_tile(tile_data, tile)
            expected = beside if merkle.subtree_root(beside) == self._above[tile.number] else []
        changed = [
            first + place + 1
            for place, (one, other) in enumerate(zip(hashes, expected, strict=False))
            if one != other
        ]
        if not changed:
            return f"{tile.bundle_path} (entries {first + 1} to {first + tile.width}) is not what the signed tree says"
        more = (
            f" and {len(changed) - 1} more in {tile.bundle_path}"
            if len(changed) > 1
            else f" in {tile.bundle_path}"
        )
        return (
            f"the leaf of entry {changed[0]}{more} is not what the signed tree says: it was changed or moved"
        )

    def _check_levels(self) -> list[bytes]:
        """Check each full tile against the one above, from the top down; give the hashes of level 1."""
        size = self.checkpoint.size
        row: list[bytes] = []
        level = top(size)
        while level:
            hashes: list[bytes] = []
            for number in range(((size >> (HEIGHT * level)) + WIDTH - 1) // WIDTH):
                tile = Tile(level, number, width_at(level, number, size))
                inside = decode(self._read(tile.path), tile)
                if tile.width == WIDTH and merkle.subtree_root(inside) != row[number]:
                    raise DamageError(
                        f"{tile.path} does not lead to the hash that stands for it in the level above",
                        next_step=NEXT_STEP,
                        reason="tile",
                    )
                hashes += inside
            row, level = hashes, level - 1
        return row

    def _last_hashes(self) -> list[bytes]:
        number, rest = divmod(self.checkpoint.size, WIDTH)
        if not rest:
            return []
        tile = self.tile(number)
        return decode(self._read(tile.path), tile)


NEXT_STEP: Final = (
    "take nothing from these files; keep them as evidence, fetch again from another source, and tell the log's "
    "operator"
)


def top(size: int) -> int:
    """Say which level of tiles is the highest of a tree over `size` leaves."""
    level = 0
    while size >> (HEIGHT * (level + 1)):
        level += 1
    return level


def check_edge(checkpoint: Checkpoint, read: Read) -> None:
    """Compute the root from the tiles on the right edge and compare it with the signed one: step 1.

    Raises:
        DamageError: they do not fit.
    """
    used: list[str] = []

    def recorded(path: str) -> bytes:
        used.append(path)
        return read(path)

    try:
        computed = TileNodes(checkpoint.size, recorded).root()
    except LogFormatError as error:
        raise DamageError(str(error), next_step=NEXT_STEP, reason="tile") from None
    if computed != checkpoint.root:
        raise DamageError(
            f"the tree of {checkpoint.size:,} leaves does not have the signed root; damaged is the checkpoint "
            f"or one of {', '.join(used) or 'no tiles'}",
            next_step=NEXT_STEP,
            reason="root",
        )


def need(read: Read, path: str) -> bytes:
    """Read a file that must be there.

    Raises:
        DamageError: it is not.
    """
    try:
        return read(path)
    except FileNotFoundError:
        raise DamageError(f"{path} is missing", next_step=NEXT_STEP, reason="missing") from None


def decode(data: bytes, tile: Tile) -> list[bytes]:
    """Decode a tile's hashes.

    Raises:
        DamageError: it is cut off.
    """
    try:
        return decode_tile(data, tile)
    except LogFormatError as error:
        raise DamageError(str(error), next_step=NEXT_STEP, reason="tile") from None


def split(bundle: bytes, tile: Tile) -> list[bytes]:
    """Decode a bundle's leaves; leaves of 33 bytes, as all of Padan's are, at once.

    Raises:
        DamageError: it is cut off.
    """
    width = tile.width
    if (
        len(bundle) == width * _STRIDE
        and not any(bundle[::_STRIDE])
        and bundle[1::_STRIDE] == bytes((LEAF_LENGTH,)) * width
    ):
        return [bundle[at : at + LEAF_LENGTH] for at in range(2, len(bundle), _STRIDE)]
    try:
        return decode_bundle(bundle, width)
    except LogFormatError as error:
        raise DamageError(f"{tile.bundle_path}: {error}", next_step=NEXT_STEP, reason="bundle") from None


def _rows(laid: np.ndarray[Any, np.dtype[np.uint8]]) -> list[bytes]:
    """Give the rows of an array that lies in one piece."""
    found: list[bytes] = laid.view(f"V{laid.shape[1]}").ravel().tolist()
    return found


def _hashes(prefix: bytes, items: np.ndarray[Any, np.dtype[np.uint8]]) -> bytes:
    """Hash the rows of an array, each behind a byte."""
    laid = np.empty((len(items), 1 + items.shape[1]), np.uint8)
    laid[:, 0] = prefix[0]
    laid[:, 1:] = items
    return b"".join([_sha256(row).digest() for row in _rows(laid)])


def _roots(hashes: bytes, count: int) -> bytes:
    """Compute the roots of `count` complete subtrees of one height, whose leaves' hashes stand side by side."""
    while len(hashes) > count * merkle.HASH_SIZE:
        hashes = _hashes(b"\x01", np.frombuffer(hashes, np.uint8).reshape(-1, 2 * merkle.HASH_SIZE))
    return hashes
