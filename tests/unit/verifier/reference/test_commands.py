"""`padan-server reference`: load, renew, upgrade, withdraw and show, on both engines."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from padan.cli.console import ExitCode
from padan.entry import EntryKind
from tests.operating import appoint, details, operate
from tests.people import BUDI, SARI, UNKNOWN_NIK
from tests.simulator.terminal import run
from tests.unit.verifier.reference.captures import EXTRACTOR, face, row, score, write
from tests.unit.verifier.reference.test_load import candidates
from verifier.cli.server import main

if TYPE_CHECKING:
    from pathlib import Path

    from keys.agent import LocalKeyAgent
    from tests.installation import Installation

PERSON, OTHER = BUDI["NIK"], SARI["NIK"]
OF_FACE = ("--modality", "face", "--extractor")
LATER = "drawn/2.0"


@pytest.fixture
def enrolled(made: Installation, tmp_path: Path) -> Installation:
    """An installation in which one person's face is enrolled."""
    path = write(tmp_path / "faces.parquet", [row(PERSON, face(1), day=tmp_path.name)])
    operate(made, "reference", "load", path, "--json")
    return made


def capture(folder: Path, number: int = 2, *, person: int = 1) -> Path:
    """Write a capture to a file."""
    path = folder / f"capture-{person}-{number}.bin"
    path.write_bytes(face(person, number))
    return path


def desk(made: Installation, *words: object, nik: str = PERSON, code: int = 0) -> Any:
    """Run a command that asks for a number; give its JSON, or its errors where it is to fail."""
    arguments = ("--config", str(made.config_path), "reference", *map(str, words), "--json")
    done = run(main, *arguments, stdin=f"{nik}\n".encode())
    assert done.code == code, (done.code, done.out, done.err)
    assert nik not in done.out + done.err
    return done.err if code else json.loads(done.out)


def test_a_load_says_what_became_of_the_file(made: Installation, tmp_path: Path) -> None:
    """What was stored and rejected is told, and where the rejects stand."""
    path = write(tmp_path / "faces.parquet", [row(PERSON, face(1), a=1), row(UNKNOWN_NIK, face(1), a=2)])
    rejects = tmp_path / "rejects.csv"
    told = operate(made, "reference", "load", path, "--rejects", rejects)
    assert "2 rows read, 1 references stored, 1 rows rejected" in told
    assert rejects.read_text() == "row,field,rule\n2,nik,nik.unknown\n"
    again = json.loads(operate(made, "reference", "load", path, "--rejects", rejects, "--json"))
    assert (again["stored"], again["resumed"]) == (1, 2)
    assert rejects.read_text().count("\n") == 2


def test_a_renewed_reference_is_another_one(
    enrolled: Installation, agent: LocalKeyAgent, tmp_path: Path
) -> None:
    """A renewal draws anew and counts up, matches as before, and leaves nothing of the old reference."""
    (before,) = candidates(enrolled, agent, PERSON)
    done = desk(enrolled, "renew", *OF_FACE, EXTRACTOR, capture(tmp_path))
    assert done == {"modality": "face", "stored": 1, "withdrawn": 1, "renewal": 1}
    (after,) = candidates(enrolled, agent, PERSON)
    assert (before.reference.renewal, after.reference.renewal) == (0, 1)
    assert before.reference.draw != after.reference.draw
    assert score(agent, after, face(1, 9)) > 0.8
    old_key = score(agent, after, face(1, 9)) - score(agent, before, face(1, 9))
    assert abs(old_key) < 0.1
    entry = details(enrolled, EntryKind.REFERENCE_RENEWED)[-1]
    assert (entry["step"], entry["modality"], entry["position"], entry["renewal"]) == (
        "renew",
        "face",
        "0",
        "1",
    )
    assert PERSON not in str(entry)


def test_an_upgrade_replaces_another_extractors_references(
    enrolled: Installation, agent: LocalKeyAgent, tmp_path: Path
) -> None:
    """After an upgrade only the new extractor's probes are comparable, and a second one has nothing to do."""
    refused = desk(enrolled, "renew", *OF_FACE, LATER, capture(tmp_path), code=ExitCode.STATE)
    assert "another extractor" in refused
    done = desk(enrolled, "upgrade", *OF_FACE, LATER, capture(tmp_path))
    assert (done["stored"], done["withdrawn"]) == (1, 1)
    (found,) = candidates(enrolled, agent, PERSON)
    assert found.held
    assert not found.comparable
    assert score(agent, found, face(1, 9), extractor=LATER) > 0.8
    again = desk(enrolled, "upgrade", *OF_FACE, LATER, capture(tmp_path), code=ExitCode.STATE)
    assert "of this extractor already" in again


