"""A rotation of the inner keys: the same people under other record ids, with every change, wherever it is cut off."""

from __future__ import annotations

import json
import signal
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from keys.purpose import Purpose
from keys.state import KeyState
from padan import nik as nik_grammar
from padan.cli.console import ExitCode
from padan.entry import EntryKind
from tests.integration.feeding import details, people, publish
from tests.integration.projecting import (
    COUNT,
    FEED,
    NEW,
    OLD,
    Registry,
    epochs,
    files,
    made,
    order_of,
    same,
    source,
    standing,
    write,
)
from tests.operating import operate
from tests.people import AS_OF
from tests.rotating import rotate
from tokenizer.inner import Inner
from verifier.projector.reservation import LOADS_FOLDER
from verifier.rotation import outer_keys, tables
from verifier.rotation.errors import (
    OtherProjectionError,
)
from verifier.rotation.inner_keys import INNER_PURPOSES
from verifier.rotation.inner_rotator import InnerRotator
from verifier.rotation.rotator import Rotator
from verifier.rotation.step import INNER, Step
from verifier.vault.epoch import EpochState
from verifier.vault.open import open_rotations
from verifier.vault.rotation import RotationState, RotationStateError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.installation import Installation
    from verifier.rotation.means import Means
    from verifier.rotation.rotatable import Sampled

__all__ = ["files", "made", "source"]  # fixtures


def positions(made: Installation, number: int) -> dict[str, int]:
    """Read how far an epoch has followed the registry."""
    with closing(open_rotations(made.settings.vault_database)) as rotations:
        return rotations.positions(number)


def test_both_epochs_take_every_change(made: Installation) -> None:
    """Changes before, during and after the projection, and after the flip, stand in both epochs."""
    registry = Registry(made, 11)
    registry.come_in()
    source = write(made.root / "people.csv", registry.held.values())

    def reached(step: Step) -> None:
        if step in {Step.CHUNK_PROJECTED, Step.MOVED}:
            registry.come_in(4)

    done = InnerRotator(made.settings, reached=reached).project(
        order_of(source), holds={FEED: registry.position}, make_keys=True
    )
    assert (done.there.state, done.there.missing) == (RotationState.READY, 0)
    assert done.carried > 0
    registry.come_in()
    flipped = InnerRotator(made.settings).flip(people=500)
    assert flipped.carried > 0
    assert flipped.sampled is not None
    assert flipped.sampled.drawn > COUNT // 2
    assert epochs(made)[NEW].state is EpochState.ACTIVE
    assert same(made, registry.numbers)
    held = {nik for nik, there in standing(made, NEW, registry.numbers).items() if there is not None}
    assert held == set(registry.held)
    assert positions(made, OLD) == positions(made, NEW) == {FEED: registry.position}

    registry.come_in()
    assert not same(made, registry.numbers)
    assert InnerRotator(made.settings).revert().carried > 0
    assert same(made, registry.numbers)
    registry.come_in()
    InnerRotator(made.settings).flip()
    assert same(made, registry.numbers)
    done = InnerRotator(made.settings).finish(now=True)
    assert done.there.state is RotationState.FINISHED


def test_finish_destroys_the_inner_keys(files: Installation, source: Path) -> None:
    """After the cut-off the keys of the old record ids are gone; outer keys that both epochs share are not."""
    old = epochs(files)[OLD]
    rotator = InnerRotator(files.settings)
    rotator.project(order_of(source), holds={}, make_keys=True)
    rotator.flip()
    rotator.finish(now=True)
    ring = files.agent().keyring
    assert {ring.key(each, old.key_ids[each]).state for each in INNER_PURPOSES} == {KeyState.DESTROYED}
    assert ring.key(Purpose.ROW_SEAL, old.key_ids[Purpose.ROW_SEAL]).state is KeyState.ACTIVE
    assert epochs(files)[OLD].state is EpochState.DROPPED
    (begun,) = details(files, EntryKind.ROTATION_BEGUN)
    new = epochs(files)[NEW].key_ids
    assert {name: begun[name] for name in ("kind", "index", "attribute")} == {
        "kind": "inner", "index": str(new["index"]), "attribute": str(new["attribute"]),
    }  # fmt: skip
    assert not list(files.root.glob("**/pairs-*"))
    assert not list(files.root.glob(f"**/{LOADS_FOLDER}/epoch-*"))


