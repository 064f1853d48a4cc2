"""The states of a dispute, as a table."""

from __future__ import annotations

import pytest

from padan.v1 import dispute_pb2
from padan.vocabulary import DisputeOutcome, DisputeState
from verifier.dispute.errors import DisputeStateError
from verifier.dispute.state import HOUR_MS, Outcome, Standing, State

NOW = 1_795_000_000_000
BEGUN = Standing.opened(NOW, 72)


def standing(state: State) -> Standing:
    """Bring a dispute into a state."""
    if state is State.OPENED:
        return BEGUN
    outcome = Outcome.UPHELD if state is State.RESOLVED else Outcome.UNDECIDED
    return BEGUN.advance(state, outcome, now_ms=NOW + 1)


@pytest.mark.parametrize(
    ("before", "to", "outcome", "allowed"),
    [
        (State.OPENED, State.IN_REVIEW, Outcome.UNDECIDED, True),
        (State.OPENED, State.RESOLVED, Outcome.CORRECTED, True),
        (State.OPENED, State.RESOLVED, Outcome.UNDECIDED, False),
        (State.OPENED, State.IN_REVIEW, Outcome.UPHELD, False),
        (State.OPENED, State.OPENED, Outcome.UNDECIDED, False),
        (State.IN_REVIEW, State.RESOLVED, Outcome.UPHELD, True),
        (State.IN_REVIEW, State.RESOLVED, Outcome.REJECTED, True),
        (State.IN_REVIEW, State.RESOLVED, Outcome.NOT_OURS, True),
        (State.IN_REVIEW, State.RESOLVED, Outcome.WITHDRAWN, True),
        (State.IN_REVIEW, State.IN_REVIEW, Outcome.UNDECIDED, False),
        (State.IN_REVIEW, State.OPENED, Outcome.UNDECIDED, False),
        (State.RESOLVED, State.RESOLVED, Outcome.CORRECTED, False),
        (State.RESOLVED, State.IN_REVIEW, Outcome.UNDECIDED, False),
        (State.RESOLVED, State.OPENED, Outcome.UNDECIDED, False),
    ],
)
def test_steps(before: State, to: State, outcome: Outcome, *, allowed: bool) -> None:
    """Each step that there is leads on and changes nothing else; every other is refused."""
    begun = standing(before)
    if not allowed:
        with pytest.raises(DisputeStateError):
            begun.advance(to, outcome, now_ms=NOW + 2)
        return
    after = begun.advance(to, outcome, now_ms=NOW + 2)
    assert (after.state, after.outcome, after.changed_ms) == (to, outcome, NOW + 2)
    assert (after.opened_ms, after.due_ms, after.overdue_ms) == (NOW, NOW + 72 * HOUR_MS, None)


@pytest.mark.parametrize(
    ("state", "late_ms", "overdue"),
    [
        (State.OPENED, 0, False),
        (State.OPENED, 1, True),
        (State.IN_REVIEW, 0, False),
        (State.IN_REVIEW, 1, True),
        (State.RESOLVED, 1, False),
    ],
)
def test_the_clock(state: State, late_ms: int, *, overdue: bool) -> None:
    """A dispute is overdue after its hours, unless it is resolved, and is marked once; the mark stays."""
    begun, now_ms = standing(state), BEGUN.due_ms + late_ms
    assert begun.is_overdue(now_ms) is overdue
    if not overdue:
        with pytest.raises(DisputeStateError):
            begun.lapse(now_ms)
        return
    marked = begun.lapse(now_ms)
    assert marked.overdue_ms == now_ms
    with pytest.raises(DisputeStateError):
        marked.lapse(now_ms + 1)
    late = marked.advance(State.RESOLVED, Outcome.UPHELD, now_ms=now_ms + 2)
    assert late.overdue_ms == now_ms


def test_the_numbers_are_the_contracts() -> None:
    """States and outcomes have the names and numbers of padan/v1/dispute.proto, on both sides."""
    states = {
        name.removeprefix("DISPUTE_STATE_"): number for name, number in dispute_pb2.DisputeState.items()
    }
    outcomes = {
        name.removeprefix("DISPUTE_OUTCOME_"): number for name, number in dispute_pb2.DisputeOutcome.items()
    }
    assert states.pop("UNSPECIFIED") == 0
    assert {state.name: int(state) for state in State} == states
    assert {state.name: int(state) for state in DisputeState} == states
    assert {outcome.name: int(outcome) for outcome in Outcome if outcome} == {
        name: number for name, number in outcomes.items() if number
    }
    assert {outcome.name: int(outcome) for outcome in DisputeOutcome} == {
        name: number for name, number in outcomes.items() if number
    }
    assert int(outcomes["UNSPECIFIED"]) == int(Outcome.UNDECIDED)
