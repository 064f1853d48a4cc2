"""The grammar of the NIK."""

from __future__ import annotations

import json
import os
import pickle
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from padan import nik
from padan.errors import NikError

TODAY = date(2026, 11, 1)

VALID: list[tuple[str, str, list[str]]] = [
    ("9971013112990001", "M", ["1999-12-31"]),
    ("9971017112990001", "F", ["1999-12-31"]),
    ("9971010101010001", "M", ["1901-01-01", "2001-01-01"]),
    ("9971012902000001", "M", ["2000-02-29"]),
    ("9971016902960001", "F", ["1996-02-29"]),
    ("9971012902240001", "M", ["1924-02-29", "2024-02-29"]),
    ("9971010111260001", "M", ["1926-11-01", "2026-11-01"]),
    ("9971010211260001", "M", ["1926-11-02"]),
    ("0000000101900001", "M", ["1990-01-01"]),
    ("9971010101909999", "M", ["1990-01-01"]),
]

INVALID: list[tuple[str, str]] = [
    ("", "format"),
    ("997101010190001", "format"),
    ("99710101019000012", "format"),
    (" 997101010190001", "format"),
    ("9971010101900001\n", "format"),
    ("997101010190000\n", "format"),
    ("9971010101900O01", "format"),
    ("99710101019000.1", "format"),
    ("+971010101900001", "format"),
    ("\uff19971010101900001", "format"),  # a full-width digit
    ("\u0669971010101900001", "format"),  # an Arabic-Indic digit
    ("\u00b2971010101900001", "format"),  # superscript two: str.isdigit accepts it
    ("9971010001900001", "date"),
    ("9971013201900001", "date"),
    ("9971014001900001", "date"),
    ("9971017201900001", "date"),
    ("9971010100900001", "date"),
    ("9971010113900001", "date"),
    ("9971013104900001", "date"),
    ("9971013002900001", "date"),
    ("9971012902990001", "date"),
    ("9971016902010001", "date"),
    ("9971010101900000", "serial"),
    ("9971013201900000", "date"),
]


@pytest.mark.parametrize(("text", "sex", "births"), VALID)
def test_valid_numbers(text: str, sex: str, births: list[str]) -> None:
    """A valid number tells sex and birth dates in every century that is not in the future."""
    info = nik.describe(text, TODAY)
    assert (info.valid, info.reason, info.sex, list(info.birth_dates)) == (True, None, sex, births)
    assert nik.parse(text, TODAY).value == text


@pytest.mark.parametrize(("text", "reason"), INVALID)
def test_invalid_numbers(text: str, reason: str) -> None:
    """An invalid number is refused with the first rule that it breaks."""
    assert nik.describe(text, TODAY) == nik.NikInfo(valid=False, reason=reason)
    with pytest.raises(NikError) as caught:
        nik.parse(text, TODAY)
    assert caught.value.reason == reason
    assert not text.strip() or text.strip() not in str(caught.value)


@pytest.mark.parametrize(
    ("prefix", "status", "regency"),
    [
        ("327301", "current", "Kota Bandung"),
        ("320411", "current", "Bandung"),
        ("910101", "retired", "Merauke"),
        ("920199", "retired", "Sorong"),
        ("540101", "unknown", None),
        ("327399", "unknown", "Kota Bandung"),
        ("000000", "unknown", None),
    ],
)
def test_prefix_is_advice(prefix: str, status: str, regency: str | None) -> None:
    """A retired or unknown region is noted and never refused."""
    info = nik.describe(prefix + "0101900001", TODAY)
    assert (info.valid, info.prefix_status, info.regency) == (True, status, regency)