def test_a_lost_key_is_rotated_away(files: Installation, source: Path) -> None:
    """An index key that was declared compromised is replaced, the feed follows, and it is destroyed."""
    settings, old = files.settings, epochs(files)[OLD].key_ids[Purpose.INDEX]
    outer_keys.custody_of(settings, lambda _question: "").compromise(Purpose.INDEX, old, reason="drill")
    registry, rotator = Registry(files, 6), InnerRotator(settings)
    rotator.project(order_of(source), holds={}, make_keys=True)
    registry.come_in(6)
    rotator.flip()
    assert same(files, registry.numbers)
    rotator.finish(now=True)
    assert files.agent().keyring.key(Purpose.INDEX, old).state is KeyState.DESTROYED


@pytest.mark.attack
@pytest.mark.long
def test_killed_after_every_step_it_goes_on(files: Installation, source: Path) -> None:
    """Killed after each step that it has of its own, the epoch in use answers on, and the same command goes on."""
    steps = (Step.KEYS_MADE, Step.BEGIN_LOGGED, Step.BEGUN, Step.CHUNK_PROJECTED, Step.PROJECTED, Step.MOVED)
    assert set(steps) | {Step.MISSING_COUNTED} > INNER
    for step in (*steps, Step.MISSING_COUNTED):
        assert rotate(files, "project", kill_after=step, source=source) == -signal.SIGKILL, step
        assert epochs(files)[OLD].state is EpochState.ACTIVE
    assert rotate(files, "project", source=source) == 0
    assert sorted(epochs(files)) == [OLD, NEW]
    assert rotate(files, "flip") == 0
    assert same(files, people(COUNT))


def test_a_killed_projection_keeps_what_it_has(files: Installation, source: Path) -> None:
    """Chunks that were projected before the cut are not projected again, and their pairs are there to the end."""

    class CutOffHereError(Exception):
        """Somebody pulled the plug."""

    seen: list[Step] = []

    def reached(step: Step) -> None:
        seen.append(step)
        if seen.count(Step.CHUNK_PROJECTED) == 3:
            raise CutOffHereError

    with pytest.raises(CutOffHereError):
        InnerRotator(files.settings, reached=reached).project(
            order_of(source, chunk_rows=8), holds={}, make_keys=True
        )
    kept = {path.name: path.stat().st_mtime_ns for path in files.root.glob("**/pairs-*.run")}
    assert kept
    with pytest.raises(OtherProjectionError, match="another source, field map or keys"):
        InnerRotator(files.settings).project(order_of(source, chunk_rows=4), holds={})
    done = InnerRotator(files.settings).project(order_of(source, chunk_rows=8), holds={})
    assert done.resumed
    assert done.there.missing == 0
    after = {path.name: path.stat().st_mtime_ns for path in files.root.glob("**/pairs-*.run")}
    assert len(after) == COUNT // 8
    assert {name: after[name] for name in kept} == kept


class Notes:
    """A table that no feed holds: something stands under each record id."""

    name = "notes"

    def __init__(self, rows: dict[bytes, str]) -> None:
        self.rows = rows
        self.renamed: dict[bytes, str] = {}

    def move(self) -> None:
        """Refuse: this is for inner rotations."""
        raise AssertionError

    def carry(self) -> int:
        """Refuse: this is for inner rotations."""
        raise AssertionError

    def sample(self, _people: int) -> Sampled:
        """Refuse: this is for inner rotations."""
        raise AssertionError

    def before_flip(self, _pairs: object) -> int:
        """Refuse: nothing is flipped here."""
        raise AssertionError

    def settle(self) -> None:
        """Know of every process: there is none."""

    def rename(self, pairs: Iterable[tuple[bytes, bytes]]) -> int:
        """Bring what stands under old record ids to the new ones."""
        found = {new: self.rows[old] for old, new in pairs if old in self.rows}
        self.renamed |= found
        return len(found)


