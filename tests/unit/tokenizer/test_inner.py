"""The inner layer: what a person becomes."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from keys.mac import MacKey
from keys.realm import Realm
from padan.nik import Nik
from tokenizer import record as layout
from tokenizer.attribute import SLOTS, TEXT_ATTRIBUTES, Attribute
from tokenizer.inner import Inner
from tokenizer.person import Person
from tokenizer.record import Flag

if TYPE_CHECKING:
    from datetime import date

    from tokenizer.codes import CodeLists
    from tokenizer.person import Value
    from tokenizer.record import Record

VECTORS = Path(__file__).parents[2] / "vectors" / "tokenizer.json"
Row = dict[str, "Value"]


@pytest.fixture(scope="module")
def golden() -> dict[str, Any]:
    """Read the golden vectors."""
    data: dict[str, Any] = json.loads(VECTORS.read_text(encoding="utf-8"))
    return data


@pytest.fixture
def golden_inner(golden: dict[str, Any]) -> Inner:
    """Make the inner keys of the vectors."""
    keys = {name: MacKey(bytes.fromhex(key)) for name, key in golden["keys"].items()}
    return Inner(realm=Realm(**golden["realm"]), **keys)


def _counter(size: int) -> bytes:
    return bytes(n % 251 for n in range(size))


def test_names_of_records_and_people_are_those_of_the_vectors(
    golden: dict[str, Any], golden_inner: Inner
) -> None:
    """Record ids, decoys, handles and tombstones never change by accident."""
    for case in golden["identities"]:
        nik = Nik(case["nik"])
        handles = golden_inner.handles(nik)
        assert golden_inner.record_id(nik).hex() == case["record_id"]
        assert golden_inner.tombstone(nik).hex() == case["tombstone"]
        assert handles.log.hex() == case["log"]
        assert handles.budget_subject.hex() == case["budget_subject"]
        assert handles.budget_prefix.hex() == case["budget_prefix"]
    for case in golden["decoys"]:
        assert golden_inner.decoy_id(case["number"]).hex() == case["record_id"]
        assert golden_inner.decoy_pick(bytes.fromhex(case["request_id"])).hex() == case["pick"]


def test_records_are_those_of_the_vectors(
    golden: dict[str, Any], golden_inner: Inner, codes: CodeLists, today: date
) -> None:
    """A whole record, every construction in it, is the same to the bit."""
    for case in golden["records"]:
        person = Person.from_registry(case["row"], codes=codes, today=today)
        record = golden_inner.project(person, revision=case["revision"], random=_counter)
        assert record.pack().hex() == case["plain"]


def test_a_record_has_one_size_whatever_it_holds(
    inner: Inner, row: Row, codes: CodeLists, today: date
) -> None:
    """Neither a long name nor a missing address shows."""
    rows: list[Row] = [
        {"NIK": row["NIK"]},
        row,
        row | {"NAMA_LGKP": "A" * 100, "ALAMAT": "JALAN " * 33},
        row | {"NAMA_LGKP": "B"},
    ]
    sizes = {len(inner.project(Person.from_registry(one, codes=codes, today=today)).pack()) for one in rows}
    assert sizes == {layout.SIZE}


def _tokens(record: Record) -> set[bytes]:
    plain = record.pack()
    end = layout.DYADIC_AT + 17 * 8
    starts = [*range(layout.EXACT_AT, layout.EXACT_AT + 21 * 8, 8), *range(layout.DYADIC_AT, end, 8)]
    starts += [
        at for table in (layout.TOLERANT_AT, layout.GUARD_AT, layout.JOINED_AT) for at in table.values()
    ]
    return {plain[at : at + 8] for at in starts}


def test_two_people_with_the_same_data_share_no_token(
    inner: Inner, row: Row, codes: CodeLists, today: date
) -> None:
    """Every token is bound to its record, also the handles."""
    one, other = (
        inner.project(Person.from_registry(row | {"NIK": f"990201410780000{n}"}, codes=codes, today=today))
        for n in (1, 2)
    )
    assert _tokens(one).isdisjoint(_tokens(other))
    assert len(_tokens(one)) == 21 + 17 + 4 + 2 + 2
    assert one.handles.log != other.handles.log
    assert one.handles.budget_prefix == other.handles.budget_prefix
    for attribute in (Attribute.NAME, Attribute.ADDRESS):
        assert one.filter(attribute) != other.filter(attribute)


def test_one_value_in_two_attributes_shares_no_token(
    inner: Inner, row: Row, codes: CodeLists, today: date
) -> None:
    """A mother's name that equals the name does not show."""
    same = Person.from_registry(row | {"NAMA_LGKP_IBU": row["NAMA_LGKP"]}, codes=codes, today=today)
    record = inner.project(same)
    assert record.exact(Attribute.NAME - 1) != record.exact(Attribute.MOTHER_NAME - 1)
    assert record.at(layout.TOLERANT_AT[Attribute.NAME]) != record.at(
        layout.TOLERANT_AT[Attribute.MOTHER_NAME]
    )
    assert record.filter(Attribute.NAME) != record.filter(Attribute.MOTHER_NAME)


