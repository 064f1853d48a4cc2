"""Sums over what was found."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier.consistency.comparison import SAME, STANDING, Masks
from verifier.consistency.finding import AMISS, SIZE, Finding, Kind
from verifier.consistency.tally import Held, Member, Tally
from verifier.projector.rejects import Reject

AGREES = Finding(Kind.AGREES, SAME, 0b11 | STANDING, 32, 1)
RELIGION = 1 << 13
GROUPS: dict[str, tuple[list[Member], Held, list[Reject]]] = {
    "a person as in the source": ([(0, Finding(Kind.HELD)), (4, AGREES)], Held(accounted=1), []),
    "a number that comes twice": (
        [(0, Finding(Kind.HELD)), (4, AGREES), (9, Finding(Kind.DIFFERS, Masks(0, 0, RELIGION)))],
        Held(accounted=1),
        [Reject(9, "NIK", "nik.duplicate")],
    ),
    "a merged number": (
        [(0, Finding(Kind.HELD)), (0, Finding(Kind.HELD)), (4, AGREES)], Held(accounted=1, merged=1), [],
    ),
    "only a merged number is left": (
        [(0, Finding(Kind.HELD)), (4, Finding(Kind.MISSING))], Held(merged=1), [Reject(4, "", "person.missing")],
    ),
    "a row that breaks a rule": ([(0, Finding(Kind.HELD)), (4, Finding(Kind.REJECTED))], Held(rejected=1), []),
    "a broken row before a good one": (
        [(0, Finding(Kind.HELD)), (4, Finding(Kind.REJECTED)), (5, AGREES)], Held(accounted=1), [],
    ),
    "somebody who was erased": ([(0, Finding(Kind.NOBODY)), (4, Finding(Kind.ERASED))], Held(nobody=1), []),
    "somebody who was erased and is held": (
        [(0, Finding(Kind.HELD)), (4, Finding(Kind.ERASED))], Held(erased=1), [],
    ),
    "nobody's in the source": ([(0, Finding(Kind.HELD))], Held(extra=1), []),
    "born after the source": ([(0, Finding(Kind.HELD_NEWER))], Held(extra_newer=1), []),
    "withdrawn": ([(0, Finding(Kind.NOBODY))], Held(nobody=1), []),
    "a decoy": ([(0, Finding(Kind.DECOY))], Held(decoys=1), []),
    "a damaged row": ([(0, Finding(Kind.DAMAGED))], Held(damaged=1), []),
}  # fmt: skip


@pytest.mark.parametrize("name", GROUPS)
def test_a_group_counts_once(name: str) -> None:
    """Each row of the vault is counted in one place, and what is amiss is listed by row."""
    members, held, rows = GROUPS[name]
    tally = Tally()
    tally.take(members)
    assert (tally.held, tally.rows()) == (held, rows)


def test_attributes_are_counted_over_whom_both_hold() -> None:
    """Compared is what either side holds of people on both sides; the parts of it add up."""
    tally = Tally()
    tally.take([(1, AGREES)])
    tally.take([(2, Finding(Kind.DIFFERS, Masks(0b1, 0b10, STANDING), 0b11 | STANDING))])
    tally.take([(3, Finding(Kind.MISSING))])
    counts = tally.attributes()
    assert (counts["name"].compared, counts["name"].only_source, counts["name"].agree) == (2, 1, 1)
    assert (counts["mother_name"].only_vault, counts["standing"].value, counts["sex"].compared) == (1, 1, 0)
    assert tally.rows() == [
        Reject(2, "mother_name", "only.vault"),
        Reject(2, "name", "only.source"),
        Reject(2, "standing", "value.differs"),
        Reject(3, "", "person.missing"),
    ]


def test_the_first_rows_are_listed_and_all_are_counted() -> None:
    """However many rows are amiss, the list keeps the lowest numbers, in order, and the sum says how many there are."""
    numbers = list(range(1, 1_001))
    random.Random(4).shuffle(numbers)
    tally = Tally(most_rows=10)
    for number in numbers:
        tally.take([(number, Finding(Kind.MISSING))])
    assert [row.row for row in tally.rows()] == list(range(1, 11))
    assert tally.amiss == 1_000


def test_what_is_newer_is_not_amiss() -> None:
    """Rows that a later change wrote are listed as such, and count neither for nor against the copy."""
    tally = Tally()
    for number, kind in enumerate((Kind.NEWER, Kind.WITHDRAWN_NEWER), 1):
        tally.take([(number, Finding(kind))])
        assert kind not in AMISS
    assert [row.rule for row in tally.rows()] == ["vault.newer", "vault.newer"]


MASK = st.integers(0, (1 << 23) - 1)


@given(
    st.builds(
        Finding,
        st.sampled_from(Kind),
        st.builds(Masks, MASK, MASK, MASK),
        MASK,
        st.integers(0, 999_999),
        st.integers(0, 6),
    )
)
def test_a_finding_comes_back_as_it_was(finding: Finding) -> None:
    """Whatever was found has one size, and is read as it was written."""
    assert len(finding.pack()) == SIZE
    assert Finding.unpack(finding.pack()) == finding
