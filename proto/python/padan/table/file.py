"""Which kind of file a table is: CSV or Parquet, by the name's ending."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from padan.table.csvtable import CsvTable
from padan.table.errors import TableError

if TYPE_CHECKING:
    from pathlib import Path

    from padan.table.parquet import ParquetTable

    Table: TypeAlias = CsvTable | ParquetTable

SUFFIXES: Final = (".csv", ".parquet")
EXTRA: Final = "pip install 'padan[tables]'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What shows that a file is still the one that was read."""

    device: int
    inode: int
    size: int
    changed_ns: int

    @classmethod
    def of(cls, path: Path) -> Stamp:
        """Take a file's.

        Raises:
            TableError: it is not there.
        """
        try:
            found = path.stat()
        except OSError as error:
            raise TableError(
                f"{path}: cannot be read ({error.strerror})",
                reason="file",
                next_step="name a file that is there",
            ) from None
        return cls(device=found.st_dev, inode=found.st_ino, size=found.st_size, changed_ns=found.st_mtime_ns)


def require_suffix(path: Path) -> None:
    """Require a kind that there is, and what it needs.

    Raises:
        TableError: the name ends in none of `SUFFIXES`, or the library for it is not installed.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise TableError(
            f"{path.name} names no kind of table",
            reason="suffix",
            next_step="end the name in .csv or .parquet",
        )
    if path.suffix.lower() == ".parquet":
        try:
            importlib.import_module("pyarrow")
        except ModuleNotFoundError:
            raise TableError("pyarrow is not installed", reason="extra", next_step=EXTRA) from None


def open_table(path: Path) -> Table:
    """Open a table to read it.

    Raises:
        TableError: it cannot be read.
    """
    require_suffix(path)
    if path.suffix.lower() == ".csv":
        return CsvTable.open(path)
    from padan.table.parquet import ParquetTable  # noqa: PLC0415 - needs an extra

    return ParquetTable.open(path)
