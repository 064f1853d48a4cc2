"""Who asked about a class, for the programmes that enrol in it: which agency, for which purpose, and how often a day.

Each question writes a row of its own under a random name, in its own commit. Housekeeping adds the rows of a day up,
one for each class, agency and purpose, and deletes what is old. Nothing in a row is secret, and none is about a
resident.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from padan.canonical import prefixed
from padan.value import value
from verifier.log.beside import NAME_SIZE, Beside, How, Kept
from verifier.token.rowtable import Change, RowTable

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Collection

    from verifier.directory import Directory
    from verifier.leader import Mandate

EVERY: Final = 30.0
"""Seconds between two times that questions are added up."""
_PAGES: Final = 200
"""Pages of which something is added up or deleted in one turn: more than questions come in meanwhile."""


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


def _opened(box: bytes) -> tuple[Asking, int]:
    day, category, agency, purpose, questions = json.loads(box)
    return Asking(day, category, agency, purpose), questions


def read(directory: Directory, *, categories: Collection[str], first: dt.date, last: dt.date) -> list[Asked]:
    """Read who asked about some classes, from one day to another; by day, class, agency and purpose.

    Raises:
        LogStoreError: the database cannot be read.
    """
    found: Counter[Asking] = Counter()
    span = range(first.toordinal(), last.toordinal() + 1)
    # As they are at one moment: rows that are added up meanwhile would count twice, or not at all.
    for page in RowTable(directory, Beside.ASKED).one_state():
        for by, questions in map(_opened, (box for _, box in page)):
            if by.category in categories and by.day in span:
                found[by] += questions
    return [Asked(by=by, questions=questions) for by, questions in sorted(found.items())]


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
        self._after = b""

    def turn(self, mandate: Mandate) -> int:
        """Add up and delete, each page in a transaction; returns how many rows went.

        Where there is more than one turn does, the next one goes on after it: names are random, so the first pages
        always have something that is new.

        Raises:
            LeaderLostError: another process leads.
            LogStoreError: the database failed.
        """
        oldest = self._today().toordinal() - self._days
        gone = worked = 0
        for page in RowTable(self._directory, Beside.ASKED).pages(after=self._after):
            rows = {name: _opened(box)[0] for name, box in page}
            going = {name for name, by in rows.items() if name != by.name or by.day < oldest}
            if going:
                worked += 1
                gone += self._add_up(mandate, going, oldest)
            self._after = page[-1][0]
            if worked >= _PAGES:
                return gone
        self._after = b""
        return gone

    def _add_up(self, mandate: Mandate, names: Collection[bytes], oldest: int) -> int:
        with self._directory.writing_beside() as connection:
            mandate.require(connection)
            change = Change(connection, Beside.ASKED)
            there, sums = change.read(sorted(names)), Counter[Asking]()
            for by, questions in map(_opened, there.values()):
                if by.day >= oldest:
                    sums[by] += questions
            before = change.read(sorted({by.name for by in sums} - there.keys()))
            for by, questions in map(_opened, before.values()):
                sums[by] += questions
            put = {by.name: by.box(count) for by, count in sums.items()}
            change.write(put=put.items(), drop=there.keys() - put.keys())
        return len(there.keys() - put.keys())
