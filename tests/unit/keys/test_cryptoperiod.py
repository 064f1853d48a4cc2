"""Ends of cryptoperiods and their alarms."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from keys.cryptoperiod import Use, alarms, check, end, outgoing
from keys.errors import KeyExpiredError
from keys.purpose import Purpose
from keys.state import KeyState
from tests.unit.keys.conftest import NOW
from tests.unit.keys.test_keyset import empty, new_key

if TYPE_CHECKING:
    from keys.keyset import Keyring

YEAR, DAY = timedelta(days=365), timedelta(days=1)


def with_key(purpose: Purpose, *states: KeyState) -> Keyring:
    """Make a keyring with one key that went through states at NOW; an active one is primary."""
    ring = empty().add(purpose, new_key(purpose, 1))
    for state in states:
        ring = ring.transition(purpose, 1, state, at=NOW)
        if state is KeyState.ACTIVE and states[-1] is state:
            ring = ring.make_primary(purpose, 1)
    return ring


@pytest.mark.parametrize(
    ("after", "told", "over"),
    [
        (YEAR - 31 * DAY, [], []),
        (YEAR - 30 * DAY, [Use.PROTECT], [False]),
        (YEAR - timedelta(seconds=1), [Use.PROTECT], [False]),
        (YEAR, [Use.PROTECT], [True]),
        (3 * YEAR - 30 * DAY, [Use.PROTECT, Use.PROCESS], [True, False]),
        (3 * YEAR, [Use.PROTECT, Use.PROCESS], [True, True]),
    ],
)
def test_alarms_begin_thirty_days_ahead(after: timedelta, told: list[Use], over: list[bool]) -> None:
    """An end is told from 30 days before it, and as over from the moment on."""
    found = alarms(with_key(Purpose.INDEX, KeyState.ACTIVE), now=NOW + after)
    assert ([alarm.use for alarm in found], [alarm.over for alarm in found]) == (told, over)


@pytest.mark.parametrize(
    ("states", "uses"),
    [
        ([], []),
        ([KeyState.ACTIVE, KeyState.DEACTIVATED], [Use.PROCESS]),
        ([KeyState.ACTIVE, KeyState.COMPROMISED], [Use.PROCESS]),
        ([KeyState.ACTIVE, KeyState.DEACTIVATED, KeyState.DESTROYED], []),
    ],
)
def test_only_what_a_key_still_does_is_told(states: list[KeyState], uses: list[Use]) -> None:
    """A key at rest has no end of making, a destroyed one no end at all."""
    found = alarms(with_key(Purpose.INDEX, *states), now=NOW + 10 * YEAR)
    assert [alarm.use for alarm in found] == uses


def with_keys(purpose: Purpose, *, primary: int, states: dict[int, KeyState]) -> Keyring:
    """Make a keyring with several keys of a purpose, active before they are what they are now."""
    ring = empty()
    for key_id in states:
        ring = ring.add(purpose, new_key(purpose, key_id)).transition(
            purpose, key_id, KeyState.ACTIVE, at=NOW
        )
    ring = ring.make_primary(purpose, primary)
    for key_id, state in states.items():
        if state is not KeyState.ACTIVE:
            ring = ring.transition(purpose, key_id, state, at=NOW)
    return ring


@pytest.mark.parametrize(
    ("purpose", "primary", "second", "told"),
    [
        (Purpose.LOG_SIGNING, 3, KeyState.ACTIVE, [1, 2]),
        (Purpose.LOG_SIGNING, 3, KeyState.DEACTIVATED, [1]),
        (Purpose.LOG_SIGNING, 3, KeyState.COMPROMISED, [1]),
        (Purpose.LOG_SIGNING, 2, KeyState.ACTIVE, [1]),
        (Purpose.LOG_SIGNING, 1, KeyState.ACTIVE, []),
        (Purpose.ATTRIBUTE, 3, KeyState.ACTIVE, []),
    ],
)
def test_what_was_replaced_and_goes_on_is_told(
    purpose: Purpose, primary: int, second: KeyState, told: list[int]
) -> None:
    """A log key that is older than the primary one and active waits for its end; one that comes after it does not."""
    ring = with_keys(purpose, primary=primary, states={1: KeyState.ACTIVE, 2: second, 3: KeyState.ACTIVE})
    assert [(name, key.key_id) for name, key in outgoing(ring)] == [(purpose, key_id) for key_id in told]


def test_a_log_key_beside_its_successor_is_an_alarm_still() -> None:
    """It signs until its end, of which 30 days ahead are told, and goes on being told of when that is over."""
    ring = with_keys(
        Purpose.LOG_SIGNING,
        primary=2,
        states={1: KeyState.ACTIVE, 2: KeyState.ACTIVE},
    )
    for after, over in ((YEAR - DAY, False), (YEAR, True)):
        found = {alarm.key_id: alarm for alarm in alarms(ring, now=NOW + after)}
        assert (found[1].use, found[1].over) == (Use.PROTECT, over)


def test_a_use_ends_at_its_moment() -> None:
    """Making ends after a year to the second, reading after three; before it passes."""
    key = with_key(Purpose.INDEX, KeyState.ACTIVE).key(Purpose.INDEX, 1)
    for use, period in ((Use.PROTECT, YEAR), (Use.PROCESS, 3 * YEAR)):
        check(Purpose.INDEX, key, use, now=NOW + period - timedelta(seconds=1))
        with pytest.raises(KeyExpiredError, match="ended on"):
            check(Purpose.INDEX, key, use, now=NOW + period)


@pytest.mark.parametrize("purpose", [Purpose.HANDLE, Purpose.BUDGET, Purpose.TOMBSTONE])
def test_permanent_keys_never_end(purpose: Purpose) -> None:
    """Handles, budgets and tombstones outlive every period."""
    ring = with_key(purpose, KeyState.ACTIVE)
    far = datetime(9000, 1, 1, tzinfo=NOW.tzinfo)
    assert alarms(ring, now=far) == ()
    for use in Use:
        check(purpose, ring.key(purpose, 1), use, now=far)
        assert end(purpose, ring.key(purpose, 1), use) is None


def test_a_key_that_was_never_active_has_no_end() -> None:
    """Periods count from activation."""
    assert end(Purpose.INDEX, new_key(Purpose.INDEX, 1), Use.PROTECT) is None
