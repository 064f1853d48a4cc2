"""The decision as tables, and the promises that hold for every input."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier import decision
from verifier.decision import (
    BLOCKED,
    MATCH,
    MATCH_NOT_ACTIVE,
    NO_MATCH,
    NOT_AVAILABLE,
    NOT_HELD,
    Finding,
    decide,
)

NAME, MOTHER, BIRTH_DATE, RT, RW, ADDRESS, LIFE, AGE, ALIVE = 1, 2, 4, 7, 8, 6, 21, 101, 103
FACE, FINGER = 41, 42
ANCHORS = (frozenset({NAME}), frozenset({ADDRESS, RT, RW}), frozenset({FACE}))


def found(attribute: int, *, matched: bool = True, held: bool = True, captures: int = 0) -> Finding:
    """Make what a comparison found."""
    return Finding(attribute=attribute, matched=matched, held=held, captures=captures)


@pytest.mark.parametrize(
    ("findings", "kwargs", "verdicts", "outcome", "units"),
    [
        ([found(NAME), found(BIRTH_DATE)], {}, (MATCH, MATCH), MATCH, 0),
        ([found(NAME), found(BIRTH_DATE, matched=False)], {}, (MATCH, NO_MATCH), NO_MATCH, 1),
        ([found(NAME, matched=False), found(BIRTH_DATE)], {}, (NO_MATCH, NO_MATCH), NO_MATCH, 2),
        ([found(NAME), found(MOTHER, matched=False, held=False)], {}, (MATCH, NOT_HELD), NOT_HELD, 1),
        ([found(NAME)], {"active": False}, (MATCH_NOT_ACTIVE,), MATCH_NOT_ACTIVE, 0),
        ([found(NAME), found(LIFE)], {"active": False}, (MATCH_NOT_ACTIVE, MATCH), MATCH_NOT_ACTIVE, 0),
        (
            [found(NAME), found(ALIVE, matched=False)],
            {"active": False},
            (MATCH_NOT_ACTIVE, NO_MATCH),
            NO_MATCH,
            1,
        ),
        ([found(NAME)], {"subject_held": False}, (NO_MATCH,), NO_MATCH, 1),
        ([found(NAME)], {"subject_held": False, "existence": True}, (NOT_HELD,), NOT_HELD, 1),
        ([found(NAME, matched=False)], {"existence": True}, (NO_MATCH,), NO_MATCH, 1),
        ([found(ADDRESS), found(RT)], {}, (NO_MATCH, NO_MATCH), NO_MATCH, 2),
        ([found(ADDRESS), found(RT), found(RW)], {}, (MATCH, MATCH, MATCH), MATCH, 0),
        ([found(NAME), found(AGE)], {}, (MATCH, MATCH), MATCH, 1),
        ([found(NAME), found(AGE, matched=False)], {}, (MATCH, NO_MATCH), NO_MATCH, 1),
        ([found(NAME), found(AGE)], {"per_claim": False}, (MATCH, MATCH), MATCH, 1),
        ([found(NAME), found(AGE, matched=False)], {"per_claim": False}, (MATCH, NO_MATCH), NO_MATCH, 2),
        (
            [found(NAME), found(BIRTH_DATE, matched=False)],
            {"per_claim": False},
            (MATCH, NO_MATCH),
            NO_MATCH,
            1,
        ),
        ([found(FACE, matched=False, captures=4)], {}, (NO_MATCH,), NO_MATCH, 4),
        ([found(FACE, captures=4)], {}, (MATCH,), MATCH, 0),
        (
            [found(NAME), found(FACE, captures=2), found(FINGER, matched=False, captures=2)],
            {},
            (MATCH, MATCH, NO_MATCH),
            NO_MATCH,
            2,
        ),
        (
            [found(NAME, matched=False), found(FINGER, captures=3)],
            {},
            (NO_MATCH, NO_MATCH),
            NO_MATCH,
            4,
        ),
        (
            [found(NAME), found(FINGER, matched=False, held=False, captures=3)],
            {},
            (MATCH, NOT_HELD),
            NOT_HELD,
            3,
        ),
        ([found(FACE, captures=4)], {"per_claim": False}, (MATCH,), MATCH, 0),
        ([found(FACE, matched=False, captures=4)], {"per_claim": False}, (NO_MATCH,), NO_MATCH, 4),
        (
            [found(NAME), found(FACE, captures=1), found(FINGER, matched=False, captures=2)],
            {"per_claim": False},
            (MATCH, MATCH, NO_MATCH),
            NO_MATCH,
            3,
        ),
        (
            [found(BIRTH_DATE, matched=False), found(FACE, captures=2), found(AGE)],
            {"per_claim": False},
            (NO_MATCH, MATCH, MATCH),
            NO_MATCH,
            3,
        ),
    ],
)
def test_table(
    findings: list[Finding], kwargs: dict[str, Any], verdicts: tuple[int, ...], outcome: int, units: int
) -> None:
    """Each row of the rules gives the verdicts, the outcome and the cost that it says."""
    given_arguments: dict[str, Any] = {
        "subject_held": True,
        "active": True,
        "anchor_sets": ANCHORS,
        "existence": False,
        "per_claim": True,
        **kwargs,
    }
    decided = decide(findings, **given_arguments)
    assert decided.verdicts == verdicts
    assert decided.outcome == outcome
    assert decided.units == units


claims_found = st.lists(
    st.builds(
        found,
        st.sampled_from([NAME, MOTHER, BIRTH_DATE, ADDRESS, RT, RW, LIFE, AGE, ALIVE]),
        matched=st.booleans(),
        held=st.booleans(),
    ),
    max_size=9,
    unique_by=lambda finding: finding.attribute,
)
captures_found = st.lists(
    st.builds(
        found,
        st.sampled_from([FACE, FINGER]),
        matched=st.booleans(),
        held=st.booleans(),
        captures=st.integers(1, 4),
    ),
    max_size=2,
    unique_by=lambda finding: finding.attribute,
)
findings_of_requests = st.builds(list.__add__, claims_found, captures_found).filter(bool)


@given(findings=findings_of_requests, active=st.booleans(), per_claim=st.booleans())
def test_a_subject_that_is_not_held_gets_the_answer_of_a_mismatch(
    findings: list[Finding], *, active: bool, per_claim: bool
) -> None:
    """Whatever the decoy happens to match, the answer is that of an anchor that fails."""
    mismatch = [
        found(item.attribute, matched=False, held=item.held, captures=item.captures) for item in findings
    ]
    common: dict[str, Any] = {
        "active": active,
        "anchor_sets": ANCHORS,
        "existence": False,
        "per_claim": per_claim,
    }
    unknown = decide(findings, subject_held=False, **common)
    mismatched = decide(mismatch, subject_held=True, **common)
    assert unknown == mismatched
    assert set(unknown.verdicts) == {NO_MATCH}


@given(findings=findings_of_requests, held=st.booleans(), active=st.booleans(), per_claim=st.booleans())
def test_the_cost_never_exceeds_its_bound(
    findings: list[Finding], *, held: bool, active: bool, per_claim: bool
) -> None:
    """What a budget must have room for is never less than what is charged, and a failure always costs.

    It costs a guess for each capture that failed, and all of the bound where nothing passed.
    """
    decided = decide(
        findings,
        subject_held=held,
        active=active,
        anchor_sets=ANCHORS,
        existence=False,
        per_claim=per_claim,
    )
    captures = [item.captures for item in findings]
    bound = decision.cost_bound(
        [item.attribute for item in findings], per_claim=per_claim, captures=sum(captures)
    )
    assert decided.units <= bound
    assert BLOCKED not in decided.verdicts
    passed = [verdict in {MATCH, MATCH_NOT_ACTIVE} for verdict in decided.verdicts]
    if decided.outcome not in {MATCH, MATCH_NOT_ACTIVE}:
        assert decided.units >= 1
    assert decided.units >= sum(number for number, well in zip(captures, passed, strict=True) if not well)
    if not any(passed):
        assert decided.units == bound


def test_withheld_is_the_same_whatever_was_decided() -> None:
    """Where a resident's right stands above the question, matched and unknown are one answer, and cost nothing."""
    findings = [found(NAME), found(BIRTH_DATE)]
    answers = {
        decision.withhold(
            decide(
                findings, subject_held=held, active=True, anchor_sets=ANCHORS, existence=True, per_claim=True
            )
        )
        for held in (False, True)
    }
    (withheld,) = answers
    assert withheld.outcome == NOT_AVAILABLE
    assert (withheld.verdicts, withheld.units) == ((NOT_AVAILABLE, NOT_AVAILABLE), 0)
