"""Who asked about a class, for the programmes that enrol in it: which agency, for which purpose, and how often a day.

Each question writes a row of its own under a random name, in its own commit. Housekeeping adds the rows of a day up,
one for each class, agency and purpose, and deletes what is old. Nothing in a row is secret, and none is about a
resident.
"""

from __future__ import annotations

import hashlib
import json
import os
from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import select

from padan.canonical import prefixed
from padan.value import value
from verifier import schema
from verifier.log.beside import NAME_SIZE, Beside, How, Kept
from verifier.token.rowtable import Change, RowTable

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Collection, Iterable

    from verifier.directory import Directory
    from verifier.leader import Mandate

EVERY: Final = 30.0
"""Seconds between two times that questions are added up."""
_PAGES: Final = 20
"""Pages of which something is added up or deleted in one turn."""


class Asking(NamedTuple):
    """Who asked what, when.

    Attributes:
        day: of the year 1 (`datetime.date.toordinal`), in the registry's zone.
        category: the class.
        agency: who asked.
        purpose: for what.
    """

    day: int
    category: str
    agency: str
    purpose: str

    @property
    def name(self) -> bytes:
        """Name of the row that adds up."""
        told = (self.category, self.agency, self.purpose, str(self.day))
        return hashlib.sha256(prefixed("padan/enrolment-questions/1", *told)).digest()[:NAME_SIZE]

    def box(self, questions: int) -> bytes:
        """Write a row."""
        return json.dumps([*self, questions], separators=(",", ":")).encode()

    def kept(self, questions: int = 1) -> Kept:
        """Make the row that a commit writes."""
        return Kept(beside=Beside.ASKED, how=How.ADD, name=os.urandom(NAME_SIZE), box=self.box(questions))


@value
class Asked:
    """How often somebody asked.

    Attributes:
        by: who, what, when.
        questions: residents that were asked about.
    """

    by: Asking
    questions: int


def _opened(box: bytes) -> Asked:
    day, category, agency, purpose, questions = json.loads(box)
    return Asked(by=Asking(day, category, agency, purpose), questions=questions)


def _sums(boxes: Iterable[bytes]) -> dict[Asking, int]:
    found: dict[Asking, int] = {}
    for each in map(_opened, boxes):
        found[each.by] = found.get(each.by, 0) + each.questions
    return found


def read(directory: Directory, *, categories: Collection[str], first: dt.date, last: dt.date) -> list[Asked]:
    """Read who asked about some classes, from one day to another; by day, class, agency and purpose.

    Raises:
        LogStoreError: the database cannot be read.
    """
    with directory.reading() as connection:
        boxes = connection.execute(select(schema.asked_row.c.box)).scalars().all()
    span = range(first.toordinal(), last.toordinal() + 1)
    return [
        Asked(by=by, questions=questions)
        for by, questions in sorted(_sums(map(bytes, boxes)).items())
        if by.category in categories and by.day in span
    ]


class AskedKeeping:
    """Adds questions up, and deletes what is old: a duty of the leader's.

    Args:
        directory: opens the log's database.
        days: how long it is kept.
        today: the day in the registry's zone.
    """

    def __init__(self, directory: Directory, *, days: int, today: Callable[[], dt.date]) -> None:
        self._directory = directory
        self._days = days
        self._today = today

    def turn(self, mandate: Mandate) -> int:
        """Add up and delete, each page in a transaction; returns how many rows went.

        Raises:
            LeaderLostError: another process leads.
            LogStoreError: the database failed.
        """
        oldest = self._today().toordinal() - self._days
        gone = worked = 0
        for page in RowTable(self._directory, Beside.ASKED).pages():
            if worked >= _PAGES:
                break
            rows = {name: _opened(box) for name, box in page}
            single = {name: each for name, each in rows.items() if name != each.by.name}
            old = {name for name, each in rows.items() if each.by.day < oldest}
            if single or old:
                worked += 1
                gone += self._add_up(mandate, single.keys() | old, oldest)
        return gone

    def _add_up(self, mandate: Mandate, names: Collection[bytes], oldest: int) -> int:
        with self._directory.writing_beside() as connection:
            mandate.require(connection)
            change = Change(connection, Beside.ASKED)
            there = change.read(sorted(names))
            sums = {by: count for by, count in _sums(there.values()).items() if by.day >= oldest}
            before = change.read(sorted({by.name for by in sums} - there.keys()))
            for each in map(_opened, before.values()):
                sums[each.by] += each.questions
            put = {by.name: by.box(count) for by, count in sums.items()}
            change.write(put=put.items(), drop=there.keys() - put.keys())
        return len(there.keys() - put.keys())
