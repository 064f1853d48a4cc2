"""A keyring as those see it who sit around it, without its KEK: what a proposal is read and signed against. Pure.

That the file is the right one is seen by its hash, which the proposal holds: an execution, which has the KEK, does what
was shown or nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from keys import events, keyceremony, quorum, quorum_provider, ringformat
from keys.keyceremony import Register, Sitting

if TYPE_CHECKING:
    from collections.abc import Callable

    from keys.keyset import Keyring
    from keys.roster import Roster


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A keyring, unopened, and what proposals are held against."""

    ring: Keyring
    sitting: Sitting


def lay(keyring: bytes, history: bytes, *, holders: Callable[[str], Roster | None], now: int) -> Table:
    """Read keyring and history, which vouch for each other.

    Args:
        keyring: the keyring's file.
        history: the history's file.
        holders: says who holds the KEK of an id together; None where nobody does.
        now: seconds of the Unix epoch.

    Raises:
        CustodianError: one of them cannot be read, or they do not fit.
    """
    ring = ringformat.peek(keyring)
    register = Register.of(events.parse(history, ring), holders=holders(ring.kek_id))
    base = keyceremony.base_of(ring.realm, keyring)
    return Table(ring=ring, sitting=Sitting(realm=ring.realm, register=register, base=base, now=now))


def holders_in(statement: bytes, kek_id: str) -> Roster | None:
    """Name those as a roster who hold a KEK, from the quorum's public file; None where there is none.

    Raises:
        QuorumFileError: it cannot be read, or does not hold it.
    """
    if not statement:
        return None
    made = quorum.generation_of(quorum.decode(statement), kek_id)
    return quorum_provider.roster_of(made.threshold, made.cards)
