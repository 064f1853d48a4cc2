"""A token domain ends in one change of the keyring: all its keys, after the grace, as several agree or one alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from keys import keyproof
from keys.ending import Ending
from keys.errors import (
    CustodiansMissingError,
    GraceError,
    KeysetEndedError,
    RosterStandsError,
    TransitionError,
)
from keys.keychange import DOMAIN_ENDED, Action, Change
from keys.keydiff import rehearse
from keys.keyproof import HistoryUnprovenError
from keys.purpose import Purpose, TokenDomain
from keys.state import KeyState
from tests.unit.keys.council import agree, seat

if TYPE_CHECKING:
    from keys.custody import Custody
    from keys.realm import Realm
    from tests.unit.keys.conftest import Clock, Unlock

AID, TAX = TokenDomain("aid"), TokenDomain("tax")
GRACE = timedelta(days=90)


@pytest.fixture
def end(custody: Custody, clock: Clock) -> Change:
    """A domain of three versions, the first destroyed, and a proposal to end it whose grace begins now."""
    for _ in range(3):
        custody.rotate(AID)
    custody.rotate(TAX)
    custody.add(AID)  # never used
    custody.destroy(AID, custody.read().keyset(AID).keys[0].key_id)
    now = int(clock.now.timestamp())
    due = now + int(GRACE.total_seconds())
    ending = Ending(agency="social", agreement="pks-7", version=2, ended=now, due=due)
    return Change(action=Action.END_DOMAIN, purpose=AID, ending=ending)


def states(custody: Custody, name: TokenDomain) -> list[KeyState]:
    """Say how the keys of a domain stand, in order of creation."""
    return [key.state for key in custody.read().keyset(name).keys]


def test_every_key_goes_and_no_other(custody: Custody, unlock: Unlock, clock: Clock, end: Change) -> None:
    """One write destroys them, the one that issues too, and renews the KEK; the history names versions and agency."""
    told = rehearse(custody.read(), end)
    before = custody.read()
    clock.now += GRACE
    ring, _ = custody.alone(end)
    assert ring.counter == before.counter + 1
    assert ring.kek_id != before.kek_id
    assert set(states(custody, AID)) == {KeyState.DESTROYED}
    assert states(custody, TAX) == [KeyState.ACTIVE]
    assert {each.key_id for each in told} == {key.key_id for key in before.keyset(AID).keys[1:]}
    assert {str(each.after) for each in told} == {"destroyed"}
    (line,) = (event for event in custody.history() if event.name == DOMAIN_ENDED)
    assert end.ending is not None
    assert line.details == {"purpose": str(AID), "versions": "2 3 4", **end.ending.details}
    with pytest.raises(KeysetEndedError):
        unlock().tokens().domain("aid")
    assert unlock().tokens().domain("tax")[0].number == 1
    custody.check()


def test_a_domain_that_begins_anew_counts_on(
    custody: Custody, unlock: Unlock, clock: Clock, end: Change
) -> None:
    """The first version after an end has a number that no token of before carries."""
    clock.now += GRACE
    custody.alone(end)
    custody.rotate(AID)
    assert [version.number for version in unlock().tokens().domain("aid")] == [5]


def test_it_waits_for_the_grace(custody: Custody, clock: Clock, end: Change) -> None:
    """A second too early changes nothing, alone or agreed."""
    clock.now += GRACE - timedelta(seconds=1)
    with pytest.raises(GraceError, match="period of grace runs until"):
        custody.alone(end)
    seat(custody)
    agreed = agree(custody, end, 0, 1)
    with pytest.raises(GraceError):
        custody.execute(agreed)
    assert KeyState.ACTIVE in states(custody, AID)
    clock.now += timedelta(seconds=1)
    custody.execute(agreed)
    assert set(states(custody, AID)) == {KeyState.DESTROYED}


def test_custodians_decide_it_together(custody: Custody, clock: Clock, end: Change, realm: Realm) -> None:
    """Where a roster stands one alone does not, nor too few; what as many as it takes did is proven by the history."""
    seat(custody)
    clock.now += GRACE
    with pytest.raises(RosterStandsError):
        custody.alone(end)
    with pytest.raises(CustodiansMissingError):
        custody.execute(agree(custody, end, 0))
    custody.execute(agree(custody, end, 0, 1))
    history = custody.history()
    assert keyproof.prove(realm, history)[-1].action == "token-domain.end"
    assert end.ending is not None
    early = end.ending.due - 1
    moved = [
        replace(event, at=event.at.fromtimestamp(early, event.at.tzinfo))
        if event.counter == history[-1].counter
        else event
        for event in history
    ]
    with pytest.raises(HistoryUnprovenError, match="not what was proposed"):
        keyproof.prove(realm, moved)
    left_out = [event for event in history if event.name != DOMAIN_ENDED]
    with pytest.raises(HistoryUnprovenError, match="not what was proposed"):
        keyproof.prove(realm, left_out)


def test_there_is_nothing_to_end_twice(custody: Custody, clock: Clock, end: Change) -> None:
    """A domain without keys, and one that never had any, is told so."""
    clock.now += GRACE
    custody.alone(end)
    for purpose in (AID, TokenDomain("health")):
        with pytest.raises(TransitionError, match="nothing to end"):
            custody.alone(replace(end, purpose=purpose))


def test_no_other_purpose_goes_without_a_primary_key(custody: Custody) -> None:
    """What the service cannot be without keeps a key that makes new things."""
    with pytest.raises(TransitionError):
        custody.read().without_primary(Purpose.INDEX)
