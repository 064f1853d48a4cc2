"""A rotation of the outer keys: the same people under other keys, with every change, wherever it is cut off."""

from __future__ import annotations

import itertools
import json
import random
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from keys import ceremonyfile, keyproof
from keys.errors import CustodianError, CustodiansMissingError, KeyProposalError, RosterStandsError
from keys.keychange import Action, Change
from keys.state import KeyState
from padan.cli.console import ExitCode
from padan.entry import EntryKind
from tests.installation import Installation, install
from tests.integration.feeding import SIGNER, details, feed, history, people
from tests.operating import operate
from tests.rows import rows_of
from tests.terms import Terms
from tests.unit.keys.council import agree, seat
from verifier.agreement import signkey
from verifier.feed.following import follow
from verifier.rotation import outer_keys, workplace
from verifier.rotation.errors import (
    CutOffError,
    KeysInUseError,
    RotationBusyError,
    SameKeysError,
    SampleDiffersError,
)
from verifier.rotation.rotator import Rotator
from verifier.rotation.step import Step
from verifier.rotation.translation import OUTER_PURPOSES, outer_of
from verifier.vault.epoch import EpochState
from verifier.vault.open import open_changer, open_rotations, open_writer
from verifier.vault.rotation import RotationState, RotationStateError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import Any

    from keys.custody import Custody
    from verifier.vault.epoch import Epoch

PEOPLE = 60
OLD, NEW = 1, 2


class Changes:
    """A registry that goes on changing."""

    def __init__(self, made: Installation) -> None:
        self._made = made
        self._held = people(PEOPLE)
        self._random = random.Random(7)
        self._spare = [nik for nik in people(PEOPLE + 40) if nik not in self._held]
        self._position = 0

    def come_in(self, count: int = 15) -> None:
        """Take a file of changes in, as `registry sync` does."""
        drawn: Sequence[dict[str, Any]] = history(self._random, self._held, self._spare, count)
        data = feed(self._made, self._position, *drawn)
        follow(self._made.settings, "changes", data)
        self._position += count


