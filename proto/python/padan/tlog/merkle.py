"""The Merkle tree of RFC 6962, section 2.1: hashes, roots, and proofs of inclusion and consistency. Pure.

A complete subtree of height `level` over the leaves from `index << level` is one node; whoever keeps nodes gives
them by `(level, index)`, and everything else is computed from those. The checks are the algorithms of RFC 9162,
sections 2.1.3.2 and 2.1.4.2, which hold for the same trees.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from padan.errors import LogProofError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Node = Callable[[int, int], bytes]
    """Gives the hash of the complete subtree of a level (0 is the leaves) and index, 32 bytes."""

HASH_SIZE: Final = 32
EMPTY_ROOT: Final = hashlib.sha256().digest()
"""Root of the tree without leaves."""
MAX_PROOF: Final = 63
"""Hashes of the longest proof that the C2SP texts allow."""

_sha256 = hashlib.sha256


def leaf_hash(leaf: bytes) -> bytes:
    """Hash a leaf: `SHA-256(0x00 | leaf)`."""
    return _sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two subtrees: `SHA-256(0x01 | left | right)`."""
    return _sha256(b"\x01" + left + right).digest()


def subtree_root(hashes: Sequence[bytes]) -> bytes:
    """Compute the root over 1, 2, 4, 8 ... hashes of complete subtrees that stand side by side."""
    level = hashes
    while len(level) > 1:
        row = iter(level)
        level = [_sha256(b"\x01" + left + right).digest() for left, right in zip(row, row, strict=True)]
    return level[0]


def root(size: int, node: Node) -> bytes:
    """Compute the root of the tree over the first `size` leaves."""
    return _range_root(0, size, node) if size else EMPTY_ROOT


def inclusion_proof(index: int, size: int, node: Node) -> list[bytes]:
    """Compute the path of the leaf at `index` in the tree over `size` leaves, from the leaf's sibling upwards.

    Raises:
        LogProofError: there is no such leaf in that tree.
    """
    if not 0 <= index < size:
        raise LogProofError(f"a tree of {size} leaves has none at {index}")
    path: list[bytes] = []
    begin, end = 0, size
    while end - begin > 1:  # from the root down, so that the path is turned around at the end
        middle = begin + _split(end - begin)
        if index < middle:
            path.append(_range_root(middle, end, node))
            end = middle
        else:
            path.append(_range_root(begin, middle, node))
            begin = middle
    return path[::-1]


def consistency_proof(old: int, new: int, node: Node) -> list[bytes]:
    """Compute the proof that the tree over `new` leaves begins with the tree over `old` leaves.

    Raises:
        LogProofError: the older tree is empty or the larger one.
    """
    if not 1 <= old <= new:
        raise LogProofError(f"there is no proof from {old} to {new} leaves")
    proof: list[bytes] = []
    begin, end = 0, new
    while end != old:
        middle = begin + _split(end - begin)
        if old <= middle:
            proof.append(_range_root(middle, end, node))
            end = middle
        else:
            proof.append(_range_root(begin, middle, node))
            begin = middle
    if begin:  # where the older tree is a node of the newer one, whoever checks has it already
        proof.append(_range_root(begin, end, node))
    return proof[::-1]


def check_inclusion(leaf: bytes, index: int, size: int, tree_root: bytes, proof: Sequence[bytes]) -> None:
    """Check that a leaf stands at its place in a tree.

    Args:
        leaf: the leaf's hash, 32 bytes.
        index: its place, from 0.
        size: leaves of the tree.
        tree_root: the tree's root.
        proof: the path, from the leaf's sibling upwards.

    Raises:
        LogProofError: it is not shown.
    """
    if not 0 <= index < size:
        raise LogProofError(f"a tree of {size} leaves has none at {index}")
    computed = leaf
    for sibling, is_left in _climb(index, size - 1, proof):
        computed = node_hash(sibling, computed) if is_left else node_hash(computed, sibling)
    if computed != tree_root:
        raise LogProofError(
            "the inclusion proof leads to another root: the leaf is not at that place in the tree"
        )


def check_consistency(old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Check that a tree has only grown: the tree over `new` leaves begins with the one over `old` leaves.

    Args:
        old: leaves of the older tree; nothing is shown about an empty one.
        old_root: its root.
        new: leaves of the newer tree.
        new_root: its root.
        proof: as `consistency_proof` gives it.

    Raises:
        LogProofError: it is not shown.
    """
    if not 1 <= old <= new:
        raise LogProofError(f"there is no proof from {old} to {new} leaves")
    if old == new:
        if proof:
            raise LogProofError("trees of one size need no consistency proof")
        if old_root != new_root:
            raise LogProofError("two trees of one size have different roots")
        return
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not path:
        raise LogProofError("the consistency proof is empty")
    skipped = (
        ~(old - 1) & old
    ).bit_length() - 1  # levels in which the older tree's last leaf is a right child
    older = newer = path[0]
    for sibling, is_left in _climb((old - 1) >> skipped, (new - 1) >> skipped, path[1:]):
        if is_left:
            older, newer = node_hash(sibling, older), node_hash(sibling, newer)
        else:
            newer = node_hash(newer, sibling)
    if older != old_root or newer != new_root:
        raise LogProofError("the trees are not consistent: the newer one does not begin with the older one")


def _climb(place: int, last: int, proof: Sequence[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Give a proof's hashes on the way from a place to the root, and whether each stands to the left.

    Args:
        place: where the way begins, in its level.
        last: the last place of that level.

    Raises:
        LogProofError: the proof is longer or shorter than the way.
    """
    for sibling in proof:
        if last == 0:
            raise LogProofError("the proof is too long")
        is_left = bool(place & 1) or place == last
        yield sibling, is_left
        if is_left:
            while not place & 1 and place:  # levels that the last place goes through without a sibling
                place, last = place >> 1, last >> 1
        place, last = place >> 1, last >> 1
    if last:
        raise LogProofError("the proof is too short")


def _split(size: int) -> int:
    """Give the largest power of two below a size of 2 or more."""
    return 1 << ((size - 1).bit_length() - 1)


def _range_root(begin: int, end: int, node: Node) -> bytes:
    """Compute the root over leaves that a subtree of the tree holds, from the complete subtrees in it."""
    complete: list[bytes] = []
    while begin < end:
        level = (end - begin).bit_length() - 1
        complete.append(node(level, begin >> level))
        begin += 1 << level
    computed = complete.pop()
    while complete:
        computed = node_hash(complete.pop(), computed)
    return computed
