"""Opens the place whose tokens are moved: a file by its name, or a table by the URL of its database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from padan.table.errors import TableError
from padan.updating.fileplace import FilePlace

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from padan.updating.place import Place

EXTRA: Final = "pip install 'padan[tokens]'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where tokens stand; the repr shows no URL, which may hold a password.

    Attributes:
        column: name of their column.
        file: a CSV or Parquet file; None for a table.
        database: URL of the table's database, as SQLAlchemy writes it.
        table: the table.
        keys: columns that find one of its rows; empty for the primary key.
    """

    column: str
    file: Path | None = None
    database: str = ""
    table: str = ""
    keys: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Address({self.file or self.table}, {self.column})"

    def open(self, bound: Mapping[str, str]) -> Place:
        """Open it.

        Args:
            bound: registry, agency and token domain, to which what is kept beside a file is bound; empty for whichever.

        Raises:
            TableError: it cannot be read, or a library for it is not installed.
            KeptFileError: what is kept beside a file is damaged, in use, or of another update.
            DatabaseAwayError: the database does not answer.
        """
        if self.file is not None:
            return FilePlace.open(self.file, self.column, bound)
        try:
            from padan.updating.tableplace import TablePlace  # noqa: PLC0415 - needs an extra
        except ModuleNotFoundError as error:
            raise TableError(f"{error.name} is not installed", reason="extra", next_step=EXTRA) from None
        return TablePlace.open(self.database, self.table, self.column, self.keys)
