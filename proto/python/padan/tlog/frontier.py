"""A tree's frontier: the roots of the complete subtrees that make it up, from the left, the largest first. Pure.

It is all that a tree of RFC 6962 needs to go on and to state its root: at most 63 hashes, whatever its size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from padan.tlog.merkle import EMPTY_ROOT, leaf_hash, node_hash

if TYPE_CHECKING:
    from collections.abc import Iterable


class Frontier(NamedTuple):
    """The frontier of the tree over a log's first leaves.

    Attributes:
        size: leaves of the tree.
        peaks: a root of 32 bytes for each bit that is set in `size`.
    """

    size: int = 0
    peaks: tuple[bytes, ...] = ()

    @property
    def root(self) -> bytes:
        """The tree's root, 32 bytes."""
        if not self.peaks:
            return EMPTY_ROOT
        *left, root = self.peaks
        while left:
            root = node_hash(left.pop(), root)
        return root

    def extend(self, leaves: Iterable[bytes]) -> Frontier:
        """Give the frontier of the tree that goes on with these leaves (the leaves, not their hashes)."""
        size, peaks = self.size, list(self.peaks)
        for leaf in leaves:
            node, complete = leaf_hash(leaf), size
            while complete & 1:
                node = node_hash(peaks.pop(), node)
                complete >>= 1
            peaks.append(node)
            size += 1
        return Frontier(size, tuple(peaks))
