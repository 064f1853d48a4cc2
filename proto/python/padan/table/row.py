"""A row of a table as text, and one cell of a row as it is."""

from __future__ import annotations

from typing import Final

from padan.value import value

CELLS: Final = "it has another number of cells than the header"
TEXT: Final = "a cell is not UTF-8"


@value
class Row:
    """Some cells of a row.

    Attributes:
        number: from 1, below the header.
        cells: texts, in the order in which the columns were named; empty where there is nothing.
        fault: the rule that the row breaks; empty where its cells can be believed.
    """

    number: int
    cells: tuple[str, ...]
    fault: str = ""

    def __repr__(self) -> str:
        return f"Row(number={self.number}, <redacted>)"


@value
class Cell:
    """A cell.

    Attributes:
        number: of its row, from 1, below the header.
        value: text, bytes, or None where there is nothing.
        fault: the rule that the row breaks; empty where the value can be believed.
    """

    number: int
    value: str | bytes | None
    fault: str = ""

    def __repr__(self) -> str:
        return f"Cell(number={self.number}, <redacted>)"
