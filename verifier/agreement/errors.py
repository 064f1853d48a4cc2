"""What goes wrong with agreements. Each refusal of a call maps to one `padan.v1.ErrorReason`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from verifier.errors import CallerError, OperatorError

if TYPE_CHECKING:
    from collections.abc import Sequence


class NoAgreementError(CallerError):
    """No agreement of the agency is in force."""

    reason: ClassVar[str] = "NO_AGREEMENT"


class AgreementSuspendedError(CallerError):
    """The agency's agreement is suspended."""

    reason: ClassVar[str] = "AGREEMENT_SUSPENDED"


class PurposeNotGrantedError(CallerError):
    """The purpose is not in the agreement."""

    reason: ClassVar[str] = "PURPOSE_NOT_GRANTED"


class AttributeNotGrantedError(CallerError):
    """An attribute, a predicate or its parameter is not granted for the purpose."""

    reason: ClassVar[str] = "ATTRIBUTE_NOT_GRANTED"


class AnchorRequiredError(CallerError):
    """The request claims none of the purpose's anchors."""

    reason: ClassVar[str] = "ANCHOR_REQUIRED"


class LegalBasisNotGrantedError(CallerError):
    """The legal basis is not the purpose's, or consent comes without its receipt."""

    reason: ClassVar[str] = "LEGAL_BASIS_NOT_GRANTED"


class SourceAddressNotGrantedError(CallerError):
    """The call comes from an address outside the agreement."""

    reason: ClassVar[str] = "SOURCE_ADDRESS_NOT_GRANTED"


class FeatureNotGrantedError(CallerError):
    """Tokens, on-behalf-of or another feature is not granted."""

    reason: ClassVar[str] = "FEATURE_NOT_GRANTED"


class ConversionNotGrantedError(CallerError):
    """The agreements of two token domains do not both grant a conversion, or are not in force."""

    reason: ClassVar[str] = "CONVERSION_NOT_GRANTED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One fault of a document.

    Attributes:
        line: number of the line, from 1; 0 where the whole document is meant.
        where: the key, for example `purposes[0].attributes`.
        wrong: what is wrong.
        right: what would be right.
    """

    line: int
    where: str
    wrong: str
    right: str

    def __str__(self) -> str:
        place = f"line {self.line}: " if self.line else ""
        key = f"{self.where}: " if self.where else ""
        return f"{place}{key}{self.wrong}; {self.right}"


class DocumentError(OperatorError):
    """A signed TOML document is not what it must be; `problems` says all that is wrong with it, by line."""

    def __init__(self, name: str, problems: Sequence[Problem]) -> None:
        self.name = name
        self.problems = tuple(problems)
        super().__init__("\n".join(f"{name}: {problem}" for problem in self.problems))


class AgreementDocumentError(DocumentError):
    """A document is not an agreement."""


class AgreementSignatureError(OperatorError):
    """A signature over an agreement is missing, malformed, wrong, or of nobody who may sign."""


class AgreementStateError(OperatorError):
    """The step does not fit what is activated already."""


class SigningKeyError(OperatorError):
    """A signing key's file is missing, malformed, sealed, or there already."""
