"""Members of enrolment sets: written and deleted by the programme that enrolled them, and looked for by a question.

A question computes the names of all four slots of a resident for every programme of the class, asks for all in one
statement, and opens a row for each name, a decoy of nobody where there is none: neither the number of statements nor
that of openings depends on who is enrolled.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from tokenizer.enrolment import Enrolment
from tokenizer.errors import BoxError, RecordError
from verifier.log.beside import Beside, How, Kept
from verifier.token.errors import TokensUnavailableError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from tokenizer.enrolment import Enrolments
    from verifier.token.domains import Keys
    from verifier.token.residents import Resident
    from verifier.token.rowtable import Change
    from verifier.token.subjects import Rows

_LOGGER = logging.getLogger("padan.tokens")


def enrol(keys: Keys, resident: Resident, *, category: str, domain: str, first: int, last: int) -> list[Kept]:
    """Make what enrols a resident under the number of now, and ends what stood under others.

    Args:
        keys: those that found the resident.
        resident: one that the service knows.
        category: the class.
        domain: the programme's token domain.
        first: day of the Unix epoch from which on it counts.
        last: last day; `FOREVER` without an end.
    """
    enrolment = Enrolment(element=resident.slots[0], category=category, domain=domain, first=first, last=last)
    name, box = keys.enrolments.seal(enrolment)
    gone = withdraw(keys, resident, category=category, domain=domain)
    put = Kept(beside=Beside.ENROLMENT, how=How.PUT, name=name, box=box)
    return [put, *(row for row in gone if row.name != name)]


def withdraw(keys: Keys, resident: Resident, *, category: str, domain: str) -> list[Kept]:
    """Make what ends a resident's enrolment, under whatever number it stands; arguments as for `enrol`."""
    return [
        Kept(beside=Beside.ENROLMENT, how=How.DELETE, name=name)
        for element in resident.slots
        for name in keys.enrolments.names(category, domain, element)
    ]


def are_enrolled(
    rows: Rows,
    keys: Keys,
    residents: Sequence[Resident],
    *,
    category: str,
    domains: Sequence[str],
    day: int,
) -> list[bool]:
    """Say of each resident whether a programme has enrolled them in a class.

    Args:
        rows: the log's store.
        keys: those that found the residents.
        residents: whom it is asked about.
        category: the class.
        domains: token domains of the programmes that enrol in it.
        day: of the Unix epoch, on which it must count.

    Raises:
        TokensUnavailableError: a row does not open.
        ServiceError: the rows cannot be read.
    """
    named = [
        [
            name
            for element in resident.slots
            for domain in domains
            for name in keys.enrolments.names(category, domain, element)
        ]
        for resident in residents
    ]
    boxes = rows.beside(Beside.ENROLMENT, sorted({name for names in named for name in names}))
    decoy_name, decoy = keys.nobody
    found: list[bool] = []
    try:
        for resident, names in zip(residents, named, strict=True):
            enrolled = False
            for name in names:
                there = name in boxes
                row = keys.enrolments.open(name if there else decoy_name, boxes.get(name, decoy))
                enrolled |= row.counts_on(day)
            found.append(enrolled & resident.is_known)
    except (BoxError, RecordError) as error:
        _LOGGER.exception("a row beside the log does not open")
        raise TokensUnavailableError("an enrolment's row cannot be read") from error
    return found


def forget(
    change: Change,
    enrolments: Enrolments,
    elements: Iterable[bytes],
    classes: Collection[tuple[str, str]],
) -> None:
    """Delete what stands under numbers of people who were erased.

    Args:
        change: a transaction, of the table of enrolments.
        enrolments: names rows.
        elements: M of the numbers, under the primary match key.
        classes: every class that was ever enrolled in, with the programme's token domain.
    """
    change.write(
        drop={
            name
            for element in elements
            for category, domain in classes
            for name in enrolments.names(category, domain, element)
        }
    )
