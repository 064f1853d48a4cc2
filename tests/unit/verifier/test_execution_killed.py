"""A key agent that is killed while it executes a proposal leaves a whole keyring, and the next start goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from keys import events, keyproof
from keys.custody import Custody
from keys.keychange import Action, Change
from keys.purpose import Purpose
from keys.ringfile import RingFile
from keys.step import Step
from tests.executing import KilledError, executing
from tests.unit.verifier.conftest import REALM, House, provider
from tests.unit.verifier.test_execution import agreed, laid
from verifier.desk import ProposalOverError

if TYPE_CHECKING:
    from pathlib import Path

ROTATE = Change(action=Action.ROTATE, purpose=Purpose.REPLAY)


def custody_of(house: House) -> Custody:
    """Open the keyring at one table."""
    return Custody(path=house.root / "keyring.json", provider=provider(house.root), actor="tester")


def beside(house: House) -> set[Path]:
    """Name what lies in the folder of the keyring under names of it, but for keyring, history, backup and lock."""
    named = {house.root / f"keyring.{end}" for end in ("json", "json.bak", "json.lock", "events.jsonl")}
    return {path for path in house.root.iterdir() if "keyring" in path.name} - named


@pytest.mark.parametrize("step", Step)
def test_the_next_start_goes_on(house: House, step: Step) -> None:
    """Killed after any step, the keyring is the old one or the new, the last good one is kept, and it is done once."""
    sealed, keyring = house.seal(), RingFile(house.root / "keyring.json")
    older = keyring.read()
    custody_of(house).execute(agreed(house, ROTATE, 0, 1))
    name = laid(sealed, agreed(house, ROTATE, 0, 1))
    before = keyring.read()
    counter = custody_of(house).read().counter

    with executing(house.root / "padan.toml", step) as agent:
        assert not house.answer(agent, 0, proposal=name).executed
        with pytest.raises(KilledError):
            house.answer(agent, 1, proposal=name)

    has_happened = step is Step.KEYRING_WRITTEN
    assert (keyring.read() == before) is not has_happened
    is_kept = step in {Step.BACKUP_KEPT, Step.KEYRING_WRITTEN}
    assert keyring.backup.read_bytes() == (before if is_kept else older)
    ring, _, findings = custody_of(house).check()
    assert ring.counter == counter + has_happened
    left = beside(house)
    assert [each.code for each in findings] == ["leftover"] * len(left)
    assert bool(left) is (step in {Step.KEYRING_BESIDE, Step.BACKUP_KEPT})

    again = house.seal()
    if has_happened:
        with pytest.raises(ProposalOverError, match="no proposal of this id"):
            house.answer(again, 0, proposal=name)
        house.hand_in(again, 0)
        assert not house.hand_in(again, 1).sealed
    else:
        house.answer(again, 0, proposal=name)
        assert house.answer(again, 1, proposal=name).executed
    (opened,) = house.opened
    assert opened.keyring_counter == counter + 1
    history = events.read(house.root / "keyring.events.jsonl", opened.keyring)
    assert [each.action for each in keyproof.prove(REALM, history)] == ["key.rotate"] * 2
    opened.close()
    custody_of(house).rotate(Purpose.REPLAY)
    assert (beside(house), custody_of(house).check()[2]) == (set(), ())


def test_who_never_comes_again_loses_nothing(house: House) -> None:
    """Where nobody completes a change that was cut off, the keys are opened as they were, and its lines give way."""
    name = laid(house.seal(), agreed(house, ROTATE, 0, 1))
    before = (house.root / "keyring.json").read_bytes()
    with executing(house.root / "padan.toml", Step.HISTORY_WRITTEN) as agent:
        house.answer(agent, 0, proposal=name)
        with pytest.raises(KilledError):
            house.answer(agent, 1, proposal=name)
    again = house.seal()
    for number in (0, 1):
        house.hand_in(again, number)
    (opened,) = house.opened
    assert (opened.keyring_counter, (house.root / "keyring.json").read_bytes()) == (1, before)
    _, key_id = custody_of(house).add(Purpose.SET)
    history = custody_of(house).history()
    assert [each.details["key_id"] for each in history if each.counter == 2 and "key_id" in each.details] == [
        str(key_id)
    ]
    opened.close()
