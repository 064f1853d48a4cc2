"""A quorum: any m custodians come to the KEK, fewer fit every secret alike, and a wrong share names its holder."""

from __future__ import annotations

import json
import runpy
from itertools import combinations
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keys import custodian, quorum, sharefile
from keys.errors import (
    ForeignShareError,
    PassphraseError,
    QuorumFileError,
    ShareRefusedError,
    SharesMissingError,
    WeakParametersError,
)
from keys.realm import Realm
from padan import group, share
from padan.card import Card
from padan.personfile import Person
from padan.sealing import Recipient, seal
from padan.signature import Signer
from tests.unit.keys.conftest import VECTORS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

GOLDEN: dict[str, Any] = json.loads((VECTORS / "quorum.json").read_text())
REALM = Realm(registry_id="registry-test", environment="production")


def person(name: str) -> Person:
    """Make a custodian without a file."""
    signer, recipient = Signer(bytes(group.random_bytes(32))), Recipient(group.random_bytes(32))
    card = Card(name=name, signing=signer.public_key, sealing=recipient.public_key)
    return Person(card=card, signer=signer, recipient=recipient)


PEOPLE = [person(f"custodian-{number}") for number in range(1, 6)]


def dealt(threshold: int = 2, people: Sequence[Person] = PEOPLE, *, number: int = 1) -> quorum.Deal:
    """Deal to people."""
    return quorum.deal(REALM, number=number, threshold=threshold, cards=[each.card for each in people])


def shares_of(deal: quorum.Deal, people: Sequence[Person] = PEOPLE) -> dict[int, bytearray]:
    """Open every share with its custodian's key."""
    return {member: file(deal, member).open(people[member - 1]) for member in range(1, len(deal.boxes) + 1)}


def file(deal: quorum.Deal, member: int) -> sharefile.ShareFile:
    """Make the file of a share."""
    made = deal.generation
    return sharefile.ShareFile(
        realm=made.realm,
        generation=made.number,
        quorum_id=made.id,
        name=made.names[member - 1],
        member=member,
        box=deal.boxes[member],
    )


def golden_person(member: int) -> Person:
    """Give a custodian of the vectors."""
    signer = Signer(bytes.fromhex(GOLDEN["seeds"][member - 1]))
    recipient = Recipient(bytes.fromhex(GOLDEN["private"][member - 1]))
    name = GOLDEN["share_files"][member - 1]["name"]
    card = Card(name=name, signing=signer.public_key, sealing=recipient.public_key)
    return Person(card=card, signer=signer, recipient=recipient)


def test_the_vectors_are_what_their_generator_writes() -> None:
    """Golden vectors never change without their generator."""
    generated = runpy.run_path(str(VECTORS / "quorum_generate.py"))["build"]()
    assert (VECTORS / "quorum.json").read_text() == generated


def test_the_golden_quorum() -> None:
    """File, id, sealed shares and KEK are the vectors', and files are written back as they were."""
    data = json.dumps(GOLDEN["file"], indent=1).encode() + b"\n"
    (found,) = quorum.decode(data)
    assert (found.statement.hex(), found.id.hex()) == (GOLDEN["statement"], GOLDEN["quorum"])
    assert quorum.encode([found]) == data
    shares = {}
    for member, content in enumerate(GOLDEN["share_files"], 1):
        raw = json.dumps(content, indent=1).encode() + b"\n"
        own = sharefile.decode(raw)
        assert own.encode() == raw
        own.require_of(found)
        shares[member] = own.open(golden_person(member))
        assert shares[member].hex() == GOLDEN["shares"][member - 1]
    for pair in combinations(shares, 2):
        kek = found.combine({member: shares[member] for member in pair})
        assert bytes(kek.reveal()).hex() == GOLDEN["kek"]
    keys = custodian.open_keys(
        json.dumps(GOLDEN["key_file"]).encode(), GOLDEN["passphrase"], name=found.names[0]
    )
    assert keys.card == found.cards[0]
    assert quorum.roster([found]) == {card.signer_id: card.signing for card in found.cards}


@st.composite
def sizes(draw: st.DrawFn) -> tuple[int, int]:
    """Draw a threshold and a number of custodians."""
    people = draw(st.integers(min_value=2, max_value=len(PEOPLE)))
    return draw(st.integers(min_value=2, max_value=people)), people


