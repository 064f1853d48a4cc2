"""States of keys and the legal steps between them."""

from __future__ import annotations

import pytest

from keys.errors import TransitionError
from keys.state import TRANSITIONS, KeyState, check_transition

PRE, ACTIVE, DEACTIVATED, COMPROMISED, DESTROYED = (
    KeyState.PRE_ACTIVE,
    KeyState.ACTIVE,
    KeyState.DEACTIVATED,
    KeyState.COMPROMISED,
    KeyState.DESTROYED,
)
LEGAL = {
    PRE: {ACTIVE, COMPROMISED, DESTROYED},
    ACTIVE: {DEACTIVATED, COMPROMISED},
    DEACTIVATED: {COMPROMISED, DESTROYED},
    COMPROMISED: {DESTROYED},
    DESTROYED: set(),
}


@pytest.mark.parametrize("old", KeyState)
@pytest.mark.parametrize("new", KeyState)
def test_exactly_the_legal_steps_pass(old: KeyState, new: KeyState) -> None:
    """Every pair of states is either in the table or refused with what may follow."""
    if new in LEGAL[old]:
        check_transition(old, new)
    else:
        with pytest.raises(TransitionError, match=f"is {old} cannot become {new}"):
            check_transition(old, new)
    assert ((old, new) in TRANSITIONS) == (new in LEGAL[old])


@pytest.mark.parametrize(
    ("state", "protects", "processes", "material"),
    [
        (PRE, False, False, True),
        (ACTIVE, True, True, True),
        (DEACTIVATED, False, True, True),
        (COMPROMISED, False, True, True),
        (DESTROYED, False, False, False),
    ],
)
def test_what_a_state_allows(state: KeyState, protects: bool, processes: bool, material: bool) -> None:  # noqa: FBT001
    """Only active keys make, only unlocked states read, only destroyed ones have no material."""
    assert (state.may_protect, state.may_process, state.has_material) == (protects, processes, material)
