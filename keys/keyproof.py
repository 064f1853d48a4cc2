"""Whether a keyring's history proves itself: each ceremony in it signed by those who decided at its time. Pure.

It needs no KEK and nothing but the history: who decided stands in it, proposals and signatures too. For each ceremony:
the bytes are the proposal of that id, the signatures are over it and of as many of the roster of that time as it
demanded, it was executed within its time and once, no token domain ended before its grace was over, and what changed
with it is what it proposed. And nothing changed without one since a roster stands.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Final

from keys import keyceremony
from keys.ceremony import Proposal, Voice
from keys.ceremonyfile import CeremonyFile
from keys.errors import KeysError, OperatorError
from keys.keyceremony import (
    APPROVED,
    EXECUTED,
    PROPOSED,
    ROSTER_NOTED,
    ROSTER_SET,
    Register,
    Sitting,
)
from keys.keychange import Change

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from keys.events import Event
    from keys.realm import Realm

_SHARED: Final = frozenset({"quorum"})
"""Providers whose custodians decide from the first: a history notes who they are with the first that they decide."""


class HistoryUnprovenError(OperatorError):
    """A line of the history lacks the signatures that it would need."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """A ceremony whose signatures were checked.

    Args:
        number: line of its execution.
        counter: the keyring's counter after it.
        proposal: its id, hex.
        action: what was done.
        approved: key ids of who agreed.
    """

    number: int
    counter: int
    proposal: str
    action: str
    approved: tuple[str, ...]


def prove(realm: Realm, history: Iterable[Event]) -> tuple[Proven, ...]:
    """Check every ceremony of a history that the keyring vouches for.

    Args:
        realm: the keyring's registry and environment.
        history: its lines, in order.

    Raises:
        HistoryUnprovenError: at the first line that proves nothing of what it says; the message names it.
    """
    register, found, shared = Register(), [], False
    for _, group in groupby(history, key=lambda event: event.counter):
        lines = tuple(group)
        shared = shared or lines[0].details.get("provider") in _SHARED
        for line in (line for line in lines if line.name == ROSTER_NOTED):
            if not shared or register.roster is not None:
                raise _unproven(
                    line, "custodians are noted who were not those that held the KEK from the first"
                )
            register = register.after(line)
        executed = [line for line in lines if line.name == EXECUTED]
        if executed:
            found.append(_proven(realm, register, lines, executed))
        elif any(line.name == ROSTER_SET for line in lines):
            raise _unproven(lines[0], "a roster was set without a ceremony")
        elif register.roster is not None and any(line.name.startswith("key-") for line in lines):
            raise _unproven(lines[0], "a key was changed without a ceremony, although a roster stood")
        for line in lines:
            register = register.after(line)
    return tuple(found)


def _proven(realm: Realm, register: Register, lines: Sequence[Event], executed: Sequence[Event]) -> Proven:
    last = executed[0]
    if len(executed) > 1:
        raise _unproven(executed[1], "two ceremonies were executed in one change")
    try:
        file = _file(lines)
        proposal = file.proposal
        # The base is a hash of a file that is no more; that it was the right one was for the execution to see.
        now = int(last.at.timestamp())
        sitting = Sitting(realm=realm, register=register, base=proposal.base, now=now)
        standing = keyceremony.standing(sitting, file)
        keyceremony.require_approved(standing)
    except (KeysError, KeyError, ValueError) as error:
        raise _unproven(last, str(error) or "its proposal or signatures are malformed") from error
    if last.details.get("proposal") != proposal.id(realm).hex():
        raise _unproven(last, "the proposal is another one than it names")
    if not _did(file, lines):
        raise _unproven(last, "what changed is not what was proposed")
    return Proven(
        number=last.number,
        counter=last.counter,
        proposal=proposal.id(realm).hex(),
        action=proposal.action,
        approved=standing.approved,
    )


def _file(lines: Sequence[Event]) -> CeremonyFile:
    (proposed,) = (line for line in lines if line.name == PROPOSED)
    return CeremonyFile(
        proposal=Proposal.decode(base64.b64decode(proposed.details["bytes"], validate=True)),
        voices=tuple(
            Voice(
                key_id=line.details["by"],
                signature=base64.b64decode(line.details["signature"], validate=True),
            )
            for line in lines
            if line.name == APPROVED
        ),
    )


def _did(file: CeremonyFile, lines: Sequence[Event]) -> bool:
    what = keyceremony.subject(file.proposal)
    if isinstance(what, Change):
        rosters = any(line.name == ROSTER_SET for line in lines)
        early = what.ending is not None and lines[-1].at.timestamp() < what.ending.due
        return not rosters and not early and what.left([(line.name, line.details) for line in lines])
    set_now = [line.details.get("roster") for line in lines if line.name == ROSTER_SET]
    return set_now == [what.text] and not any(line.name.startswith("key-") for line in lines)


def _unproven(line: Event, why: str) -> HistoryUnprovenError:
    return HistoryUnprovenError(f"line {line.number} of the history ({line.name}): {why}")
