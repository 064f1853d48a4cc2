"""The part file: what a run has been answered so far, beside the file that it will make.

One kept file (padan/table/keptfile.py) with a row's number, its outcome and its token, and no number of a resident and
no claim. It holds the run's key, so it goes when the result stands. To the byte: docs/formats/issuing.md.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final, Protocol, Self

from padan.issuing.run import Run, Terms
from padan.table.keptfile import KeptFile, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from padan.issuing.people import Columns

BAD_ROW: Final = "BAD_ROW"
"""How the outcome of a row begins that could not be asked about; `: ` and the rule follow."""
_KIND: Final = Kind(
    application=0x50614973,  # "PaIs"
    format=1,
    tables=("CREATE TABLE answer (row INTEGER PRIMARY KEY, outcome TEXT NOT NULL, token TEXT NOT NULL)",),
    anew="run the command as it was first run, on the same list; or move the part file away to begin anew, "
    "which asks about and charges every row again",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What became of a row.

    Attributes:
        row: its number.
        outcome: a verdict's name, or `BAD_ROW` with the rule.
        token: as text; empty without a match.
    """

    row: int
    outcome: str
    token: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """What a run must have in common with the one that it goes on with.

    Attributes:
        registry: id and environment of the registry.
        agency: as whom the service knows the caller.
        domain: the token domain.
        terms: under what is asked.
        columns: which columns of the list are asked about.
    """

    registry: str
    agency: str
    domain: str
    terms: Terms
    columns: Columns

    def told(self) -> dict[str, str]:
        """Write it for the part file; names of columns and settings, none of them about a person."""
        columns = {attribute.label: column for attribute, column in self.columns.claims.items()}
        asked = {"nik": self.columns.nik, "consent_receipt": self.columns.consent, **columns}
        return {
            "registry": self.registry,
            "agency": self.agency,
            "token domain": self.domain,
            **{name.replace("_", " "): value for name, value in asdict(self.terms).items()},
            "columns": json.dumps(asked, sort_keys=True),
        }


class Bound(Protocol):
    """What a run is bound to: of a list that tokens are issued for, or one that is converted."""

    def told(self) -> dict[str, str]:
        """Write it for the part file."""
        ...


class Part:
    """A part file that is open, and locked until it is closed."""

    def __init__(self, file: KeptFile) -> None:
        self.run = Run(bytes.fromhex(file.told["key"]))
        self._file = file

    @classmethod
    def open(cls, path: Path, binding: Bound, source: Path) -> Self:
        """Begin a run, or go on with the one whose part file is there.

        Raises:
            KeptFileError: it cannot be written, is damaged, in use, or of another run.
        """

        def bind(known: Mapping[str, str]) -> dict[str, str]:
            run = Run(bytes.fromhex(known["key"])) if known else Run.new()
            return {**binding.told(), "list": run.digest(source), "key": run.key.hex()}

        return cls(KeptFile.open(path, _KIND, bind))

    def marks(self, rows: int) -> bytearray:
        """Mark the rows that have an answer.

        Args:
            rows: how many the list has.

        Returns:
            A byte for each row from 1 on, and one before them: 1 where there is an answer.
        """
        found = bytearray(rows + 1)
        for (row,) in self._file.read("SELECT row FROM answer"):
            found[row] = 1
        return found

    def keep(self, answers: Iterable[Answered]) -> None:
        """Write answers durably, all or none.

        Raises:
            KeptFileError: the disk does not take them.
        """
        self._file.write(
            "INSERT INTO answer VALUES (?, ?, ?) ON CONFLICT (row) DO NOTHING",
            ((each.row, each.outcome, each.token) for each in answers),
        )

    def answers(self) -> Iterator[Answered]:
        """Read all answers in the order of the rows."""
        for row, outcome, token in self._file.read("SELECT row, outcome, token FROM answer ORDER BY row"):
            yield Answered(row=row, outcome=outcome, token=token)

    def counts(self) -> dict[str, int]:
        """Count answers by outcome; all bad rows are one."""
        return dict(
            self._file.read(
                "SELECT CASE WHEN outcome LIKE 'BAD_ROW:%' THEN 'BAD_ROW' ELSE outcome END AS kind, count(*) "
                "FROM answer GROUP BY kind ORDER BY kind"
            )
        )

    def bad(self, most: int) -> list[Answered]:
        """Read the first bad rows."""
        found = self._file.read(
            "SELECT row, outcome FROM answer WHERE outcome LIKE 'BAD_ROW:%' ORDER BY row LIMIT ?", [most]
        )
        return [Answered(row=row, outcome=outcome) for row, outcome in found]

    def remove(self) -> None:
        """Close the file and take it away, with the run's key: the result stands."""
        self._file.remove()

    def close(self) -> None:
        """Close the file and leave it for the next time."""
        self._file.close()
