"""Files of scores are read line by line, and a fault is told by its line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tokenizer.biometrics.scorefile import ScoreFileError, read

if TYPE_CHECKING:
    from pathlib import Path


def write(folder: Path, content: bytes) -> Path:
    """Write a file."""
    path = folder / "scores.csv"
    path.write_bytes(content)
    return path


def test_scores_are_sorted_by_kind(tmp_path: Path) -> None:
    """Lines come in any order."""
    curve = read(write(tmp_path, b"kind,score\nimpostor,0.2\ngenuine,0.9\nimpostor,0\ngenuine,1\n"))
    assert ([*curve.genuine], [*curve.impostors]) == ([0.9, 1], [0, 0.2])


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "line 1"),
        (b"score,kind\n", "line 1"),
        (b"kind,score\nother,1\n", "line 2"),
        (b"kind,score\ngenuine\n", "line 2"),
        (b"kind,score\ngenuine,0.5,0.5\n", "line 2"),
        (b"kind,score\ngenuine,0.5\nimpostor,high\n", "line 3"),
        (b"kind,score\ngenuine,1.1\n", "line 2"),
        (b"kind,score\ngenuine,nan\n", "line 2"),
        (b"kind,score\ngenuine,-inf\n", "line 2"),
        (b"kind,score\ngenuine,\xff\n", "not UTF-8"),
        (b"kind,score\ngenuine,0.5\n", "no line of kind impostor"),
        (b"kind,score\n" + b'"' + b"a" * 200_000, "line"),
    ],
)
def test_a_fault_is_told_by_its_line(tmp_path: Path, content: bytes, told: str) -> None:
    """What is not of the form is refused, and no score is repeated."""
    with pytest.raises(ScoreFileError, match=told):
        read(write(tmp_path, content))