def test_what_is_not_held_is_random(inner: Inner, codes: CodeLists, today: date) -> None:
    """Two records of an empty row differ in everything that is not an identity, the reserved bytes too."""
    person = Person.from_registry({"NIK": "9902014107800001"}, codes=codes, today=today)
    one, other = inner.project(person), inner.project(person)
    assert one.presence == other.presence == 0
    assert _tokens(one).isdisjoint(_tokens(other))
    assert one.pack()[-64:] != other.pack()[-64:]
    assert one.r == other.r


@pytest.mark.parametrize(
    ("status", "flags"),
    [
        ("HIDUP", Flag(0)),
        ("MATI", Flag.NOT_ACTIVE),
        ("PINDAH", Flag.NOT_ACTIVE),
        ("TIDAK VALID", Flag.NOT_ACTIVE),
        ("", Flag(0)),
    ],
)
def test_a_record_is_not_active_when_the_life_status_says_so(
    inner: Inner, row: Row, codes: CodeLists, *, today: date, status: str, flags: Flag
) -> None:
    """Whoever is not alive, or gone, has a record that is not active; nothing said means active."""
    person = Person.from_registry(row | {"STATUS_HIDUP": status}, codes=codes, today=today)
    assert inner.project(person, revision=9).flags == flags
    assert inner.project(person, revision=9).revision == 9


def test_another_registry_or_environment_shares_nothing(inner: Inner, realm: Realm) -> None:
    """Even under the same keys the realm separates."""
    nik = Nik("9902014107800001")
    keys = {
        name: MacKey(bytes([n]) * 32)
        for n, name in enumerate(("index", "attribute", "handle", "budget", "tombstone"), 1)
    }
    same = Inner(realm=realm, **keys)
    other = Inner(realm=Realm(registry_id=realm.registry_id, environment="staging"), **keys)
    assert same.record_id(nik) == inner.record_id(nik) != other.record_id(nik)
    assert inner.handles(nik).log != other.handles(nik).log


def test_decoys_are_nobody(inner: Inner) -> None:
    """A decoy's id is made under another label than any person's."""
    decoys = {inner.decoy_id(number) for number in range(100)}
    assert len(decoys) == 100
    assert inner.record_id(Nik("9902014107800001")) not in decoys


def test_a_decoy_is_work_like_a_person(inner: Inner, row: Row, codes: CodeLists, today: date) -> None:
    """It holds everything and is in use, and its filters are about as full as a person's, so nothing costs less."""
    resident = inner.project(Person.from_registry(row, codes=codes, today=today))
    for number in range(50):
        decoy = inner.decoy(number)
        assert decoy.r == inner.decoy_id(number)
        assert len(decoy.pack()) == len(resident.pack())
        assert decoy.presence & resident.presence == resident.presence
        assert decoy.presence.bit_length() <= SLOTS
        assert decoy.active
        assert not decoy.flags
        for attribute in TEXT_ATTRIBUTES:
            assert 8 <= decoy.filter(attribute).bit_count() <= 16
    assert inner.decoy(1).pack() != inner.decoy(1).pack()


def test_inner_keys_hide_themselves(inner: Inner) -> None:
    """No repr and no pickle shows them."""
    assert repr(inner) == "Inner(<redacted>)"
    with pytest.raises(TypeError):
        pickle.dumps(inner)
