"""Bundles of a signed tree, checked alone and some at once: the same leaves, the same words for what does not fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from padan.audit.mirror.tree import Tree
from padan.errors import DamageError
from padan.tlog import checkpoint, note
from tests.publishing import Log, blind_leaves

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    Files = list[bytearray]


def published(folder: Path, leaves: Sequence[bytes]) -> tuple[Tree, Files, Files]:
    """Publish leaves; give their tree, and the bytes of each bundle and of the tile over it."""
    log = Log(folder=folder)
    stated = checkpoint.parse_text(note.parse(log.publish(leaves)).text)
    tree = Tree(stated, lambda path: (folder / path).read_bytes())
    tiles = [tree.tile(number) for number in range(tree.bundles)]
    return (
        tree,
        [bytearray((folder / tile.bundle_path).read_bytes()) for tile in tiles],
        [bytearray((folder / tile.path).read_bytes()) for tile in tiles],
    )


@pytest.mark.parametrize("size", [1, 256, 700, 4_096])
def test_bundles_are_checked_at_once(tmp_path: Path, size: int) -> None:
    """All bundles together give all leaves, whether the last one is full or not."""
    leaves = blind_leaves(size)
    tree, bundles, tiles = published(tmp_path, leaves)
    assert tree.check_bundles(0, [*map(bytes, bundles)], [*map(bytes, tiles)]) == leaves
    assert tree.check_bundles(0, [], []) == []
    last = tree.bundles - 1
    assert tree.check_bundles(last, [bytes(bundles[last])], [bytes(tiles[last])]) == leaves[last * 256 :]


@pytest.mark.parametrize("leaf", [b"", b"short", bytes(32), bytes(34)])
def test_other_leaves_are_leaves_too(tmp_path: Path, leaf: bytes) -> None:
    """A log whose leaves are not Padan's is checked as well."""
    leaves = [*blind_leaves(300), leaf, *blind_leaves(300, first=300)]
    tree, bundles, tiles = published(tmp_path, leaves)
    assert tree.check_bundles(0, [*map(bytes, bundles)], [*map(bytes, tiles)]) == leaves


def change_a_leaf(bundles: Files, _tiles: Files) -> None:
    """Flip a bit of a leaf."""
    bundles[2][40] ^= 1


def change_a_length(bundles: Files, _tiles: Files) -> None:
    """Say that a leaf is longer by one byte."""
    bundles[2][36] ^= 3


def change_a_tile(_bundles: Files, tiles: Files) -> None:
    """Flip a bit of a hash."""
    tiles[2][40] ^= 1


def change_both(bundles: Files, tiles: Files) -> None:
    """Put another bundle with its own tile in the place of one."""
    bundles[2], tiles[2] = bundles[3], tiles[3]


def move_a_leaf(bundles: Files, _tiles: Files) -> None:
    """Move a leaf from the end of one bundle to the beginning of the next."""
    bundles[3] = bundles[2][-35:] + bundles[3]
    del bundles[2][-35:]


def move_a_byte(_bundles: Files, tiles: Files) -> None:
    """Move a byte from the end of one tile to the beginning of the next."""
    tiles[3] = tiles[2][-1:] + tiles[3]
    del tiles[2][-1]


def empty(bundles: Files, _tiles: Files) -> None:
    """Leave nothing of a bundle."""
    bundles[2].clear()


@pytest.mark.parametrize(
    "damage",
    [change_a_leaf, change_a_length, change_a_tile, change_both, move_a_leaf, move_a_byte, empty],
)
def test_damage_is_named_as_if_each_bundle_was_checked_alone(
    tmp_path: Path, damage: Callable[[Files, Files], None]
) -> None:
    """Whatever was changed is refused at once as it is alone, with its place."""
    tree, bundles, tiles = published(tmp_path, blind_leaves(4_096))
    damage(bundles, tiles)
    with pytest.raises(DamageError) as alone:
        tree.check_bundle(2, bytes(bundles[2]), bytes(tiles[2]))
    with pytest.raises(DamageError) as at_once:
        tree.check_bundles(0, [*map(bytes, bundles)], [*map(bytes, tiles)])
    assert str(at_once.value) == str(alone.value)
    assert at_once.value.reason == alone.value.reason