def test_what_no_feed_holds_is_renamed(
    files: Installation, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What stands under anyone's old record id, whom the source or only the feed has, stands under the new one."""
    registry = Registry(files, 2)
    newcomer = next(row for nik, row in people(COUNT + 1).items() if nik not in registry.held)
    numbers = [*registry.held, newcomer["NIK"]]
    notes = Notes({r: nik for nik, r in _record_ids(files, OLD, numbers).items()})

    def make(_means: Means) -> Notes:
        return notes

    def reached(step: Step) -> None:
        if step is Step.PROJECTED:
            registry.take({"change": "new", "row": newcomer})

    monkeypatch.setattr(tables, "HELD", (make,))
    InnerRotator(files.settings, reached=reached).project(order_of(source), holds={}, make_keys=True)
    assert notes.renamed == {r: nik for nik, r in _record_ids(files, NEW, numbers).items()}


def _record_ids(made: Installation, number: int, numbers: Iterable[str]) -> dict[str, bytes]:
    keys = epochs(made)[number].key_ids
    with closing(made.agent()) as agent:
        inner = Inner.of_agent(agent, index_id=keys["index"], attribute_id=keys["attribute"])
        return {nik: inner.record_id(nik_grammar.parse(nik, AS_OF)) for nik in numbers}


def test_one_kind_does_not_go_on_with_the_other(files: Installation, source: Path) -> None:
    """A projection is no move, and the other way round; neither begins while the other is under way."""
    InnerRotator(files.settings).project(order_of(source), holds={}, make_keys=True)
    with pytest.raises(RotationStateError, match=r"inner rotation of epoch 1 to 2 goes on with .* project"):
        Rotator(files.settings).begin(make_keys=True)
    InnerRotator(files.settings).abandon()
    Rotator(files.settings).begin(make_keys=True)
    with pytest.raises(RotationStateError, match="is one of the outer keys"):
        InnerRotator(files.settings).project(order_of(source), holds={})


@pytest.mark.attack
@pytest.mark.long
def test_a_load_does_not_go_on_with_a_killed_projection(files: Installation, source: Path) -> None:
    """The same source, field map and keys, loaded meanwhile, become an epoch of their own."""
    assert rotate(files, "project", kill_after=Step.CHUNK_PROJECTED, source=source) == -signal.SIGKILL
    loaded = json.loads(
        operate(
            files, "registry", "load", source, "--as-of", AS_OF, "--chunk-rows", 16, "--workers", 1, "--json"
        )
    )
    assert (loaded["epoch"], loaded["kept_runs"]) == (NEW + 1, 0)
    assert rotate(files, "project", source=source) == 0


def test_the_command_line_takes_every_step(
    files: Installation, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each command says where the rotation stands, what is lacking, and what is next; a file or a table is replayed."""
    given_way: list[int] = []
    monkeypatch.setattr("os.nice", given_way.append)  # else every test after this one would give way
    registry = Registry(files, 4)
    registry.come_in(6)
    registry.come_in(6)
    command = (
        "rotation",
        "project",
        source,
        "--new-keys",
        "--as-of",
        AS_OF,
        "--workers",
        1,
        "--rate",
        100_000,
    )
    assert "--holds FEED=POSITION" in operate(files, *command, code=ExitCode.INPUT)
    assert "is written FEED=POSITION" in operate(files, *command, "--holds", FEED, code=ExitCode.USAGE)
    begun = json.loads(operate(files, *command, "--holds", f"{FEED}=0", "--json"))
    assert given_way[-1:] == [10]
    assert {name: begun[name] for name in ("state", "kind", "moved", "resumed")} == {
        "state": "ready", "kind": "inner", "moved": COUNT, "resumed": False,
    }  # fmt: skip
    assert f"lacks the changes of {FEED} after 0, to 12" in operate(files, "rotation", "status")
    assert "next: padan-server rotation replay FILE..." in operate(files, "rotation", "status")
    assert json.loads(operate(files, "rotation", "status", "--json"))["lacks"] == {
        FEED: {"after": 0, "to": 12}
    }
    assert "rotation replay" in operate(files, "rotation", "flip", code=ExitCode.STATE)
    first = files.root / "first.feed"
    first.write_bytes(registry.files[0])
    assert "position 0 to 6" in operate(files, "rotation", "replay", first)
    table = f"sqlite:///{files.root}/outbox.sqlite#changes"
    for data in registry.files:
        publish(files, table, data)
    replayed = json.loads(operate(files, "rotation", "replay", table, "--json"))
    assert [(each["begun"], each["position"]) for each in replayed["replayed"]] == [(6, 12)]
    assert replayed["missing"] == 0
    assert "a stream is not replayed" in operate(
        files, "rotation", "replay", "nats://127.0.0.1:1/CHANGES", code=ExitCode.INPUT
    )
    assert "the same in both epochs" in operate(files, "rotation", "sample")
    assert "rotation revert" in operate(files, "rotation", "flip")
    keys = [f"{purpose}:{epochs(files)[OLD].key_ids[purpose]}" for purpose in ("index", "attribute")]
    assert f"keys of epoch 1 alone: {' '.join(keys)}" in operate(files, "rotation", "status")
    operate(files, "rotation", "finish", "--now", "--yes")
    assert "is finished" in operate(files, "rotation", "status")
