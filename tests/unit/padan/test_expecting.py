"""What an agency expects of the log: what is waited for, for how long, and what is an alarm."""

from __future__ import annotations

import dataclasses
import math

import pytest

from padan import expecting, remedy
from padan.errors import LogFormatError, LogProofError, LogSignatureError, PadanError, QuorumError
from padan.expecting import AWAY, GRACE, PAUSE, TRIES, UNWITNESSED, Expected
from verifier.config import Settings

PROMISED = 1_000.0
RATE = remedy.build("RATE_LIMITED", retry_after=1.0)
AWAY_NOW = remedy.build("NO_CONNECTION")
QUORUM = QuorumError("1 of 2", reason="quorum")
UNKNOWN = remedy.build("UNKNOWN_LEAF")


def due(*, since: float = math.inf, tries: int = 0) -> Expected:
    """Make what is due."""
    return Expected(receipt="r", leaf=bytes(33), at=PROMISED, promised=PROMISED, since=since, tries=tries)


@pytest.mark.parametrize("error", [RATE, AWAY_NOW, remedy.build("DEADLINE"), QUORUM, UNKNOWN], ids=repr)
def test_what_time_can_mend_is_waited_for(error: PadanError) -> None:
    """None of these is an alarm when the promise is just over, and what was tried is remembered."""
    now = PROMISED + 1
    next_time = {RATE: PROMISED, UNKNOWN: PROMISED + GRACE}.get(error, now + PAUSE)
    assert expecting.again(due(), error, now=now) == dataclasses.replace(
        due(since=now, tries=1), at=next_time
    )


@pytest.mark.parametrize(
    "error",
    [
        LogSignatureError("no key"),
        LogProofError("another root"),
        LogFormatError("cut off"),
        remedy.build("QUOTA_EXHAUSTED"),
        remedy.build("CERTIFICATE_REFUSED"),
        remedy.build("INTERNAL"),
    ],
    ids=repr,
)
def test_what_time_cannot_mend_is_an_alarm_at_once(error: PadanError) -> None:
    """What the log has not signed, a path that does not hold and a spent quota are alarms at the first try."""
    assert expecting.again(due(), error, now=PROMISED - 10) is None


@pytest.mark.parametrize(
    ("error", "patience"), [(RATE, AWAY), (AWAY_NOW, AWAY), (QUORUM, UNWITNESSED)], ids=repr
)
def test_patience_ends(error: PadanError, patience: float) -> None:
    """The time begins with the first try in vain, however late that was, and ends with an alarm."""
    late = PROMISED + 5_000
    tried = due(since=late, tries=TRIES)
    assert expecting.again(due(), error, now=late) is not None
    assert expecting.again(tried, error, now=late + patience - 0.1) is not None
    assert expecting.again(tried, error, now=late + patience) is None
    early = due(since=PROMISED - 50, tries=TRIES)
    assert expecting.again(early, error, now=PROMISED + patience - 0.1) is not None
    assert expecting.again(early, error, now=PROMISED + patience) is None


@pytest.mark.parametrize("error", [RATE, AWAY_NOW, QUORUM], ids=repr)
def test_two_outages_are_no_alarm(error: PadanError) -> None:
    """A receipt that was asked for rarely, since many wait, has a few tries more."""
    rarely = due(since=PROMISED, tries=1)
    for _ in range(TRIES - 2):
        later = expecting.again(rarely, error, now=PROMISED + 5_000)
        assert later is not None
        rarely = later
    assert expecting.again(rarely, error, now=PROMISED + 5_000) is None


def test_an_unknown_leaf_has_the_promise_and_no_more() -> None:
    """Whoever is asked late, and does not know the leaf, has had its time."""
    assert expecting.again(due(), UNKNOWN, now=PROMISED + GRACE - 0.1) is not None
    assert expecting.again(due(), UNKNOWN, now=PROMISED + GRACE) is None


def test_missing_witnesses_have_the_services_own_time() -> None:
    """They are waited for as long as a service goes on without them by default."""
    assert 60 * Settings.model_fields["witness_minutes"].default == UNWITNESSED


def test_only_a_rate_is_too_fast() -> None:
    """Of all reasons one says that the same call may be made again at a slower pace."""
    assert [reason for reason in remedy.TABLE if expecting.too_fast(remedy.build(reason))] == ["RATE_LIMITED"]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (QUORUM, "witnesses are missing.*: 1 of 2; keep the receipt, and ask"),
        (RATE, "not to be had from the service.*keep the receipt, and show"),
        (AWAY_NOW, "not to be had from the service.*keep the receipt, and show"),
        (UNKNOWN, "is not there, though its time is over.*keep the receipt, and show"),
        (LogSignatureError("no key"), "does not hold.*: no key; keep the receipt, and show"),
    ],
    ids=repr,
)
def test_alarms_are_worded_apart(error: PadanError, said: str) -> None:
    """Each says what is known, and no more."""
    with pytest.raises(expecting.MissingProofWarning, match=said):
        raise expecting.alarm(error)
