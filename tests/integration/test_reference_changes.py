"""References while numbers change hands at the same moment: whatever comes first, they stay their resident's."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from padan.nik import parse
from tests.integration.feeding import feed, people
from tests.integration.projecting import COUNT, FEED, made_for_references
from tests.people import AS_OF
from tests.unit.verifier.reference.captures import face, row, write
from tests.unit.verifier.reference.test_load import CutOffHereError, candidates, load, rejected
from verifier.feed.following import follow
from verifier.reference import moving
from verifier.reference.loading import Load
from verifier.rotation.rotator import Rotator
from verifier.vault.changer import VaultChanger

if TYPE_CHECKING:
    from pathlib import Path

    from tests.installation import Installation
    from tokenizer.biometrics.slot import Slot
    from verifier.reference.writer import Batch

CHANGES = ["merged", "withdrawn", "nik_changed"]


@pytest.fixture
def made(fresh_url: str, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """An installation on each engine that follows a registry, and has a biometric key."""
    return made_for_references(tmp_path_factory.mktemp("references"), fresh_url)


def told_of(change: str) -> tuple[str, str, dict[str, Any]]:
    """Give a number, the one that its resident has after a change, or "" for none, and the change."""
    held = people(COUNT + 1)
    number, other, *_, spare = held
    if change == "merged":
        return number, other, {"change": change, "row": dict(held[other]), "also": [number]}
    if change == "nik_changed":
        return number, spare, {"change": change, "was": [number], "row": dict(held[spare])}
    return number, "", {"change": change, "nik": number}


def has(made: Installation, nik: str) -> bool:
    """Say whether a number has a face, as a question finds it."""
    with closing(made.agent()) as agent:
        return candidates(made, agent, nik)[0].held


def draw_of(made: Installation, nik: str) -> bytes:
    """Tell a number's face from others, as a question finds it."""
    with closing(made.agent()) as agent:
        (found,) = candidates(made, agent, nik)
        assert found.held
        return found.reference.draw


def enrol(made: Installation, path: Path) -> int:
    """Load a file; says how many references were stored."""
    with closing(made.agent()) as agent:
        return load(made, agent, path).stored


@pytest.mark.parametrize("change", CHANGES)
def test_nobody_is_enrolled_under_a_number_that_was_given_up_during_the_load(
    made: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """A change between the look at the residents and the transaction makes the row a reject."""
    number, own, told = told_of(change)
    stays = list(people(COUNT))[5]
    path = write(tmp_path / "faces.parquet", [row(number, face(1)), row(stays, face(2))])
    lay = Load._lay

    def changing(self: Load, *arguments: object) -> None:
        lay(self, *arguments)  # type: ignore[arg-type] # as it was called
        follow(made.settings, "changes", feed(made, 0, told, source=FEED))

    monkeypatch.setattr(Load, "_lay", changing)
    assert enrol(made, path) == 1
    rule = "nik.merged" if change == "merged" else "nik.unknown"
    assert rejected(path) == [(1, "nik", rule)]
    assert [has(made, nik) for nik in (number, stays)] == [False, True]
    assert not own or not has(made, own)


@pytest.mark.parametrize("change", CHANGES)
def test_who_is_enrolled_while_a_change_is_applied_follows_it(
    made: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """What is stored before the very transaction of the change goes where the change takes the number."""
    number, own, told = told_of(change)
    path = write(tmp_path / "faces.parquet", [row(number, face(1))])
    apply = VaultChanger.apply

    def late(self: VaultChanger, *arguments: Any, **named: Any) -> Any:
        if not has_run:
            has_run.append(enrol(made, path))
        return apply(self, *arguments, **named)

    has_run: list[int] = []
    monkeypatch.setattr(VaultChanger, "apply", late)
    follow(made.settings, "changes", feed(made, 0, told, source=FEED))
    assert has_run == [1]
    assert not has(made, number)
    assert not own or has(made, own)


def test_a_merger_in_the_middle_of_a_move_leaves_the_survivor_its_own(
    made: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the new epoch has the merged number's face already, and not yet the survivor's, that still counts."""
    held = people(COUNT)
    numbers = list(held)
    with closing(made.agent()) as agent:
        load(made, agent, write(tmp_path / "faces.parquet", [row(nik, face(7)) for nik in numbers[:8]]))
    monkeypatch.setattr(moving, "PAGE", 1)
    page, merged = moving.Moving._page, list[str]()

    def merging(self: moving.Moving, batch: Batch, slot: Slot, after: bytes) -> Any:
        ids = [batch.layers[0].inner.record_id(parse(nik, AS_OF)) for nik in numbers[:8]]
        tokens = self.layers(batch)[1].outer(slot).tokens(ids)
        there = batch.changing.boxes(self.target, slot, tokens)
        came = [nik for nik, token in zip(numbers[:8], tokens, strict=True) if token in there]
        if came and not merged:
            merged.extend([came[0], next(nik for nik in numbers[:8] if nik not in came)])
            raise CutOffHereError
        return page(self, batch, slot, after)

    with monkeypatch.context() as patched:
        patched.setattr(moving.Moving, "_page", merging)
        with pytest.raises(CutOffHereError):
            Rotator(made.settings).begin(make_keys=True)
    gone, survivor = merged
    own = draw_of(made, survivor)
    told = {"change": "merged", "row": dict(held[survivor]), "also": [gone]}
    follow(made.settings, "changes", feed(made, 0, told, source=FEED))
    Rotator(made.settings).begin()
    assert draw_of(made, survivor) == own
    Rotator(made.settings).flip(people=1_000)
    assert draw_of(made, survivor) == own
    assert not has(made, gone)


def test_a_position_that_is_no_number_of_ours_is_a_reject(made: Installation, tmp_path: Path) -> None:
    """However many digits a position has, its row is a reject, and the sound rows are stored."""
    first, second = list(people(COUNT))[:2]
    rows = [row(first, face(1), position="1" * 5_000), row(second, face(2), position="0")]
    path = write(tmp_path / "faces.parquet", rows)
    assert enrol(made, path) == 1
    assert rejected(path) == [(1, "position", "position.range")]
