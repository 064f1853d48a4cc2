"""Enrol and Withdraw: a programme says who is in a class, by its own tokens; nobody else reaches what it says.

 1 let the call in (verifier.token.reception) and see that the purpose may enrol in the class  2 check every token's tag
 3 find the residents  4 commit an entry for each, with its row  5 answer on the commit

A row that is refused is told by its place, and the others go on. A resident who was erased is answered like any other,
and nothing is written of them. The same call again changes nothing more.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Final

from padan.entry import EntryKind
from padan.v1 import error_pb2, token_pb2
from tokenizer.enrolment import FOREVER
from verifier import validate
from verifier.log.beside import How
from verifier.token import members
from verifier.token.classes import require_enrol
from verifier.token.reception import read_tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from padan.token import Token
    from verifier.call import Call, Now
    from verifier.identity import Peer
    from verifier.log.beside import Kept
    from verifier.ports import Journal
    from verifier.token.domains import Keys, TokenDomains
    from verifier.token.reception import Reception, Visit
    from verifier.token.residents import Resident, Residents
    from verifier.token.witnessing import Witnessing

_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_EPOCH: Final = dt.date(1970, 1, 1)
_INVALID: Final = error_pb2.ERROR_REASON_INVALID_FIELD
Span = tuple[int, int]
"""First and last day, of the Unix epoch."""


def day_number(day: dt.date) -> int:
    """Count a day from the Unix epoch."""
    return (day - _EPOCH).days


class Enrolling:
    """Answers Enrol and Withdraw. Safe to call from many threads.

    Args:
        reception: lets calls in.
        domains: the token domains.
        residents: finds residents.
        witnessing: builds entries.
        journal: takes them.
    """

    def __init__(
        self,
        *,
        reception: Reception,
        domains: TokenDomains,
        residents: Residents,
        witnessing: Witnessing,
        journal: Journal,
    ) -> None:
        self._reception = reception
        self._domains = domains
        self._residents = residents
        self._witnessing = witnessing
        self._journal = journal

    def enrol(self, call: Call) -> bytes:
        """Answer one Enrol, serialised.

        Raises:
            VerifierError: refused; the refusal is logged.
            ServiceError: nothing is known to be durable, or keys are not there.
        """
        return self._reception.serve("Enrol", call, self._enrol)

    def withdraw(self, call: Call) -> bytes:
        """Answer one Withdraw, serialised; errors as for `enrol`."""
        return self._reception.serve("Withdraw", call, self._withdraw)

    def _enrol(self, peer: Peer, call: Call, now: Now) -> bytes:
        message = validate.decode(token_pb2.EnrolRequest, call.raw)
        visit = self._reception.visit(peer, message.circumstances, call, now)  # 1
        require_enrol(visit.grant, message.category)
        keys = self._domains.current()
        keys.require_enrolling()
        domain = keys.domain(visit.grant.token_domain)
        given, faults = read_tokens(domain, [each.token for each in message.enrolments], now)  # 2
        spans: dict[int, Span] = {}
        for place, each in enumerate(message.enrolments):
            span = _span(each)
            if span is not None:
                spans[place] = span
            elif given[place] is not None:
                given[place] = None
                faults.append(token_pb2.TokenFault(place=place, reason=_INVALID))

        def rows(resident: Resident, place: int) -> Sequence[Kept]:
            first, last = spans[place]
            return members.enrol(
                keys, resident, category=message.category, domain=domain.name, first=first, last=last
            )

        self._write(EntryKind.ENROLLED, visit, category=message.category, keys=keys, given=given, rows=rows)
        faults.sort(key=lambda fault: fault.place)
        return token_pb2.EnrolResponse(  # 5
            request_id=message.circumstances.request_id, faults=faults
        ).SerializeToString()

    def _withdraw(self, peer: Peer, call: Call, now: Now) -> bytes:
        message = validate.decode(token_pb2.WithdrawRequest, call.raw)
        visit = self._reception.visit(peer, message.circumstances, call, now)  # 1
        require_enrol(visit.grant, message.category)
        keys = self._domains.current()
        domain = keys.domain(visit.grant.token_domain)
        given, faults = read_tokens(domain, message.tokens, now)  # 2

        def rows(resident: Resident, _place: int) -> Sequence[Kept]:
            return members.withdraw(keys, resident, category=message.category, domain=domain.name)

        self._write(EntryKind.WITHDRAWN, visit, category=message.category, keys=keys, given=given, rows=rows)
        return token_pb2.WithdrawResponse(  # 5
            request_id=message.circumstances.request_id, faults=faults
        ).SerializeToString()

    def _write(
        self,
        kind: EntryKind,
        visit: Visit,
        *,
        category: str,
        keys: Keys,
        given: Sequence[Token | None],
        rows: Callable[[Resident, int], Sequence[Kept]],
    ) -> None:
        """Write rows and entries: one for each resident, and one for the call where something in it was refused."""
        good = [(place, token) for place, token in enumerate(given) if token is not None]
        refused = len(given) - len(good)
        noted = [visit.intend(kind, {"class": category, "refused": str(refused)})] if refused else []
        if not good:
            self._journal.commit(noted)
            return
        epoch = self._residents.pin()
        residents = self._residents.find(  # 3
            keys,
            keys.domain(visit.grant.token_domain),
            [token for _, token in good],
            epoch=epoch,
            request_id=visit.request_id,
        )
        logged = False
        try:
            intents = [
                self._witnessing.intend(
                    kind,
                    visit,
                    resident,
                    category=category,
                    epoch=epoch,
                    kept=_of_known(resident, rows(resident, place)),
                )
                for (place, _), resident in zip(good, residents, strict=True)
            ]
            self._journal.commit([*noted, *intents])  # 4
            logged = True
        finally:
            self._residents.settle(len(good), logged=logged)


def _of_known(resident: Resident, rows: Sequence[Kept]) -> tuple[Kept, ...]:
    """Write nothing of a resident who was erased; what is computed and deleted is the same."""
    return tuple(row for row in rows if resident.is_known or row.how is How.DELETE)


def _span(enrolment: token_pb2.Enrolment) -> Span | None:
    """Read first and last day; None where they are none, or in the wrong order."""
    first, last = _day(enrolment.first_day), _day(enrolment.last_day or "9999-12-31")
    if first is None or last is None or last < first:
        return None
    return day_number(first), day_number(last) if enrolment.last_day else FOREVER


def _day(text: str) -> dt.date | None:
    try:
        day = dt.date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        return None
    return day if day is not None and day >= _EPOCH else None
