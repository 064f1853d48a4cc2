"""The sealed agent's own part: what is not logged is not unsealed, and nothing waits for ever."""

from __future__ import annotations

import pytest

from keys.custody import Custody
from keys.purpose import Purpose
from keys.quorum_provider import share_path
from tests.unit.verifier.conftest import REALM, House, provider
from verifier.errors import LogUnavailableError, MalformedMessageError
from verifier.unsealing import NotSealedError, ShareForeignError, UnsealFailedError


def test_two_open_it_and_the_log_says_so(house: House) -> None:
    """The entry is there when the keys are given out; afterwards no share is taken."""
    seal = house.seal()
    assert "missing: 2; next: custodians run padan-keys unseal" in seal.reason()
    assert seal.shares() == (0, 2)
    assert house.hand_in(seal, 0).sealed
    assert seal.shares() == (1, 2)
    assert (house.opened, house.entries()) == ([], [])
    done = house.hand_in(seal, 1)
    assert (done.sealed, list(done.present)) == (False, ["custodian-1", "custodian-2"])
    assert seal.shares() == (0, 2)
    (agent,) = house.opened
    assert agent.realm == REALM
    agent.close()
    assert house.entries() == [
        ["custodians=custodian-1,custodian-2", "threshold=2", "generation=1", "counter=1"]
    ]
    with pytest.raises(NotSealedError, match="custodian-1, custodian-2"):
        house.hand_in(seal, 0)
    with pytest.raises(MalformedMessageError):
        seal.get_standing(house.call("custodian-1", b"\xff"))


def test_a_changed_keyring_is_opened_again(house: House) -> None:
    """After a change the keys stay open and shares are taken anew, of another generation after a renewal too."""
    seal = house.seal()
    for number in (0, 1):
        house.hand_in(seal, number)
    custody = Custody(path=house.root / "keyring.json", provider=provider(house.root), actor="tester")
    _, key_id = custody.rotate(Purpose.REPLAY)
    found = house.standing(seal)
    assert (found.sealed, found.behind, list(found.present)) == (False, True, [])
    assert house.hand_in(seal, 0).behind
    done = house.hand_in(seal, 1)
    assert (done.behind, list(done.present)) == (False, ["custodian-1", "custodian-2"])
    assert [agent.key_id(Purpose.REPLAY) for agent in house.opened][1] == key_id
    custody.hand_on(custody.sitting().register.roster or pytest.fail("nobody decides"))
    house.hand_in(seal, 1, generation=2)
    assert not house.hand_in(seal, 0, generation=2).behind
    with pytest.raises(NotSealedError):
        house.hand_in(seal, 0, generation=2)
    assert [told[-1] for told in house.entries()] == ["counter=1", "counter=2", "counter=3"]
    for agent in house.opened:
        agent.close()


def test_a_keyring_that_is_damaged_while_the_keys_are_open(house: House) -> None:
    """Nobody is told that all is well: neither standing nor a share is answered until the file is put back."""
    seal = house.seal()
    for number in (0, 1):
        house.hand_in(seal, number)
    path = house.root / "keyring.json"
    good = path.read_bytes()
    path.write_bytes(good[:-40])
    with pytest.raises(UnsealFailedError, match="cannot be read"):
        house.standing(seal)
    path.write_bytes(good)
    assert not house.standing(seal).behind
    house.opened[0].close()


def test_what_cannot_be_logged_is_not_unsealed(house: House) -> None:
    """Where the log is away, no key is given out and the shares are gone; once it is back, all hand in again."""
    seal = house.seal()
    house.hand_in(seal, 0)
    log = house.root / "log.sqlite"
    good = house.settings
    house.settings = good.model_copy(update={"log_url": str(house.root / "nowhere" / "log.sqlite")})
    seal._settings = house.settings
    with pytest.raises(LogUnavailableError):
        house.hand_in(seal, 1)
    assert house.opened == []
    seal._settings = house.settings = good
    assert log.exists()
    assert (house.standing(seal).sealed, list(house.standing(seal).present)) == (True, [])
    house.hand_in(seal, 0)
    assert not house.hand_in(seal, 1).sealed
    house.opened[0].close()


def test_shares_time_out(house: House) -> None:
    """After 15 minutes one share alone is forgotten, and its custodian hands it in anew."""
    seal = house.seal()
    assert house.hand_in(seal, 0).seconds_left == 900
    house.now += 900
    seal.expire()
    assert seal.shares() == (0, 2)
    assert list(house.standing(seal).present) == []
    assert list(house.hand_in(seal, 0).present) == ["custodian-1"]
    seal.wipe()
    assert list(house.standing(seal).present) == []


def test_a_keyring_that_is_handed_on_meanwhile(house: House) -> None:
    """The shares that are here are of the old generation: they are forgotten, and the new ones open it."""
    seal = house.seal()
    house.hand_in(seal, 0)
    old = share_path(house.root / "custody", "custodian-1", 1)
    kept = old.read_bytes()
    custody = Custody(path=house.root / "keyring.json", provider=provider(house.root), actor="tester")
    custody.hand_on(custody.sitting().register.roster or pytest.fail("nobody decides"))
    assert (house.standing(seal).generation, list(house.standing(seal).present)) == (2, [])
    old.write_bytes(kept)
    with pytest.raises(ShareForeignError, match="generation 2"):
        house.hand_in(seal, 0)
    house.hand_in(seal, 0, generation=2)
    assert not house.hand_in(seal, 1, generation=2).sealed
    house.opened[0].close()


def test_a_keyring_that_does_not_open(house: House) -> None:
    """Enough shares and a damaged keyring: nothing is opened, and the message names no cause to a caller."""
    seal = house.seal()
    house.hand_in(seal, 0)
    path = house.root / "keyring.json"
    good = path.read_text()
    path.write_text(good.replace("ENABLED", "DISABLED", 1))
    with pytest.raises(UnsealFailedError, match="cannot be opened"):
        house.hand_in(seal, 1)
    assert house.opened == []
    path.unlink()
    with pytest.raises(UnsealFailedError, match="cannot be read"):
        house.standing(seal)
    path.write_text(good)
    house.hand_in(seal, 0)
    assert not house.hand_in(seal, 1).sealed
    house.opened[0].close()
