"""The tree against RFC 6962's own definitions, its example, and the tree that implementations have in common."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from padan.errors import LogProofError
from padan.tlog import merkle

LEAVES = [
    bytes.fromhex(text)
    for text in (
        *("", "00", "10", "2021", "3031", "40414243"),
        *("5051525354555657", "606162636465666768696a6b6c6d6e6f"),
    )
]
"""The leaves that certificate-transparency-go and transparency-dev/merkle test with."""
ROOTS = (
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)


def mth(leaves: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, as it is written."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    k = split(len(leaves))
    return hashlib.sha256(b"\1" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def split(n: int) -> int:
    """The largest power of two smaller than n."""
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def path(m: int, leaves: list[bytes]) -> list[bytes]:
    """Section 2.1.1, as it is written."""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if m < k:
        return [*path(m, leaves[:k]), mth(leaves[k:])]
    return [*path(m - k, leaves[k:]), mth(leaves[:k])]


def subproof(m: int, leaves: list[bytes], *, whole: bool) -> list[bytes]:
    """Section 2.1.2, as it is written."""
    if m == len(leaves):
        return [] if whole else [mth(leaves)]
    k = split(len(leaves))
    if m <= k:
        return [*subproof(m, leaves[:k], whole=whole), mth(leaves[k:])]
    return [*subproof(m - k, leaves[k:], whole=False), mth(leaves[:k])]


class Nodes:
    """Complete subtrees of some leaves, each computed by the RFC's definition."""

    def __init__(self, leaves: list[bytes]) -> None:
        self._leaves = leaves

    def __call__(self, level: int, index: int) -> bytes:
        """Give the hash of a complete subtree."""
        span = self._leaves[index << level : (index + 1) << level]
        assert len(span) == 1 << level
        return mth(span)


def leaves(count: int) -> list[bytes]:
    """Make leaves that differ."""
    return [b"leaf %d" % number for number in range(count)]


def test_the_known_tree() -> None:
    """The roots over the leaves that other implementations test with are theirs."""
    for size, expected in enumerate(ROOTS):
        assert merkle.root(size, Nodes(LEAVES)).hex() == expected


def test_the_example_of_the_rfc() -> None:
    """Section 2.1.3 draws a tree of seven leaves, and names the hashes of its proofs."""
    data = leaves(7)
    a, b, c, d, e, f, j = (merkle.leaf_hash(leaf) for leaf in data)
    g, h, i = merkle.node_hash(a, b), merkle.node_hash(c, d), merkle.node_hash(e, f)
    k, left = merkle.node_hash(i, j), merkle.node_hash(g, h)
    node = Nodes(data)
    assert merkle.root(7, node) == merkle.node_hash(left, k)
    assert merkle.inclusion_proof(0, 7, node) == [b, h, k]
    assert merkle.inclusion_proof(3, 7, node) == [c, g, k]
    assert merkle.inclusion_proof(4, 7, node) == [f, j, left]
    assert merkle.inclusion_proof(6, 7, node) == [i, left]
    assert merkle.consistency_proof(3, 7, node) == [c, d, g, k]
    assert merkle.consistency_proof(4, 7, node) == [k]
    assert merkle.consistency_proof(6, 7, node) == [i, j, left]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 13, 32, 33, 47, 64, 65])
def test_every_proof_of_a_tree(size: int) -> None:
    """Every proof of a tree is the RFC's to the byte, and holds."""
    data = leaves(size)
    node, tree = Nodes(data), mth(data)
    assert merkle.root(size, node) == tree
    for index, leaf in enumerate(data):
        proof = merkle.inclusion_proof(index, size, node)
        assert proof == path(index, data)
        merkle.check_inclusion(merkle.leaf_hash(leaf), index, size, tree, proof)
    for old in range(1, size + 1):
        proof = merkle.consistency_proof(old, size, node)
        assert proof == subproof(old, data, whole=True)
        merkle.check_consistency(old, mth(data[:old]), size, tree, proof)


@given(st.integers(1, 300), st.data())
def test_a_changed_inclusion_is_refused(size: int, drawn: st.DataObject) -> None:
    """Whatever is changed about an inclusion, it no longer holds."""
    data = leaves(size)
    index = drawn.draw(st.integers(0, size - 1))
    leaf, tree = merkle.leaf_hash(data[index]), mth(data)
    proof = merkle.inclusion_proof(index, size, Nodes(data))
    other = bytes(32)
    changed = [
        (other, index, size, tree, proof),
        (leaf, index, size, other, proof),
        (leaf, index, size, tree, [*proof, other]),
        (leaf, index, size, tree, proof[:-1] if proof else [other]),
        (leaf, (index + 1) % size if size > 1 else 1, size, tree, proof),
        (leaf, size, size, tree, proof),
        (leaf, -1, size, tree, proof),
        *((leaf, index, size, tree, [*proof[:at], other, *proof[at + 1 :]]) for at in range(len(proof))),
    ]
    for arguments in changed:
        with pytest.raises(LogProofError):
            merkle.check_inclusion(*arguments)


@given(st.integers(2, 300), st.data())
def test_a_changed_consistency_is_refused(new: int, drawn: st.DataObject) -> None:
    """Whatever is changed about a consistency proof, it no longer holds."""
    data = leaves(new)
    old = drawn.draw(st.integers(1, new - 1))
    before, after = mth(data[:old]), mth(data)
    proof = merkle.consistency_proof(old, new, Nodes(data))
    other = bytes(32)
    changed = [
        (old, other, new, after, proof),
        (old, before, new, other, proof),
        (old, before, new, after, [*proof, other]),
        (old, before, new, after, proof[:-1]),
        (old, after, old, before, []),
        (new, before, old, after, proof),
        (0, merkle.EMPTY_ROOT, new, after, proof),
        *((old, before, new, after, [*proof[:at], other, *proof[at + 1 :]]) for at in range(len(proof))),
    ]
    for arguments in changed:
        with pytest.raises(LogProofError):
            merkle.check_consistency(*arguments)


def test_one_size() -> None:
    """Two trees of one size are consistent where their roots are equal, without a proof."""
    merkle.check_consistency(5, b"r" * 32, 5, b"r" * 32, [])
    with pytest.raises(LogProofError, match="need no"):
        merkle.check_consistency(5, b"r" * 32, 5, b"r" * 32, [b"r" * 32])


@pytest.mark.parametrize(("index", "size"), [(0, 0), (7, 7), (-1, 3)])
def test_no_such_leaf(index: int, size: int) -> None:
    """A leaf outside the tree has no path."""
    with pytest.raises(LogProofError):
        merkle.inclusion_proof(index, size, Nodes(leaves(8)))


@pytest.mark.parametrize(("old", "new"), [(0, 3), (4, 3)])
def test_no_such_growth(old: int, new: int) -> None:
    """There is no proof from nothing, nor backwards."""
    with pytest.raises(LogProofError):
        merkle.consistency_proof(old, new, Nodes(leaves(8)))


def test_subtree_root() -> None:
    """The root over hashes of complete subtrees is the RFC's."""
    data = leaves(16)
    assert merkle.subtree_root([mth(data[at : at + 4]) for at in range(0, 16, 4)]) == mth(data)
