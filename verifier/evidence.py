"""What a request brings for comparison: claims here; captures are another `Evidence` (verifier/biometric)."""

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
    from collections.abc import Iterator, Sequence

    from tokenizer.claim import Claim
    from tokenizer.record import Record
    from verifier.agreement.grant import Grant
    from verifier.epoch import PinnedEpoch
    from verifier.validate import ValidRequest

_MAX_AGE_DIGITS = 3
_AGE = attribute_pb2.ATTRIBUTE_AGE_AT_LEAST
_RESIDENT = attribute_pb2.ATTRIBUTE_RESIDENT_IN_REGION
FINDINGS = {
    int(attribute): tuple(
        tuple(Finding(attribute=attribute, matched=matched, held=held) for held in (False, True))
        for matched in (False, True)
    )
    for attribute in attribute_pb2.Attribute.values()
}
"""The findings that there are: making one costs as much as a MAC."""


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
    def of(cls, request: ValidRequest, *, grant: Grant, epoch: PinnedEpoch, today: dt.date) -> ClaimEvidence:
        """Parse claims, with the agency's own codes.

        Raises:
            InvalidFieldError, UnknownCodeError: name the claim and the rule, never the value.
        """
        codes, agency_codes = epoch.codes, grant.codes
        parsed: list[Claim] = []
        try:
            for attribute, text in claimed(request):
                parsed.append(
                    parse_claim(attribute, text, codes=codes, agency_codes=agency_codes, today=today)
                )
        except CodeError as error:
            raise UnknownCodeError(str(error), field=f"claims[{len(parsed)}].value") from None
        except ClaimError as error:
            raise InvalidFieldError(str(error), field=f"claims[{len(parsed)}].value") from None
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
            FINDINGS[claim.attribute][result.matched][result.held]
            for claim, result in zip(self._claims, results, strict=True)
        ]

    def __repr__(self) -> str:
        return "ClaimEvidence(<redacted>)"


def claimed(request: ValidRequest) -> Iterator[tuple[int, str]]:
    """Give each claim: attribute and value. What is captured comes after the claims and has no value."""
    return zip(request.attributes, request.values, strict=False)


def parameters(request: ValidRequest) -> tuple[int | None, int | None]:
    """Read what an agreement must have granted of the predicates: the age N, and the length of the region code.

    A value that is no number says None, which no agreement grants.
    """
    age = region_level = None
    for attribute, text in claimed(request):
        if attribute == _AGE:
            digits = text.strip()
            if digits.isascii() and digits.isdigit() and len(digits) <= _MAX_AGE_DIGITS:
                age = int(digits)
        elif attribute == _RESIDENT:
            region_level = sum(character.isdigit() for character in text)
    return age, region_level
