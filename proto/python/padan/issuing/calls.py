"""Rows asked about by single calls, some at once. A bulk transport can stand in its place: rows in, outcomes out.

Guarantees: every row that was answered comes out, also when another one fails or the run is stopped; a row that was
not answered comes out not at all, and asked again it is the same request.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import TYPE_CHECKING, Final, Protocol

from padan.errors import InternalError, InvalidRequestError, PadanError
from padan.issuing.pace import Pace
from padan.issuing.part import BAD_ROW, Answered
from padan.issuing.people import rule_of
from padan.token import Token, TokenError
from padan.vocabulary import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from padan.answer import Verification
    from padan.issuing.people import Person
    from padan.issuing.run import Run, Terms
    from padan.question import Question

ROW_FIELDS: Final = ("nik", "claims", "consent_receipt", "subject")
"""Fields of a request that a row decides; whatever is wrong with another one is wrong with all rows."""
ROW_REASONS: Final = frozenset({"UNKNOWN_CODE", "ATTRIBUTE_NOT_GRANTED", "ANCHOR_REQUIRED", "TOO_LARGE"})
"""Refusals by the service that are about one row's claims."""
_RATE: Final = "RATE_LIMITED"
_AHEAD: Final = 2  # rows in the pool for each thread


class Asker(Protocol):
    """A client."""

    def ask(self, question: Question) -> Verification:
        """Ask a question."""
        ...


class Calls:
    """Asks about rows.

    Args:
        asker: the client.
        run: derives requests.
        terms: under what is asked.
        domain: of the tokens.
        concurrency: calls under way at once.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        asker: Asker,
        run: Run,
        terms: Terms,
        *,
        domain: str,
        concurrency: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._asker, self._run, self._terms, self._domain = asker, run, terms, domain
        self._concurrency = concurrency
        self._clock = clock
        self._pace = Pace()
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Begin no further row; those under way are waited for."""
        self._stopped.set()

    def answer(self, rows: Iterable[Person]) -> Iterator[Answered]:
        """Ask about rows, and give what was answered as it comes.

        Raises:
            PadanError: the first failure that is not about one row, after all that was answered.
        """
        rows = iter(rows)
        under_way: set[Future[Answered | PadanError | None]] = set()
        failure: PadanError | None = None
        with ThreadPoolExecutor(self._concurrency) as pool:
            try:
                while True:
                    if not self._stopped.is_set():
                        room = self._concurrency * _AHEAD - len(under_way)
                        under_way |= {pool.submit(self._one, row) for row in islice(rows, room)}
                    if not under_way:
                        break
                    done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                    for each in done:
                        result = each.result()
                        if isinstance(result, Answered):
                            yield result
                        elif result is not None:
                            failure = failure or result
                            self.stop()
            finally:
                self.stop()  # whoever takes no more answers waits for no further row
        if failure is not None:
            raise failure

    def _one(self, row: Person) -> Answered | PadanError | None:
        """Ask about one row; None where the run was stopped before it was answered."""
        try:
            question = self._run.question(row, self._terms)
            while not self._stopped.wait(self._pace.wait(self._clock())):
                try:
                    found = self._asker.ask(question)
                except PadanError as error:
                    if error.reason != _RATE:
                        raise
                    self._pace.refused(self._clock(), error.retry_after)
                    continue
                self._pace.answered()
                return self._read(row, found)
        except PadanError as error:
            return Answered(row=row.row, outcome=f"{BAD_ROW}: {rule_of(error)}") if _is_rows(error) else error
        except Exception as error:  # noqa: BLE001 - a fault of ours must not take with it what others were answered
            return InternalError(f"internal fault ({type(error).__name__})", reason="INTERNAL")
        return None

    def _read(self, row: Person, found: Verification) -> Answered:
        """Take an answer down; a match without a token of the domain is a fault, and is kept by nobody."""
        if found.outcome is not Verdict.MATCH:
            return Answered(row=row.row, outcome=found.outcome.name)
        try:
            token = Token.parse(found.subject_token)
        except TokenError:
            raise InternalError("a match came without a token", reason="WRONG_ANSWER") from None
        if token.domain != self._domain:
            raise InternalError("the service gave a token of another domain", reason="WRONG_ANSWER")
        return Answered(row=row.row, outcome=found.outcome.name, token=token.text)


def _is_rows(error: PadanError) -> bool:
    """Say whether an error is about one row alone."""
    if error.reason in ROW_REASONS:
        return True
    fields = [violation.field for violation in error.fields]
    return (
        isinstance(error, InvalidRequestError)
        and bool(fields)
        and all(field.startswith(ROW_FIELDS) for field in fields)
    )
