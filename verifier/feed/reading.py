"""A change of the registry as it is read: about whom, under which numbers, and the rows that it asks for. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from padan import nik as nik_grammar
from padan.errors import NikError
from tokenizer.errors import RowError
from tokenizer.person import Person
from verifier.projector.rejects import Reject

if TYPE_CHECKING:
    from collections.abc import Container

    from padan.nik import Nik
    from tokenizer.record import Record
    from verifier.feed.document import Change
    from verifier.projector.projection import Projection


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A change that breaks no rule.

    Attributes:
        change: the change.
        person: whom it is about; None where they are held no longer.
        own: their number.
        also: numbers under which they are found too.
        was: numbers that are theirs no longer.
    """

    change: Change
    person: Person | None
    own: Nik
    also: tuple[Nik, ...] = ()
    was: tuple[Nik, ...] = ()

    @property
    def numbers(self) -> tuple[Nik, ...]:
        """Every number that it names."""
        return (self.own, *self.also, *self.was)

    def writes(self, apart: Container[Nik] = ()) -> list[Write]:
        """List the rows that it asks for.

        Args:
            apart: merged numbers by which the person is not found.
        """
        here = [self._write(self.own, self.person)]
        for nik in self.also:
            is_apart = nik in apart
            here.append(self._write(nik, None if is_apart else self.person, is_refused=is_apart))
        return [*here, *(self._write(nik, None) for nik in self.was)]

    def refused(self) -> list[Write]:
        """List the rows to take back where the person may not be held."""
        return [self._write(nik, None, is_refused=True) for nik in self.numbers]

    def _write(self, under: Nik, person: Person | None, *, is_refused: bool = False) -> Write:
        return Write(change=self.change, own=self.own, under=under, person=person, is_refused=is_refused)


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """A row that a change asks for: the person's under one of their numbers, or nobody's.

    Attributes:
        change: the change.
        own: the number that the change's person has.
        under: the number of the row.
        person: who is held under it; None where nobody is any longer.
        is_refused: the change may not be applied, and only takes back a row that there is.
    """

    change: Change
    own: Nik
    under: Nik
    person: Person | None
    is_refused: bool = False

    @property
    def is_own(self) -> bool:
        """Say whether the row is that of the person's own number, or of whoever is held no longer."""
        return self.person is None or self.under is self.own

    def record(self, projection: Projection, revision: int) -> Record:
        """Make the row, under a projection's keys.

        Args:
            projection: of the epoch.
            revision: above that of the row before it.
        """
        if self.person is None:
            return projection.inner.withdrawn(revision=revision)
        return projection.inner.project(self.person, under=self.under, revision=revision)


def read(change: Change, projection: Projection, rejected: list[Reject]) -> Read | None:
    """Read a change; None, and a reject more, where it breaks a rule."""
    name, today = "NIK", projection.as_of
    try:
        if change.nik:
            own = nik_grammar.parse(change.nik, today)
            name = "also"
            also = tuple(nik_grammar.parse(text, today) for text in change.also)
            return Read(change=change, person=None, own=own, also=also)
        person = Person.from_registry(change.row, codes=projection.codes, today=today, form=projection.form)
        name = "also"
        also = tuple(nik_grammar.parse(text, today) for text in change.also)
        name = "was"
        was = tuple(nik_grammar.parse(text, today) for text in change.was)
    except RowError as error:
        rejected.append(Reject(change.position, error.field, error.rule))
    except NikError as error:
        rejected.append(Reject(change.position, name, f"nik.{error.reason}"))
    else:
        return Read(change=change, person=person, own=person.nik, also=also, was=was)
    return None
