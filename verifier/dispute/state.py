"""Where a dispute stands: the states, the steps between them, and the clock. Pure.

    OPENED -> IN_REVIEW -> RESOLVED, and OPENED -> RESOLVED

An officer takes each step. Overdue is no state of its own but a mark, made once, on a dispute that is not resolved when
its time is up; it stays when the dispute is resolved late.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from typing import Final

from verifier.dispute.errors import DisputeStateError

HOUR_MS: Final = 3_600_000


class State(enum.IntEnum):
    """Where it stands; numbers of padan.v1.DisputeState."""

    OPENED = 1
    IN_REVIEW = 2
    RESOLVED = 3


class Outcome(enum.IntEnum):
    """What was decided; numbers of padan.v1.DisputeOutcome."""

    UNDECIDED = 0
    CORRECTED = 1
    UPHELD = 2
    REJECTED = 3
    NOT_OURS = 4
    WITHDRAWN = 5


STEPS: Final[dict[State, frozenset[State]]] = {
    State.OPENED: frozenset({State.IN_REVIEW, State.RESOLVED}),
    State.IN_REVIEW: frozenset({State.RESOLVED}),
    State.RESOLVED: frozenset(),
}
"""From each state those to which one step leads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A dispute's state and times, milliseconds of the Unix epoch in log time.

    Attributes:
        outcome: decided where it is resolved, and only there.
        overdue_ms: when it was marked as overdue; None where it was not.
    """

    state: State
    outcome: Outcome
    opened_ms: int
    due_ms: int
    changed_ms: int
    overdue_ms: int | None = None

    @classmethod
    def opened(cls, now_ms: int, hours: int) -> Standing:
        """Begin a dispute that is due after so many hours."""
        return cls(
            state=State.OPENED,
            outcome=Outcome.UNDECIDED,
            opened_ms=now_ms,
            due_ms=now_ms + hours * HOUR_MS,
            changed_ms=now_ms,
        )

    def advance(self, to: State, outcome: Outcome, *, now_ms: int) -> Standing:
        """Take a step.

        Raises:
            DisputeStateError: no such step leads on from here, or the outcome does not belong to it.
        """
        if to not in STEPS[self.state]:
            raise DisputeStateError(f"the dispute is {_word(self.state)}; it cannot become {_word(to)}")
        if (to is State.RESOLVED) != (outcome is not Outcome.UNDECIDED):
            raise DisputeStateError("a dispute has an outcome when it is resolved, and only then")
        return replace(self, state=to, outcome=outcome, changed_ms=now_ms)

    def is_overdue(self, now_ms: int) -> bool:
        """Say whether its time is up and nothing is decided."""
        return self.state is not State.RESOLVED and now_ms > self.due_ms

    def lapse(self, now_ms: int) -> Standing:
        """Mark it as overdue; once.

        Raises:
            DisputeStateError: it is not overdue, or marked already.
        """
        if not self.is_overdue(now_ms) or self.overdue_ms is not None:
            raise DisputeStateError("the dispute is not overdue, or is marked as such already")
        return replace(self, overdue_ms=now_ms)


def _word(state: State) -> str:
    return state.name.lower().replace("_", " ")
