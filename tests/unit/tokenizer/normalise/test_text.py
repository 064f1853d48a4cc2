"""What all texts go through first."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenizer.errors import RuleError
from tokenizer.normalise.text import clean


@pytest.mark.parametrize(
    ("value", "cleaned"),
    [
        ("siti aminah", "SITI AMINAH"),
        ("  SITI \t  AMINAH ", "SITI AMINAH"),
        ("ﬁtri", "FITRI"),
        ("\uff33\uff29\uff34\uff29", "SITI"),
        ("José Müller", "JOSE MULLER"),
        ("Nguyễn", "NGUYEN"),
        ("Łukasz Øst Straße", "LUKASZ OST STRASSE"),
        ("MA\u2019RUF", "MA'RUF"),
        ("MA`RUF", "MA'RUF"),
        ("MA\u00b4RUF", "MA'RUF"),
        ("MA\u02bcRUF", "MA'RUF"),
        ("MAʿRUF", "MA'RUF"),
        ("KARO\u2013KARO", "KARO-KARO"),
        ("SUTRIS\xadNO", "SUTRISNO"),
        ("NUR\u200bHAYATI", "NURHAYATI"),
        ("\ufeffSITI", "SITI"),
        ("SITI\u00a0AMINAH", "SITI AMINAH"),
        ("SITI\u3000AMINAH", "SITI AMINAH"),
    ],
)
def test_writing_that_looks_the_same_is_the_same(value: str, cleaned: str) -> None:
    """Case, width, ligatures, accents, invisible characters, kinds of apostrophes, dashes and spaces do not matter."""
    assert clean(value, limit=100) == cleaned


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        ("", "value.empty"),
        (" \t ", "value.empty"),
        ("\u200b", "value.empty"),
        ("A" * 101, "text.too_long"),
        ("A\u0301" * 500, "text.too_long"),
        ("ﬃ" * 60, "text.too_long"),
        ("㍿" * 60, "text.script"),
        ("SITI\x00", "text.control"),
        ("SITI\nAMINAH", "text.control"),
        ("SITÍ\r\n", "text.control"),
        ("SITI\x1b[31m", "text.control"),
        ("SITI\x7f", "text.control"),
        ("SITÍ\x85", "text.control"),
        ("SITI\u2028AMINAH", "text.control"),
        ("SITI\u202eHANIMA", "text.direction"),
        ("SITI\u2066AMINAH", "text.direction"),
        ("\u200fSITI", "text.direction"),
        ("A" + "\u0301" * 3, "text.marks"),
        ("N\u0423RHAYATI", "text.script"),
        ("S\u0131T\u0131", "text.script"),
        ("\u0391MINAH", "text.script"),
        ("محمد", "text.script"),
        ("SITI 👍", "text.script"),
        ("SITI\ue000", "text.script"),
    ],
)
def test_what_could_deceive_a_reader_is_refused_by_rule(value: str, rule: str) -> None:
    """Controls, bidirectional marks, heaps of accents and other scripts have a rule each."""
    with pytest.raises(RuleError) as caught:
        clean(value, limit=100)
    assert caught.value.rule == rule


@given(st.text(max_size=60))
def test_cleaning_gives_printable_ascii_and_is_idempotent(value: str) -> None:
    """Whatever is typed: refused, or printable ASCII in upper case with single spaces that stays as it is."""
    try:
        cleaned = clean(value, limit=100)
    except RuleError:
        return
    assert cleaned.isascii()
    assert cleaned.isprintable()
    assert cleaned == " ".join(cleaned.upper().split())
    assert clean(cleaned, limit=100) == cleaned
