"""What a request brings for comparison: claims now; a template will be another `Evidence`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from padan.v1 import attribute_pb2
from tokenizer.claim import parse_claim
from tokenizer.errors import ClaimError, CodeError
from tokenizer.evaluate import evaluate
from verifier.decision import Finding
from verifier.errors import InvalidFieldError, UnknownCodeError

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from padan.v1 import verification_pb2
    from tokenizer.claim import Claim
    from tokenizer.record import Record
    from verifier.agreement.grant import Grant
    from verifier.epoch import PinnedEpoch

_MAX_AGE_DIGITS = 3


class Evidence(Protocol):
    """Something that can be compared with a record, at a cost that does not depend on the record."""

    def compare(self, record_id: bytes, record: Record) -> Sequence[Finding]:
        """Compare with a record under the keys of a subject; every part is compared."""
        ...


class ClaimEvidence:
    """The claims of one request, parsed and normalised."""

    __slots__ = ("_claims", "_epoch", "_profile")

    def __init__(self, claims: Sequence[Claim], *, epoch: PinnedEpoch, profile: int) -> None:
        self._claims = claims
        self._epoch = epoch
        self._profile = profile

    @classmethod
    def of(
        cls,
        claims: Sequence[verification_pb2.Claim],
        *,
        grant: Grant,
        epoch: PinnedEpoch,
        today: dt.date,
    ) -> ClaimEvidence:
        """Parse claims, with the agency's own codes.

        Raises:
            InvalidFieldError, UnknownCodeError: name the claim and the rule, never the value.
        """
        parsed: list[Claim] = []
        for position, claim in enumerate(claims):
            field = f"claims[{position}].value"
            try:
                parsed.append(
                    parse_claim(
                        claim.attribute, claim.value, codes=epoch.codes, agency_codes=grant.codes, today=today
                    )
                )
            except CodeError as error:
                raise UnknownCodeError(str(error), field=field) from None
            except ClaimError as error:
                raise InvalidFieldError(str(error), field=field) from None
        return cls(parsed, epoch=epoch, profile=grant.profile)

    def compare(self, record_id: bytes, record: Record) -> Sequence[Finding]:
        """Compare every claim with a record."""
        results = evaluate(
            self._epoch.inner,
            record_id,
            self._claims,
            record,
            profile=self._profile,
            as_of=self._epoch.as_of_date,
        )
        return [
            Finding(attribute=claim.attribute, matched=result.matched, held=result.held)
            for claim, result in zip(self._claims, results, strict=True)
        ]

    def __repr__(self) -> str:
        return "ClaimEvidence(<redacted>)"


def parameters(claims: Sequence[verification_pb2.Claim]) -> tuple[int | None, int | None]:
    """Read what an agreement must have granted of the predicates: the age N, and the length of the region code.

    A value that is no number says None, which no agreement grants.
    """
    age = region_level = None
    for claim in claims:
        if claim.attribute == attribute_pb2.ATTRIBUTE_AGE_AT_LEAST:
            text = claim.value.strip()
            if text.isascii() and text.isdigit() and len(text) <= _MAX_AGE_DIGITS:
                age = int(text)
        elif claim.attribute == attribute_pb2.ATTRIBUTE_RESIDENT_IN_REGION:
            region_level = sum(character.isdigit() for character in claim.value)
    return age, region_level
