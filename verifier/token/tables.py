"""The tables beside the log whose rows stand under keys of their own: a line each, for whoever moves or counts them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from keys.purpose import Purpose
from tokenizer import conversion, enrolment, tokenrow
from tokenizer.conversion import Conversions
from tokenizer.enrolment import Enrolments
from tokenizer.token import Quotients
from tokenizer.tokenrow import TokenRows
from verifier.log.beside import Beside

if TYPE_CHECKING:
    from collections.abc import Callable

    from keys.keyagent import KeyAgent


class Sealed(Protocol):
    """Opens and seals the rows of a table; a row is a value of the table's own."""

    def is_current(self, box: bytes) -> bool:
        """Say whether a row stands under the keys that make new ones."""
        ...

    def open(self, name: bytes, box: bytes) -> Any:
        """Open a row, whose elements are given under the primary match key."""
        ...

    def seal(self, row: Any) -> tuple[bytes, bytes]:
        """Seal a row under the keys that make new ones; gives its name and the box."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyedTable:
    """A table.

    Attributes:
        beside: where its rows are.
        index: purpose of the keys that make its rows' names.
        rows: takes the keys of its rows from an agent.
        join: makes one of a newer and an older row of one name.
    """

    beside: Beside
    index: Purpose
    rows: Callable[[KeyAgent], Sealed]
    join: Callable[[Any, Any], Any]

    @property
    def purposes(self) -> tuple[Purpose, Purpose, Purpose]:
        """Purposes of the keys that its rows name, in their order: match, index, seal."""
        return (Purpose.MATCH_DOMAIN, self.index, Purpose.ROW_SEAL)


def _token_rows(agent: KeyAgent) -> Sealed:
    return TokenRows.of(agent.realm, agent.tokens(), Quotients())


def _enrolments(agent: KeyAgent) -> Sealed:
    return Enrolments.of(agent.realm, agent.tokens(), Quotients())


def _conversion_rows(agent: KeyAgent) -> Sealed:
    return Conversions.of(agent.realm, agent.tokens(), Quotients())


TABLES: Final = (
    KeyedTable(beside=Beside.TOKEN, index=Purpose.TOKEN_INDEX, rows=_token_rows, join=tokenrow.join),
    KeyedTable(beside=Beside.ENROLMENT, index=Purpose.SET, rows=_enrolments, join=enrolment.join),
    KeyedTable(
        beside=Beside.CONVERSION, index=Purpose.TOKEN_INDEX, rows=_conversion_rows, join=conversion.join
    ),
)
"""The tables."""

TOKEN_PURPOSES: Final = (Purpose.MATCH_DOMAIN, Purpose.TOKEN_INDEX, Purpose.SET)
"""Purposes of keys that are for these tables alone; a row-seal key comes with a rotation of the outer keys."""
