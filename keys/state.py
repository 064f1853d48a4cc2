"""The states of a key and the steps between them (NIST SP 800-57 part 1, section 7). Pure.

A key in `PRE_ACTIVE` does nothing yet. `ACTIVE` protects and processes. `DEACTIVATED` and `COMPROMISED`
process what exists and protect nothing new; a compromised key must still be readable, or nothing could be
moved away from it. `DESTROYED` has no material any more. The suspended state of the publication is not used:
a key that may not work is not in an agent.
"""

from __future__ import annotations

import enum
from typing import Final

from keys.errors import TransitionError


class KeyState(enum.StrEnum):
    """States of a key, as they are written in the keyring."""

    PRE_ACTIVE = "pre-active"
    ACTIVE = "active"
    DEACTIVATED = "deactivated"
    COMPROMISED = "compromised"
    DESTROYED = "destroyed"

    @property
    def may_protect(self) -> bool:
        """Whether the key may make something new: seal, sign, be an epoch's key."""
        return self is KeyState.ACTIVE

    @property
    def may_process(self) -> bool:
        """Whether the key may work on what was made with it: open, look up, check."""
        return self in _PROCESSING

    @property
    def has_material(self) -> bool:
        """Whether the keyring holds the key itself."""
        return self is not KeyState.DESTROYED


_PROCESSING: Final = frozenset({KeyState.ACTIVE, KeyState.DEACTIVATED, KeyState.COMPROMISED})

TRANSITIONS: Final = frozenset(
    {
        (KeyState.PRE_ACTIVE, KeyState.ACTIVE),
        (KeyState.PRE_ACTIVE, KeyState.COMPROMISED),
        (KeyState.PRE_ACTIVE, KeyState.DESTROYED),
        (KeyState.ACTIVE, KeyState.DEACTIVATED),
        (KeyState.ACTIVE, KeyState.COMPROMISED),
        (KeyState.DEACTIVATED, KeyState.COMPROMISED),
        (KeyState.DEACTIVATED, KeyState.DESTROYED),
        (KeyState.COMPROMISED, KeyState.DESTROYED),
    }
)
"""Every legal step. Deactivation comes before destruction: what still needs the key fails in time to be seen."""


def check_transition(old: KeyState, new: KeyState) -> None:
    """Refuse a step that is not legal.

    Raises:
        TransitionError: the step is not in `TRANSITIONS`.
    """
    if (old, new) not in TRANSITIONS:
        following = ", ".join(sorted(after for before, after in TRANSITIONS if before is old)) or "nothing"
        raise TransitionError(f"a key that is {old} cannot become {new}; what may follow: {following}")