@given(sizes())
@settings(max_examples=12, deadline=None)
def test_any_threshold_of_custodians_comes_to_the_kek(numbers: tuple[int, int]) -> None:
    """Every choice of m or more gives the same KEK; one fewer is refused, and says how many are missing."""
    threshold, people = numbers
    deal = dealt(threshold, PEOPLE[:people])
    shares = shares_of(deal)
    for size in range(threshold, people + 1):
        for chosen in combinations(shares, size):
            assert deal.generation.combine({each: shares[each] for each in chosen}).id == deal.kek.id
    for chosen in combinations(shares, threshold - 1):
        with pytest.raises(SharesMissingError, match="missing: 1"):
            deal.generation.combine({each: shares[each] for each in chosen})


@given(sizes(), st.integers(min_value=1, max_value=group.ORDER - 1))
@settings(max_examples=15, deadline=None)
def test_fewer_shares_fit_every_secret(numbers: tuple[int, int], secret: int) -> None:
    """For m - 1 shares and whatever secret there is a last share with which they come to just that secret."""
    threshold, people = numbers
    deal = dealt(threshold, PEOPLE[:people])
    known = {member: shares_of(deal)[member] for member in range(1, threshold)}
    points = {0: secret} | {member: int.from_bytes(own, "little") for member, own in known.items()}
    last = threshold
    value = 0
    for at, y in points.items():
        above, below = 1, 1
        for other in points:
            if other != at:
                above, below = above * (last - other) % group.ORDER, below * (at - other) % group.ORDER
        value = (value + y * above * pow(below, -1, group.ORDER)) % group.ORDER
    found = share.recover({**known, last: value.to_bytes(32, "little")})
    assert int.from_bytes(found, "little") == secret


@given(st.integers(min_value=1, max_value=3), st.integers(min_value=0, max_value=247))
@settings(max_examples=20, deadline=None)
def test_a_changed_share_is_refused_and_its_holder_named(member: int, bit: int) -> None:
    """Whichever bit is flipped, the share does not count, and the message says whose it was."""
    deal = dealt(3)
    shares = shares_of(deal)
    shares[member][bit // 8] ^= 1 << bit % 8
    with pytest.raises(ShareRefusedError, match=f"the share of custodian-{member} is not"):
        deal.generation.combine({each: shares[each] for each in (1, 2, 3)})


def test_a_share_of_elsewhere_is_refused_by_name() -> None:
    """Of another ceremony, of another generation, of another custodian, or put into another's file: each is named."""
    deal, other, later = dealt(), dealt(), dealt(number=2)
    with pytest.raises(ForeignShareError, match="custodian-1 is of another ceremony"):
        file(other, 1).require_of(deal.generation)
    with pytest.raises(ForeignShareError, match="is of generation 1, and generation 2 is in use"):
        file(deal, 1).require_of(later.generation)
    with pytest.raises(ShareRefusedError, match="the keys are of custodian-2"):
        file(deal, 1).open(PEOPLE[1])
    stranger = person("custodian-1")
    with pytest.raises(ShareRefusedError, match="does not open with the keys of custodian-1"):
        file(deal, 1).open(stranger)
    moved = sharefile.ShareFile(
        realm=REALM,
        generation=1,
        quorum_id=other.generation.id,
        name="custodian-1",
        member=1,
        box=deal.boxes[1],
    )
    with pytest.raises(ShareRefusedError, match="does not open"):
        moved.open(PEOPLE[0])
    swapped = sharefile.ShareFile(
        realm=REALM,
        generation=1,
        quorum_id=deal.generation.id,
        name="custodian-1",
        member=2,
        box=deal.boxes[2],
    )
    with pytest.raises(ShareRefusedError, match="another custodian's number"):
        swapped.require_of(deal.generation)
    with pytest.raises(ShareRefusedError, match="stranger is none of the custodians"):
        deal.generation.number_of("stranger")
    short = seal(b"short", public_key=PEOPLE[0].card.sealing, info=deal.generation.info(1))
    with pytest.raises(ShareRefusedError, match="another size"):
        sharefile.ShareFile(
            realm=REALM, generation=1, quorum_id=deal.generation.id, name="custodian-1", member=1, box=short
        ).open(PEOPLE[0])


def test_generations_share_nothing() -> None:
    """Two dealings to the same custodians have other secrets, KEKs and ids; shares of both together are refused."""
    one, two = dealt(), dealt(number=2)
    assert len({one.kek.id, two.kek.id}) == len({one.generation.id, two.generation.id}) == 2
    mixed = {1: shares_of(one)[1], 2: shares_of(two)[2]}
    with pytest.raises(ShareRefusedError, match="custodian-2"):
        one.generation.combine(mixed)


@pytest.mark.parametrize(
    ("threshold", "people"),
    [(1, PEOPLE[:2]), (3, PEOPLE[:2]), (2, [PEOPLE[0], PEOPLE[0]]), (1, PEOPLE[:1])],
    ids=["nobody alone", "more than there are", "the same one twice", "one"],
)
def test_what_is_no_quorum(threshold: int, people: list[Person]) -> None:
    """One alone, more than there are, and the same custodian twice are refused."""
    with pytest.raises(QuorumFileError):
        dealt(threshold, people)


def _generation(content: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = content["generations"][0]
    return found


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content.update(format=2),
        lambda content: content.update(use="auditors-key"),
        lambda content: content.update(registry_id="another"),
        lambda content: content.update(registry_id="NO NAME"),
        lambda content: content.update(generations=[]),
        lambda content: content["generations"].extend(content["generations"] * 2),
        lambda content: _generation(content).update(generation=4),
        lambda content: _generation(content).update(threshold=3),
        lambda content: _generation(content).update(kek="00" * 8),
        lambda content: _generation(content)["commitments"].reverse(),
        lambda content: _generation(content)["custodians"].reverse(),
        lambda content: _generation(content)["custodians"].pop(),
        lambda content: _generation(content)["custodians"][0].update(name="eve"),
        lambda content: _generation(content).pop("quorum"),
    ],
)
def test_a_changed_file_is_refused(change: Callable[[dict[str, Any]], object]) -> None:
    """Whatever is changed in the quorum's file, it is not read."""
    content = json.loads(json.dumps(GOLDEN["file"]))
    change(content)
    with pytest.raises(QuorumFileError):
        quorum.decode(json.dumps(content).encode())
    with pytest.raises(QuorumFileError):
        quorum.decode(b"\xff{")


