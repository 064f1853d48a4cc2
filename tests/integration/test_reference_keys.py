"""References in epochs whose keys a process has not, or nobody has any more."""

from __future__ import annotations

import shutil
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from keys.agent import LocalKeyAgent
from keys.errors import KeyNotFoundError
from keys.keychange import Action, Change
from keys.purpose import Purpose
from tests.integration.feeding import people
from tests.integration.projecting import COUNT, NEW, OLD, epochs, made_for_references, order_of, write
from tests.integration.test_reference_rotation import PLACES, enrol, found, number_of, rows
from tokenizer.biometrics.slot import Slot
from verifier.projector.load import Load
from verifier.projector.progress import Silence
from verifier.reference.moving import Moving
from verifier.reference.writer import open_writer
from verifier.rotation.rotator import Rotator

if TYPE_CHECKING:
    from keys.keyagent import KeyAgent
    from tests.installation import Installation

SLOTS = [Slot("iris", *place) for place in PLACES]


@pytest.fixture
def made(fresh_url: str, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """An installation on each engine with a biometric key."""
    return made_for_references(tmp_path_factory.mktemp("references"), fresh_url)


def withdraw(made: Installation, agent: KeyAgent, nik: str) -> int:
    """Withdraw what a number has, with the keys of an agent."""
    with open_writer(agent, made.settings.vault_database) as writer:
        return writer.change(lambda batch: batch.withdraw([number_of(nik)], SLOTS))


def test_keys_that_were_made_since_are_taken_up(made: Installation) -> None:
    """A process that was there before the rotation changes references in its new epoch too."""
    numbers = list(people(COUNT))
    stored = enrol(made, numbers[:3])
    with closing(made.agent()) as agent:
        Rotator(made.settings).begin(make_keys=True)
        assert withdraw(made, agent, numbers[0]) == len(PLACES)
    assert rows(made, OLD) == rows(made, NEW) == len(stored) - len(PLACES)
    Rotator(made.settings).flip()
    assert found(made, numbers) == {place: mark for place, mark in stored.items() if place[0] != numbers[0]}


def test_nothing_is_changed_in_one_epoch_alone(made: Installation) -> None:
    """A process that cannot get the new epoch's keys is told so, and both epochs stay as they are."""
    numbers = list(people(COUNT))
    stored = enrol(made, numbers[:3])
    copy = made.root / "before.keyring"
    shutil.copyfile(made.settings.keyring, copy)
    with closing(LocalKeyAgent.unlock(copy, made.provider)) as agent:
        Rotator(made.settings).begin(make_keys=True)
        with pytest.raises(KeyNotFoundError, match=r"no (outer-token|row-seal) key"):
            withdraw(made, agent, numbers[0])
    assert rows(made, OLD) == rows(made, NEW) == len(stored)
    assert found(made, numbers) == stored


def test_an_epoch_whose_keys_were_destroyed_holds_up_nothing(made: Installation) -> None:
    """References go on being changed in the epoch in use while another one is there that nobody can read."""
    held = people(COUNT)
    numbers = list(held)
    stored = enrol(made, numbers[:3])
    made.custody().alone(Change(action=Action.SUCCEED, purpose=Purpose.ROW_SEAL))
    source = write(made.root / "people.csv", held.values())
    Load(made.settings, order_of(source), Silence()).run()
    with closing(made.agent()) as agent, open_writer(agent, made.settings.vault_database) as writer:
        Moving(OLD, NEW).move(writer)
    key_id = epochs(made)[NEW].key_ids[Purpose.ROW_SEAL]
    assert key_id != epochs(made)[OLD].key_ids[Purpose.ROW_SEAL]
    made.custody().alone(Change(action=Action.SUCCEED, purpose=Purpose.ROW_SEAL))
    made.custody().alone(Change(action=Action.RETIRE, purpose=Purpose.ROW_SEAL, key_id=key_id))
    with closing(made.agent()) as agent:
        assert withdraw(made, agent, numbers[0]) == len(PLACES)
    assert found(made, numbers) == {place: mark for place, mark in stored.items() if place[0] != numbers[0]}
