"""The end of a token domain, as custodians are shown it before they sign: whose it is, and since when it is over. Pure.

What a proposal holds of it is what its proposer found in the service's own directory; whoever executes it finds the
same there, or does not. The period of grace is part of it, so that nobody executes it earlier than was shown.

    ending = canonical encoding of 1 agency, 2 agreement, 3 version (u32), 4 ended and 5 due (u64, seconds)
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Self

from keys.errors import GraceError, KeyUseError
from keys.ringformat import moment
from padan import canonical

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_NAME: Final = 200
"""Characters of an agency's or an agreement's id."""
_AGENCY, _AGREEMENT, _VERSION, _ENDED, _DUE = range(1, 6)
_LAST: Final = 253_402_300_799
"""The end of the year 9999, after which no calendar here has dates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """Why a token domain may be ended.

    Args:
        agency: whose domain it is.
        agreement: id of the last agreement that named the domain.
        version: of that agreement.
        ended: when that agreement ended, seconds of the Unix epoch.
        due: when the period of grace is over, before which the domain is not ended.

    Raises:
        KeyUseError: a part is out of its bounds.
    """

    agency: str
    agreement: str
    version: int
    ended: int
    due: int

    def __post_init__(self) -> None:
        for name in (self.agency, self.agreement):
            if not 0 < len(name) <= MAX_NAME or not name.isprintable():
                raise KeyUseError(f"an agency and an agreement have names of at most {MAX_NAME} characters")
        if not 0 < self.version < 2**32:
            raise KeyUseError("an agreement has a version, from 1")
        if not 0 < self.ended <= self.due <= _LAST:
            raise KeyUseError("the period of grace begins when the agreement ends")

    @property
    def ended_text(self) -> str:
        """When the agreement ended, in words."""
        return moment(datetime.fromtimestamp(self.ended, UTC))

    @property
    def due_text(self) -> str:
        """When the period of grace is over, in words."""
        return moment(datetime.fromtimestamp(self.due, UTC))

    @property
    def details(self) -> Mapping[str, str]:
        """What history and log say of it."""
        return {
            "agency": self.agency,
            "agreement": self.agreement,
            "agreement_version": str(self.version),
            "ended": self.ended_text,
            "due": self.due_text,
        }

    def require_due(self, now: float) -> None:
        """Demand that the period of grace is over.

        Raises:
            GraceError: it is not.
        """
        if now < self.due:
            raise GraceError(f"the period of grace runs until {self.due_text}")

    def encode(self) -> bytes:
        """Write it."""
        return canonical.encode(
            {
                _AGENCY: self.agency.encode(),
                _AGREEMENT: self.agreement.encode(),
                _VERSION: self.version.to_bytes(4, "big"),
                _ENDED: self.ended.to_bytes(8, "big"),
                _DUE: self.due.to_bytes(8, "big"),
            }
        )

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read it; what is not written as `encode` does is refused by whoever compares.

        Raises:
            KeyUseError: a part is out of its bounds.
            ValueError, KeyError: malformed.
        """
        fields = canonical.decode(data)
        return cls(
            agency=fields[_AGENCY].decode(),
            agreement=fields[_AGREEMENT].decode(),
            version=int.from_bytes(fields[_VERSION], "big"),
            ended=int.from_bytes(fields[_ENDED], "big"),
            due=int.from_bytes(fields[_DUE], "big"),
        )
