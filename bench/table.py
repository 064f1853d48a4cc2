"""Rows of figures beside their goals, for people and for machines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure."""

    name: str
    figure: float
    unit: str = ""
    at_most: float | None = None
    at_least: float | None = None

    @property
    def reached(self) -> bool | None:
        """Whether the goal is reached; None where there is none."""
        if self.at_most is not None:
            return self.figure <= self.at_most
        if self.at_least is not None:
            return self.figure >= self.at_least
        return None

    @property
    def goal(self) -> str:
        """The goal in words."""
        if self.at_most is not None:
            return f"at most {self.at_most:g}"
        return f"at least {self.at_least:g}" if self.at_least is not None else ""

    @property
    def verdict(self) -> str:
        """The result in a word."""
        return {True: "reached", False: "MISSED", None: ""}[self.reached]

    def as_dict(self) -> dict[str, object]:
        """Give the row for JSON."""
        return {
            "name": self.name,
            "figure": self.figure,
            "unit": self.unit,
            "goal": self.goal,
            "reached": self.reached,
        }


def render(rows: Sequence[Row]) -> str:
    """Lay the rows out in columns."""
    cells = [(row.name, f"{row.figure:,.2f} {row.unit}".strip(), row.goal, row.verdict) for row in rows]
    cells.insert(0, ("what", "figure", "goal", "result"))
    widths = [max(len(line[column]) for line in cells) for column in range(4)]
    return "\n".join(
        f"{line[0]:<{widths[0]}}  {line[1]:>{widths[1]}}  {line[2]:<{widths[2]}}  {line[3]}".rstrip()
        for line in cells
    )
