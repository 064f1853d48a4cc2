"""Region codes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenizer import region
from tokenizer.errors import RowError, RuleError


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("32", "32"),
        (" 3204 ", "3204"),
        ("32.04", "3204"),
        ("32.04.05.2001", "3204052001"),
        ("3204052001", "3204052001"),
        ("99", "99"),
    ],
)
def test_codes_with_and_without_dots_are_read(text: str, code: str) -> None:
    """Dots between the parts are the usual way to print a code; unknown and retired codes are no error."""
    assert region.parse(text) == code


@pytest.mark.parametrize(
    "text", ["", "3", "320", "32040", "32040520", "32-04", "3204052001.", "٣٢", "BANDUNG", "32.0"]
)
def test_anything_else_is_refused(text: str) -> None:
    """A code has 2, 4, 6 or 10 ASCII digits."""
    with pytest.raises(RuleError) as caught:
        region.parse(text)
    assert caught.value.rule == "region.format"


def test_a_length_that_the_attribute_does_not_have_is_refused() -> None:
    """A regency is not a district."""
    with pytest.raises(RuleError):
        region.parse("3204", lengths=(6,))


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        (("32", "4", "5", "2001"), "3204052001"),
        (("32", "04", "005", "2001"), "3204052001"),
        (("32", "04", "", ""), "3204"),
        (("9", "1", "1", ""), "090101"),
        (("", "", "", ""), ""),
    ],
)
def test_parts_of_a_row_are_joined(parts: tuple[str, ...], code: str) -> None:
    """Leading zeros that a spreadsheet lost or a program added do not matter."""
    assert region.join(parts) == code


@pytest.mark.parametrize(
    ("parts", "field", "rule"),
    [
        (("32", "", "5", ""), "NO_KEC", "region.gap"),
        (("", "4", "", ""), "NO_KAB", "region.gap"),
        (("320", "4", "", ""), "NO_PROP", "region.format"),
        (("32", "0", "", ""), "NO_KAB", "region.format"),
        (("32", "4", "5", "20011"), "NO_KEL", "region.format"),
        (("x", "", "", ""), "NO_PROP", "region.format"),
    ],
)
def test_a_row_with_a_broken_code_is_refused_by_field(parts: tuple[str, ...], field: str, rule: str) -> None:
    """The field that breaks a rule is named."""
    with pytest.raises(RowError) as caught:
        region.join(parts)
    assert (caught.value.field, caught.value.rule) == (field, rule)


@given(st.text(max_size=14))
def test_no_text_gives_anything_but_digits_or_a_refusal(text: str) -> None:
    """Whatever is typed, a code is digits of a known length."""
    try:
        code = region.parse(text)
    except RuleError:
        return
    assert code.isascii()
    assert code.isdigit()
    assert len(code) in region.LENGTHS
