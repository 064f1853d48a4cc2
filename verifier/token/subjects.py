"""The residents behind tokens: issued to, and found again.

A token that was checked is turned into the match domain, under which the service keeps a row of the resident to whom
it was issued. Whether a row is there makes no difference to the work, nor to what follows: who has none is looked for
under a name that no record has.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

from keys.tokenkey import hashed
from padan.group import GroupError
from padan.value import value
from tokenizer.errors import BoxError, RecordError, TokenOutdatedError, TokenRefusedError
from tokenizer.tokenrow import TokenRow
from verifier.log.beside import Beside, How, Kept
from verifier.token.errors import TokenEndedError, TokenNotIssuedError, TokensUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from padan.nik import Nik
    from tokenizer.inner import Inner
    from tokenizer.record import Handles
    from tokenizer.tokenrow import TokenRows
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

    __slots__ = ("_handles", "label", "names", "record_id", "renewed")

    def __init__(
        self, *, names: tuple[bytes, ...], handles: Handles, label: str, renewed: Callable[[], bytes]
    ) -> None:
        self.names = names
        """Names under which the resident's row may stand."""
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
            TokenEndedError: of a version whose time is over.
            TokensUnavailableError: keys are not there.
        """
        found, rows = self._domains.domain(domain), self._domains.rows
        try:
            given = found.read(token, now=now)
            element = found.matched(given, self._domains.match)
        except TokenRefusedError as error:
            raise TokenNotIssuedError(str(error), field="subject_token") from None
        except TokenOutdatedError as error:
            raise TokenEndedError(str(error), field="subject_token") from None
        except GroupError as error:
            raise TokensUnavailableError("a tagged token is no element of the group") from error
        names = rows.names(element)
        return TokenSubject(
            names=names,
            handles=inner.token_handles(names[0]),
            label=f"{domain}@{given.version}",
            renewed=lambda: found.renew(given),
        )

    def find(self, subjects: Sequence[TokenSubject]) -> None:
        """Find the records of subjects, in one look-up for all.

        Raises:
            ServiceError: the rows cannot be read, or one does not open.
        """
        rows = self._domains.rows
        wanted = sorted({name for subject in subjects for name in subject.names})
        boxes = self._rows.beside(Beside.TOKEN, wanted)
        for subject in subjects:
            for name in subject.names:
                box = boxes.get(name)
                if box is not None:
                    subject.record_id = _open(rows, name, box).record_id
                    break

    def issue(self, nik: Nik, *, domain: str, record_id: bytes) -> Issued:
        """Make a number's token and the row that finds its resident again.

        Args:
            nik: the number.
            domain: the token domain of the purpose.
            record_id: the record's inner name r.

        Raises:
            TokensUnavailableError: keys are not there.
        """
        found, rows, match = self._domains.domain(domain), self._domains.rows, self._domains.match
        element = hashed(nik.value.encode())
        name, box = rows.seal(TokenRow(record_id=record_id, element=match.evaluate(element)))
        return Issued(
            token=found.issue(element),
            label=f"{domain}@{found.current}",
            kept=(Kept(beside=Beside.TOKEN, how=How.ADD, name=name, box=box),),
        )

    def issue_again(self, subject: TokenSubject, *, domain: str) -> Issued:
        """Make the token of the version that issues, for a resident who was named by one."""
        current = self._domains.domain(domain).current
        return Issued(token=subject.renewed(), label=f"{domain}@{current}", kept=())


def _open(rows: TokenRows, name: bytes, box: bytes) -> TokenRow:
    try:
        return rows.open(name, box)
    except (BoxError, RecordError) as error:
        _LOGGER.exception("a row beside the log does not open")
        raise TokensUnavailableError("a token's row cannot be read") from error
