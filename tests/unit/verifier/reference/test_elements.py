"""Embeddings come in only with as many elements as the extractor was calibrated on, where that is known."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from padan.biometric import template
from padan.cli.console import ExitCode
from tests import enrolment
from tests.operating import operate
from tests.people import BUDI, SARI
from tests.unit.verifier.reference.captures import EXTRACTOR, LENGTH, face, row, write
from tests.unit.verifier.reference.test_commands import LATER, OF_FACE, desk
from tests.unit.verifier.reference.test_load import candidates, load, rejected

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from keys.agent import LocalKeyAgent
    from tests.installation import Installation

PERSON, OTHER = BUDI["NIK"], SARI["NIK"]


@pytest.fixture
def calibrated(made: Installation) -> Iterator[Installation]:
    """An installation that has calibrated one extractor of faces."""
    before = made.config_path.read_text()
    enrolment.calibrate(made, "face", extractor=EXTRACTOR, elements=LENGTH)
    made.config_path.write_text(f"{enrolment.SETTING}{before}")
    yield made
    made.config_path.write_text(before)


def other(number: int = 0) -> bytes:
    """Draw a face of an element more, such as another version makes."""
    values = [1.0, *([0.5, -0.5] * (LENGTH // 2))]
    return template.face([*values[number:], *values[:number]]).SerializeToString()


def capture(folder: Path, data: bytes) -> Path:
    """Write a capture to a file."""
    path = folder / "capture.bin"
    path.write_bytes(data)
    return path


def test_a_load_rejects_embeddings_of_another_dimension(
    calibrated: Installation, agent: LocalKeyAgent, tmp_path: Path
) -> None:
    """Each such row is a reject by its rule, also beside a good one; of another extractor nothing is known."""
    rows = [
        row(PERSON, other(), day=tmp_path.name),
        row(PERSON, face(1), day=tmp_path.name),
        row(OTHER, other(), day=tmp_path.name),
        row(OTHER, other(1), extractor=LATER, day=tmp_path.name),
    ]
    path = write(tmp_path / "faces.parquet", rows)
    done = load(calibrated, agent, path)
    assert rejected(path) == [(1, "template", "template.elements"), (3, "template", "template.elements")]
    assert (done.stored, done.rejected) == (2, 2)
    assert candidates(calibrated, agent, PERSON)[0].counts


@pytest.mark.parametrize("command", ["renew", "upgrade"])
def test_one_residents_captures_are_looked_at_likewise(
    calibrated: Installation, tmp_path: Path, command: str
) -> None:
    """A capture of another dimension is refused by its place and rule, and a good one is taken."""
    enrolled = EXTRACTOR if command == "renew" else LATER
    path = write(tmp_path / "faces.parquet", [row(PERSON, face(1), extractor=enrolled, day=tmp_path.name)])
    operate(calibrated, "reference", "load", path, "--json")
    wrong = capture(tmp_path, other())
    told = desk(calibrated, command, *OF_FACE, EXTRACTOR, wrong, code=ExitCode.INPUT)
    assert "capture 1: template.elements: an embedding has as many elements" in told
    assert desk(calibrated, command, *OF_FACE, EXTRACTOR, capture(tmp_path, face(1, 2)))["stored"] == 1


def test_a_file_that_is_none_keeps_captures_out_and_lets_withdraw(
    calibrated: Installation, tmp_path: Path
) -> None:
    """Nothing is enrolled by thresholds that accept everybody; whoever wants to go can."""
    operate(
        calibrated,
        *("reference", "load", write(tmp_path / "a.parquet", [row(PERSON, face(1), day=tmp_path.name)])),
    )
    file = calibrated.root / "thresholds.json"
    document = json.loads(file.read_text())
    document["thresholds"][0]["threshold"] = 0
    file.write_text(json.dumps(document))
    told = desk(calibrated, "renew", *OF_FACE, EXTRACTOR, capture(tmp_path, face(1, 2)), code=ExitCode.INPUT)
    assert "threshold is so low" in told
    assert desk(calibrated, "withdraw", "--modality", "face")["withdrawn"] == 1
    file.unlink()