def test_withdrawn_references_are_gone(enrolled: Installation, agent: LocalKeyAgent) -> None:
    """A withdrawal deletes, is logged, and finds nothing the second time."""
    assert desk(enrolled, "withdraw", "--modality", "face")["withdrawn"] == 1
    assert not candidates(enrolled, agent, PERSON)[0].held
    assert details(enrolled, EntryKind.REFERENCE_WITHDRAWN)[-1]["modality"] == "face"
    assert "no such references" in desk(enrolled, "withdraw", "--modality", "face", code=ExitCode.STATE)


@pytest.mark.parametrize("command", ["renew", "upgrade"])
def test_who_is_not_held_is_refused(enrolled: Installation, tmp_path: Path, command: str) -> None:
    """A number that nobody has is refused by its rule, and nothing is logged about it."""
    entries = len(details(enrolled, EntryKind.REFERENCE_RENEWED))
    told = desk(
        enrolled, command, *OF_FACE, EXTRACTOR, capture(tmp_path), nik=UNKNOWN_NIK, code=ExitCode.REFUSED
    )
    assert "nik.unknown" in told
    assert len(details(enrolled, EntryKind.REFERENCE_RENEWED)) == entries


def test_who_is_not_enrolled_is_not_renewed(enrolled: Installation, tmp_path: Path) -> None:
    """A renewal and an upgrade need a reference to begin with."""
    for command in ("renew", "upgrade"):
        told = desk(enrolled, command, *OF_FACE, EXTRACTOR, capture(tmp_path), nik=OTHER, code=ExitCode.STATE)
        assert "not enrolled" in told


def test_what_is_no_capture_is_refused(enrolled: Installation, tmp_path: Path) -> None:
    """A file that is no template, or of another modality, is named by its place and the rule."""
    path = tmp_path / "capture.bin"
    path.write_bytes(b"\xff\xff")
    assert "capture 1: " in desk(enrolled, "renew", *OF_FACE, EXTRACTOR, path, code=ExitCode.INPUT)
    missing = tmp_path / "missing.bin"
    assert "cannot be read" in desk(enrolled, "renew", *OF_FACE, EXTRACTOR, missing, code=ExitCode.INPUT)


def test_show_counts_by_modality_suite_and_extractor(enrolled: Installation, tmp_path: Path) -> None:
    """Every reference is counted once, and no decoy."""
    rows = [row(OTHER, face(2), extractor=LATER)]
    operate(enrolled, "reference", "load", write(tmp_path / "more.parquet", rows), "--json")
    found = json.loads(operate(enrolled, "reference", "show", "--json"))
    assert [(each["modality"], each["suite"], each["extractor"], each["references"]) for each in found] == [
        ("face", "face-hd3-1024/1", EXTRACTOR, 1),
        ("face", "face-hd3-1024/1", LATER, 1),
    ]
    assert "drawn/2.0" in operate(enrolled, "reference", "show")


def test_show_says_that_there_are_none(made: Installation) -> None:
    """Where nothing is kept, the command says how to load."""
    assert "no references" in operate(made, "reference", "show")
    assert json.loads(operate(made, "reference", "show", "--json")) == []


def test_two_officers_lock_and_unlock_a_modality(made: Installation, tmp_path: Path) -> None:
    """Two officers lock a modality, which is counted and logged as what it is, and lift that again."""
    first, second = appoint(made, f"ani-{tmp_path.name}", f"bayu-{tmp_path.name}")
    for step, number in (("--set", 1), ("--lift", 0)):
        file = tmp_path / f"lock{step}.json"
        for words in (
            ("resident", "propose", "--key", first, "--out", file, step, "finger-locked"),
            ("officer", "approve", file, "--key", second),
            ("resident", "execute", file),
        ):
            arguments = ("--config", str(made.config_path), *map(str, words))
            done = run(main, *arguments, stdin=f"{PERSON}\n".encode())
            assert done.code == 0, done.err
        counts = json.loads(operate(made, "resident", "count", "--json"))
        assert (counts["finger_locked"], counts["face_locked"], counts["locked"]) == (number, 0, 0)
    for kind in (EntryKind.MODALITY_LOCKED, EntryKind.MODALITY_UNLOCKED):
        assert details(made, kind)[-1]["mark"] == "finger_locked"
