"""The people of a list: which columns hold the number and the claims, and each row as one person or a rule it breaks.

Guarantees: no error carries a cell, nor a column's name, which is a cell where a file has no header.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NoReturn

from padan.table.errors import TableError
from padan.vocabulary import Attribute

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from padan.errors import PadanError
    from padan.table.file import Table

TOKEN, OUTCOME = "token", "outcome"
_INEXACT: Final = frozenset({"halffloat", "float", "double"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A row that can be asked about; shows nothing of the person.

    Attributes:
        row: number of the row, from 1.
        nik: as it stands in the list.
        claims: attribute to text, without the empty ones.
        consent_receipt: id of the consent receipt; empty for none.
    """

    row: int
    nik: str = field(repr=False)
    claims: Mapping[Attribute, str] = field(repr=False)
    consent_receipt: str = field(default="", repr=False)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a person is not pickled")


@dataclass(frozen=True, slots=True, kw_only=True)
class BadRow:
    """A row that cannot be asked about.

    Attributes:
        row: number of the row, from 1.
        rule: what it breaks.
    """

    row: int
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Which columns of a list mean what.

    Attributes:
        nik: the number's.
        claims: attribute to column.
        consent: the consent receipt's; empty for none.
        keep: those that go with the token.
    """

    nik: str
    claims: Mapping[Attribute, str]
    consent: str = ""
    keep: tuple[str, ...] = ()

    @classmethod
    def choose(
        cls,
        table: Table,
        *,
        nik: str,
        claims: Mapping[str, str],
        without: Sequence[str] = (),
        consent: str = "",
        keep: Sequence[str] = (),
    ) -> Columns:
        """Choose the columns of a list: claims are those named like attributes, and those that are named here.

        Args:
            table: the list.
            nik: the number's column.
            claims: attribute to column, for columns of other names.
            without: columns that are no claims, though named like attributes.
            consent: the column of consent receipts; empty for none.
            keep: columns that go with the token.

        Raises:
            TableError: a column is missing, stands twice, or is kept though it tells who the person is.
            InvalidRequestError: no such attribute.
        """
        mapped = {Attribute.of(word): column for word, column in claims.items()}
        taken = {nik, consent, *without, *mapped.values()}
        names = {attribute.label: attribute for attribute in Attribute}
        for column in table.columns:
            attribute = names.get(column.lower())
            if attribute is not None and column not in taken:
                mapped.setdefault(attribute, column)
        chosen = cls(nik=nik, claims=mapped, consent=consent, keep=tuple(dict.fromkeys(keep)))
        chosen.require(table)
        return chosen

    @property
    def asked(self) -> list[str]:
        """The columns that are read for a question."""
        return [self.nik, *([self.consent] if self.consent else []), *self.claims.values()]

    def require(self, table: Table) -> None:
        """Require that a list has these columns.

        Raises:
            TableError: it has not.
        """
        for option, column in self._named():
            if table.columns.count(column) != 1:
                many = "stands twice in" if column in table.columns else "is not in"
                raise TableError(
                    f"the column of {option} {many} the header of {table.path.name}",
                    reason="column",
                    next_step=f"name a column of the list with {option}; the first line must name the columns",
                )
        if not self.claims:
            raise TableError(
                "no column is named like an attribute",
                reason="claims",
                next_step="name the claims' columns, for example --claim name=customer_name",
            )
        telling = {self.nik, *self.claims.values(), self.consent}
        if telling & set(self.keep) or {TOKEN, OUTCOME} & set(self.keep):
            raise TableError(
                "--keep names the number, a claim, or a column that the result has of its own",
                reason="keep",
                next_step="keep what finds the customer again in your own records, such as a customer number; "
                "--without takes a column out of the claims",
            )
        if str(table.types([self.nik])[0]) in _INEXACT:
            raise TableError(
                "the numbers stand in a column of floating point, which has lost digits of some",
                reason="kind",
                next_step="write them anew from where they come from, as text of 16 digits",
            )

    def people(self, table: Table) -> Iterator[Person | BadRow]:
        """Read a list.

        Raises:
            TableError: it cannot be read on.
        """
        attributes = tuple(self.claims)
        first = 2 if self.consent else 1
        for row in table.rows(self.asked):
            if row.fault:
                yield BadRow(row=row.number, rule=row.fault)
                continue
            texts = zip(attributes, row.cells[first:], strict=True)
            claims = {attribute: text for attribute, text in texts if text.strip()}
            if not row.cells[0]:
                yield BadRow(row=row.number, rule="nik: there is none")
            elif not claims:
                yield BadRow(row=row.number, rule="claims: there is none")
            else:
                consent = row.cells[1] if self.consent else ""
                yield Person(row=row.number, nik=row.cells[0], claims=claims, consent_receipt=consent)

    def _named(self) -> Iterator[tuple[str, str]]:
        yield "--nik-column", self.nik
        if self.consent:
            yield "--consent-column", self.consent
        for column in self.claims.values():
            yield "--claim", column
        for column in self.keep:
            yield "--keep", column


def rule_of(error: PadanError) -> str:
    """Say which rules a row breaks."""
    return "; ".join(f"{each.field}: {each.rule}" for each in error.fields) or error.message
