"""Where a leaf stands: from its hash to its index, by sorted files beside the tiles and without a database.

A file `places/N` holds, for 65,536 leaves, 12 bytes a leaf: the first 8 of its hash and its index in the file (u32),
both big-endian, ascending. It is made from the tiles once they are full, never changes, and is nobody's proof: what is
found is held against the tile. The leaves behind the last file are looked for in their tiles. So a commit pays nothing,
and an index over random hashes, which would dirty a page a leaf, is not needed.
"""

from __future__ import annotations

import mmap
import threading
from typing import TYPE_CHECKING, Final

from padan.tlog import tile
from padan.tlog.merkle import HASH_SIZE
from padan.tlog.tile import WIDTH, Tile

if TYPE_CHECKING:
    from padan.tlog.edge import File
    from verifier.tree.folder import TreeFolder

BLOCK: Final = 65_536
"""Leaves of a file."""
MAPPED: Final = 256
"""Files that are mapped at once; each takes a descriptor, and a log of years has thousands of them."""
_PREFIX: Final = 8
_PLACE: Final = 4
_ROW: Final = _PREFIX + _PLACE


def missing(folder: TreeFolder, old: int, new: int) -> list[int]:
    """List the files that became due between two sizes of the tree and are not there."""
    return [number for number in range(old // BLOCK, new // BLOCK) if not folder.holds(_name(number))]


def make(folder: TreeFolder, number: int) -> File:
    """Make a file from the tiles.

    Raises:
        LogFormatError: a tile is damaged or missing.
        TreeStoreError: a tile cannot be read.
    """
    # By their first bytes, so that a few hundred rows at a time are objects of their own, and not all of them.
    beginnings = [bytearray() for _ in range(256)]
    for index in range(BLOCK // WIDTH):
        whole = Tile(0, number * (BLOCK // WIDTH) + index, WIDTH)
        hashes = tile.decode_tile(folder.read(whole.path), whole)
        for place, each in enumerate(hashes, index * WIDTH):
            beginnings[each[0]] += each[:_PREFIX] + place.to_bytes(_PLACE, "big")
    return _name(number), b"".join(map(_sorted, beginnings))


def _sorted(rows: bytearray) -> bytes:
    data = bytes(rows)
    return b"".join(sorted(data[at : at + _ROW] for at in range(0, len(data), _ROW)))


class Places:
    """Finds leaves in one folder. May be used by several threads."""

    def __init__(self, folder: TreeFolder) -> None:
        self._folder = folder
        self._files: dict[int, mmap.mmap] = {}
        self._opening = threading.Lock()

    def find(self, leaf_hash: bytes, size: int) -> int | None:
        """Find the index of a leaf in the tree over `size` leaves; None where it has none of this hash.

        Args:
            leaf_hash: 32 bytes.
            size: leaves of the tree.

        Raises:
            LogFormatError: a tile is damaged or missing.
            TreeStoreError: a file cannot be read.
        """
        found = self._in_tiles(leaf_hash, range(size // BLOCK * BLOCK, size, WIDTH), size)
        number = size // BLOCK
        while found is None and number:
            number -= 1  # the newest are asked for most
            file = self._file(number)
            if file is None:
                found = self._in_tiles(leaf_hash, range(number * BLOCK, (number + 1) * BLOCK, WIDTH), size)
            else:
                found = self._in_file(leaf_hash, number, file, size)
        return found

    def _in_tiles(self, leaf_hash: bytes, firsts: range, size: int) -> int | None:
        for first in reversed(firsts):
            found = self._in_tile(leaf_hash, first // WIDTH, size)
            if found is not None:
                return found
        return None

    def _in_tile(self, leaf_hash: bytes, number: int, size: int) -> int | None:
        data = self._folder.read(Tile(0, number, tile.width_at(0, number, size)).path)
        at = data.find(leaf_hash)
        while at > 0 and at % HASH_SIZE:
            at = data.find(leaf_hash, at + 1)
        return None if at < 0 else number * WIDTH + at // HASH_SIZE

    def _in_file(self, leaf_hash: bytes, number: int, file: mmap.mmap, size: int) -> int | None:
        prefix = leaf_hash[:_PREFIX]
        low, high = 0, len(file) // _ROW
        while low < high:
            middle = (low + high) // 2
            if file[middle * _ROW : middle * _ROW + _PREFIX] < prefix:
                low = middle + 1
            else:
                high = middle
        while file[low * _ROW : low * _ROW + _PREFIX] == prefix:
            place = int.from_bytes(file[low * _ROW + _PREFIX : (low + 1) * _ROW], "big")
            index = number * BLOCK + place
            if place < BLOCK and self._in_tile(leaf_hash, index // WIDTH, size) == index:
                return index
            low += 1
        return None

    def _file(self, number: int) -> mmap.mmap | None:
        with self._opening:
            mapped = self._files.pop(number, None)
            if mapped is None:
                path = self._folder.path / _name(number)
                if not path.is_file():
                    return None
                with path.open("rb") as file:
                    mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            self._files[number] = mapped  # used last, so it stands last
            if len(self._files) > MAPPED:
                del self._files[next(iter(self._files))]  # whoever searches in it has it until then
            return mapped


def _name(number: int) -> str:
    return f"places/{number:06}"
