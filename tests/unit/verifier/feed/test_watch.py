"""How long a follower waits between runs."""

from __future__ import annotations

import pytest

from verifier.feed.run import RUN_CHANGES
from verifier.feed.sync import Summary
from verifier.feed.watch import LOOK_SECONDS, PACE_SECONDS, pause


@pytest.mark.parametrize(
    ("changes", "spent", "seconds"),
    [(1, 0.5, PACE_SECONDS - 0.5), (1, 9.0, 0.0), (RUN_CHANGES - 1, 1.0, 4.0), (RUN_CHANGES, 1.0, 0.0)],
)
def test_a_trickle_waits_and_a_flood_does_not(changes: int, spent: float, seconds: float) -> None:
    """A run that was not full is followed by the next one 5 s after its beginning, a full one at once."""
    summary = Summary(source="r", epoch=1, begun=0, position=changes, applied=changes - 1, older=1)
    assert pause(summary, spent) == pytest.approx(seconds)


def test_where_there_is_nothing_it_looks_again_soon() -> None:
    """An empty table is looked into each second."""
    assert pause(None, 0.2) == LOOK_SECONDS