@pytest.fixture
def made(fresh_url: str, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """An installation on each engine that follows a registry."""
    return _install(tmp_path_factory, fresh_url)


@pytest.fixture
def files(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """An installation in files."""
    return _install(tmp_path_factory, "")


def _install(folders: pytest.TempPathFactory, url: str) -> Installation:
    return install(
        folders.mktemp("rotation"),
        agencies={"tax": Terms()},
        people=people(PEOPLE).values(),
        log_url=url,
        vault_url=url,
        extra=f'feed_signers = ["{signkey.text(SIGNER.public_key)}"]\n',
    )


def epochs(made: Installation) -> dict[int, Epoch]:
    """Read the catalogue."""
    with closing(open_writer(made.settings.vault_database)) as writer:
        return {epoch.number: epoch for epoch in writer.epochs()}


class Reader:
    """Opens everything, with the keys that the keyring has now."""

    def __init__(self, made: Installation) -> None:
        self._made = made
        self._agent = made.agent()

    def contents(self, number: int) -> dict[bytes, bytes]:
        """Open every row of an epoch, by record id."""
        self._agent.refresh()
        with closing(open_changer(self._made.settings.vault_database)) as vault:
            epoch = next(each for each in vault.epochs() if each.number == number)
            outer = outer_of(self._agent, epoch)
        rows = rows_of(self._made.settings.vault_database, number)
        ids = outer.record_ids([token for token, _ in rows])
        assert len(rows) == epoch.rows
        return {r: outer.open(token, box) for r, (token, box) in zip(ids, rows, strict=True)}

    def same(self) -> bool:
        """Say whether both epochs hold the same people."""
        return self.contents(OLD) == self.contents(NEW)


def positions(made: Installation, number: int) -> tuple[dict[str, int], int]:
    """Read how far an epoch has followed the registry."""
    with closing(open_rotations(made.settings.vault_database)) as rotations:
        return rotations.positions(number), epochs(made)[number].as_of_ms


def test_both_epochs_take_every_change(made: Installation) -> None:
    """Changes before, during and after the move, and after the flip, stand in both epochs, at the same position."""
    changes, reader = Changes(made), Reader(made)
    changes.come_in()
    moved: list[Step] = []

    def reached(step: Step) -> None:
        moved.append(step)
        if step in {Step.PART_MOVED, Step.EPOCH_READY}:
            changes.come_in()

    done = Rotator(made.settings, reached=reached).begin(make_keys=True)
    assert done.there.state is RotationState.READY
    assert done.carried > 0
    assert moved.count(Step.PART_MOVED) == done.there.parts == 1
    changes.come_in()
    flipped = Rotator(made.settings).flip(people=50)
    assert flipped.sampled is not None
    assert flipped.sampled.drawn > PEOPLE // 3
    assert {number: epoch.state for number, epoch in epochs(made).items()} == {
        OLD: EpochState.RETIRED,
        NEW: EpochState.ACTIVE,
    }
    assert reader.same()
    assert positions(made, OLD) == positions(made, NEW)

    changes.come_in()
    assert not reader.same()
    assert Rotator(made.settings).revert().carried > 0
    assert epochs(made)[OLD].state is EpochState.ACTIVE
    assert reader.same()
    assert positions(made, OLD) == positions(made, NEW)

    changes.come_in()
    Rotator(made.settings).flip()
    assert reader.same()


def test_finish_leaves_nothing_that_opens_the_old_epoch(made: Installation) -> None:
    """After the cut-off the old rows are gone, their keys destroyed, the KEK another one, and each step is logged."""
    before = made.agent().keyring
    old = [(purpose, epochs(made)[OLD].key_ids[purpose]) for purpose in OUTER_PURPOSES]
    rotator = Rotator(made.settings)
    rotator.begin(make_keys=True)
    rotator.flip(hours=1)
    with pytest.raises(CutOffError, match=r"reversible for 1\.0 hours more"):
        rotator.finish()
    reader = Reader(made)
    people_before = reader.contents(NEW)
    done = rotator.finish(now=True)
    assert done.there.state is RotationState.FINISHED
    ring = made.agent().keyring
    assert [ring.key(purpose, key_id).state for purpose, key_id in old] == [KeyState.DESTROYED] * 2
    assert ring.kek_id != before.kek_id
    assert epochs(made)[OLD].state is EpochState.DROPPED
    with closing(made.agent()) as agent, pytest.raises(CustodianError):
        outer_of(agent, epochs(made)[OLD])
    assert reader.contents(NEW) == people_before
    kinds = (EntryKind.ROTATION_BEGUN, EntryKind.ROTATION_FLIPPED, EntryKind.ROTATION_FINISHED)
    logged = [details(made, kind) for kind in kinds]
    assert [len(entries) for entries in logged] == [1, 1, 1]
    assert {(entry["from"], entry["to"]) for entries in logged for entry in entries} == {("1", "2")}
    if not made.settings.vault_url:
        assert not list(made.root.glob("**/epoch-000001*"))
    again = rotator.begin(make_keys=True)
    assert (again.there.source, again.there.target) == (NEW, NEW + 1)


def test_what_was_moved_is_not_moved_again(files: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of four parts, two that were moved before the cut stay as they are, to the byte."""
    monkeypatch.setattr("verifier.vault.ranges.ROWS", 40)
    seen: list[Step] = []

    class CutOffHereError(Exception):
        """Somebody pulled the plug."""

    def reached(step: Step) -> None:
        seen.append(step)
        if seen.count(Step.PART_MOVED) == 2:
            raise CutOffHereError

    with pytest.raises(CutOffHereError):
        Rotator(files.settings, reached=reached).begin(make_keys=True)
    folder = workplace.folder_of(files.settings, NEW)
    first = {path.name: path.read_bytes() for path in folder.glob("part-*.run")}
    assert len(first) >= 2
    later: dict[str, bytes] = {}

    def keep(step: Step) -> None:
        if step is Step.PARTS_MOVED:
            later.update({path.name: path.read_bytes() for path in folder.glob("part-*.run")})

    done = Rotator(files.settings, reached=keep, workers=2).begin()
    assert len(later) == done.there.parts == 4
    assert {name: later[name] for name in first} == first
    assert not folder.exists()


def test_a_second_operator_is_refused_by_name(files: Installation) -> None:
    """Whoever works on a rotation is named to whoever else tries; while one is under way no other begins."""
    with (
        workplace.alone(files.settings),
        pytest.raises(RotationBusyError, match=f"{workplace.operator()} .process [0-9]+. works"),
    ):
        Rotator(files.settings).begin(make_keys=True)
    Rotator(files.settings).begin(make_keys=True)
    Rotator(files.settings).flip()
    with pytest.raises(RotationStateError, match="epoch 1 to 2 is flipped"):
        Rotator(files.settings).begin(make_keys=True)


def test_a_difference_stops_the_flip(files: Installation) -> None:
    """Where one row of the new epoch is another person's, a sample that draws it refuses to flip."""
    Rotator(files.settings).begin(make_keys=True)
    with closing(files.agent()) as agent, closing(open_changer(files.settings.vault_database)) as vault:
        epoch = epochs(files)[NEW]
        outer = outer_of(agent, epoch)
        rows = rows_of(files.settings.vault_database, NEW)
        # A row is drawn as often as the gap before it is wide: this one is.
        (before, _), (one, _) = max(
            itertools.pairwise(rows), key=lambda two: int.from_bytes(two[1][0]) - int.from_bytes(two[0][0])
        )
        other, box = next(row for row in rows if row[0] not in {before, one})
        vault.replace(epoch, [(one, outer.seal(one, outer.open(other, box)))])
    with pytest.raises(SampleDiffersError, match=r"of [0-9]+ rows drawn"):
        Rotator(files.settings).flip(people=2_000)
    assert epochs(files)[OLD].state is EpochState.ACTIVE
    assert details(files, EntryKind.ROTATION_FLIPPED) == []
    abandoned = Rotator(files.settings).abandon()
    assert abandoned.there.state is RotationState.ABANDONED
    assert epochs(files)[NEW].state is EpochState.DROPPED


def test_refusals_name_what_stands_in_the_way(files: Installation) -> None:
    """Without new keys nothing begins; an epoch of a rotation is not dropped; keys that another epoch needs stay."""
    rotator = Rotator(files.settings)
    with pytest.raises(SameKeysError, match="outer-token and row-seal"):
        rotator.begin()
    with pytest.raises(RotationStateError, match="no rotation"):
        rotator.flip()
    spare = files.load(people(5).values())
    with closing(open_writer(files.settings.vault_database)) as writer:
        writer.activate(OLD)
        rotator.begin(make_keys=True)
        rotator.flip()
        for number in (OLD, spare + 1):
            with pytest.raises(RotationStateError, match="cannot be dropped"):
                writer.drop(number)
        with pytest.raises(RotationStateError, match="cannot be activated"):
            writer.activate(spare)
        with pytest.raises(KeysInUseError, match=f"epoch {spare} stands under"):
            rotator.finish(now=True)
        writer.drop(spare)
    rotator.finish(now=True)


def custody_of(made: Installation) -> Custody:
    """Open the keyring for a change."""
    return outer_keys.custody_of(made.settings, str)


def test_custodians_agree_on_new_keys_and_on_the_end_of_old_ones(files: Installation, tmp_path: Path) -> None:
    """Under a roster one alone makes and destroys nothing; what stands in the way is told before rows are gone."""
    seat(custody_of(files))
    rotator = Rotator(files.settings)
    with pytest.raises(RosterStandsError):
        rotator.begin(make_keys=True)
    first, *others = OUTER_PURPOSES
    succeed = Change(action=Action.SUCCEED, purpose=first, others=tuple((each, 0) for each in others))
    custody_of(files).execute(agree(custody_of(files), succeed, 0, 1))
    rotator.begin()
    rotator.flip()
    keys = outer_keys.old_ones(epochs(files)[OLD], epochs(files)[NEW])
    retire = Change(action=Action.RETIRE, purpose=keys[0][0], key_id=keys[0][1], others=(keys[1],))
    destroy = Change(action=Action.RETIRE, purpose=keys[0][0], key_id=keys[0][1])
    for agreed, error in (
        (None, RosterStandsError),
        (agree(custody_of(files), destroy, 0, 1), KeyProposalError),
        (agree(custody_of(files), retire, 0), CustodiansMissingError),
    ):
        with pytest.raises(error):
            rotator.finish(now=True, agreed=agreed)
    assert epochs(files)[OLD].state is EpochState.RETIRED
    path = tmp_path / "retire.json"
    path.write_bytes(ceremonyfile.encode(files.realm, agree(custody_of(files), retire, 1, 2)))
    operate(files, "rotation", "finish", "--now", "--yes", "--agreed", str(path))
    custody = custody_of(files)
    assert {custody.read().key(*each).state for each in keys} == {KeyState.DESTROYED}
    assert [each.action for each in keyproof.prove(files.realm, custody.history())] == [
        "roster.set",
        "keys.succeed",
        "keys.retire",
    ]


@pytest.mark.parametrize("step", [Step.ROWS_DROPPED, Step.KEYS_DESTROYED])
def test_an_agreed_end_that_is_cut_off_goes_on(files: Installation, step: Step) -> None:
    """The same command with the same file goes on, before the keys are destroyed and after."""
    seat(custody_of(files))
    first, *others = OUTER_PURPOSES
    succeed = Change(action=Action.SUCCEED, purpose=first, others=tuple((each, 0) for each in others))
    custody_of(files).execute(agree(custody_of(files), succeed, 0, 1))
    Rotator(files.settings).begin()
    Rotator(files.settings).flip()
    keys = outer_keys.old_ones(epochs(files)[OLD], epochs(files)[NEW])
    retire = Change(action=Action.RETIRE, purpose=keys[0][0], key_id=keys[0][1], others=(keys[1],))
    agreed = agree(custody_of(files), retire, 0, 1)

    def killed(reached: Step) -> None:
        if reached is step:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Rotator(files.settings, reached=killed).finish(now=True, agreed=agreed)
    assert Rotator(files.settings).finish(agreed=agreed).there.state is RotationState.FINISHED
    assert {custody_of(files).read().key(*each).state for each in keys} == {KeyState.DESTROYED}


def test_the_command_line_takes_every_step(files: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each command says where the rotation stands and what is next; --keep-keys leaves the keys to the custodians."""
    given_way: list[int] = []
    monkeypatch.setattr("os.nice", given_way.append)  # else every test after this one would give way
    assert "no rotation" in operate(files, "rotation", "status")
    begun = json.loads(operate(files, "rotation", "begin", "--new-keys", "--workers", "1", "--json"))
    assert given_way == [10]
    assert (begun["state"], begun["moved"], begun["resumed"]) == ("ready", begun["rows"], False)
    assert "rows drawn: the same in both epochs" in operate(files, "rotation", "sample", "--people", "20")
    assert "rotation revert" in operate(files, "rotation", "flip")
    assert "is kept reversible" in operate(files, "rotation", "finish", "--yes", code=ExitCode.REFUSED)
    told = json.loads(operate(files, "rotation", "status", "--json"))
    assert (told["state"], told["pending_changes"], told["restart_due"]) == ("flipped", 0, [])
    next_ones = ["padan-server rotation finish", "padan-server rotation revert"]
    assert [each["command"] for each in told["next"]] == next_ones
    operate(files, "rotation", "finish", "--now", "--keep-keys", "--yes")
    assert "is finished" in operate(files, "rotation", "status")
    with closing(files.agent()) as agent:
        ring, old = agent.keyring, epochs(files)[OLD]
    assert {ring.key(each, old.key_ids[each]).state for each in OUTER_PURPOSES} == {KeyState.ACTIVE}
