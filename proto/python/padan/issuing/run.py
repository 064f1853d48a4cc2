"""A run over a list: what makes each row's request the same one whenever it is asked, so that it is charged once.

    request_id = UUID of HMAC-SHA-256(run key, "padan/issuing/1/request" | u64 row)[:16]
    blind      = HMAC-SHA-256(run key, "padan/issuing/1/blind" | u64 row)

The run key is 32 random bytes. Whoever has it and guesses a row's person can tell by the log's commitments that the
guess is right, so it stands in the part file alone and goes with it.
"""

from __future__ import annotations

import hmac
import os
import uuid
from dataclasses import dataclass, fields
from datetime import date
from typing import TYPE_CHECKING, Final, NoReturn, Self

from padan import rules
from padan.errors import InvalidRequestError
from padan.question import Question
from padan.v1 import verification_pb2
from padan.vocabulary import LegalBasis

if TYPE_CHECKING:
    from pathlib import Path

    from padan.issuing.people import Person

KEY_SIZE: Final = 32
_LABEL: Final = b"padan/issuing/1/"
_BLOCK: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Under what a run asks, the same for every row.

    Attributes:
        purpose: code of the purpose.
        officer: the agency's pseudonym of the person who asks.
        legal_basis: why the agency may ask.
        on_behalf_of: agency for which a reseller asks; empty for none.
    """

    purpose: str
    officer: str
    legal_basis: str
    on_behalf_of: str = ""

    def require(self) -> None:
        """Require that requests can be asked under these terms at all.

        Raises:
            InvalidRequestError: names fields and rules.
        """
        message = verification_pb2.VerifyRequest(
            purpose=self.purpose,
            officer=self.officer,
            on_behalf_of=self.on_behalf_of,
            legal_basis=int(LegalBasis.of(self.legal_basis)),  # type: ignore[arg-type]  # the same number, another type
        )
        names = {each.name for each in fields(self)}
        broken = [each for each in rules.violations(message, date.min) if each.field in names]
        if broken:
            raise InvalidRequestError("the request is malformed", reason="INVALID_FIELD", fields=broken)


class Run:
    """Derives requests.

    Args:
        key: 32 random bytes.
    """

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = key

    @classmethod
    def new(cls) -> Self:
        """Draw a key."""
        return cls(os.urandom(KEY_SIZE))

    @property
    def key(self) -> bytes:
        """The key, for the part file."""
        return self._key

    def request_id(self, row: int) -> str:
        """Derive a row's request id."""
        return str(uuid.UUID(bytes=self._derive(b"request", row)[:16], version=4))

    def blind(self, row: int) -> bytes:
        """Derive a row's blind, 32 bytes."""
        return self._derive(b"blind", row)

    def question(self, person: Person, terms: Terms) -> Question:
        """Build a row's question, which asks for a token.

        Raises:
            InvalidRequestError: names fields and rules, never values.
        """
        return Question.build(
            nik=person.nik,
            claims=person.claims,
            consent_receipt=person.consent_receipt,
            purpose=terms.purpose,
            officer=terms.officer,
            legal_basis=terms.legal_basis,
            on_behalf_of=terms.on_behalf_of,
            issue_token=True,
            request_id=self.request_id(person.row),
            blind=self.blind(person.row),
        )

    def digest(self, path: Path) -> str:
        """Compute what binds a run to its list, in hexadecimal: under the key, so that nobody else can try lists.

        Raises:
            InvalidRequestError: the file cannot be read.
        """
        mac = hmac.new(self._key, _LABEL + b"list", "sha256")
        try:
            with path.open("rb") as file:
                while block := file.read(_BLOCK):
                    mac.update(block)
        except OSError as error:
            raise InvalidRequestError(f"{path}: cannot be read ({error.strerror})", reason="file") from None
        return mac.hexdigest()

    def _derive(self, what: bytes, row: int) -> bytes:
        return hmac.digest(self._key, _LABEL + what + row.to_bytes(8, "big"), "sha256")

    def __repr__(self) -> str:
        return "Run(<redacted>)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a run's key is not pickled")
