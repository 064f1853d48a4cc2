"""Claims."""

from __future__ import annotations

import contextlib
import pickle
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenizer.attribute import ATTRIBUTES, Attribute
from tokenizer.claim import parse_claim
from tokenizer.codes import CodeLists
from tokenizer.errors import RULES, ClaimError, CodeError

A = Attribute
TODAY = date(2026, 6, 1)


@pytest.mark.parametrize(
    ("attribute", "value", "exact"),
    [
        (A.BIRTH_DATE, "01-07-1980", b"1980-07-01"),
        (A.SEX, "perempuan", b"2"),
        (A.RT, "003", b"3"),
        (A.RW, "0", b"0"),
        (A.VILLAGE, "32.04.05.2001", b"3204052001"),
        (A.DISTRICT, "320405", b"320405"),
        (A.REGENCY, "3204", b"3204"),
        (A.PROVINCE, "32", b"32"),
        (A.FAMILY_CARD_NUMBER, " 3204050101010001 ", b"3204050101010001"),
        (A.RESIDENT_IN_REGION, "3204", b"3204"),
        (A.LIFE_STATUS, "hidup", b"1"),
    ],
)
def test_a_value_is_read_as_the_registry_holds_it(
    codes: CodeLists, today: date, attribute: Attribute, value: str, exact: bytes
) -> None:
    """Writing does not matter where only the meaning does."""
    claim = parse_claim(attribute, value, codes=codes, today=today)
    assert claim.exact == exact
    assert claim.text is None


@pytest.mark.parametrize(
    ("attribute", "value", "number"),
    [(A.AGE_AT_LEAST, "17", 17), (A.AGE_AT_LEAST, "150", 150), (A.ALIVE, "true", 1), (A.ALIVE, "false", 0)],
)
def test_predicates_are_read(
    codes: CodeLists, today: date, attribute: Attribute, value: str, number: int
) -> None:
    """An age is a number, being alive is true or false."""
    assert parse_claim(attribute, value, codes=codes, today=today).number == number


@pytest.mark.parametrize(
    ("attribute", "value", "rule"),
    [
        (0, "x", "attribute.unknown"),
        (22, "x", "attribute.unknown"),
        (A.NAME, "", "value.empty"),
        (A.NAME, " \t ", "value.empty"),
        (A.NAME, "A" * 101, "text.too_long"),
        (A.NAME, "A" * 401, "value.too_long"),
        (A.NAME, "A" * 100_000, "value.too_long"),
        (A.NAME, "É" * 201, "value.too_long"),
        (A.NAME, "SITI\r\nAMINAH", "text.control"),
        (A.NAME, "SITI\x00", "text.control"),
        (A.NAME, "SITI\x1b[2J", "text.control"),
        (A.NAME, "SITI\u202eHAJAR", "text.direction"),
        (A.NAME, "SИTI", "text.script"),
        (A.NAME, "\ud800", "text.script"),
        (A.NAME, "...", "text.no_letter"),
        (A.ADDRESS, "J" * 201, "text.too_long"),
        (A.BIRTH_DATE, "1980-02-30", "date.impossible"),
        (A.BIRTH_DATE, "2027-01-01", "date.future"),
        (A.BIRTH_DATE, "1980-07-01\n", "text.control"),
        (A.RT, "0003", "neighbourhood.format"),
        (A.RT, "A", "neighbourhood.format"),
        (A.RW, "٣", "neighbourhood.format"),
        (A.VILLAGE, "320405", "region.format"),
        (A.PROVINCE, "3204", "region.format"),
        (A.FAMILY_CARD_NUMBER, "320405010101000", "family_card.format"),
        (A.FAMILY_CARD_NUMBER, "٣" * 16, "family_card.format"),
        (A.AGE_AT_LEAST, "0", "age.range"),
        (A.AGE_AT_LEAST, "151", "age.range"),
        (A.AGE_AT_LEAST, "-1", "age.range"),
        (A.AGE_AT_LEAST, "17.5", "age.range"),
        (A.RESIDENT_IN_REGION, "320", "region.format"),
        (A.ALIVE, "yes", "alive.format"),
        (A.SEX, "X\u0000", "text.control"),
    ],
)
def test_a_malformed_value_is_refused_by_rule_and_not_repeated(
    codes: CodeLists, today: date, attribute: int, value: str, rule: str
) -> None:
    """The error names the rule, says what it asks for, and does not carry the value."""
    with pytest.raises(ClaimError) as caught:
        parse_claim(attribute, value, codes=codes, today=today)
    assert caught.value.rule == rule
    assert caught.value.sentence == RULES[rule]
    assert len(value) < 4 or value not in f"{caught.value!r} {caught.value}"


def test_an_unknown_code_has_an_error_of_its_own(codes: CodeLists, today: date) -> None:
    """It is refused as a code, so that nobody takes it for a NO."""
    with pytest.raises(CodeError):
        parse_claim(A.RELIGION, "JEDI", codes=codes, today=today)


def test_an_agency_may_use_its_own_codes(codes: CodeLists, today: date) -> None:
    """The mapping of the agreement is followed."""
    claim = parse_claim(A.MARITAL_STATUS, "M", codes=codes, agency_codes={15: {"M": "2"}}, today=today)
    assert claim.exact == b"2"


def test_a_claim_hides_itself(codes: CodeLists, today: date) -> None:
    """No repr and no pickle shows the value."""
    claim = parse_claim(A.NAME, "SUTRISNO", codes=codes, today=today)
    assert "SUTRIS" not in repr(claim)
    with pytest.raises(TypeError):
        pickle.dumps(claim)


@given(st.sampled_from(sorted(ATTRIBUTES)), st.text(max_size=120))
def test_whatever_is_typed_is_read_or_refused(attribute: int, value: str) -> None:
    """No text raises anything but a claim error."""
    with contextlib.suppress(ClaimError):
        parse_claim(attribute, value, codes=CodeLists.load(), today=TODAY)
