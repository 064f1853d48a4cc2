"""Shares without a dealer: any threshold of members comes to the same, fewer do not, and who cheats is found out."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from padan import group, share
from padan.group import GroupError
from padan.share import Dealing, ShareError

CONTEXT = b"a dealer of tests"


@st.composite
def sizes(draw: st.DrawFn) -> tuple[int, int]:
    """Draw a threshold and a number of members."""
    members = draw(st.integers(min_value=2, max_value=5))
    return draw(st.integers(min_value=2, max_value=members)), members


@given(sizes())
@settings(max_examples=15, deadline=None)
def test_any_threshold_of_members_computes_with_the_sum(numbers: tuple[int, int]) -> None:
    """Every choice of m members gives s E for the sum s of all dealt secrets; m - 1 of them give something else."""
    threshold, members = numbers
    dealings = [share.deal(threshold, members, context=CONTEXT) for _ in range(members)]
    own = [share.total(each.shares[at] for each in dealings) for at in range(members)]
    public = share.total_public(each.commitments[0] for each in dealings)
    drawn = group.random_scalar()
    element, expected = group.base(drawn), group.multiply(drawn, public)
    for chosen in combinations(range(members), threshold):
        parts = {at + 1: group.multiply(own[at], element) for at in chosen}
        assert share.combine(parts) == expected
    if threshold > 2:
        parts = {at + 1: group.multiply(own[at], element) for at in range(threshold - 1)}
        assert share.combine(parts) != expected


def test_the_sum_of_commitments_names_every_share() -> None:
    """A member's share times the generator follows from the public commitments."""
    dealings = [share.deal(2, 3, context=CONTEXT) for _ in range(3)]
    commitments = [share.total_public(each.commitments[place] for each in dealings) for place in range(2)]
    for member in (1, 2, 3):
        own = share.total(each.shares[member - 1] for each in dealings)
        assert group.base(own) == share.public_share(commitments, member)


def test_a_wrong_share_is_refused() -> None:
    """A share of another member, of another dealer, changed or malformed does not fit the commitments."""
    dealt, other = share.deal(2, 3, context=CONTEXT), share.deal(2, 3, context=CONTEXT)
    share.check(dealt.commitments, 2, dealt.shares[1])
    for member, found in (
        (1, dealt.shares[1]),
        (2, other.shares[1]),
        (2, bytes(32)),
        (2, dealt.shares[1][:31]),
    ):
        with pytest.raises(ShareError):
            share.check(dealt.commitments, member, found)
    with pytest.raises(ShareError):
        share.check((dealt.commitments[0], bytes(32)), 2, dealt.shares[1])


def test_a_rogue_constant_term_has_no_proof() -> None:
    """Who publishes what cancels another's commitment cannot prove to know its secret, nor borrow a proof."""
    honest = share.deal(2, 3, context=CONTEXT)
    share.check_possession(honest.commitments[0], honest.possession, context=CONTEXT)
    wanted = group.base(group.random_scalar())
    rogue = group.subtract(wanted, honest.commitments[0])
    for public, proof, context in (
        (rogue, honest.possession, CONTEXT),
        (honest.commitments[0], honest.possession, b"another dealer"),
        (honest.commitments[0], honest.possession[:-1], CONTEXT),
        (honest.commitments[0], bytes(64), CONTEXT),
        (honest.commitments[1], honest.possession, CONTEXT),
    ):
        with pytest.raises(ShareError):
            share.check_possession(public, proof, context=context)


@pytest.mark.parametrize(("threshold", "members"), [(1, 3), (0, 2), (4, 3), (2, 17), (1, 1)])
def test_nobody_deals_alone(threshold: int, members: int) -> None:
    """A threshold below two, above the number of members, or too many members, is refused."""
    with pytest.raises(ShareError, match="a threshold is 2 or more"):
        share.deal(threshold, members, context=CONTEXT)


def test_nothing_is_added_or_combined_of_too_little() -> None:
    """No shares, no elements and a single part give no result."""
    with pytest.raises(ShareError):
        share.total([])
    with pytest.raises(ShareError):
        share.total_public([])
    with pytest.raises(ShareError):
        share.combine({1: group.base(group.random_scalar())})
    with pytest.raises(GroupError):
        share.combine({1: bytes(32), 2: group.base(group.random_scalar())})


def test_a_dealing_shows_nothing_and_is_zeroed() -> None:
    """Its repr has no share, and `wipe` zeroes all of them."""
    dealt: Dealing = share.deal(2, 3, context=CONTEXT)
    assert repr(dealt) == "<Dealing of 3>"
    dealt.wipe()
    assert all(each == bytes(32) for each in dealt.shares)
