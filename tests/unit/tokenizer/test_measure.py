"""Measuring names on files of pairs."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from tokenizer.attribute import Attribute
from tokenizer.errors import VariantsError
from tokenizer.measure import measure, read

TODAY = date(2026, 6, 1)
FILE = {
    "_meta": {"anything": 1},
    "person_equivalent": [
        ["title", "H. SUPARMAN, S.E.", "SUPARMAN", "own"],
        ["title", "SUPARMAN", "SUPARDI", "own"],
        ["old_spelling", "SOEDJATMOKO", "SUJATMOKO", "own"],
    ],
    "person_different": [["TUTI", "TITI"], ["BINTI", ""]],
    "address": [["JL. MAWAR NO. 3", "JALAN MAWAR NOMOR 3"]],
    "place_same_code": [["990101", "Suka Maju", "Sukamaju", "spacing"]],
    "regency_variants": [["9901", "Kabupaten Sukamaju", "KAB. SUKAMAJU"]],
    "unicode": [["nul", "SITI\x00", "SITI", "reject"], ["ligature", "ﬁtri", "FITRI", "equal"]],
}


def test_accepted_pairs_are_counted_by_level_and_class() -> None:
    """Equivalent pairs count under their own classes, other groups under the group's name."""
    levels = measure(read(FILE), today=TODAY)["levels"]
    assert set(levels) == {"strict", "tolerant"}
    assert levels["tolerant"]["classes"] == {
        "title": {"pairs": 2, "accepted": 1},
        "old_spelling": {"pairs": 1, "accepted": 1},
        "person_different": {"pairs": 2, "accepted": 0},
        "address": {"pairs": 1, "accepted": 1},
        "place_same_code": {"pairs": 1, "accepted": 1},
        "regency_variants": {"pairs": 1, "accepted": 1},
        "unicode": {"pairs": 2, "accepted": 1},
    }
    assert levels["strict"]["classes"]["old_spelling"] == {"pairs": 1, "accepted": 0}
    assert levels["strict"]["classes"]["title"] == {"pairs": 2, "accepted": 1}


def test_each_group_is_compared_in_its_own_attribute() -> None:
    """Names as names, places as places, addresses as addresses."""
    attributes = {pair.name: pair.attribute for pair in read(FILE)}
    assert attributes["title"] is Attribute.NAME
    assert attributes["regency_variants"] is Attribute.BIRTH_PLACE
    assert attributes["address"] is Attribute.ADDRESS


@pytest.mark.parametrize(
    ("data", "where"),
    [
        ([], "not one JSON object"),
        ({}, "no group"),
        ({"_meta": {}}, "no group"),
        ({"surnames": [["a", "b"]]}, "'surnames'"),
        ({"person_different": {"a": "b"}}, "not a list"),
        ({"person_different": [["a", "b"], ["c"]]}, "entry 1"),
        ({"person_different": [["a", 1]]}, "entry 0"),
        ({"person_different": ["ab"]}, "entry 0"),
    ],
)
def test_another_shape_is_refused_with_its_place(data: Any, where: str) -> None:
    """The message says which group and entry to mend."""
    with pytest.raises(VariantsError, match=where):
        read(data)


def test_a_pair_does_not_show_its_texts() -> None:
    """Files of examples may hold real names one day."""
    assert "SUPARMAN" not in repr(read(FILE)[0])
