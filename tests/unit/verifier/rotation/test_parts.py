"""The ranges of an epoch's tokens, and the parts of a rotation."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from verifier.rotation import parts
from verifier.vault import ranges


@pytest.mark.parametrize("count", [1, 2, 3, 7, 64, 123, 1_000])
def test_parts_cover_every_token_once(count: int) -> None:
    """Each part begins where the one before it ends, from the first token to the last."""
    made = parts.cut(count, Path("folder"))
    assert [part.number for part in made] == list(range(count))
    assert (made[0].first, made[-1].last) == (0, 2**64 - 1)
    assert all(one.last + 1 == other.first for one, other in itertools.pairwise(made))
    assert len({part.path for part in made}) == count


@pytest.mark.parametrize(
    ("rows", "count"), [(0, 1), (1, 1), (ranges.ROWS, 1), (ranges.ROWS + 1, 2), (10**6, 123)]
)
def test_ranges_are_small(rows: int, count: int) -> None:
    """An epoch falls into as many ranges as keep each within its rows."""
    assert ranges.count_for(rows) == count
