"""`padan-server calibrate` finds thresholds, and keeps them in a file that the service reads."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from typer.testing import CliRunner

from padan.cli.console import CommandError, ExitCode
from tests.unit.verifier.cli.made_up import write_faces
from tokenizer.biometrics import suites
from tokenizer.biometrics.calibration import CalibrationError, Thresholds, ThresholdsError
from tokenizer.biometrics.scorefile import ScoreFileError
from tokenizer.biometrics.templatefile import TemplateFileError
from verifier.cli.failure import translate
from verifier.cli.server import build

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result

NAMES = ("--extractor", "facenet/1.0")
SUITE = ("--suite", "face-hd3-1024/1", "--elements", "128")


def run(*arguments: str) -> Result:
    """Run the command."""
    return CliRunner().invoke(build(["calibrate"]), ["calibrate", *arguments])


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Name the file of thresholds."""
    return tmp_path / "thresholds.json"


@pytest.fixture
def scores(tmp_path: Path) -> Path:
    """Write scores."""
    path = tmp_path / "scores.csv"
    lines = [f"genuine,{score}" for score in np.linspace(0.5, 1, 200)]
    lines += [f"impostor,{score}" for score in np.arange(4000) / 4000 * 0.6]
    path.write_text("\n".join(["kind,score", *lines, ""]))
    return path


def test_templates_become_thresholds_that_are_kept(tmp_path: Path, out: Path) -> None:
    """The samples of a file are compared as in service, and the threshold is written and printed."""
    faces = write_faces(tmp_path / "faces.npz", people=80, captures=3)
    said = run(
        "templates", str(faces), "--modality", "face", *NAMES, "--out", str(out),
        "--level", "substantial", "--impostors", "4000", "--json",
    )  # fmt: skip
    assert said.exit_code == 0, said.exception
    [entry] = json.loads(said.stdout)["thresholds"]
    found = Thresholds.of(out)
    assert found.threshold("facenet/1.0", "face-hd3-1024/1", "substantial") == entry["threshold"]
    assert (entry["impostors"], entry["genuine"], entry["elements"]) == (4000, 240, 64)
    assert found.elements("facenet/1.0", "face-hd3-1024/1") == 64
    assert 0.5 < entry["threshold"] < 1


@pytest.mark.parametrize(
    ("people", "captures", "told"),
    [
        (2, 55, "at least 3,000 different pairs of people, and there are 1: .*; 78 people make so many"),
        (60, 3, "there are 1,770"),
    ],
)
def test_captures_of_few_people_are_no_ground(
    tmp_path: Path, out: Path, people: int, captures: int, told: str
) -> None:
    """Thousands of comparisons of a few people are refused with what it takes, and nothing is written."""
    faces = write_faces(tmp_path / "faces.npz", people=people, captures=captures)
    words = (str(faces), "--modality", "face", *NAMES, "--out", str(out), "--level", "substantial")
    error = run("templates", *words).exception
    assert isinstance(error, CalibrationError)
    assert re.search(told, str(error))
    explained = translate(error)
    assert explained is not None
    assert "captures of more people" in explained.next_step
    assert not out.exists()


@pytest.mark.parametrize("factor", [1, 2.5])
def test_a_copy_is_no_second_capture(tmp_path: Path, out: Path, factor: float) -> None:
    """A sample that stands twice, be it scaled, is named by its places, with what to do."""
    faces = write_faces(tmp_path / "faces.npz", people=80, captures=2)
    with np.load(faces) as read:
        subject, vectors = read["subject"], read["mobilefacenet192"].copy()
    vectors[90] = vectors[7] * factor
    np.savez(faces, subject=subject, mobilefacenet192=vectors)
    words = (str(faces), "--modality", "face", *NAMES, "--out", str(out), "--level", "substantial")
    error = run("templates", *words).exception
    assert isinstance(error, TemplateFileError)
    assert "'mobilefacenet192': samples 7 and 90 are one template" in str(error)
    assert "leave it out" in str(error)
    assert not out.exists()


def test_decisions_are_no_scores(scores: Path, out: Path) -> None:
    """A matcher that wrote what it decided is told to write its scores."""
    scores.write_text("\n".join(["kind,score", *["genuine,1"] * 100, *["impostor,0"] * 3_000]))
    error = run("scores", str(scores), *SUITE, *NAMES, "--out", str(out), "--level", "substantial").exception
    assert isinstance(error, CalibrationError)
    assert "give the scores themselves" in str(error)
    assert not out.exists()


