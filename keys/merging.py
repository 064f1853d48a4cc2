"""Copies of one proposal become one: signatures are checked and added, and none is ever taken away. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from keys import ceremony, keyceremony
from keys.ceremony import State
from keys.ceremonyfile import CeremonyFile
from keys.errors import NotCustodianError, ProposalEditedError, SignatureError, StrangerError

if TYPE_CHECKING:
    from keys.keyceremony import Sitting


def merge(sitting: Sitting, kept: CeremonyFile | None, offered: CeremonyFile) -> CeremonyFile:
    """Add to a proposal the signatures of another copy; one that cancels it is taken like the others.

    Args:
        sitting: what it is held against.
        kept: the proposal as it is known here; None where it is new.
        offered: the other copy.

    Raises:
        ProposalEditedError: a signature is not over it, or its proposer's is missing.
        NotCustodianError: a signature, or the proposal, is of nobody who may sign.
        CeremonyEndedError: it has ended; the subclass says how.
        KeyProposalError, NoRosterError: as `keyceremony.standing`.
    """
    proposal = offered.proposal
    found = keyceremony.standing(sitting, kept or offered)
    if kept is not None or found.state is not State.WITHDRAWN:
        keyceremony.require_open(found)
    merged = kept or CeremonyFile(proposal=proposal)
    known, allowed = set(merged.voices), keyceremony.voters(sitting, proposal)
    for voice in offered.voices:
        if voice in known:
            continue
        try:
            ceremony.require_voice(sitting.realm, proposal, voice, allowed)
        except StrangerError as error:
            raise NotCustodianError("a signature is of nobody who decides about this keyring") from error
        except SignatureError as error:
            raise ProposalEditedError("a signature is not over this proposal") from error
        merged = merged.with_voice(voice)
    return merged
