"""The tables that a rotation moves: one line each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from verifier.rotation.people import People

if TYPE_CHECKING:
    from collections.abc import Callable

    from verifier.rotation.means import Means
    from verifier.rotation.rotatable import Rotatable

TABLES: Final[tuple[Callable[[Means], Rotatable], ...]] = (People,)
