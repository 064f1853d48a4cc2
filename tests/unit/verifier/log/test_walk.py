"""A walk through the log finds what one statement would, however rare it is, and ends in time, on both engines."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.verifier.log.rows import DAY, entry
from verifier.log import walk
from verifier.log.open import open_log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from verifier.log.store import LogStore

COUNT = 500
RARE = (17, 18, 203, 499)
"""Places, less one, of entries with another outcome."""
FILTERS: tuple[dict[str, Any], ...] = (
    {},
    {"outcome": 2},
    {"outcome": 3},
    {"agency": "agency-2", "outcome": 2},
    {"from_ms": entry(100).log_time_ms, "until_ms": entry(300).log_time_ms, "outcome": 2},
)


@pytest.fixture
def store(log_database: str) -> Iterator[LogStore]:
    """A log in which some outcome is rare."""
    with closing(open_log(log_database)) as opened:
        rows = [
            entry(number, agency=f"agency-{1 + number % 2}", outcome=2 if number in RARE else 1)
            for number in range(COUNT)
        ]
        with opened.transaction() as transaction:
            transaction.write({}, DAY, rows, [])
        yield opened


def standing() -> float:
    """A clock that stands: every stretch is as fast as can be."""
    return 0.0


def crawling() -> Callable[[], float]:
    """Make a clock by which every look takes longer than a walk may."""
    times = iter(range(0, 1_000_000, 10))
    return lambda: float(next(times))


@pytest.mark.parametrize("filters", FILTERS, ids=str)
@pytest.mark.parametrize("limit", [1, 3, 100, 1_000])
@pytest.mark.parametrize("hurries", [False, True])
def test_pages_give_what_one_statement_gives(
    store: LogStore, filters: dict[str, Any], limit: int, *, hurries: bool
) -> None:
    """Whatever a walk is cut off by, those that follow it find the rest, in order and once."""
    expected = [row.sequence for row in store.entries(0, COUNT, **filters)]
    clock = crawling() if hurries else standing
    found, place, walks = list[int](), 0, 0
    while True:
        page, after = walk.walk(store, place, limit, clock=clock, least=40, **filters)
        assert len(page) <= limit
        found += [row.sequence for row in page]
        walks += 1
        if after is None:
            break
        assert after > place
        place = after
    assert found == expected
    if hurries:
        assert walks >= COUNT // 40, "each has ended after a stretch"
    if not expected and not hurries:
        assert walks == 1


def test_a_walk_takes_longer_strides_where_it_is_fast(
    store: LogStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stretches grow eightfold at most while they take no time, and none is beyond the end."""
    asked: list[tuple[int, int]] = []
    entries = store.entries

    def noted(after: int, limit: int, **more: Any) -> Any:
        asked.append((after, more["through"]))
        return entries(after, limit, **more)

    monkeypatch.setattr(store, "entries", noted)
    walk.walk(store, 0, 10, clock=standing, least=5, outcome=3)
    assert asked == [(0, 5), (5, 45), (45, 365), (365, COUNT)]
