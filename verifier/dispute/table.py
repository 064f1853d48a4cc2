"""Reading disputes, and finding the answer that one is about; off the hot path, so by SQLAlchemy."""

from __future__ import annotations

import contextlib
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import LargeBinary, func, literal, or_, select
from sqlalchemy import case as case_of

from padan.entry import ANSWERED_KINDS, EntryError, Field, decode
from verifier import schema
from verifier.dispute import case
from verifier.dispute.state import Outcome, Standing, State
from verifier.log import listing

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import ColumnElement, Row
    from sqlalchemy.engine import Connection

    from verifier.directory import Directory
    from verifier.dispute.case import Case
    from verifier.dispute.contest import Contest

_DISPUTE = schema.dispute.c
_ENTRY = schema.entry.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute:
    """A dispute as it is kept.

    Attributes:
        id: 16 characters.
        agency: whose it is.
        request_id: that opened it, 16 bytes.
        answer: place of the disputed answer's entry.
        standing: its state and times.
        case: what it was opened with.
        decision: the officer's last decision as signed; None where there is none.
        signature: 64 bytes.
        signer: id of the officer's key.
    """

    id: str
    agency: str
    request_id: bytes
    answer: int
    standing: Standing
    case: Case
    decision: bytes | None
    signature: bytes | None
    signer: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The entry of an answer, as the log holds it.

    Attributes:
        claims: what was claimed, numbers of padan.v1.Attribute.
    """

    sequence: int
    log_time_ms: int
    entry: bytes
    salt: bytes
    leaf: bytes
    claims: tuple[int, ...]


class DisputeTable:
    """Reads disputes; writing is the transaction's (verifier/log/disputes.py)."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def find(self, dispute_id: str) -> Dispute | None:
        """Read one dispute.

        Raises:
            LogStoreError: the database failed.
        """
        with self._directory.reading() as connection:
            row = connection.execute(select(schema.dispute).where(_DISPUTE.id == dispute_id)).first()
        return None if row is None else _dispute(row)

    def newest(
        self,
        limit: int,
        *,
        agency: str | None = None,
        unresolved: bool = False,
        before: tuple[int, str] | None = None,
    ) -> list[Dispute]:
        """List disputes, newest first.

        Args:
            limit: most to return.
            agency: of this agency only.
            unresolved: only those that are not resolved.
            before: only those after this one in the list, by `opened_ms` and id.

        Raises:
            LogStoreError: the database failed.
        """
        bounds: list[ColumnElement[bool]] = []
        if agency is not None:
            bounds.append(_DISPUTE.agency == agency)
        if unresolved:
            bounds.append(_DISPUTE.state < int(State.RESOLVED))
        if before is not None:
            opened_ms, dispute_id = before
            bounds.append(_DISPUTE.opened_ms <= opened_ms)  # for the index, which knows no "or"
            bounds.append(or_(_DISPUTE.opened_ms < opened_ms, _DISPUTE.id > dispute_id))
        query = select(schema.dispute).where(*bounds).order_by(_DISPUTE.opened_ms.desc(), _DISPUTE.id)
        with self._directory.reading() as connection:
            return [_dispute(row) for row in connection.execute(query.limit(limit))]

    def lapsed(self, now_ms: int, limit: int) -> list[Dispute]:
        """List disputes whose time was up before now, that are not resolved and not yet marked.

        Raises:
            LogStoreError: the database failed.
        """
        query = (
            select(schema.dispute)
            .where(
                _DISPUTE.state < int(State.RESOLVED),
                _DISPUTE.due_ms < now_ms,
                _DISPUTE.overdue_ms.is_(None),
            )
            .order_by(_DISPUTE.due_ms, _DISPUTE.id)
            .limit(limit)
        )
        with self._directory.reading() as connection:
            return [_dispute(row) for row in connection.execute(query)]

    def count_open(self, now_ms: int) -> tuple[int, int]:
        """Count the disputes that are not resolved, and those of them whose time was up before now.

        Raises:
            LogStoreError: the database failed.
        """
        late = func.coalesce(func.sum(case_of((_DISPUTE.due_ms < now_ms, 1), else_=0)), 0)
        query = select(func.count(), late).where(_DISPUTE.state < int(State.RESOLVED))
        with self._directory.reading() as connection:
            row = connection.execute(query).one()
        return int(row[0]), int(row[1])

    def settled_before(self, before_ms: int, limit: int, *, hold: Collection[str]) -> list[str]:
        """List ids of disputes that were resolved before a time, oldest first, without those of some agencies.

        Raises:
            LogStoreError: the database failed.
        """
        query = (
            select(_DISPUTE.id)
            .where(
                _DISPUTE.state == int(State.RESOLVED),
                _DISPUTE.changed_ms < before_ms,
                _DISPUTE.agency.not_in(sorted(hold)),
            )
            .order_by(_DISPUTE.changed_ms)
            .limit(limit)
        )
        with self._directory.reading() as connection:
            return list(connection.execute(query).scalars())

    def find_answer(self, agency: str, contest: Contest, digest: bytes) -> Answer | None:
        """Find the entry of an answer among an agency's own of the reference's time.

        The same work is done whether there is one or not.

        Args:
            agency: whose entries are looked at, and no other's.
            contest: when it was.
            digest: the request digest that the entry must hold, 32 bytes.

        Raises:
            LogStoreError: the database failed.
        """
        with self._directory.reading() as connection:
            first = listing.first_at(connection, contest.from_ms - listing.MAX_BACKSTEP_MS)
            last = listing.first_at(connection, contest.until_ms + listing.MAX_BACKSTEP_MS)
            rows = connection.execute(
                select(schema.entry)
                .where(
                    _ENTRY.agency == agency,
                    _ENTRY.sequence.between(first, last),
                    _ENTRY.log_time_ms >= contest.from_ms,
                    _ENTRY.log_time_ms < contest.until_ms,
                    _ENTRY.kind.in_(map(int, ANSWERED_KINDS)),
                    _holds(connection, digest),
                )
                .order_by(_ENTRY.sequence)
            ).all()
        return next((found for found in map(_answer, rows) if found.entry and _is_of(found, digest)), None)

    def answer_at(self, sequence: int) -> Answer | None:
        """Read the entry of an answer by its place; None where it was erased.

        Raises:
            LogStoreError: the database failed.
        """
        with self._directory.reading() as connection:
            row = connection.execute(select(schema.entry).where(_ENTRY.sequence == sequence)).first()
        return None if row is None or not row.entry else _answer(row)


