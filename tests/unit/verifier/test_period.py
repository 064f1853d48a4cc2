"""The audit period in use: the key of one that is over is zeroed, and one that cannot be logged is never used."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from keys.agent import LocalKeyAgent
from keys.errors import PeriodOverError
from keys.keyset import Keyring
from keys.period import LIFETIME
from keys.realm import Realm
from tests.auditing import make
from verifier.errors import LogUnavailableError
from verifier.period import GRACE_SECONDS, AuditPeriod

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from keys.period import Period
    from verifier.intent import Intent, Settled
    from verifier.ticket import Ticket

HANDLE, NONCE = bytes(range(16)), bytes(range(16, 32))


class Log:
    """A journal that can be away."""

    def __init__(self) -> None:
        self.away = False
        self.intents: list[Intent] = []

    def commit(self, intents: Sequence[Intent]) -> Sequence[Settled]:
        """Commit."""
        if self.away:
            raise LogUnavailableError("the log is away")
        self.intents += intents
        return []

    def submit(self, intents: Sequence[Intent], done: Callable[[Ticket], object]) -> Ticket:
        """Nobody does."""
        raise AssertionError(intents, done)


class Clock:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.now


class Agent(LocalKeyAgent):
    """The real agent, which remembers what it gave."""

    given: list[Period]

    def open_period(self) -> Period:
        """Open a period, and remember it."""
        period = super().open_period()
        self.given.append(period)
        return period


@pytest.fixture
def clock() -> Clock:
    """A monotonic clock that a test moves."""
    return Clock()


@pytest.fixture
def log() -> Log:
    """A journal that can be away."""
    return Log()


@pytest.fixture
def agent(clock: Clock) -> Agent:
    """An agent that seals to the auditors' key."""
    realm = Realm(registry_id="test-registry", environment="development")
    made = Agent(
        ring=Keyring(realm=realm, counter=1, kek_id=""),
        materials={},
        auditors_key=make().key,
        monotonic=clock,
    )
    made.given = []
    return made


@pytest.fixture
def periods(agent: Agent, log: Log, clock: Clock) -> AuditPeriod:
    """The period in use."""
    return AuditPeriod(agent=agent, journal=log, clock=clock)


def is_wiped(period: Period) -> bool:
    """Say whether a period's key is zeroed."""
    return not any(period._key._material.view())


def test_an_ended_period_is_zeroed_soon_after(
    periods: AuditPeriod, agent: Agent, log: Log, clock: Clock
) -> None:
    """At its end another takes its place; its key stays for a request that may just use it, and goes then."""
    periods.renew()
    first = agent.given[0]
    assert periods.reference(HANDLE, NONCE)[1] == first.id
    clock.now += LIFETIME
    periods.renew()
    second = agent.given[1]
    assert periods.reference(HANDLE, NONCE)[1] == second.id
    assert not is_wiped(first)
    clock.now += GRACE_SECONDS
    periods.renew()
    assert is_wiped(first)
    assert not is_wiped(second)
    with pytest.raises(PeriodOverError):
        first.reference(HANDLE, NONCE)
    assert len(log.intents) == 2


def test_a_log_that_is_away_keeps_no_key(periods: AuditPeriod, agent: Agent, log: Log, clock: Clock) -> None:
    """Without the log a new period is not used and its key zeroed; the ended one is zeroed all the same."""
    periods.renew()
    clock.now += LIFETIME
    log.away = True
    for _ in range(2):
        with pytest.raises(LogUnavailableError):
            periods.reference(HANDLE, NONCE)
    clock.now += GRACE_SECONDS
    with pytest.raises(LogUnavailableError):
        periods.renew()
    assert all(map(is_wiped, agent.given))
    assert len(agent.given) == 4
    log.away = False
    assert periods.reference(HANDLE, NONCE)[1] == agent.given[-1].id
    assert not is_wiped(agent.given[-1])


def test_closing_zeroes_what_there_is(periods: AuditPeriod, agent: Agent, clock: Clock) -> None:
    """When the service stops, the period in use and the one before it are zeroed."""
    periods.renew()
    clock.now += LIFETIME
    periods.renew()
    periods.close()
    assert all(map(is_wiped, agent.given))
