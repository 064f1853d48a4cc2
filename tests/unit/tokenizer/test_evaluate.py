"""Claims against records."""

from __future__ import annotations

import os
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from tokenizer import record as layout
from tokenizer.attribute import ATTRIBUTES, Attribute, Profile
from tokenizer.claim import Claim, parse_claim
from tokenizer.evaluate import ClaimResult, evaluate
from tokenizer.person import Person
from tokenizer.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tokenizer.codes import CodeLists
    from tokenizer.inner import Inner
    from tokenizer.person import Value

A = Attribute
AS_OF = date(2026, 6, 1)
YES, NO, NOT_HELD = (
    ClaimResult(matched=True, held=True),
    ClaimResult(matched=False, held=True),
    ClaimResult(matched=False, held=False),
)


@pytest.fixture
def claim(codes: CodeLists, today: date) -> Callable[[int, str], Claim]:
    """Read claims."""
    return lambda attribute, value: parse_claim(attribute, value, codes=codes, today=today)


@pytest.fixture
def record(inner: Inner, row: dict[str, Value], codes: CodeLists, today: date) -> Record:
    """Project the full row."""
    return inner.project(Person.from_registry(row, codes=codes, today=today))


CASES = [
    (A.NAME, "siti nurhaliza", True, True),
    (A.NAME, "Hj. Siti Nurhaliza, S.Pd", True, True),
    (A.NAME, "ST. NUR HALIZA", False, True),
    (A.NAME, "SITI NURHAYATI", False, False),
    (A.MOTHER_NAME, "AMINAH", True, True),
    (A.MOTHER_NAME, "MAIMUNAH", False, False),
    (A.BIRTH_PLACE, "Bandung", True, True),
    (A.BIRTH_PLACE, "KAB. BANDUNG", False, True),
    (A.BIRTH_PLACE, "BANDAR LAMPUNG", False, False),
    (A.ADDRESS, "jl hm thamrin kav 8", True, True),
    (A.ADDRESS, "JALAN H.M. THAMRIN KAVLING 8", False, True),
    (A.ADDRESS, "JALAN SUDIRMAN KAVLING 8", False, False),
    (A.BIRTH_DATE, "1980-07-01", True, True),
    (A.BIRTH_DATE, "1980-07-02", False, False),
    (A.SEX, "P", True, True),
    (A.SEX, "L", False, False),
    (A.RT, "03", True, True),
    (A.RW, "6", False, False),
    (A.VILLAGE, "9902012003", True, True),
    (A.DISTRICT, "990201", True, True),
    (A.REGENCY, "9902", True, True),
    (A.PROVINCE, "99", True, True),
    (A.PROVINCE, "98", False, False),
    (A.FAMILY_CARD_NUMBER, "9902010101010001", True, True),
    (A.RELIGION, "KATOLIK", True, True),
    (A.MARITAL_STATUS, "CERAI MATI", False, False),
    (A.BLOOD_TYPE, "O", True, True),
    (A.OCCUPATION, "65", True, True),
    (A.EDUCATION, "S1", True, True),
    (A.FAMILY_RELATION, "ISTERI", True, True),
    (A.CITIZENSHIP, "WNI", True, True),
    (A.LIFE_STATUS, "HIDUP", True, True),
    (A.AGE_AT_LEAST, "45", True, True),
    (A.AGE_AT_LEAST, "46", False, False),
    (A.AGE_AT_LEAST, "1", True, True),
    (A.AGE_AT_LEAST, "150", False, False),
    (A.RESIDENT_IN_REGION, "99", True, True),
    (A.RESIDENT_IN_REGION, "9902012003", True, True),
    (A.RESIDENT_IN_REGION, "9902012004", False, False),
    (A.ALIVE, "true", True, True),
    (A.ALIVE, "false", False, False),
]


@pytest.mark.parametrize(("attribute", "value", "strict", "tolerant"), CASES)
def test_every_attribute_is_compared_by_its_profile(
    inner: Inner,
    record: Record,
    claim: Callable[[int, str], Claim],
    *,
    attribute: int,
    value: str,
    strict: Any,
    tolerant: Any,
) -> None:
    """Texts depend on the profile, everything else does not."""
    for profile, expected in ((Profile.STRICT, strict), (Profile.TOLERANT, tolerant)):
        result = evaluate(inner, record.r, [claim(attribute, value)], record, profile, as_of=AS_OF)
        assert result == (YES if expected else NO,)


def test_the_cases_cover_every_attribute() -> None:
    """No attribute is without a case."""
    assert {case[0] for case in CASES} == set(ATTRIBUTES)


def _claims(claim: Callable[[int, str], Claim]) -> list[Claim]:
    first = {attribute: value for attribute, value, *_ in reversed(CASES)}
    return [claim(attribute, value) for attribute, value in first.items()]


