"""The tables that a rotation moves: one line each, the people, and whatever no feed holds.

An outer rotation moves them all. Of an inner one the people are projected anew, and the rest is renamed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from verifier.rotation.inner_people import InnerPeople
from verifier.rotation.people import People
from verifier.rotation.references_held import ReferencesHeld
from verifier.rotation.token_rows import TokenRowsHeld

if TYPE_CHECKING:
    from collections.abc import Callable

    from verifier.rotation.means import Means
    from verifier.rotation.rotatable import Rotatable

HELD: Final[tuple[Callable[[Means], Rotatable], ...]] = (TokenRowsHeld, ReferencesHeld)
"""The tables that no feed holds: their rows stand under record ids, and only a rotation can give them new ones."""


def of(means: Means) -> list[Rotatable]:
    """Make the tables of a rotation."""
    if means.there.is_inner:
        return [InnerPeople(means, held(means))]
    return [People(means), *held(means)]


def held(means: Means) -> list[Rotatable]:
    """Make the tables that no feed holds."""
    return [make(means) for make in HELD]
