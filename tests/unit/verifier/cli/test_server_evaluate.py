"""`padan-server evaluate names` measures files of examples."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from padan.cli.console import CommandError, ExitCode
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
