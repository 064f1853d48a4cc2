"""Scenarios made from the registry's own rows: what is true matches, what is changed does not, nobody is unknown.

Nothing of a row is kept but in memory, and only its number is told.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from padan.vocabulary import Verdict
from tokenizer.codes import ALIVE, CodeLists
from tokenizer.errors import RowError
from tokenizer.person import FIELDS as PERSON_FIELDS
from tokenizer.person import Person
from verifier.projector import chunk as chunks
from verifier.projector.chunk import Layout, Unreadable
from verifier.projector.columns import COLUMNS
from verifier.projector.order import CHUNK_ROWS
from verifier.stage import nobody
from verifier.stage.asking import FIELDS, STRANGE
from verifier.stage.errors import AgreementGapError
from verifier.stage.scenario import Scenario

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator, Sequence
    from datetime import date

    from verifier.projector.fieldmap import FieldMap
    from verifier.projector.source import Source
    from verifier.stage.asking import Ask

ROWS_READ: Final = 65_536
"""Rows of the source among which people are chosen: its first ones."""
TRUE, CHANGED, PARTLY, UNKNOWN, DECEASED = (
    "true claims", "another anchor", "another birth date", "unknown number", "true claims, deceased",
)  # fmt: skip
_ABSENT: Final = frozenset({"", "-", "--"})
_BIRTH_DATE: Final = "birth_date"


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """A row of the source that a load would take, and that is not doubled among those that were read."""

    row: int
    nik: str = field(repr=False)
    claims: dict[str, str] = field(repr=False)
    """Attribute to the row's value, where there is one."""
    alive: bool
    birth_year: int | None = field(repr=False)


def actors(source: Source, field_map: FieldMap, today: date) -> list[Actor]:
    """Read the people who may be asked about.

    Args:
        source: the registry's rows.
        field_map: which column is which field.
        today: a birth after it is a mistake.

    Raises:
        SourceError, FieldMapError: the source cannot be read.
    """
    binding = field_map.bind(source.columns)
    layout = Layout(binding=binding, delimiter=source.delimiter, width=len(source.columns))
    codes, found = CodeLists.load(), dict[str, Actor]()
    for number, values in itertools.islice(_rows(source, layout), ROWS_READ):
        row = dict(zip(COLUMNS, values, strict=True))
        if row["NIK"] in found:
            continue  # as in a load the first row counts
        try:
            person = Person.from_texts([row[name] for name in PERSON_FIELDS], codes=codes, today=today)
        except RowError:
            continue
        found[row["NIK"]] = Actor(
            row=number,
            nik=row["NIK"],
            claims={name: row[column] for name, column in FIELDS.items() if row[column] not in _ABSENT},
            alive=person.life_status in {None, ALIVE},
            birth_year=person.birth_date.year if person.birth_date else None,
        )
    return list(found.values())


def _rows(source: Source, layout: Layout) -> Iterator[tuple[int, Sequence[str]]]:
    for chunk in source.chunks(layout.binding.wanted, CHUNK_ROWS):
        for number, values in enumerate(chunks.read(chunk, layout), chunk.first_row):
            if not isinstance(values, Unreadable):
                yield number, values


def cast(people: Sequence[Actor], asks: Sequence[Ask], *, each: int, source: random.Random) -> list[Scenario]:
    """Make scenarios, for each purpose: at most `each` of true claims, and fewer of each other kind.

    Nobody is asked about wrongly more than once in all, for each wrong question spends a guess of the day.

    Args:
        people: from `actors`.
        asks: how purposes can be asked under.
        each: people with true claims, a purpose.
        source: of chance.

    Raises:
        AgreementGapError: nobody has what the purposes ask for.
    """
    scenarios: list[Scenario] = []
    spent: set[int] = set()
    for ask in asks:
        able = [actor for actor in people if ask.anchor in actor.claims]
        alive = source.sample([actor for actor in able if actor.alive], len([a for a in able if a.alive]))
        dead = source.sample(
            [actor for actor in able if not actor.alive], len([a for a in able if not a.alive])
        )
        scenarios += [_true(ask, actor, TRUE, Verdict.MATCH) for actor in alive[:each]]
        scenarios += [_true(ask, actor, DECEASED, Verdict.MATCH_NOT_ACTIVE) for actor in dead[: _few(each)]]
        fresh = iter([actor for actor in alive[::-1] if actor.row not in spent])
        for actor in itertools.islice(fresh, _few(each)):
            spent.add(actor.row)
            claims = {**_claims(ask, actor), ask.anchor: STRANGE[ask.anchor]}
            scenarios.append(_scenario(ask, actor, CHANGED, claims, Verdict.NO_MATCH))
        for actor in itertools.islice(fresh, _few(each)):
            if _BIRTH_DATE in ask.others and actor.birth_year and _BIRTH_DATE in actor.claims:
                spent.add(actor.row)
                claims = {**_claims(ask, actor), _BIRTH_DATE: f"{actor.birth_year - 1}-01-01"}
                scenarios.append(_scenario(ask, actor, PARTLY, claims, Verdict.NO_MATCH))
        if alive:
            scenarios.append(
                Scenario(
                    row=0,
                    kind=UNKNOWN,
                    purpose=ask.purpose,
                    nik=nobody.number(),
                    claims=_claims(ask, alive[0]),
                    legal_basis=ask.legal_basis,
                    expected=Verdict.NO_MATCH,
                )
            )
    if not scenarios:
        raise AgreementGapError("no row of the source has what the purposes ask for")
    return scenarios


def _few(each: int) -> int:
    return max(1, each // 4)


def _claims(ask: Ask, actor: Actor) -> dict[str, str]:
    return {name: actor.claims[name] for name in (ask.anchor, *ask.others) if name in actor.claims}


def _true(ask: Ask, actor: Actor, kind: str, expected: Verdict) -> Scenario:
    return _scenario(ask, actor, kind, _claims(ask, actor), expected)


def _scenario(ask: Ask, actor: Actor, kind: str, claims: dict[str, str], expected: Verdict) -> Scenario:
    return Scenario(
        row=actor.row,
        kind=kind,
        purpose=ask.purpose,
        nik=actor.nik,
        claims=claims,
        legal_basis=ask.legal_basis,
        expected=expected,
    )
