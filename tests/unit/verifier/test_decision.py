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
ANCHORS = (frozenset({NAME}), frozenset({ADDRESS, RT, RW}))


def found(attribute: int, *, matched: bool = True, held: bool = True) -> Finding:
    """Make what a comparison found."""
    return Finding(attribute=attribute, matched=matched, held=held)


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


findings_of_claims = st.lists(
    st.builds(
        Finding,
        attribute=st.sampled_from([NAME, MOTHER, BIRTH_DATE, ADDRESS, RT, RW, LIFE, AGE, ALIVE]),
        matched=st.booleans(),
        held=st.booleans(),
    ),
    min_size=1,
    max_size=9,
    unique_by=lambda finding: finding.attribute,
)


@given(findings=findings_of_claims, active=st.booleans(), per_claim=st.booleans())
def test_a_subject_that_is_not_held_gets_the_answer_of_a_mismatch(
    findings: list[Finding], *, active: bool, per_claim: bool
) -> None:
    """Whatever the decoy happens to match, the answer is that of an anchor that fails."""
    mismatch = [Finding(attribute=item.attribute, matched=False, held=item.held) for item in findings]
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


@given(findings=findings_of_claims, held=st.booleans(), active=st.booleans(), per_claim=st.booleans())
def test_the_cost_never_exceeds_its_bound(
    findings: list[Finding], *, held: bool, active: bool, per_claim: bool
) -> None:
    """What a budget must have room for is never less than what is charged, and a failure always costs."""
    decided = decide(
        findings,
        subject_held=held,
        active=active,
        anchor_sets=ANCHORS,
        existence=False,
        per_claim=per_claim,
    )
    attributes = [item.attribute for item in findings]
    assert decided.units <= decision.cost_bound(attributes, per_claim=per_claim)
    assert BLOCKED not in decided.verdicts
    if decided.outcome not in {MATCH, MATCH_NOT_ACTIVE}:
        assert decided.units >= 1


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
