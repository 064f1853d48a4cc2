"""The rows of a file that were not taken, in a file that a load goes on with: number, field and rule, never a value."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Final

from verifier.projector.rejects import CSV_ENDING, Reject

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_HEADER: Final = ",".join(Reject._fields) + "\n"


class RejectsFile:
    """Rejects by ascending row: as CSV where the path ends in .csv, else as one JSON object a line.

    Args:
        path: where they go.
        after: rows of the source that were read before; what stands there of later ones is written anew.
    """

    def __init__(self, path: Path, *, after: int) -> None:
        self.path = path
        self._is_csv = path.suffix.lower() == CSV_ENDING
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if after and path.exists() else []
        kept = [line for line in lines if line.endswith("\n") and 0 < self._row(line) <= after]
        self._write("".join([_HEADER if self._is_csv else "", *kept]), at=0)

    def append(self, rejects: Iterable[Reject], *, at: int | None = None) -> int:
        """Add rejects durably; what stands after a place in the file is replaced.

        Args:
            rejects: of the rows that are read now.
            at: the place; the end where none is given.

        Returns:
            The place where they begin.
        """
        at = self.path.stat().st_size if at is None else at
        self._write("".join(map(self._line, sorted(rejects))), at=at)
        return at

    def _write(self, text: str, *, at: int) -> None:
        with self.path.open("r+b" if at else "wb") as file:
            file.truncate(at)
            file.seek(at)
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())

    def _line(self, reject: Reject) -> str:
        if self._is_csv:
            return ",".join(map(str, reject)) + "\n"
        return json.dumps(reject._asdict()) + "\n"

    def _row(self, line: str) -> int:
        try:
            return int(line.partition(",")[0]) if self._is_csv else int(json.loads(line)["row"])
        except (ValueError, KeyError, TypeError):
            return 0