@settings(max_examples=2000, deadline=None)
@given(st.text(max_size=20) | st.text(alphabet="0123456789 -_.eE+\n\u0661\uff11\u00b2", max_size=17))
@example("0" * 16)
def test_random_text_gives_nothing_but_a_nik_error(text: str) -> None:
    """Whatever is typed, the answer is a number that matches the grammar, or a NikError."""
    info = nik.describe(text, TODAY)
    if info.valid:
        assert nik.parse(text, TODAY).value == text
        assert len(text) == 16
        assert set(text) <= set("0123456789")
    else:
        assert info.reason in {"format", "date", "serial"}
        with pytest.raises(NikError):
            nik.parse(text, TODAY)


def test_a_hundred_thousand_random_digit_strings() -> None:
    """The parser agrees with the calendar on 100,000 random strings of digits."""
    import random

    source = random.Random(20261101)
    for _ in range(100_000):
        day, month = source.randrange(80), source.randrange(15)
        text = f"{source.randrange(10**6):06}{day:02}{month:02}{source.randrange(100):02}{source.randrange(3):04}"
        assert accepts(text) == expected(text)


def accepts(text: str) -> bool:
    """Ask the parser."""
    try:
        nik.parse(text, TODAY)
    except NikError:
        return False
    return True


def expected(text: str) -> bool:
    """Decide by the calendar, another way than the parser does."""
    day = int(text[6:8]) - (40 if int(text[6:8]) > 40 else 0)
    for century in ("19", "20"):
        try:
            born = date.fromisoformat(f"{century}{text[10:12]}-{text[8:10]}-{day:02}")
        except ValueError:
            continue
        if born <= TODAY:
            return text[12:] != "0000"
    return False


@given(st.dates(min_value=date(1900, 1, 1), max_value=date(2120, 1, 1)), st.booleans(), st.integers(1, 9999))
def test_every_birth_date_is_accepted_on_its_day(born: date, female: bool, serial: int) -> None:  # noqa: FBT001 - hypothesis passes it
    """A person's number is valid from the day of birth on, in every century."""
    text = f"997101{born.day + 40 * female:02}{born:%m%y}{serial:04}"
    info = nik.describe(text, born)
    assert info.valid
    assert born.isoformat() in info.birth_dates
    assert info.sex == ("F" if female else "M")


def test_future_birth_is_refused_in_the_first_century() -> None:
    """Before 2001 a date that has not come yet exists in no century, and is refused."""
    with pytest.raises(NikError):
        nik.parse("9971012902000001", date(2000, 2, 28))
    assert nik.describe("9971012902000001", date(2000, 2, 28) + timedelta(days=1)).valid


def test_nik_is_secret() -> None:
    """Neither repr nor str shows a digit, it is not pickled, and equality works without showing it."""
    number = nik.parse("9971010101900001", TODAY)
    assert repr(number) == str(number) == "Nik(<redacted>)"
    with pytest.raises(TypeError):
        pickle.dumps(number)
    assert number == nik.parse("9971010101900001", TODAY)
    assert number != nik.parse("9971010101900002", TODAY)
    assert len({number, nik.parse("9971010101900001", TODAY)}) == 1


def cases() -> list[dict[str, Any]]:
    """Read the cases of $PADAN_DATA where it is set; else our own in the same shape."""
    folder = os.environ.get("PADAN_DATA")
    if folder:
        given_cases: list[dict[str, Any]] = json.loads(
            (Path(folder) / "nik-cases.json").read_text(encoding="utf-8")
        )["cases"]
        return given_cases
    own = [
        {"nik": text, "expect": {"valid": True, "sex": sex, "birth_dates": births}}
        for text, sex, births in VALID
    ]
    return own + [{"nik": text, "expect": {"valid": False, "reason": reason}} for text, reason in INVALID]


def test_cases_in_the_shared_shape() -> None:
    """Every expectation of the case file holds."""
    for case in cases():
        info = nik.describe(case["nik"], TODAY)
        for name, value in case["expect"].items():
            found = getattr(info, name)
            assert (list(found) if isinstance(found, tuple) else found) == value, (case.get("id"), name)
