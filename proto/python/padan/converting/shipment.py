"""The rows of a list that is handed in: which columns hold the token and what travels along, and each as one of both.

What travels along is a JSON object with the texts of the columns. Guarantees: no error carries a cell.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from padan import payload
from padan.table.errors import TableError
from padan.token import Token, TokenError
from padan.value import value

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from padan.table.file import Table

TOKEN: Final = "token"  # noqa: S105 - the name of a column


@value
class Shipped:
    """A row of the list.

    Attributes:
        row: its number, from 1.
        token: as it was issued; empty where the row is bad.
        data: what travels along; empty where nothing does.
        rule: what a bad row breaks.
    """

    row: int
    token: bytes = b""
    data: bytes = b""
    rule: str = ""

    def __repr__(self) -> str:
        return f"Shipped(row={self.row})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Which columns of a list mean what.

    Attributes:
        token: the token's.
        carried: those that travel along.
    """

    token: str
    carried: tuple[str, ...]

    def require(self, table: Table) -> None:
        """Require that a list has these columns.

        Raises:
            TableError: it has not, or one is carried that the result has of its own.
        """
        for option, column in (
            ("--token-column", self.token),
            *(("--columns", each) for each in self.carried),
        ):
            if table.columns.count(column) != 1:
                many = "stands twice in" if column in table.columns else "is not in"
                raise TableError(
                    f"the column of {option} {many} the header of {table.path.name}",
                    reason="column",
                    next_step=f"name a column of the list with {option}; the first line must name the columns",
                )
        if {self.token, TOKEN} & set(self.carried) or len(set(self.carried)) < len(self.carried):
            raise TableError(
                "--columns names the token, or a column twice",
                reason="columns",
                next_step="name each column once; the other agency gets a token of its own",
            )

    def read(self, table: Table, domain: str) -> Iterator[Shipped]:
        """Read a list.

        Args:
            table: the list.
            domain: the token domain that its tokens must be of.

        Raises:
            TableError: it cannot be read on.
        """
        for row in table.rows((self.token, *self.carried)):
            if row.fault:
                yield Shipped(row=row.number, rule=row.fault)
                continue
            data = encode(self.carried, row.cells[1:])
            try:
                token = Token.from_text(row.cells[0])
            except TokenError as error:
                yield Shipped(
                    row=row.number, rule=f"token: {error}" if row.cells[0] else "token: there is none"
                )
                continue
            if token.domain != domain:
                yield Shipped(row=row.number, rule="token: it is of another domain than the purpose's")
            elif len(data) > payload.MOST:
                yield Shipped(row=row.number, rule=f"what travels along has more than {payload.MOST} bytes")
            else:
                yield Shipped(row=row.number, token=token.encode(), data=data)


def encode(names: Sequence[str], cells: Sequence[str]) -> bytes:
    """Write what travels along with a row; nothing where no column does."""
    if not names:
        return b""
    told = dict(zip(names, cells, strict=True))
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


def decode(names: Sequence[str], data: bytes) -> tuple[str, ...]:
    """Read what travelled along with a row.

    Raises:
        ValueError: it is not an object with a text for each of the names, and nothing else.
    """
    told = json.loads(data)
    if not isinstance(told, dict) or set(told) != set(names):
        raise ValueError("other columns")
    cells = tuple(told[name] for name in names)
    if not all(isinstance(cell, str) for cell in cells):
        raise ValueError("a cell is no text")
    return cells
