"""Tiles: where they lie, what they hold, and what is read from them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from padan.errors import LogFormatError
from padan.tlog import merkle, tile
from padan.tlog.tile import Tile, TileNodes


def written(leaves: list[bytes], steps: list[int]) -> dict[str, bytes]:
    """Write the tiles of a log that grows in steps, straight from the definition in the C2SP text."""
    hashes = [merkle.leaf_hash(leaf) for leaf in leaves]
    files: dict[str, bytes] = {}
    for old, new in zip([0, *steps], steps, strict=False):
        for each in tile.tiles(old, new):
            span = 1 << (tile.HEIGHT * each.level)
            first = each.number * tile.WIDTH
            files[each.path] = b"".join(
                merkle.subtree_root(hashes[at * span : (at + 1) * span])
                for at in range(first, first + each.width)
            )
    return files


@pytest.mark.parametrize(
    ("index", "width", "path"),
    [
        (0, 256, "tile/0/000"),
        (999, 256, "tile/0/999"),
        (1000, 256, "tile/0/x001/000"),
        (1234067, 256, "tile/0/x001/x234/067"),
        (273, 112, "tile/0/273.p/112"),
    ],
)
def test_paths(index: int, width: int, path: str) -> None:
    """The paths are those of the C2SP text."""
    assert Tile(0, index, width).path == path
    assert Tile(0, index, width).bundle_path == path.replace("tile/0/", "tile/entries/")


def test_the_tree_of_the_text() -> None:
    """The C2SP text says which tiles a tree of 70,000 leaves has."""
    found = list(tile.tiles(0, 70_000))
    assert [each for each in found if each.level == 0] == [
        *(Tile(0, number, 256) for number in range(273)),
        Tile(0, 273, 112),
    ]
    assert [each for each in found if each.level] == [Tile(1, 0, 256), Tile(1, 1, 17), Tile(2, 0, 1)]
    assert list(tile.tiles(0, 256)) == [Tile(0, 0, 256), Tile(1, 0, 1)]
    assert list(tile.tiles(70_000, 70_000)) == []
    assert list(tile.tiles(0, 0)) == []


@given(st.lists(st.integers(1, 1_500), min_size=1, max_size=4, unique=True).map(sorted), st.data())
def test_what_is_read(steps: list[int], drawn: st.DataObject) -> None:
    """Roots and proofs from tiles of a log that grew are those of its leaves, for each size that it had."""
    leaves = [b"%d" % number for number in range(steps[-1])]
    files = written(leaves, steps)
    for size in steps:
        nodes = TileNodes(size, files.__getitem__)
        tree = merkle.root(
            size,
            lambda level, index: merkle.subtree_root(
                [merkle.leaf_hash(leaf) for leaf in leaves[index << level : (index + 1) << level]]
            ),
        )
        assert nodes.root() == tree
        index = drawn.draw(st.integers(0, size - 1))
        proof = merkle.inclusion_proof(index, size, nodes)
        merkle.check_inclusion(merkle.leaf_hash(leaves[index]), index, size, tree, proof)
    old, new = steps[0], steps[-1]
    proof = merkle.consistency_proof(old, new, TileNodes(new, files.__getitem__))
    merkle.check_consistency(
        old, TileNodes(old, files.__getitem__).root(), new, TileNodes(new, files.__getitem__).root(), proof
    )


def test_a_damaged_tile() -> None:
    """A tile of another size is named, with what it should have."""
    files = written([b"%d" % number for number in range(300)], [300])
    files["tile/0/001.p/44"] = files["tile/0/001.p/44"][:-1]
    with pytest.raises(LogFormatError, match=r"tile/0/001\.p/44 has 1,407 bytes instead of 1,408"):
        TileNodes(300, files.__getitem__).root()


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=256))
def test_bundles_come_back(leaves: list[bytes]) -> None:
    """What is encoded is decoded, and nothing else is a bundle of so many leaves."""
    data = tile.encode_bundle(leaves)
    assert tile.decode_bundle(data, len(leaves)) == leaves
    for wrong in (data[:-1], data + b"\0", data + b"\0\0"):
        with pytest.raises(LogFormatError):
            tile.decode_bundle(wrong, len(leaves))


def test_a_long_leaf() -> None:
    """A leaf that no bundle holds is refused."""
    assert len(tile.encode_bundle([bytes(65_535)])) == 65_537
    with pytest.raises(LogFormatError):
        tile.encode_bundle([bytes(65_536)])
