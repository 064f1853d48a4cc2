"""What the tests of updating share: a domain in its second version, calls without pauses, and lists of tokens."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from padan.issuing.run import Terms
from padan.updating.calls import Calls
from tests.simulator.tokendomain import Domain

if TYPE_CHECKING:
    from padan.updating.place import Place
    from padan.updating.update import Summary

TERMS = Terms(purpose="service", officer="desk-7", legal_basis="public_task")
BOUND = {"registry": "registry/development", "agency": "clinic", "token domain": "health"}


class Meter:
    """Counts what it is told."""

    def __init__(self) -> None:
        self.done = 0

    def add(self, count: int) -> None:
        """Count rows."""
        self.done += count


Run = Callable[..., "Summary"]


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls and pages of few rows, so that a small place takes several."""
    monkeypatch.setattr("padan.updating.update.MOST", 50)
    monkeypatch.setattr("padan.updating.tableplace._PAGE", 7)
    monkeypatch.setattr("padan.updating.tableplace._BATCH", 9)
    monkeypatch.setattr("padan.updating.tableplace._PAUSE", 0.01)
    monkeypatch.setattr("padan.updating.fileplace._PAGE", 7)


@pytest.fixture
def domain() -> Domain:
    """A domain whose key was replaced once."""
    made = Domain()
    made.rotate()
    return made


@pytest.fixture
def calls(domain: Domain) -> Calls:
    """Calls without pauses."""
    return calls_of(domain)


def calls_of(domain: Domain) -> Calls:
    """Make calls without pauses."""
    return Calls(domain, TERMS, pause=0.0)


def updated(place: Place, calls: Calls, sample: int = 10) -> tuple[Summary, list[Summary]]:
    """Update a place; gives the summary and what was reported."""
    from padan.updating.update import update

    reported: list[Summary] = []
    return update(place, calls, lambda *_: Meter(), reported.append, sample=sample), reported
