"""Comparison of what should be held with what is held."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.people import BUDI
from tokenizer.attribute import SLOTS, Attribute
from tokenizer.record import FLAGS_AT, HANDLES_AT, PRESENCE_AT, SIZE, Flag, Record
from verifier.consistency.comparison import HANDLES, NAMES, SAME, Masks, compare
from verifier.projector.columns import COLUMNS
from verifier.synthetic.population import Population, Tally

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from verifier.projector.projection import Projection

CHANGES: Mapping[str, tuple[str, Sequence[str]]] = {
    "NO_KK": ("3273010101109002", ["family_card_number"]),
    "NAMA_LGKP": ("BUDI SANTOSA", ["name"]),
    "TMPT_LHR": ("CIMAHI", ["birth_place"]),
    "TGL_LHR": ("1990-01-02", ["birth_date"]),
    "JENIS_KLMIN": ("2", ["sex"]),
    "STATUS_KAWIN": ("1", ["marital_status"]),
    "AGAMA": ("2", ["religion"]),
    "GOL_DARAH": ("1", ["blood_type"]),
    "JENIS_PKRJN": ("16", ["occupation"]),
    "PDDK_AKH": ("7", ["education"]),
    "STAT_HBKEL": ("2", ["family_relation"]),
    "NAMA_LGKP_IBU": ("SITI AMINA", ["mother_name"]),
    "ALAMAT": ("JL. MERDEKA NO. 11", ["address"]),
    "NO_RT": ("2", ["rt"]),
    "NO_RW": ("3", ["rw"]),
    "NO_KEL": ("1002", ["village"]),
    "NO_KEC": ("2", ["village", "district"]),
    "NO_KAB": ("74", ["village", "district", "regency"]),
    "NO_PROP": ("33", ["village", "district", "regency", "province"]),
    "KEWARGANEGARAAN": ("2", ["citizenship"]),
    "STATUS_HIDUP": ("2", ["life_status", "standing"]),
}
"""Field to another value, and what must be found."""


def record(projection: Projection, row: Mapping[str, str]) -> Record:
    """Project a row."""
    return projection.inner.project(projection.person([row[column] for column in COLUMNS]))


def names(mask: int) -> list[str]:
    """Name the bits of a mask."""
    return [name for bit, name in enumerate(NAMES) if mask >> bit & 1]


def test_every_field_is_tried() -> None:
    """The table of changes has every column but the number itself."""
    assert CHANGES.keys() == set(COLUMNS) - {"NIK"}


def test_two_projections_of_one_person_are_the_same(projection: Projection) -> None:
    """What is random in a record is no difference, whatever the row holds."""
    for row in Population(people=200, seed=5, faults=False).rows(Tally()):
        person = projection.person(row)
        assert compare(projection.inner.project(person), projection.inner.project(person)) == SAME


@pytest.mark.parametrize("field", CHANGES)
def test_a_changed_field_is_found_and_nothing_else(projection: Projection, field: str) -> None:
    """Another value shows as this attribute's, on whichever side it stands."""
    value, expected = CHANGES[field]
    ours, theirs = record(projection, BUDI), record(projection, {**BUDI, field: value})
    assert names(compare(ours, theirs).value) == expected
    assert compare(ours, theirs) == compare(theirs, ours) == Masks(0, 0, compare(ours, theirs).value)


@pytest.mark.parametrize(
    "field", [field for field in CHANGES if field not in {"NO_PROP", "NO_KAB", "NO_KEC"}]
)
def test_what_one_side_lacks_is_found_on_that_side(projection: Projection, field: str) -> None:
    """An attribute that is not held shows as held by the other side alone, not as another value."""
    whole, less = record(projection, BUDI), record(projection, {**BUDI, field: ""})
    (name,) = [name for name in CHANGES[field][1] if name != "standing"]
    assert compare(whole, less) == Masks(1 << NAMES.index(name), 0, 0)
    assert compare(less, whole) == Masks(0, 1 << NAMES.index(name), 0)


def test_another_persons_handles_are_found(projection: Projection) -> None:
    """A row that bears the names of another number is not right, though every attribute is."""
    ours = record(projection, BUDI)
    plain = bytearray(ours.pack())
    plain[HANDLES_AT] ^= 1
    assert compare(ours, Record(bytes(plain))).value == HANDLES


def test_restriction_and_revision_are_the_vaults_own(projection: Projection) -> None:
    """What the source does not know is no difference."""
    ours = record(projection, BUDI)
    assert compare(ours, ours.with_standing(revision=7, flags=Flag.RESTRICTED)) == SAME


@settings(max_examples=400, deadline=None)
@given(at=st.integers(PRESENCE_AT + 4, SIZE - 1), bit=st.integers(0, 7))
def test_a_flipped_bit_is_one_difference_or_in_what_is_random(
    projection: Projection, at: int, bit: int
) -> None:
    """Of a person who has everything, no bit that answers depend on flips unseen, nor shows as two attributes."""
    ours = record(projection, BUDI)
    assert ours.presence == (1 << SLOTS) - 1
    plain = bytearray(ours.pack())
    plain[at] ^= 1 << bit
    found = compare(ours, Record(bytes(plain)))
    assert (found.only_source, found.only_vault) == (0, 0)
    if at < FLAGS_AT - 8:
        assert len(names(found.value)) == 1
    else:
        assert names(found.value) in ([], ["standing"])


def test_the_names_are_those_of_the_slots() -> None:
    """Bit n is the attribute of slot n."""
    assert [NAMES[slot] for slot in range(SLOTS)] == [
        Attribute(slot + 1).name.lower() for slot in range(SLOTS)
    ]
