"""Shares that wait for others: counted once a custodian, zeroed after a time, and never shown."""

from __future__ import annotations

import pytest

from keys import handing, quorum
from keys.errors import ShareHereError, ShareRefusedError, SharesMissingError
from keys.gathering import Gathering
from keys.handing import ShareKey
from padan import sealing
from tests.unit.keys.test_quorum import PEOPLE, dealt, file, shares_of


class Seconds:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.now


def test_enough_shares_come_to_the_kek_and_are_zeroed() -> None:
    """Each is taken once, the buffer handed in is zeroed, and after the KEK nothing is left."""
    deal = dealt(2)
    shares = shares_of(deal)
    gathering = Gathering(deal.generation)
    gathering.hand_in(1, shares[1])
    assert shares[1] == bytes(32)
    assert len(gathering.present) == 1
    with pytest.raises(ShareHereError, match="custodian-1 is here already"):
        gathering.hand_in(1, shares_of(deal)[1])
    gathering.hand_in(4, shares[4])
    assert list(gathering.present) == ["custodian-1", "custodian-4"]
    assert gathering.is_complete
    kept = [each.view() for each in gathering._shares.values()]
    assert gathering.combine().id == deal.kek.id
    assert kept == [bytes(32)] * 2
    assert list(gathering.present) == []
    assert gathering.seconds_left == 0
    with pytest.raises(SharesMissingError):
        gathering.combine()
    assert repr(gathering) == "<Gathering>"


def test_a_wrong_share_is_noted_by_its_holders_name() -> None:
    """It does not count, it takes nobody's place, and the list of names does not grow for ever."""
    deal = dealt(2)
    gathering = Gathering(deal.generation)
    for _ in range(100):
        with pytest.raises(ShareRefusedError, match="custodian-2"):
            gathering.hand_in(2, shares_of(deal)[3])
    assert list(gathering.present) == []
    assert gathering.refused == ["custodian-2"] * 64
    gathering.hand_in(2, shares_of(deal)[2])
    assert list(gathering.present) == ["custodian-2"]


def test_shares_do_not_wait_for_ever() -> None:
    """The time begins with the first share; a second one does not prolong it; then both are zeroed."""
    clock, deal = Seconds(), dealt(3)
    gathering = Gathering(deal.generation, seconds=900, monotonic=clock)
    assert not gathering.expire()
    gathering.hand_in(1, shares_of(deal)[1])
    clock.now += 600
    gathering.hand_in(2, shares_of(deal)[2])
    assert gathering.seconds_left == 300
    kept = [each.view() for each in gathering._shares.values()]
    clock.now += 299
    assert not gathering.expire()
    clock.now += 1
    assert "here: nobody; missing: 3" in gathering.missing
    assert kept == [bytes(32)] * 2
    gathering.hand_in(3, shares_of(deal)[3])
    assert gathering.present == ("custodian-3",)


def test_a_share_travels_sealed_to_one_agent() -> None:
    """It opens with that agent's key for that custodian alone, and the terminal's buffer is zeroed."""
    deal, agent = dealt(2), ShareKey()
    own = file(deal, 1).open(PEOPLE[0])
    expected = bytes(own)
    box = handing.seal(own, file(deal, 1), agent.public_key)
    assert own == bytes(32)
    assert agent.open(box, deal.generation, 1) == expected
    for opener, generation, member in (
        (ShareKey(), deal.generation, 1),
        (agent, deal.generation, 2),
        (agent, dealt(2).generation, 1),
    ):
        with pytest.raises(ShareRefusedError, match=f"custodian-{member}"):
            opener.open(box, generation, member)
    info = quorum.info_of(deal.generation.realm, deal.generation.id, 1, use=handing.USE) + agent.public_key
    short = sealing.seal(b"x", public_key=agent.public_key, info=info)
    with pytest.raises(ShareRefusedError, match="another size"):
        agent.open(short, deal.generation, 1)
    with pytest.raises(ShareRefusedError, match="another size"):
        handing.seal(bytearray(31), file(deal, 1), agent.public_key)
    with pytest.raises(ShareRefusedError, match="not usable"):
        handing.seal(bytearray(32), file(deal, 1), b"short")
    assert repr(agent) == "<ShareKey>"
