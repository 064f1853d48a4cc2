"""The table of attributes."""

from __future__ import annotations

from padan.v1 import attribute_pb2
from padan.vocabulary import MODALITIES
from tokenizer.attribute import ATTRIBUTES, PREDICATE_KINDS, SLOTS, Attribute, Profile


def test_numbers_are_those_of_the_contract() -> None:
    """Every attribute of the contract that a record holds is known under its number, and no other."""
    contract = {
        name.removeprefix("ATTRIBUTE_"): number
        for name, number in attribute_pb2.Attribute.items()
        if number and number not in MODALITIES
    }
    assert {attribute.name: attribute.value for attribute in Attribute} == contract


def test_profiles_are_those_of_the_contract() -> None:
    """Strict and tolerant have the contract's numbers."""
    contract = {name.removeprefix("PROFILE_"): int(number) for name, number in attribute_pb2.Profile.items()}
    assert contract == {"UNSPECIFIED": 0, "STRICT": Profile.STRICT.value, "TOLERANT": Profile.TOLERANT.value}
    assert Profile.NONE.value == 0


def test_every_attribute_has_a_slot_of_its_own_and_predicates_share_their_source() -> None:
    """Slots never move: a slot is the number less one, a predicate has the slot that it reads."""
    for number, info in ATTRIBUTES.items():
        if info.kind in PREDICATE_KINDS:
            assert info.slot == ATTRIBUTES[info.source].slot
        else:
            assert info.slot == number - 1 < SLOTS
