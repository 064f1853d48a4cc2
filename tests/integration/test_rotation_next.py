"""What a rotation's status says is next: the keys that the old epoch leaves, and the commands that end them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from keys import keyceremony
from keys.keychange import Action, Change
from keys.roster import Roster
from tests.custodians import padan_keys
from tests.integration.projecting import OLD, epochs, files
from tests.operating import operate
from verifier.agreement import signkey
from verifier.rotation import outer_keys
from verifier.rotation.rotator import Rotator
from verifier.rotation.translation import OUTER_PURPOSES

if TYPE_CHECKING:
    from typing import Any

    from keys.custody import Custody
    from tests.installation import Installation

__all__ = ["files"]  # a fixture


def custody_of(made: Installation) -> Custody:
    """Open the keyring for a change."""
    return outer_keys.custody_of(made.settings, str)


def commands(told: dict[str, Any]) -> list[str]:
    """Name the commands that status prints as next."""
    return [each["command"] for each in told["next"]]


def test_keys_that_were_kept_are_named_until_they_are_destroyed(files: Installation) -> None:
    """After --keep-keys the status names keys and the commands that destroy them, which work as they stand."""
    rotator = Rotator(files.settings)
    rotator.begin(make_keys=True)
    rotator.flip()
    keys = [f"{purpose}:{epochs(files)[OLD].key_ids[purpose]}" for purpose in OUTER_PURPOSES]
    assert f"keys of epoch 1 alone: {' '.join(keys)}" in operate(files, "rotation", "status")
    rotator.finish(now=True, keep_keys=True)
    told = json.loads(operate(files, "rotation", "status", "--json"))
    assert told["old_keys"] == keys
    first, others = commands(told)[:2], commands(told)[2:]
    for command in first:
        program, *words = command.split()
        done = padan_keys(files, *words, *(["--yes"] if words[0] == "destroy" else []))
        assert (program, done.returncode) == ("padan-keys", 0), done.stderr
    told = json.loads(operate(files, "rotation", "status", "--json"))
    assert (told["old_keys"], commands(told)) == (keys[1:], others)
    custody, key_id = custody_of(files), epochs(files)[OLD].key_ids[OUTER_PURPOSES[1]]
    custody.deactivate(OUTER_PURPOSES[1], key_id)
    told = json.loads(operate(files, "rotation", "status", "--json"))
    assert (told["old_keys"], commands(told)) == (keys[1:], others[1:])
    custody.destroy(OUTER_PURPOSES[1], key_id)
    told = json.loads(operate(files, "rotation", "status", "--json"))
    assert (told["old_keys"], told["next"]) == ([], [])


def test_status_names_what_custodians_propose(files: Installation) -> None:
    """Under a roster the status names the old keys in the command that proposes their end, and that command works."""
    names = ("ani", "bayu")
    public = {name: signkey.generate(files.root / f"{name}.key", use=signkey.CUSTODIAN) for name in names}
    signers = [signkey.load(files.root / f"{name}.key", use=signkey.CUSTODIAN) for name in names]
    sitting = custody_of(files).sitting()
    file = keyceremony.propose(sitting, Roster.of(2, public), signers[0])
    custody_of(files).execute(keyceremony.approve(sitting, file, signers[1]))
    change = Change(action=Action.SUCCEED, purpose=OUTER_PURPOSES[0], others=((OUTER_PURPOSES[1], 0),))
    file = keyceremony.propose(custody_of(files).sitting(), change, signers[0])
    custody_of(files).execute(keyceremony.approve(custody_of(files).sitting(), file, signers[1]))
    Rotator(files.settings).begin()
    assert commands(json.loads(operate(files, "rotation", "status", "--json"))) == [
        "padan-server rotation flip"
    ]
    Rotator(files.settings).flip()
    retire, finish, revert = commands(json.loads(operate(files, "rotation", "status", "--json")))
    assert f"next: {retire}\nthen: {finish}\nor: {revert}\n" in operate(files, "rotation", "status")
    assert revert == "padan-server rotation revert"
    retire = retire.replace("KEY", str(files.root / "ani.key")).replace("FILE", "retire.json")
    proposed = padan_keys(files, *retire.split()[1:])
    assert proposed.returncode == 0, proposed.stderr
    approved = padan_keys(files, "approve", "retire.json", "--key", "bayu.key", "--yes")
    assert approved.returncode == 0, approved.stderr
    finish = finish.replace("FILE", str(files.root / "retire.json"))
    operate(files, *finish.split()[1:], "--now", "--yes")
    told = json.loads(operate(files, "rotation", "status", "--json"))
    assert (told["state"], told["old_keys"], told["next"]) == ("finished", [], [])
