"""Hands out what was converted to the caller's domain, shuffled over the whole job.

1 let the call in
2 find the job, and see that it is closed and that the agreements of both domains still grant it
3 read a page in the order of the rows' names, which nobody outside can foresee
4 follow residents who were merged or forgotten meanwhile, and make the others' tokens
5 commit the entry
6 answer on the commit

A page is read again as often as it is asked for, until the agency says that all is safe with it: then the rows go.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Final

from padan.entry import EntryKind
from padan.group import GroupError
from padan.v1 import token_pb2
from tokenizer.conversion import Closed, Item, Job, Standing
from tokenizer.errors import IssuingOverError, TokenDomainEndedError
from verifier import validate
from verifier.agreement.conversion import require_sender
from verifier.errors import InvalidFieldError
from verifier.token.errors import (
    ConversionOpenError,
    TokenDomainClosedError,
    TokensUnavailableError,
    UnknownConversionError,
)
from verifier.token.jobs import PAGE, open_row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from verifier.call import Call, Now
    from verifier.identity import Peer
    from verifier.ports import Agreements, Journal, Witnesses
    from verifier.token.domains import Keys, TokenDomains
    from verifier.token.jobs import Jobs
    from verifier.token.reception import Reception, Visit
    from verifier.token.residents import Residents

_MORE: Final = b"\x01"
"""In the place of where a page begins: there is more to delete."""
_DELETED_AT_ONCE: Final = 20
"""Pages that a call deletes: some 10,000 rows, for which commits wait a few milliseconds each."""
_AFTER: Final = 9


class Collecting:
    """Answers CollectConverted. Safe to call from many threads.

    Args:
        reception: lets calls in.
        agreements: those in force.
        witnesses: what the log's witnesses vouch for.
        domains: the token domains.
        residents: follows them.
        jobs: finds jobs.
        journal: takes the entries.
    """

    def __init__(
        self,
        *,
        reception: Reception,
        agreements: Agreements,
        witnesses: Witnesses,
        domains: TokenDomains,
        residents: Residents,
        jobs: Jobs,
        journal: Journal,
    ) -> None:
        self._reception = reception
        self._agreements = agreements
        self._witnesses = witnesses
        self._domains = domains
        self._residents = residents
        self._jobs = jobs
        self._journal = journal

    def answer(self, call: Call) -> bytes:
        """Answer one CollectConverted, serialised.

        Raises:
            VerifierError: refused; the refusal is logged.
            ServiceError: nothing is known to be durable, or keys or rows are not there.
        """
        return self._reception.serve("CollectConverted", call, self._collect)

    def _collect(self, peer: Peer, call: Call, now: Now) -> bytes:
        message = validate.decode(token_pb2.CollectConvertedRequest, call.raw)
        visit = self._reception.visit(peer, message.circumstances, call, now)  # 1
        if message.after and len(message.after) != _AFTER:
            raise InvalidFieldError("what the page before names as next", field="after")
        keys = self._domains.current()
        standing, job, closed = self._find(keys, visit, message.job_id)  # 2
        detail = {"job": message.job_id, "from": job.source, "handed_in": str(closed.taken)}
        if message.delete:
            return self._delete(visit, standing, detail)
        self._witnesses.require(visit.grant.sensitivity, now.wall)
        after, until = job.bounds(message.after)
        page = self._jobs.table.between(after, until, PAGE)  # 3
        items = self._items(keys, job, closed, page)  # 4
        detail["tokens"] = str(len(items))
        self._journal.commit([visit.intend(EntryKind.CONVERSION_COLLECTED, detail)])  # 5
        return token_pb2.CollectConvertedResponse(  # 6
            items=items,
            next=job.place(page[-1][0]) if len(page) == PAGE else b"",
            handed_in=closed.taken,
        ).SerializeToString()

    def _find(self, keys: Keys, visit: Visit, job_id: str) -> tuple[Standing, Job, Closed]:
        """Find a closed job that was handed in for the purpose's domain; whose else it may be is not told."""
        try:
            asked = uuid.UUID(job_id)
        except ValueError:
            raise InvalidFieldError("a UUID in lower case with hyphens", field="job_id") from None
        target, sources = visit.grant.token_domain, visit.grant.converted_from
        found = self._jobs.find(keys.conversions, sources, asked.bytes, now=visit.now.wall)
        job = found.row if found is not None else None
        if found is None or not isinstance(job, Job) or job.target != target:
            raise UnknownConversionError("no such job was handed in for the token domain of the purpose")
        require_sender(job.source, target, self._agreements.all_in_force(visit.now.wall))
        closed = self._jobs.closed(keys.conversions, job)
        if closed is None:
            raise ConversionOpenError("the job is not closed yet")
        return found, job, closed

    def _items(
        self, keys: Keys, job: Job, closed: Closed, page: Sequence[tuple[bytes, bytes]]
    ) -> list[token_pb2.ConvertItem]:
        rows = [open_row(keys.conversions, name, box).row for name, box in page]
        # A part that was on its way when the job was closed is of none.
        waiting = [
            row
            for row in rows
            if isinstance(row, Item) and row.job_id == job.job_id and row.there and row.part <= closed.parts
        ]
        followed = self._residents.follow(keys.rows, {row.element for row in waiting})
        domain = keys.domain(job.target)
        try:
            return [
                token_pb2.ConvertItem(
                    token=domain.issue_matched(followed[row.element], keys.match), payload=row.payload
                )
                for row in waiting
                if row.element in followed
            ]
        except TokenDomainEndedError as error:
            raise TokenDomainClosedError(str(error), field="circumstances.purpose") from None
        except IssuingOverError as error:
            raise TokensUnavailableError(str(error)) from error
        except GroupError as error:
            raise TokensUnavailableError("what is kept of a token is no element of the group") from error

    def _delete(self, visit: Visit, job: Standing, detail: dict[str, str]) -> bytes:
        """Delete the job's rows, after the entry that says so; a call that is repeated goes on."""
        self._journal.commit([visit.intend(EntryKind.CONVERSION_DELETED, detail)])
        done = self._jobs.delete(job, most=_DELETED_AT_ONCE)
        return token_pb2.CollectConvertedResponse(next=b"" if done else _MORE).SerializeToString()