def test_scores_become_thresholds_beside_those_of_others(scores: Path, out: Path) -> None:
    """What is there for another extractor stays; what is there for this one is replaced."""
    for extractor in ("other/2", "facenet/1.0", "facenet/1.0"):
        said = run(
            "scores",
            str(scores),
            *SUITE,
            "--extractor",
            extractor,
            "--out",
            str(out),
            "--level",
            "substantial",
        )
        assert said.exit_code == 0, said.exception
        assert f"{extractor}, face-hd3-1024/1, substantial: threshold 0.59" in said.stdout
    assert [entry.extractor for entry in Thresholds.of(out).entries] == ["facenet/1.0", "other/2"]
    assert out.stat().st_mode & 0o777 == 0o644


def test_a_file_is_shown(scores: Path, out: Path) -> None:
    """The thresholds of a file with what they are worth, for a person and for a program."""
    run("scores", str(scores), *SUITE, *NAMES, "--out", str(out), "--level", "substantial")
    assert "of 4,000 comparisons of two people" in run("show", str(out)).stdout
    [entry] = json.loads(run("show", str(out), "--json").stdout)["thresholds"]
    assert (entry["level"], entry["elements"]) == ("substantial", 128)
    assert "embeddings of 128 elements" in run("show", str(out)).stdout


def test_only_of_faces_the_elements_are_told(scores: Path, out: Path) -> None:
    """Scores of faces without them are refused with the option that is missing, and those of irises with it."""
    words = ("scores", str(scores), *NAMES, "--out", str(out), "--level", "substantial", "--suite")
    iris = suites.enrolling("iris").suite.name
    for suite, next_step in (
        (("face-hd3-1024/1",), "add --elements N"),
        ((iris, "--elements", "128"), "leave --elements out"),
    ):
        error = run(*words, *suite).exception
        assert isinstance(error, CommandError)
        assert next_step in error.next_step
        assert not out.exists()
    assert run(*words, iris).exit_code == 0
    assert Thresholds.of(out).entries[0].elements is None


def test_both_levels_are_kept_or_none(scores: Path, out: Path) -> None:
    """4,000 comparisons are too few for the high level, so that nothing is written and the next step is told."""
    error = run("scores", str(scores), *SUITE, *NAMES, "--out", str(out)).exception
    assert isinstance(error, CalibrationError)
    told = translate(error)
    assert told is not None
    assert "level high takes at least 30,000 comparisons of two people, and there are 4,000" in told.cause
    assert (told.code, "--level" in told.next_step) == (ExitCode.REFUSED, True)
    assert not out.exists()


def test_what_is_no_file_of_thresholds_is_not_written_over(scores: Path, out: Path) -> None:
    """A file of another kind stays as it is, and is told before anything is measured."""
    out.write_text("my letters")
    error = run("scores", str(scores), *SUITE, *NAMES, "--out", str(out)).exception
    assert isinstance(error, ThresholdsError)
    assert out.read_text() == "my letters"


@pytest.mark.parametrize(
    ("suite", "lines", "kind"),
    [
        ("face-hd3-1024/1", "kind,score\ngenuine,2\n", ScoreFileError),
        ("face-hd3-1024/9", "kind,score\n", Exception),
    ],
)
def test_an_unusable_file_or_suite_is_refused(
    scores: Path, out: Path, suite: str, lines: str, kind: type[Exception]
) -> None:
    """A score beyond 1 and a suite that this build has not."""
    scores.write_text(lines)
    error = run("scores", str(scores), *SUITE, "--suite", suite, *NAMES, "--out", str(out)).exception
    assert isinstance(error, kind)
    told = translate(error)
    assert told is not None
    assert told.code is ExitCode.INPUT


def test_a_folder_that_is_not_there_is_told_first(scores: Path, tmp_path: Path) -> None:
    """Minutes of measuring are not lost to a folder that nobody made."""
    error = run("scores", str(scores), *SUITE, *NAMES, "--out", str(tmp_path / "no" / "x.json")).exception
    assert isinstance(error, CommandError)
    assert "folder" in error.cause


def settings_of(folder: Path, line: str) -> Any:
    """Read settings with a line more."""
    from verifier import config

    path = folder / "padan.toml"
    path.write_text(f'registry_id = "test"\ntrust_domain = "test.example"\n{line}\n')
    return config.load(path)


def test_the_setting_names_the_file_that_the_service_reads(scores: Path, out: Path, tmp_path: Path) -> None:
    """Relative to the configuration; without the setting there is no threshold at all."""
    from verifier import thresholds

    run("scores", str(scores), *SUITE, *NAMES, "--out", str(out), "--level", "substantial")
    named = settings_of(tmp_path, 'biometric_thresholds = "thresholds.json"')
    assert thresholds.of(named).entries == Thresholds.of(out).entries
    assert thresholds.of(settings_of(tmp_path, "")).entries == ()
