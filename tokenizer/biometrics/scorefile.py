"""Files of scores: CSV with the columns `kind` ("genuine" or "impostor") and `score`, the higher the more alike.

A message names the line and the rule, never a score.
"""

from __future__ import annotations

import csv
import math
from typing import TYPE_CHECKING, Final

from tokenizer.biometrics.accuracy import Curve
from tokenizer.errors import TokenizerError

if TYPE_CHECKING:
    from pathlib import Path

KINDS: Final = ("genuine", "impostor")
_COLUMNS: Final = ["kind", "score"]
_MOST_ROWS: Final = 50_000_000


class ScoreFileError(TokenizerError):
    """The file is no file of scores; the message names the line."""


def read(path: Path) -> Curve:
    """Read a file.

    Raises:
        ScoreFileError: it is not of the form above.
        OSError: it cannot be read.
    """
    found: dict[str, list[float]] = {kind: [] for kind in KINDS}
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        try:
            if next(rows, None) != _COLUMNS:
                raise ScoreFileError("line 1 must be: kind,score")
            for row in rows:
                kind, score = _row(rows.line_num, row)
                found[kind].append(score)
        except UnicodeDecodeError as error:
            raise ScoreFileError(f"line {rows.line_num + 1} or a line near it is not UTF-8") from error
        except csv.Error as error:
            raise ScoreFileError(f"line {rows.line_num} is not CSV") from error
    for kind, scores in found.items():
        if not scores:
            raise ScoreFileError(f"the file has no line of kind {kind}")
    return Curve.of(*found.values())


def _row(line: int, row: list[str]) -> tuple[str, float]:
    if line > _MOST_ROWS:
        raise ScoreFileError("the file has more than 50 million lines")
    if len(row) != len(_COLUMNS) or row[0] not in KINDS:
        raise ScoreFileError(f"line {line} must be genuine or impostor, a comma, and a score")
    try:
        score = float(row[1])
    except ValueError:
        score = math.nan
    if not 0 <= score <= 1:
        raise ScoreFileError(f"line {line}: a score is a number from 0 to 1")
    return row[0], score
