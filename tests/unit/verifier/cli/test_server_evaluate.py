"""`padan-server evaluate` measures files of names, and of templates."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from padan.cli.console import CommandError, ExitCode
from tests.unit.verifier.cli.made_up import write_faces
from tokenizer.biometrics import linkage
from tokenizer.biometrics.templatefile import TemplateFileError
from verifier.cli.failure import translate
from verifier.cli.server import build

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result

EXAMPLES = {
    "person_equivalent": [
        ["title", "H. SUPARMAN", "SUPARMAN", "own"],
        ["old_spelling", "DJOKO", "JOKO", "own"],
    ],
    "person_different": [["TUTI", "TITI"]],
}


def run(file: Path, *options: str) -> Result:
    """Run the command on a file."""
    return CliRunner().invoke(build(), ["evaluate", "names", str(file), *options])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Name a file."""
    return tmp_path / "variants.json"


def test_json_counts_pairs_by_level_and_class(file: Path) -> None:
    """The shape that other programs read."""
    file.write_text(json.dumps(EXAMPLES), encoding="utf-8")
    levels: dict[str, Any] = json.loads(run(file, "--json").stdout)["levels"]
    assert levels["tolerant"]["classes"] == {
        "title": {"pairs": 1, "accepted": 1},
        "old_spelling": {"pairs": 1, "accepted": 1},
        "person_different": {"pairs": 1, "accepted": 0},
    }
    assert levels["strict"]["classes"]["old_spelling"] == {"pairs": 1, "accepted": 0}


def test_a_table_has_a_line_for_each_class(file: Path) -> None:
    """What a person reads."""
    file.write_text(json.dumps(EXAMPLES), encoding="utf-8")
    lines = run(file).stdout.splitlines()
    assert lines[0].split() == ["class", "pairs", "strict", "tolerant"]
    assert [line.split() for line in lines[1:]] == [
        ["title", "1", "1", "1"],
        ["old_spelling", "1", "0", "1"],
        ["person_different", "1", "0", "0"],
    ]


@pytest.mark.parametrize(
    ("content", "cause", "next_step"),
    [
        (None, "No such file", "path of a file"),
        (b"\xff\xfe", "not UTF-8", "save the file as UTF-8"),
        (b'{"person_different":\n [}', "line 2: not JSON", "mend the line"),
        (b"[]", "not one JSON object", "write groups"),
        (b'{"person_different": [["A"]]}', "entry 0 of group 'person_different'", "write groups"),
    ],
)
def test_an_unusable_file_is_refused_with_the_next_step(
    file: Path, content: bytes | None, cause: str, next_step: str
) -> None:
    """The error names the file, what is wrong with it, and what to do."""
    if content is not None:
        file.write_bytes(content)
    error = run(file, "--json").exception
    assert isinstance(error, CommandError)
    assert error.code is ExitCode.INPUT
    assert str(file) in error.cause
    assert cause in error.cause
    assert next_step in error.next_step


def biometrics(file: Path, *options: str) -> Result:
    """Run the command on templates of faces."""
    return CliRunner().invoke(
        build(["evaluate"]), ["evaluate", "biometrics", str(file), "--modality", "face", *options]
    )


def test_templates_are_measured_as_a_program_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One JSON document with exactly these members, and a table of the same figures."""
    monkeypatch.setattr(linkage, "SCORES", 1000)
    faces = write_faces(tmp_path / "people.npz", people=20, captures=3)
    found = json.loads(biometrics(faces, "--impostors", "1000", "--json").stdout)
    assert found.keys() == {
        "modality", "set", "suite", "bytes", "refused_quality", "unprotected", "protected"
    }  # fmt: skip
    assert (found["modality"], found["set"], found["suite"], found["bytes"], found["refused_quality"]) == (
        "face", "people", "face-hd3-1024/1", 128, 0,
    )  # fmt: skip
    assert found["unprotected"].keys() == {"eer", "fnmr_at_fmr_1e-3"}
    assert found["protected"].keys() == {
        "eer", "fnmr_at_fmr_1e-3", "d_sys", "d_sys_floor", "d_sys_reused_key"
    }  # fmt: skip
    assert found["protected"]["d_sys_reused_key"] > 0.9
    table = biometrics(faces, "--impostors", "1000").stdout
    assert f"{found['protected']['eer']:.2f}" in table
    assert f"{found['protected']['d_sys']:.3f}" in table
    told = dict(re.findall(r"^(comparisons of \w+ \w+) +([\d,]+)$", table, re.MULTILINE))
    assert told == {"comparisons of one person": "60", "comparisons of two people": "1,000"}
    (low, high) = map(float, re.search(r"95 % interval.* ([\d.]+) - ([\d.]+)", table).groups())  # type: ignore[union-attr]
    assert low <= round(found["protected"]["fnmr_at_fmr_1e-3"], 2) <= high


def test_a_file_without_the_array_says_what_it_has(tmp_path: Path) -> None:
    """The error names the array that is missing, those that are there, and the next step."""
    faces = write_faces(tmp_path / "people.npz", people=2, captures=2)
    error = biometrics(faces, "--field", "arcface512", "--json").exception
    assert isinstance(error, TemplateFileError)
    told = translate(error)
    assert told is not None
    assert "'arcface512' is missing; the file has: mobilefacenet192, subject" in told.cause
    assert (told.code, "docs/formats/calibration.md" in told.next_step) == (ExitCode.INPUT, True)
