"""Errors of this package, grouped by who must act, and the table of rules that a value can break.

Guarantees: no message, attribute or repr of an error carries the value that was refused.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

RULES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "attribute.unknown": "this attribute is not one that the registry holds",
        "value.empty": "the value is empty",
        "value.too_long": "the value has more than 400 bytes",
        "value.type": "the value is neither text nor a number nor a date",
        "text.too_long": "the text has too many characters: 100 for a name or place, 200 for an address",
        "text.control": "the text has a control character",
        "text.direction": "the text has a character that changes the direction of writing",
        "text.marks": "a letter carries more than two accents",
        "text.script": "the text has a character that is not a Latin letter, a digit or punctuation",
        "text.no_letter": "the text has no letter",
        "date.format": "a date is written YYYY-MM-DD or DD-MM-YYYY",
        "date.impossible": "this day does not exist",
        "date.future": "the date lies in the future",
        "date.too_early": "the date lies before 1875-01-01",
        "code.unknown": "the value is not in the attribute's code list, nor one of the agency's own codes",
        "region.format": "a region code has 2, 4, 6 or 10 digits, as the attribute asks",
        "region.gap": "a region code is given without the code above it",
        "neighbourhood.format": "RT and RW are numbers of one to three digits",
        "family_card.format": "a family card number has 16 digits",
        "age.range": "an age is a whole number from 1 to 150",
        "alive.format": 'the value is "true" or "false"',
        "nik.missing": "the row has no NIK",
        "nik.format": "a NIK has 16 digits",
        "nik.date": "digits 7 to 12 of the NIK are no date of birth",
        "nik.serial": "the serial of a NIK starts at 0001",
        "nik.erased": "the person was erased, and only two officers can lift that",
    }
)
"""Rule id to what it asks for. Ids are part of the interface: clients may switch on them."""


class TokenizerError(Exception):
    """Base of every error of this package."""


class RuleError(TokenizerError):
    """A value breaks a rule.

    Attributes:
        rule: id of the rule, a key of `RULES`.
        sentence: what the rule asks for; never the value.
    """

    def __init__(self, rule: str) -> None:
        super().__init__(rule)
        self.rule = rule
        self.sentence = RULES[rule]

    def __str__(self) -> str:
        return f"{self.rule}: {self.sentence}"


# The agency must ask differently.


class ClaimError(RuleError):
    """A claim's value is malformed."""


class CodeError(ClaimError):
    """A claim's value is in no code list; the answer is a refusal, never NO_MATCH."""

    def __init__(self) -> None:
        super().__init__("code.unknown")


class TokenRefusedError(TokenizerError):
    """The bytes are no token that this service issued to the caller's domain."""


class TokenOutdatedError(TokenizerError):
    """A token of a version of its domain whose time is over."""


class TokenDomainEndedError(TokenOutdatedError):
    """A token of a domain that has no key any more: its agreement and the period of grace are over."""


# Custodians must put a new key in the place of one.


class IssuingOverError(TokenizerError):
    """The time of a key to make new tokens, or new rows behind them, is over."""


# The registry's operator must look at the source.


class RowError(RuleError):
    """A row of the registry cannot be used.

    Attributes:
        field: the registry's name of the field.
    """

    def __init__(self, field: str, rule: str) -> None:
        super().__init__(rule)
        self.field = field

    def __str__(self) -> str:
        return f"{self.field}: {super().__str__()}"


# The operator must raise an alarm: stored data is not what it was.


class BoxError(TokenizerError):
    """A sealed row does not open or has another format; an outage, never a "no"."""


class RecordError(TokenizerError):
    """An opened row is not a record of a known format and size."""


# The operator gave a file that is not usable.


class VariantsError(TokenizerError):
    """The file of name variants does not have the expected shape; the message names the place in the file."""
