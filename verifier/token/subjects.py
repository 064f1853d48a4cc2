"""The residents behind tokens: issued to, and found again.

A token that was checked is turned into the match domain, under which the service keeps a row of the resident to whom
it was issued. Whether a row is there makes no difference to the work, nor to what follows: who has none is looked for
under a name that no record has.
"""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING, Protocol

from keys.tokenkey import hashed
from padan.group import GroupError
from padan.value import value
from tokenizer.errors import (
    IssuingOverError,
    TokenDomainEndedError,
    TokenOutdatedError,
    TokenRefusedError,
)
from tokenizer.tokenrow import NOBODY, TokenRow, join
from verifier.log.beside import Beside, How, Kept
from verifier.token.errors import (
    TokenDomainClosedError,
    TokenEndedError,
    TokenNotIssuedError,
    TokensUnavailableError,
)
from verifier.token.keptrows import open_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from padan.nik import Nik
    from tokenizer.inner import Inner
    from tokenizer.record import Handles
    from tokenizer.tokenrow import Named, TokenRows
    from verifier.errors import ServiceError
    from verifier.token.domains import TokenDomains

_LOGGER = logging.getLogger("padan.tokens")


class Rows(Protocol):
    """Keeps rows beside the log."""

    def beside(self, where: Beside, names: Sequence[bytes]) -> Mapping[bytes, bytes]:
        """Read rows by name."""
        ...


@value
class Issued:
    """A token that may leave with an answer.

    Attributes:
        token: as it travels.
        label: domain and version, for the log.
        kept: what is written with it.
    """

    token: bytes
    label: str
    kept: tuple[Kept, ...]

    def __repr__(self) -> str:
        return "Issued(<redacted>)"


class TokenSubject:
    """A subject named by a token of its agency's domain."""

    __slots__ = ("_handles", "failure", "index_id", "label", "names", "record_id", "renewed")

    def __init__(
        self,
        *,
        names: tuple[bytes, ...],
        handles: Handles,
        index_id: int,
        label: str,
        renewed: Callable[[], bytes],
    ) -> None:
        self.names = names
        """Names under which the resident's row may stand."""
        self.index_id = index_id
        """Id of the index key under which the record is looked for."""
        self.failure: ServiceError | None = None
        """Why the resident cannot be looked for, once `Subjects.find` has found that."""
        self.label = label
        """Domain and version of the token, for the log."""
        self.renewed = renewed
        """Gives the token of the version that issues."""
        self.record_id = names[0]
        """The record's inner name r, once `Subjects.find` has found it; until then a name that no record has."""
        self._handles = handles

    @property
    def handles(self) -> Handles:
        """The handles of a token whose resident is not held; a record has its own."""
        return self._handles

    def __repr__(self) -> str:
        return "TokenSubject(<redacted>)"


class Subjects:
    """Issues tokens, and finds residents behind them.

    Args:
        domains: the token domains.
        rows: the log's store.
    """

    def __init__(self, domains: TokenDomains, rows: Rows) -> None:
        self._domains = domains
        self._rows = rows

    def read(self, token: bytes, *, domain: str, inner: Inner, now: float) -> TokenSubject:
        """Check a token and name its resident.

        Args:
            token: as the caller gives it.
            domain: the token domain of the purpose.
            inner: makes handles.
            now: seconds of the Unix epoch.

        Raises:
            TokenNotIssuedError: no token that was issued to the domain.
            TokenEndedError: of a version whose time is over, or of a domain that was ended.
            TokensUnavailableError: keys are not there.
        """
        keys = self._domains.current()
        found = keys.domain(domain)
        try:
            given = found.read(token, now=now)
            element = found.matched(given, keys.match)
        except TokenRefusedError as error:
            raise TokenNotIssuedError(str(error), field="subject_token") from None
        except TokenOutdatedError as error:
            raise TokenEndedError(str(error), field="subject_token") from None
        except GroupError as error:
            raise TokensUnavailableError("a tagged token is no element of the group") from error
        names = keys.rows.names(element)
        return TokenSubject(
            names=names,
            handles=inner.token_handles(names[0]),
            index_id=inner.index_id,
            label=f"{domain}@{given.version}",
            renewed=lambda: found.renew(given),
        )

    def find(self, subjects: Sequence[TokenSubject]) -> None:
        """Find the records of subjects, in one look-up for all; a subject's own failure is left with it.

        Raises:
            ServiceError: the rows cannot be read.
        """
        rows = self._domains.current().rows
        wanted = sorted({name for subject in subjects for name in subject.names})
        boxes = self._rows.beside(Beside.TOKEN, wanted)
        for subject in subjects:
            there = [(name, boxes[name]) for name in subject.names if name in boxes]
            if there:
                try:
                    subject.record_id = _record_id(rows, there, subject)
                except TokensUnavailableError as error:
                    subject.failure = error

    def issue(self, nik: Nik, *, domain: str, records: tuple[Named, ...]) -> Issued:
        """Make a number's token and the row that finds its resident again.

        Args:
            nik: the number.
            domain: the token domain of the purpose.
            records: the record's names, in the epoch in use and in the other one of an inner rotation.

        Raises:
            TokenDomainClosedError: the domain was ended.
            TokensUnavailableError: keys are not there.
        """
        keys = self._domains.current()
        found, element = keys.domain(domain), hashed(nik.value.encode())
        try:
            token = found.issue(element)
        except TokenDomainEndedError as error:
            raise TokenDomainClosedError(str(error), field="issue_token") from None
        except IssuingOverError as error:
            raise TokensUnavailableError(str(error)) from error
        row = TokenRow(records=records, element=keys.match.evaluate(element))
        name, box = keys.rows.seal(row)
        return Issued(
            token=token,
            label=f"{domain}@{found.current}",
            kept=(Kept(beside=Beside.TOKEN, how=How.ADD, name=name, box=box),),
        )

    def issue_again(self, subject: TokenSubject, *, domain: str) -> Issued:
        """Make the token of the version that issues, for a resident who was named by one.

        Raises:
            TokensUnavailableError: keys are not there, or the time of one to make new tokens is over.
        """
        current = self._domains.domain(domain).current
        try:
            return Issued(token=subject.renewed(), label=f"{domain}@{current}", kept=())
        except IssuingOverError as error:
            raise TokensUnavailableError(str(error)) from error


def _record_id(rows: TokenRows, there: Sequence[tuple[bytes, bytes]], subject: TokenSubject) -> bytes:
    """Read under which name the record is looked for; that of the row, which no record has, where nobody is held.

    Args:
        rows: opens rows.
        there: what stands under the subject's names, the newest first.
        subject: whom it is about.
    """
    try:
        opened = open_rows(rows, there)
    except TokensUnavailableError:
        _LOGGER.exception("a row beside the log does not open")
        raise
    found = functools.reduce(join, opened).record_id(subject.index_id)
    if found is None:
        # Issued by a process that knew nothing of the rotation; `rotation sample` completes it.
        raise TokensUnavailableError("a token's row has yet to be brought to the epoch")
    return subject.record_id if found == NOBODY else found
