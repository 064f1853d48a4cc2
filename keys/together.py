"""Custodians who sit together: those whose keys are open sign what is done. Pure.

Whoever types the own passphrase for a change agrees to it; the signatures stand in the history as if they had come by
files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from keys import ceremony, keyceremony
from keys.errors import CustodiansMissingError, RosterStandsError
from keys.roster import Roster

if TYPE_CHECKING:
    from collections.abc import Iterable

    from keys.ceremonyfile import CeremonyFile
    from keys.keyceremony import Sitting
    from keys.keychange import Change
    from keys.signing import Signing


def agree(sitting: Sitting, what: Change | Roster, here: Iterable[Signing]) -> CeremonyFile:
    """Propose and approve in one step; who may not sign is passed over.

    Args:
        sitting: what it builds on.
        what: a change of a key, or who is to decide from now on.
        here: the keys of those who are here.

    Raises:
        RosterStandsError: they are too few to decide it.
        NoRosterError: nobody is named who could decide together.
    """
    people = tuple(here)
    deciding = sitting.register.roster or (what if isinstance(what, Roster) else None)
    proposer = next((each for each in people if deciding is None or each.key_id in deciding.keys), None)
    if proposer is None:
        raise RosterStandsError("this keyring has a roster: its custodians decide together")
    file = keyceremony.propose(sitting, what, proposer)
    allowed = keyceremony.voters(sitting, file.proposal)
    for each in people:
        if each.key_id in allowed and each is not proposer:
            file = file.with_voice(ceremony.approve(sitting.realm, file.proposal, each))
    try:
        keyceremony.require_approved(keyceremony.standing(sitting, file))
    except CustodiansMissingError as error:
        raise RosterStandsError(f"this keyring has a roster: {error}") from error
    return file
