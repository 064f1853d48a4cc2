"""Jobs of conversion: found by their ids, and their rows read, whichever living key named them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, Self, TypeVar

from tokenizer.conversion import Closed, Item, Job, Part, Standing
from tokenizer.errors import BoxError, RecordError
from verifier.log.beside import Beside
from verifier.token.errors import TokensUnavailableError
from verifier.token.rowtable import RowTable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tokenizer.conversion import Conversions
    from verifier.directory import Directory

PAGE: Final = 500
"""Rows that are read together."""
_DAY: Final = 86_400
_Row = TypeVar("_Row", Job, Part, Closed, Item)


class JobTable(Protocol):
    """Keeps the rows."""

    def read(self, names: Sequence[bytes]) -> Mapping[bytes, bytes]:
        """Read rows by name; absent ones are left out."""
        ...

    def between(self, after: bytes, until: bytes, limit: int) -> Sequence[tuple[bytes, bytes]]:
        """Read the first rows whose names follow one name, up to and with another one."""
        ...

    def drop(self, names: Iterable[bytes]) -> None:
        """Delete rows."""
        ...


class Jobs:
    """Finds jobs.

    Args:
        table: keeps the rows.
        days: how long a job is kept after it was opened.
    """

    def __init__(self, table: JobTable, *, days: int) -> None:
        self.table = table
        self._days = days

    @classmethod
    def of(cls, directory: Directory, *, days: int) -> Self:
        """Find them in the log's database."""
        return cls(RowTable(directory, Beside.CONVERSION), days=days)

    def find(
        self, rows: Conversions, sources: Iterable[str], job_id: bytes, *, now: float
    ) -> Standing | None:
        """Find the row of a job whose time is not over; None where there is none.

        Where two processes opened a job at once, one row is the first for everybody.

        Args:
            rows: opens.
            sources: token domains of which it may have been handed in.
            job_id: 16 bytes.
            now: seconds of the Unix epoch.

        Raises:
            TokensUnavailableError: a row does not open.
            LogStoreError: the log's database failed.
        """
        today = day_of(now)
        # One day more: another process's clock may be ahead.
        days = range(today - self._days, today + 2)
        names = [name for source in sorted(sources) for name in rows.names(source, job_id, days)]
        boxes = self.table.read(names)
        there = [name for name in names if name in boxes]
        return open_row(rows, there[0], boxes[there[0]]) if there else None

    def closed(self, rows: Conversions, job: Job) -> Closed | None:
        """Say how a job was closed; None where it was not."""
        found = self.table.read([job.closing])
        return one(rows, job.closing, found[job.closing], Closed) if found else None

    def parts(self, rows: Conversions, job: Job, numbers: Iterable[int]) -> dict[int, Part]:
        """Read which of some parts are there, by their numbers."""
        names = {job.part(number): number for number in numbers}
        found = self.table.read(list(names))
        return {names[name]: one(rows, name, box, Part) for name, box in found.items()}

    def delete(self, job: Standing, *, most: int) -> bool:
        """Delete rows of a job, those that name and close it last; say whether all are gone.

        Args:
            job: its row.
            most: pages at most.
        """
        if not isinstance(job.row, Job):
            raise TypeError("a job's own row is wanted")
        after, until = job.row.bounds()
        for _ in range(most):
            page = self.table.between(after, until, PAGE)
            names = [name for name, _ in page if name != job.row.closing]
            if not names:
                self.table.drop([job.row.closing, job.name])
                return True
            self.table.drop(names)
        return False


def day_of(now: float) -> int:
    """Give the day of the Unix epoch."""
    return int(now // _DAY)


def open_row(rows: Conversions, name: bytes, box: bytes) -> Standing:
    """Open a row.

    Raises:
        TokensUnavailableError: it does not open.
    """
    try:
        return rows.open(name, box)
    except (BoxError, RecordError) as error:
        raise TokensUnavailableError("a row of a conversion cannot be read") from error


def one(rows: Conversions, name: bytes, box: bytes, kind: type[_Row]) -> _Row:
    """Open a row of one kind.

    Raises:
        TokensUnavailableError: it does not open, or is of another kind.
    """
    row = open_row(rows, name, box).row
    if not isinstance(row, kind):
        raise TokensUnavailableError("a row of a conversion is of another kind")
    return row
