"""Claims: what an agency says that a resident has said, read and normalised.

Guarantees: a claim holds only values that obey the rules of its attribute; an error names the rule and never the value;
nothing is looked up, so reading a claim costs the same whoever it is about.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NoReturn

from padan.value import value
from tokenizer import dates, region, textform
from tokenizer.attribute import ATTRIBUTES, TEXT_KINDS, Attribute, Kind
from tokenizer.errors import ClaimError, CodeError, RuleError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date

    from tokenizer.attribute import AttributeInfo
    from tokenizer.codes import CodeLists
    from tokenizer.textform import TextForm

MAX_BYTES: Final = 400
MAX_AGE: Final = 150
FAMILY_CARD_DIGITS: Final = 16
_NEIGHBOURHOOD = re.compile("[0-9]{1,3}")
_AGE = re.compile("[0-9]{1,3}")
_HIDDEN = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")


@value
class Claim:
    """One claim, ready to be compared. Its value is in exactly one of `text`, `exact` and `number`."""

    attribute: Attribute
    info: AttributeInfo
    text: TextForm | None = None
    exact: bytes = b""
    """Value of the exact token."""
    number: int = 0
    """An age in years; or 1 and 0 for the claims of being alive and not."""

    def __repr__(self) -> str:
        return f"Claim(attribute={self.attribute.name}, <redacted>)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a claim is not pickled")


def parse_claim(
    attribute: int,
    value: str,
    *,
    codes: CodeLists,
    agency_codes: Mapping[int, Mapping[str, str]] | None = None,
    today: date,
) -> Claim:
    """Read a claim.

    Args:
        attribute: number of `padan.v1.Attribute`.
        value: as typed, at most 400 bytes of UTF-8.
        codes: the code lists in use.
        agency_codes: the agency's own codes, {attribute: {theirs: ours}}.
        today: a birth date after this day is refused.

    Raises:
        ClaimError: the attribute is unknown or the value breaks a rule.
        CodeError: the value is in no code list.
    """
    info = ATTRIBUTES.get(attribute)
    if info is None:
        raise ClaimError("attribute.unknown")
    try:
        _check_size(value)
        if info.kind in TEXT_KINDS:
            return Claim(attribute=info.attribute, info=info, text=textform.form(info.kind, value))
        if info.kind is Kind.CODE:
            code = codes.find(attribute, _printable(value), agency_codes=agency_codes)
            return Claim(attribute=info.attribute, info=info, exact=code.encode())
        if info.kind is Kind.DATE:
            day = dates.parse(_printable(value), today=today)
            return Claim(attribute=info.attribute, info=info, exact=day.isoformat().encode())
        return _READERS[info.kind](info, _printable(value).strip())
    except CodeError:
        raise
    except RuleError as error:
        raise ClaimError(error.rule) from None


def _check_size(value: str) -> None:
    if not value or value.isspace():
        raise ClaimError("value.empty")
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise ClaimError("text.script") from None
    if size > MAX_BYTES:
        raise ClaimError("value.too_long")


def _printable(value: str) -> str:
    if _HIDDEN.search(value):
        raise ClaimError("text.control")
    return value


def _region(info: AttributeInfo, value: str) -> Claim:
    return Claim(
        attribute=info.attribute, info=info, exact=region.parse(value, lengths=(info.digits,)).encode()
    )


def _neighbourhood(info: AttributeInfo, value: str) -> Claim:
    return Claim(attribute=info.attribute, info=info, exact=neighbourhood(value).encode())


def _family_card(info: AttributeInfo, value: str) -> Claim:
    return Claim(attribute=info.attribute, info=info, exact=family_card(value).encode())


def _age(info: AttributeInfo, value: str) -> Claim:
    if not _AGE.fullmatch(value) or not 1 <= int(value) <= MAX_AGE:
        raise ClaimError("age.range")
    return Claim(attribute=info.attribute, info=info, number=int(value))


def _residence(info: AttributeInfo, value: str) -> Claim:
    return Claim(attribute=info.attribute, info=info, exact=region.parse(value).encode())


def _alive(info: AttributeInfo, value: str) -> Claim:
    if value not in {"true", "false"}:
        raise ClaimError("alive.format")
    return Claim(attribute=info.attribute, info=info, number=int(value == "true"))


_READERS: Final[Mapping[Kind, Callable[[AttributeInfo, str], Claim]]] = {
    Kind.REGION: _region,
    Kind.NEIGHBOURHOOD: _neighbourhood,
    Kind.FAMILY_CARD: _family_card,
    Kind.AGE: _age,
    Kind.RESIDENCE: _residence,
    Kind.ALIVE: _alive,
}


def neighbourhood(value: str) -> str:
    """Read an RT or RW: one to three digits; leading zeros go.

    Raises:
        RuleError: "neighbourhood.format".
    """
    if not _NEIGHBOURHOOD.fullmatch(value):
        raise RuleError("neighbourhood.format")
    return value.lstrip("0") or "0"


def family_card(value: str) -> str:
    """Read a family card number: 16 ASCII digits.

    Raises:
        RuleError: "family_card.format".
    """
    if len(value) != FAMILY_CARD_DIGITS or not value.isascii() or not value.isdigit():
        raise RuleError("family_card.format")
    return value
