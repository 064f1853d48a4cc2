"""A tree that grows: its frontier and its edge come to the roots and tiles that the whole tree has."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from padan.errors import LogFormatError
from padan.tlog import merkle, tile
from padan.tlog.edge import Edge
from padan.tlog.frontier import Frontier
from padan.tlog.tile import TileNodes

SIZES = [0, 1, 2, 3, 7, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537]


def leaves(count: int, first: int = 0) -> list[bytes]:
    """Make leaves by their places."""
    return [b"\x01" + number.to_bytes(32, "big") for number in range(first, first + count)]


def grown(edge: Edge, count: int) -> dict[str, bytes]:
    """Grow an edge by some leaves, and give the files that a tree of its size has and the smaller one had not."""
    return dict([*edge.grow(leaves(count, edge.size)), *edge.partial_files])


def plain_root(hashes: list[bytes]) -> bytes:
    """Compute a root as RFC 6962, section 2.1, says it."""
    if not hashes:
        return merkle.EMPTY_ROOT
    if len(hashes) == 1:
        return hashes[0]
    split = 1 << ((len(hashes) - 1).bit_length() - 1)
    return merkle.node_hash(plain_root(hashes[:split]), plain_root(hashes[split:]))


@pytest.mark.parametrize("size", SIZES)
def test_frontier_and_edge_have_the_trees_root(size: int) -> None:
    """Grown at once, both have the root of the definition, and the frontier a peak for each bit."""
    expected = plain_root([merkle.leaf_hash(leaf) for leaf in leaves(size)])
    edge = Edge()
    edge.grow(leaves(size))
    frontier = Frontier().extend(leaves(size))
    assert (edge.root, frontier.root, len(frontier.peaks)) == (expected, expected, size.bit_count())
    assert edge.frontier == frontier


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(min_value=1, max_value=700), min_size=1, max_size=6), st.integers(0, 66_000))
def test_steps_do_not_matter(steps: list[int], first: int) -> None:
    """Whatever the steps, and resumed from its files between them, the tree's files are those of its size."""
    files: dict[str, bytes] = {}
    edge = Edge()
    for step in [first, *steps]:
        fresh = grown(edge, step)
        assert {each.path for each in tile.tiles(edge.size - step, edge.size)} <= set(fresh)
        files |= fresh
        edge = Edge.read(edge.size, files.__getitem__)
    frontier = Frontier().extend(leaves(edge.size))
    assert edge.frontier == frontier
    assert TileNodes(edge.size, files.__getitem__).root() == edge.root
    assert grown(Edge(), edge.size).items() <= files.items()


def test_a_damaged_edge_is_refused() -> None:
    """A file that is cut off names itself; nothing grows from it."""
    files = grown(Edge(), 300)
    cut = {**files, "tile/0/001.p/44": files["tile/0/001.p/44"][:-1]}
    with pytest.raises(LogFormatError, match=r"tile/0/001\.p/44 has"):
        Edge.read(300, cut.__getitem__)
    cut = {**files, "tile/entries/001.p/44": files["tile/entries/001.p/44"][:-1]}
    with pytest.raises(LogFormatError, match="bundle is cut off"):
        Edge.read(300, cut.__getitem__)


def test_nothing_grows_from_nothing() -> None:
    """No leaves make no files and change no root."""
    edge = Edge()
    assert (edge.grow([]), edge.partial_files) == ([], [])
    edge.grow(leaves(3))
    assert (edge.grow([]), edge.size) == ([], 3)


def test_partial_files_are_of_the_end_alone() -> None:
    """However many steps a tree took, full files come once, and partial ones are those of its last size."""
    edge = Edge()
    full = [name for step in (200, 200, 112) for name, _ in edge.grow(leaves(step, edge.size))]
    assert sorted(full) == ["tile/0/000", "tile/0/001", "tile/entries/000", "tile/entries/001"]
    assert [name for name, _ in edge.partial_files] == ["tile/1/000.p/2"]