def test_nothing_matches_and_nothing_is_held_of_an_empty_record(
    inner: Inner, claim: Callable[[int, str], Claim], codes: CodeLists, today: date
) -> None:
    """What the registry does not hold is said so, whatever is claimed."""
    record = inner.project(Person.from_registry({"NIK": "9902014107800001"}, codes=codes, today=today))
    results = evaluate(inner, record.r, _claims(claim), record, Profile.TOLERANT, as_of=AS_OF)
    assert set(results) == {NOT_HELD}


def test_a_region_is_held_as_far_as_the_row_goes(
    inner: Inner, row: dict[str, Value], claim: Callable[[int, str], Claim], codes: CodeLists, today: date
) -> None:
    """Without a village nothing is said about villages, also in the predicate."""
    record = inner.project(Person.from_registry(row | {"NO_KEL": ""}, codes=codes, today=today))
    claims = [
        claim(A.VILLAGE, "9902012003"),
        claim(A.RESIDENT_IN_REGION, "9902012003"),
        claim(A.RESIDENT_IN_REGION, "990201"),
    ]
    assert evaluate(inner, record.r, claims, record, Profile.STRICT, as_of=AS_OF) == (NOT_HELD, NOT_HELD, YES)


def test_a_record_of_somebody_else_matches_nothing(
    inner: Inner, record: Record, claim: Callable[[int, str], Claim], codes: CodeLists, today: date
) -> None:
    """Tokens are bound to their record: the same data under another r is random."""
    other = Person.from_registry({"NIK": "9902014107800002"}, codes=codes, today=today)
    r = inner.record_id(other.nik)
    claims = [one for one in _claims(claim) if one.attribute is not A.ALIVE or not one.number]
    results = evaluate(inner, r, claims, record, Profile.TOLERANT, as_of=AS_OF)
    assert not any(result.matched for result in results)


def test_a_decoy_full_of_chance_matches_nothing(inner: Inner, claim: Callable[[int, str], Claim]) -> None:
    """Random bytes say no to everything but "not alive", and raise nothing."""
    plain = bytearray(os.urandom(layout.SIZE))
    plain[0] = layout.FORMAT
    record = Record.unpack(bytes(plain))
    results = evaluate(inner, bytes(16), _claims(claim), record, Profile.TOLERANT, as_of=AS_OF)
    assert len(results) == len(ATTRIBUTES)
    assert not any(result.matched for result in results)


class CountingInner:
    """Inner keys that count what they compute."""

    def __init__(self, inner: Inner) -> None:
        self._inner = inner
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        self.calls.append(name)
        return getattr(self._inner, name)


def _work(inner: Inner, claims: Sequence[Claim], record: Record, profile: Profile) -> list[str]:
    counting = CountingInner(inner)
    evaluate(counting, record.r, claims, record, profile, as_of=AS_OF)  # type: ignore[arg-type] # counts for Inner
    return counting.calls


@pytest.mark.parametrize("profile", [Profile.STRICT, Profile.TOLERANT])
def test_the_work_depends_on_the_claims_alone(
    inner: Inner,
    record: Record,
    claim: Callable[[int, str], Claim],
    *,
    codes: CodeLists,
    today: date,
    profile: Profile,
) -> None:
    """A record that matches, one that does not and one that holds nothing cost the same computations."""
    empty = inner.project(Person.from_registry({"NIK": "9902014107800001"}, codes=codes, today=today))
    claims = _claims(claim)
    expected = _work(inner, claims, record, profile)
    assert _work(inner, claims, empty, profile) == expected
    wrong = [claim(A.NAME, "SITI NURHAYATI"), claim(A.BIRTH_DATE, "1981-07-01")]
    right = [claim(A.NAME, "SITI NURHALIZA"), claim(A.BIRTH_DATE, "1980-07-01")]
    assert _work(inner, wrong, record, profile) == _work(inner, right, record, profile)


def test_no_claim_is_skipped_after_a_mismatch(
    inner: Inner, record: Record, claim: Callable[[int, str], Claim]
) -> None:
    """Every claim is computed, in order, whatever came of the ones before."""
    wrong, right = claim(A.SEX, "L"), claim(A.RELIGION, "KATOLIK")
    assert evaluate(inner, record.r, [wrong, right, wrong, right], record, Profile.STRICT, as_of=AS_OF) == (
        NO,
        YES,
        NO,
        YES,
    )
    assert _work(inner, [wrong] * 5, record, Profile.STRICT) == ["exact"] * 5


def test_an_age_is_sixteen_tests_whatever_the_age(
    inner: Inner, record: Record, claim: Callable[[int, str], Claim]
) -> None:
    """The number of MACs does not tell N or the day."""
    for age in ("1", "17", "46", "150"):
        assert _work(inner, [claim(A.AGE_AT_LEAST, age)], record, Profile.STRICT) == ["dyadic"] * 16
