"""A process that runs for years makes no token with a key whose time is over, and reads on as long as it may."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from keys import cryptoperiod
from keys.agent import LocalKeyAgent
from keys.custody import Custody
from keys.purpose import Purpose, TokenDomain
from keys.realm import Realm
from keys.tokenkey import hashed
from padan.token import Token
from tests.simulator.kek_provider import MemoryKekProvider
from tests.unit.keys.conftest import Clock
from tokenizer.errors import IssuingOverError
from tokenizer.tokenrow import TokenRow
from verifier import expiry
from verifier.token.domains import TokenDomains
from verifier.token.errors import TokensUnavailableError

if TYPE_CHECKING:
    from pathlib import Path

    from tokenizer.token import Domain

AID = TokenDomain("aid")
YEAR = timedelta(days=365)
ELEMENT = hashed(b"3273010101909000")
BEHIND = (Purpose.TOKEN_TAG, Purpose.TOKEN_INDEX, Purpose.MATCH_DOMAIN, Purpose.ROW_SEAL)


@dataclass
class Process:
    """A process that keeps its objects, and a clock that a test moves."""

    custody: Custody
    clock: Clock
    agent: LocalKeyAgent
    domains: TokenDomains

    @property
    def now(self) -> float:
        """Seconds of the Unix epoch."""
        return self.clock.now.timestamp()

    def domain(self) -> Domain:
        """Give the domain as it is now."""
        return self.domains.domain("aid")

    def follow(self) -> None:
        """Follow the changed keyring."""
        assert self.agent.refresh()
        self.domains.follow()


@pytest.fixture
def process(tmp_path: Path) -> Process:
    """Everything is made at one moment, and the process begins then."""
    clock, provider, path = Clock(), MemoryKekProvider(), tmp_path / "keyring.json"
    custody = Custody(path=path, provider=provider, actor="tester", now=clock)
    custody.create(Realm(registry_id="registry-test", environment="development"))
    custody.rotate(AID)
    agent = LocalKeyAgent.unlock(path, provider, now=clock)

    def wall() -> float:
        return clock.now.timestamp()

    domains = TokenDomains(agent, grace_days=90, wall=wall)
    return Process(custody=custody, clock=clock, agent=agent, domains=domains)


def test_a_running_process_stops_issuing_when_the_time_is_over(process: Process) -> None:
    """To the second, without a restart; tokens are read on, none is renewed, and a new key issues again."""
    process.clock.now += YEAR - timedelta(seconds=1)
    given = process.domain().issue(ELEMENT)
    process.clock.now += timedelta(seconds=1)
    domain = process.domain()
    token = domain.read(given, now=process.now)
    match = process.domains.current().match
    element = domain.matched(token, match)
    with pytest.raises(IssuingOverError):
        domain.issue(ELEMENT)
    with pytest.raises(IssuingOverError):
        domain.renew(token)
    with pytest.raises(IssuingOverError):
        domain.issue_matched(element, match)
    process.custody.rotate(AID)
    process.custody.rotate(Purpose.TOKEN_TAG)
    process.custody.succeed([Purpose.TOKEN_INDEX, Purpose.MATCH_DOMAIN, Purpose.ROW_SEAL])
    process.follow()
    assert Token.parse(process.domain().issue(ELEMENT)).version == 2
    assert Token.parse(process.domain().renew(token)).version == 2


@pytest.mark.parametrize("purpose", BEHIND)
def test_every_key_behind_a_token_counts(process: Process, purpose: Purpose) -> None:
    """Nothing is issued while one of them is past its time to make, and no row is sealed under it."""
    process.clock.now += YEAR / 2
    process.custody.rotate(AID)
    for other in BEHIND:
        if other is not purpose:
            process.custody.succeed([other])
    process.follow()
    given = process.domain().issue(ELEMENT)
    row = TokenRow(records=((1, bytes(16)),), element=process.domains.current().match.evaluate(ELEMENT))
    name, box = process.domains.current().rows.seal(row)
    process.clock.now += YEAR / 2
    with pytest.raises(IssuingOverError):
        process.domain().issue(ELEMENT)
    rows = process.domains.current().rows
    if purpose is not Purpose.TOKEN_TAG:
        with pytest.raises(IssuingOverError):
            rows.seal(row)
    assert rows.open(name, box).element == row.element
    assert process.domain().read(given, now=process.now).version == 2
    process.custody.succeed([purpose])
    process.follow()
    assert process.domain().issue(ELEMENT)


def test_reading_ends_too(process: Process) -> None:
    """After three years the domain is not there at all, to the second."""
    given = process.domain().issue(ELEMENT)
    for purpose in BEHIND:
        process.clock.now += timedelta(days=1)
        process.custody.succeed([purpose])
    process.follow()
    process.clock.now += 3 * YEAR - timedelta(days=len(BEHIND), seconds=1)
    assert process.domain().read(given, now=process.now).version == 1
    process.clock.now += timedelta(seconds=1)
    with pytest.raises(TokensUnavailableError):
        process.domain()


def test_it_is_told_a_month_before(process: Process) -> None:
    """By `padan-keys status`, and by what `padan-server status` and the metric of ends show."""
    process.clock.now += YEAR - timedelta(days=29)
    ring = process.agent.keyring
    told = {alarm.purpose for alarm in cryptoperiod.alarms(ring, now=process.clock.now)}
    ends = {each.name.split()[0] for each in expiry.soon(expiry.of_keyring(ring), now=process.now)}
    for name in (AID, *BEHIND):
        assert str(name) in told
        assert str(name) in ends
