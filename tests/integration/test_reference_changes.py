"""References while numbers change hands at the same moment: whatever comes first, they stay their resident's."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from keys.keychange import Action, Change
from keys.purpose import Purpose
from tests.integration.feeding import feed, people
from tests.integration.projecting import COUNT, FEED, made_with
from tests.unit.verifier.reference.captures import face, row, write
from tests.unit.verifier.reference.test_load import candidates, load, rejected
from verifier.feed.following import follow
from verifier.reference.loading import Load
from verifier.vault.changer import VaultChanger

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.installation import Installation

CHANGES = ["merged", "withdrawn", "nik_changed"]


@pytest.fixture(params=["sqlite", "postgresql"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation on each engine that follows a registry, and has a biometric key."""
    url, server = "", None
    if request.param == "postgresql":
        server = request.getfixturevalue("postgres_server")
        url = server.make_database()
    installation = made_with(tmp_path_factory.mktemp("references"), url)
    installation.custody().alone(Change(action=Action.SUCCEED, purpose=Purpose.BIOMETRIC))
    yield installation
    if server is not None:
        server.drop_database(url)


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
