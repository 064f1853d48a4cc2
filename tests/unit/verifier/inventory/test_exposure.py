"""The table of what the loss of a key means."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from keys.custody import Custody
from keys.purpose import RULES, Purpose
from keys.realm import Realm
from keys.state import KeyState
from tests.house import command_lines
from tests.simulator.kek_provider import MemoryKekProvider
from verifier.inventory.exposure import EXPOSURES, Place

if TYPE_CHECKING:
    from pathlib import Path


def test_every_purpose_has_a_row() -> None:
    """A purpose is not added without saying what the loss of its key means."""
    assert set(EXPOSURES) == set(Purpose)


@pytest.mark.parametrize("purpose", list(Purpose))
def test_a_row_says_everything(purpose: Purpose) -> None:
    """What is exposed, to whom and the plan are said; where data of residents is exposed the notice is in the plan."""
    row = EXPOSURES[purpose]
    assert all((row.alone, row.beside, row.whom, row.plan))
    commands = [step.command for step in row.plan]
    assert commands[0].startswith("padan-keys declare-compromised")
    assert all(step.does for step in row.plan)
    if row.data and Place.REPLAYS not in row.places:
        assert "Art. 46" in row.plan[-1].does


@pytest.mark.parametrize("purpose", list(Purpose))
def test_each_command_of_a_plan_exists(purpose: Purpose) -> None:
    """A plan names commands that there are, with options that they have."""
    for step in EXPOSURES[purpose].plan:
        if not step.command:
            continue
        program, *words = step.command.split()
        command = command_lines.command_line(program)
        while words and words[0] in command_lines.children(command):
            command = command_lines.children(command)[words.pop(0)]
        assert not command_lines.children(command), step.command
        known = {name for parameter in command.params for name in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known, step.command


@pytest.mark.parametrize("purpose", [purpose for purpose in Purpose if RULES[purpose].initial])
def test_the_custodians_part_of_a_plan_can_be_done(tmp_path: Path, purpose: Purpose) -> None:
    """In its order, each of the custodians' steps is a legal one, and at the end the purpose has a new primary key."""
    custody = Custody(path=tmp_path / "k.json", provider=MemoryKekProvider(), actor="tester")
    lost = custody.create(Realm(registry_id="r", environment="development")).primary(purpose).key_id
    made = 0
    for step in EXPOSURES[purpose].plan:
        match step.command.split()[:2]:
            case ["padan-keys", "declare-compromised"]:
                custody.compromise(purpose, lost, reason="drill")
            case ["padan-keys", "create"]:
                _, made = custody.add(purpose)
            case ["padan-keys", "activate"]:
                custody.activate(purpose, made, primary=True)
            case ["padan-keys", "destroy"]:
                custody.destroy(purpose, lost)
            case ["padan-server", "rotation"] if {"begin", "project"} & set(step.command.split()):
                made = custody.succeed([purpose]).primary(purpose).key_id
            case ["padan-server", "rotation"] if "finish" in step.command:
                custody.retire([(purpose, lost)])
            case _:
                pass
    ring = custody.read()
    assert ring.primary(purpose).key_id == made
    assert ring.key(purpose, lost).state in {KeyState.DESTROYED, KeyState.COMPROMISED}