def _holds(connection: Connection, digest: bytes) -> ColumnElement[bool]:
    """Let the database look for the bytes, so that only what has them is brought here."""
    wanted = literal(digest, LargeBinary)
    if connection.dialect.name == "sqlite":
        return func.instr(_ENTRY.entry, wanted) > 0
    return func.position(wanted.op("IN")(_ENTRY.entry)) > 0


def _is_of(answer: Answer, digest: bytes) -> bool:
    return hmac.compare_digest(decode(answer.entry).fields.get(Field.REQUEST_DIGEST, b""), digest)


def _answer(row: Row[Any]) -> Answer:
    claims: Sequence[int] = ()
    with contextlib.suppress(EntryError):  # erased, or of a later release
        claims = case.unpack(decode(row.entry).fields.get(Field.CLAIMS, b""))
    return Answer(
        sequence=row.sequence,
        log_time_ms=row.log_time_ms,
        entry=row.entry,
        salt=row.salt,
        leaf=row.leaf,
        claims=tuple(claims),
    )


def _dispute(row: Row[Any]) -> Dispute:
    return Dispute(
        id=row.id,
        agency=row.agency,
        request_id=row.request_id,
        answer=row.answer,
        standing=Standing(
            state=State(row.state),
            outcome=Outcome(row.outcome),
            opened_ms=row.opened_ms,
            due_ms=row.due_ms,
            changed_ms=row.changed_ms,
            overdue_ms=row.overdue_ms,
        ),
        case=case.decode(row.document),
        decision=row.decision,
        signature=row.signature,
        signer=row.signer,
    )