@pytest.mark.parametrize(
    "change",
    [
        {"quorum": "00"},
        {"number": 0},
        {"number": 300},
        {"box": "AAAA"},
        {"name": None, "box": 3},
        {"use": "x"},
    ],
)
def test_a_malformed_share_file_is_refused(change: dict[str, Any]) -> None:
    """What does not have the shape of a share's file is not read."""
    with pytest.raises(QuorumFileError):
        sharefile.decode(json.dumps(GOLDEN["share_files"][0] | change).encode())


def test_a_file_that_names_another_kek_is_found_out() -> None:
    """Where shares fit the commitments and the file names another KEK, nothing comes of it."""
    deal = dealt()
    made = deal.generation
    forged = quorum.Generation(
        realm=REALM,
        number=2,
        threshold=2,
        kek_id=made.kek_id,
        commitments=made.commitments,
        cards=made.cards,
    )
    with pytest.raises(QuorumFileError, match="another KEK"):
        forged.combine(dict(list(shares_of(deal).items())[:2]))


def test_a_custodians_keys_open_with_the_own_passphrase_alone() -> None:
    """Another passphrase, another name, and weaker Argon2id parameters are each told apart; none is repeated."""
    content = GOLDEN["key_file"]
    data = json.dumps(content).encode()
    with pytest.raises(PassphraseError, match="does not open the keys of ani") as refused:
        custodian.open_keys(data, "another passphrase", name="ani")
    assert "another passphrase" not in str(refused.value)
    with pytest.raises(QuorumFileError, match="are of ani, not of budi"):
        custodian.open_keys(data, GOLDEN["passphrase"], name="budi")
    weak = {**content, "kdf": {**content["kdf"], "memory_kib": 32_768}}
    with pytest.raises(WeakParametersError):
        custodian.open_keys(json.dumps(weak).encode(), GOLDEN["passphrase"], name="ani")
    with pytest.raises(QuorumFileError):
        custodian.open_keys(b"{}", GOLDEN["passphrase"], name="ani")
    with pytest.raises(PassphraseError, match="12 characters"):
        custodian.make("ani", "short")
    with pytest.raises(QuorumFileError):
        custodian.make("No Name", GOLDEN["passphrase"])


def test_the_roster_is_of_the_generation_that_the_keyring_is_under() -> None:
    """While two generations stand side by side the keyring's KEK says who may approve."""
    old, new = dealt(people=PEOPLE[:2]), dealt(people=PEOPLE[2:], number=2)
    both = quorum.decode(quorum.encode([old.generation, new.generation]))
    assert quorum.roster(both) == quorum.roster([old.generation])
    assert set(quorum.roster(both, new.kek.id)) == {each.card.signer_id for each in PEOPLE[2:]}
    with pytest.raises(QuorumFileError):
        quorum.roster(both, "00" * 8)


def test_nothing_is_shown() -> None:
    """A deal shows its number alone."""
    assert repr(dealt()) == "<Deal of generation 1>"
