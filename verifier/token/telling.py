"""ListEnrolmentQuestions: who asked about the classes that a programme enrols in, by day; never about whom."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

from padan.entry import EntryKind
from padan.v1 import token_pb2
from verifier import validate
from verifier.errors import InvalidFieldError
from verifier.token import asked
from verifier.token.classes import require_enrol
from verifier.token.errors import ClassUnknownError

if TYPE_CHECKING:
    from verifier.call import Call, Now
    from verifier.directory import Directory
    from verifier.identity import Peer
    from verifier.ports import Journal
    from verifier.token.reception import Reception

MOST_DAYS: Final = 92
MOST_ROWS: Final = 20_000
"""Days by agencies and purposes that are told at once: some two megabytes."""
_DEFAULT_DAYS: Final = 31


class Telling:
    """Answers ListEnrolmentQuestions. Safe to call from many threads.

    Args:
        reception: lets calls in.
        directory: opens the log's database.
        journal: takes the entries.
    """

    def __init__(self, *, reception: Reception, directory: Directory, journal: Journal) -> None:
        self._reception = reception
        self._directory = directory
        self._journal = journal

    def answer(self, call: Call) -> bytes:
        """Answer one call, serialised.

        Raises:
            VerifierError: refused; the refusal is logged.
            ServiceError: nothing is known to be durable.
        """
        return self._reception.serve("ListEnrolmentQuestions", call, self._list)

    def _list(self, peer: Peer, call: Call, now: Now) -> bytes:
        message = validate.decode(token_pb2.ListEnrolmentQuestionsRequest, call.raw)
        visit = self._reception.visit(peer, message.circumstances, call, now)
        if message.category:
            require_enrol(visit.grant, message.category)
            categories = [message.category]
        else:
            categories = sorted(name for name, each in visit.grant.enrolments.items() if each.enrol)
        if not categories:
            raise ClassUnknownError("the purpose enrols in no class", field="category")
        last = _day(message.last_day, "last_day") if message.last_day else now.today
        earliest = last - dt.timedelta(days=min(_DEFAULT_DAYS - 1, last.toordinal() - 1))
        first = _day(message.first_day, "first_day") if message.first_day else earliest
        if not 0 <= (last - first).days < MOST_DAYS:
            raise InvalidFieldError(f"at most {MOST_DAYS} days, in their order", field="first_day")
        found = asked.read(self._directory, categories=categories, first=first, last=last)
        if len(found) > MOST_ROWS:
            raise InvalidFieldError(f"more than {MOST_ROWS:,} to tell; fewer days", field="first_day")
        detail = {"classes": ",".join(categories), "first": str(first), "last": str(last)}
        self._journal.commit([visit.intend(EntryKind.ENROLMENT_QUESTIONS_LISTED, detail)])
        return token_pb2.ListEnrolmentQuestionsResponse(
            request_id=message.circumstances.request_id,
            questions=[
                token_pb2.EnrolmentQuestions(
                    day=dt.date.fromordinal(each.by.day).isoformat(),
                    category=each.by.category,
                    agency=each.by.agency,
                    purpose=each.by.purpose,
                    questions=each.questions,
                )
                for each in found
            ],
        ).SerializeToString()


def _day(text: str, field: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise InvalidFieldError("a day as YYYY-MM-DD", field=field) from None
