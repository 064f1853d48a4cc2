"""Where custodians hold the KEK together they decide together from the first, and others only after a re-share."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from keys import keyceremony, keyproof
from keys.custody import Custody
from keys.errors import (
    CustodiansMissingError,
    KeyProposalError,
    NotCustodianError,
    RosterError,
    RosterMismatchError,
    RosterStandsError,
)
from keys.keychange import Action, Change
from keys.keyproof import HistoryUnprovenError
from keys.purpose import Purpose
from keys.roster import Roster
from tests.simulator.shared_kek_provider import SharedMemoryKekProvider
from tests.unit.keys.council import NAMES, SIGNERS, agree, roster
from tests.unit.keys.test_keyceremony import unchanged

if TYPE_CHECKING:
    from pathlib import Path

    from keys.realm import Realm

ROTATE = Change(action=Action.ROTATE, purpose=Purpose.REPLAY)


def holders(threshold: int = 2, who: tuple[int, ...] = (0, 1, 2)) -> Roster:
    """Make a roster of custodians who hold shares."""
    plain = Roster.of(threshold, {NAMES[number]: SIGNERS[number].public_key for number in who})
    with_keys = (
        dataclasses.replace(each, sealing_key=bytes([number]) * 32)
        for number, each in enumerate(plain.custodians, start=1)
    )
    return Roster(threshold=threshold, custodians=tuple(with_keys))


@pytest.fixture
def shared() -> SharedMemoryKekProvider:
    """A KEK that two of three hold."""
    return SharedMemoryKekProvider(holders())


@pytest.fixture
def custody(tmp_path: Path, shared: SharedMemoryKekProvider, realm: Realm) -> Custody:
    """A new keyring under it."""
    made = Custody(path=tmp_path / "keyring.json", provider=shared, actor="tester")
    made.create(realm)
    return made


def test_they_decide_from_the_first(custody: Custody, realm: Realm, tmp_path: Path) -> None:
    """No roster is begun: one alone is refused, two change a key, and the history notes who they are, once."""
    unchanged(custody, tmp_path, lambda: custody.rotate(Purpose.REPLAY), RosterStandsError)
    for _ in range(2):
        custody.execute(agree(custody, ROTATE, 0, 2))
    assert [event.name for event in custody.history()].count(keyceremony.ROSTER_NOTED) == 1
    assert [each.action for each in keyproof.prove(realm, custody.history())] == ["key.rotate"] * 2


def test_a_re_share_is_agreed_on_and_deals_anew(
    custody: Custody, shared: SharedMemoryKekProvider, realm: Realm, tmp_path: Path
) -> None:
    """Two of the old agree and the newcomer signs; then the KEK is another one, held by the new, who decide."""
    before = custody.read().kek_id
    after = holders(2, (1, 2, 3))
    file = agree(custody, after, 0, 1)
    unchanged(custody, tmp_path, lambda: custody.execute(file), CustodiansMissingError)
    ring, _ = custody.execute(keyceremony.approve(custody.sitting(), file, SIGNERS[3]))
    assert ring.kek_id != before
    assert (len(shared.kept), shared.roster(ring.kek_id)) == (1, after)
    with pytest.raises(NotCustodianError):
        agree(custody, ROTATE, 0)
    custody.execute(agree(custody, ROTATE, 3, 2))
    custody.check()
    assert [len(each.approved) for each in keyproof.prove(realm, custody.history())] == [3, 2]


@pytest.mark.parametrize("step", ["renew", "retire"])
def test_a_re_share_that_is_cut_off_leaves_the_old_or_the_new(
    custody: Custody, shared: SharedMemoryKekProvider, realm: Realm, step: str
) -> None:
    """Where dealing fails the old holders decide as before; where only the end of it does, the new ones do."""
    file = agree(custody, holders(2, (0, 1, 3)), 0, 1, 3)
    shared.fail_at = step
    with pytest.raises(OSError, match="provider failed"):
        custody.execute(file)
    if step == "renew":
        ring, _ = custody.execute(agree(custody, ROTATE, 0, 2))
        old = next(key.key_id for key in ring.keyset(Purpose.REPLAY).keys if key.deactivated)
        destroy = Change(action=Action.DESTROY, purpose=Purpose.REPLAY, key_id=old)
        ring, _ = custody.execute(agree(custody, destroy, 0, 2))
        assert shared.roster(ring.kek_id) == holders()
    else:
        custody.execute(agree(custody, ROTATE, 0, 3))
    assert len(shared.kept) == 1
    custody.check()
    keyproof.prove(realm, custody.history())


def test_other_holders_than_the_history_names_are_refused(
    custody: Custody, shared: SharedMemoryKekProvider, tmp_path: Path
) -> None:
    """Whoever exchanges what the provider shows decides nothing."""
    custody.execute(agree(custody, ROTATE, 0, 1))
    shared.held[custody.read().kek_id] = holders(2, (3, 4))
    unchanged(custody, tmp_path, lambda: custody.rotate(Purpose.REPLAY), RosterMismatchError)
    with pytest.raises(RosterMismatchError):
        custody.sitting()


def test_a_roster_fits_its_kek(tmp_path: Path, realm: Realm) -> None:
    """Keys for shares stand on a roster where the KEK is shared, of all custodians."""
    from tests.simulator.kek_provider import MemoryKekProvider

    alone = Custody(path=tmp_path / "other.json", provider=MemoryKekProvider(), actor="tester")
    alone.create(realm)
    file = agree(alone, holders(), 0, 1, 2)
    with pytest.raises(KeyProposalError, match="not shared"):
        alone.execute(file)
    half = holders().custodians
    with pytest.raises(RosterError, match="nobody has"):
        Roster(threshold=2, custodians=(half[0], dataclasses.replace(half[1], sealing_key=b"")))
    assert Roster.from_text(holders().text) == holders() != roster()


def test_holders_are_noted_only_where_they_are(custody: Custody, realm: Realm) -> None:
    """A line that names custodians proves nothing in the history of another KEK, nor for a second time."""
    custody.execute(agree(custody, ROTATE, 0, 1))
    history = list(custody.history())
    first = dataclasses.replace(history[0], details={**history[0].details, "provider": "file"})
    with pytest.raises(HistoryUnprovenError, match="noted"):
        keyproof.prove(realm, [first, *history[1:]])
    (noted,) = (line for line in history if line.name == keyceremony.ROSTER_NOTED)
    with pytest.raises(HistoryUnprovenError, match="noted"):
        keyproof.prove(realm, [*history, dataclasses.replace(noted, counter=99)])
