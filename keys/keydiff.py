"""What a change makes of a keyring, told before it happens: its keys before and after, never material. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from keys.keychange import carry_out
from keys.keyset import RingKey
from keys.purpose import TYPE_URLS, rules
from keys.state import KeyState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from keys.keychange import Change
    from keys.keyset import Keyring
    from keys.purpose import KeysetName

_NOT_YET: Final = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """How a key stands on one side of a change.

    Args:
        state: of NIST SP 800-57.
        primary: whether it makes whatever is made.
    """

    state: KeyState
    primary: bool

    def __str__(self) -> str:
        return f"{self.state}, primary" if self.primary else str(self.state)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One key that a change touches.

    Args:
        purpose: of the key.
        key_id: the key; None where the change makes it, whose id is drawn then.
        before: how it stands now; None where there is none.
        after: how it will stand.
    """

    purpose: str
    key_id: int | None
    before: Side | None
    after: Side


class _Rehearsal:
    """A keyring that is changed on paper: a key that is made has no material."""

    def __init__(self, ring: Keyring) -> None:
        self.ring = ring

    def make(self, purpose: KeysetName) -> int:
        taken = {key.key_id for _, key in self.ring}
        key_id = next(number for number in range(1, len(taken) + 2) if number not in taken)
        algorithm = rules(purpose).algorithm
        key = RingKey(
            key_id=key_id,
            state=KeyState.PRE_ACTIVE,
            algorithm=str(algorithm),
            type_url=TYPE_URLS[algorithm],
            wrapped=b"",
            created=_NOT_YET,
        )
        self.ring = self.ring.add(purpose, key)
        return key_id

    def move(self, purpose: KeysetName, key_id: int, state: KeyState, **details: str) -> None:
        del details
        self.ring = self.ring.transition(purpose, key_id, state, at=_NOT_YET)

    def prefer(self, purpose: KeysetName, key_id: int) -> None:
        self.ring = self.ring.make_primary(purpose, key_id)

    def resign(self, purpose: KeysetName) -> None:
        self.ring = self.ring.without_primary(purpose)

    def say(self, name: str, **details: str) -> None:
        """Say nothing: this is on paper."""


def rehearse(ring: Keyring, change: Change) -> tuple[Difference, ...]:
    """Say which keys a change touches, in the order of purposes and of creation.

    Raises:
        KeyNotFoundError: no such key.
        TransitionError: not a legal step.
    """
    rehearsal = _Rehearsal(ring)
    carry_out(rehearsal, change)
    before = dict(_sides(ring))
    return tuple(
        Difference(
            purpose=purpose,
            key_id=key_id if (purpose, key_id) in before else None,
            before=before.get((purpose, key_id)),
            after=side,
        )
        for (purpose, key_id), side in _sides(rehearsal.ring)
        if before.get((purpose, key_id)) != side
    )


def _sides(ring: Keyring) -> Iterator[tuple[tuple[str, int], Side]]:
    for purpose, key in ring:
        primary = ring.keyset(purpose).primary == key.key_id
        yield (purpose, key.key_id), Side(state=key.state, primary=primary)
