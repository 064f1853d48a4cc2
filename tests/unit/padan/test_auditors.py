"""The auditors' key, its making and period envelopes: golden vectors, and everything that is refused and named."""

from __future__ import annotations

import json
import runpy
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from padan import auditors, envelope, group, passphrase, personfile, sealing, share, signature
from padan.audit import deal, keyfile
from padan.card import PeopleFileError, text
from padan.errors import AuditError, ConfigError
from padan.place import Place
from tests.auditing import PHRASE, make

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER = Path(__file__).parents[2] / "vectors"
GOLDEN: dict[str, Any] = json.loads((FOLDER / "auditors.json").read_text())
PLACE = Place(registry_id="test-registry", environment="development")


def test_the_vectors_are_what_their_generator_writes() -> None:
    """Golden vectors never change without their generator."""
    assert (FOLDER / "auditors.json").read_text() == runpy.run_path(str(FOLDER / "auditors_generate.py"))[
        "build"
    ]()


def test_the_golden_key() -> None:
    """The file is read, its statement, id and keys are the vectors', and it is written back as it was."""
    data = json.dumps(GOLDEN["file"], indent=1).encode() + b"\n"
    key = auditors.decode(data)
    assert (key.statement.hex(), key.key_id.hex()) == (GOLDEN["statement"], GOLDEN["key_id"])
    assert auditors.encode(key) == data
    commitments = [
        share.total_public(bytes.fromhex(each[place]) for each in GOLDEN["dealt"])
        for place in range(key.threshold)
    ]
    assert commitments[0] == key.public
    for number, (member, own) in enumerate(zip(key.members, GOLDEN["shares"], strict=True), 1):
        share.check(commitments, number, bytes.fromhex(own))
        assert group.base(bytes.fromhex(own)) == member.verification


@pytest.mark.parametrize("case", GOLDEN["envelopes"], ids=range(len(GOLDEN["envelopes"])))
def test_the_golden_envelopes(case: dict[str, Any]) -> None:
    """Any two parts open the envelope; the parts are the shares times its element."""
    key = auditors.decode(json.dumps(GOLDEN["file"]).encode())
    found = envelope.parse(bytes.fromhex(case["envelope"]))
    parts = {
        number: group.multiply(bytes.fromhex(own), found.element)
        for number, own in enumerate(GOLDEN["shares"], 1)
    }
    assert [part.hex() for part in parts.values()] == case["parts"]
    for left_out in parts:
        shared = share.combine({number: part for number, part in parts.items() if number != left_out})
        assert shared.hex() == case["shared"]
        assert envelope.unseal(found, shared, key=key).hex() == case["period_key"]
    assert found.period_id.hex() == case["period_id"]


def test_the_golden_trail() -> None:
    """Commitment, proposal, id and approval are the vectors', for the auditors' tools and for the service alike."""
    from keys import ceremony, realm
    from padan import proposal, trail
    from padan.nik import parse

    case, key = GOLDEN["trail"], auditors.decode(json.dumps(GOLDEN["file"]).encode())
    data, blind = bytes.fromhex(case["proposal"]), bytes.fromhex(case["blind"])
    made = proposal.Proposal(**proposal.decode(data))
    assert made.encode() == data
    opening = trail.read(made)
    committed = trail.commit(key.place, blind=blind, nik=parse(case["nik"], date(2026, 1, 1)))
    assert committed == opening.commitment == bytes.fromhex(case["commitment"])
    assert opening.encode() == made.body
    assert made.id(key.place).hex() == case["id"]
    signature.verify(
        key.members[0].card.signing, proposal.message(key.place, made), bytes.fromhex(case["signature"])
    )
    place = realm.Realm(registry_id=key.place.registry_id, environment=key.place.environment)
    voice = ceremony.Voice(key_id=made.proposer, signature=bytes.fromhex(case["signature"]))
    ceremony.require_voice(place, ceremony.Proposal.decode(data), voice, key.roster)


def test_an_envelope_that_was_sealed_opens_and_a_changed_one_does_not() -> None:
    """What `seal` makes opens with e A; each changed part, another shared element and another key are refused."""
    made = make()
    period_key, period_id = group.random_bytes(32), bytes(range(16))
    sealed = envelope.seal(period_key, period_id=period_id, key=made.key)
    assert len(sealed) == envelope.SIZE

    def opened(data: bytes, *, key: auditors.AuditorsKey = made.key) -> bytearray:
        found = envelope.parse(data)
        parts = {at: group.multiply(made.shares[at - 1], found.element) for at in (1, 3)}
        return envelope.unseal(found, share.combine(parts), key=key)

    assert opened(sealed) == period_key
    for place in (0, 1, 17, 40, 70, 112):
        with pytest.raises(AuditError):
            opened(sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :])
    with pytest.raises(AuditError, match="another auditors' key"):
        opened(sealed, key=make("other-registry").key)
    with pytest.raises(AuditError, match="was changed"):
        envelope.unseal(envelope.parse(sealed), group.base(group.random_scalar()), key=made.key)
    with pytest.raises(AuditError):
        envelope.seal(period_key[:31], period_id=period_id, key=made.key)


@given(st.binary(max_size=140))
@settings(deadline=None)
def test_other_bytes_are_no_envelope(data: bytes) -> None:
    """Whatever is read, it is an envelope or an AuditError."""
    for candidate in (data, b"\x02" + data.ljust(112, b"\0")[:112]):
        try:
            found = envelope.parse(candidate)
        except AuditError:
            continue
        group.require_element(found.element)
        assert b"\x02" + found.key_id + found.period_id + found.element + found.box == candidate


def changed(change: Callable[[dict[str, Any]], object]) -> bytes:
    """Change the key's file."""
    content = json.loads(make().file)
    change(content)
    return json.dumps(content).encode()


def swap(content: dict[str, Any]) -> None:
    """Let two auditors' verification keys change places."""
    one, other, _ = content["auditors"]
    one["verification_key"], other["verification_key"] = other["verification_key"], one["verification_key"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda content: content.update(format=2), "a format that this release does not know"),
        (lambda content: content.update(use="another"), "not a file for auditors-key"),
        (lambda content: content.pop("threshold"), "malformed"),
        (lambda content: content.update(threshold=3), "signature of alpha does not verify"),
        (lambda content: content.update(threshold=1), "a threshold is 2 or more"),
        (lambda content: content.update(environment="production"), "signature of alpha does not verify"),
        (
            lambda content: content.update(public_key=content["auditors"][0]["verification_key"]),
            "no shares of the key",
        ),
        (lambda content: content.update(public_key=text(bytes(32))), "no shares of the key"),
        (swap, "no shares of the key"),
        (lambda content: content["auditors"][2].pop("signature"), "not signed by gamma"),
        (lambda content: content["auditors"][1].update(name="alpha"), "the same auditor twice"),
        (
            lambda content: content["auditors"][1].update(signing_key=content["auditors"][0]["signing_key"]),
            "the same auditor twice: alpha and beta",
        ),
        (lambda content: content["auditors"][0].update(name="../alpha"), "a name of a-z"),
        (lambda content: content["auditors"].pop(), "not signed|no shares|does not verify"),
    ],
)
def test_a_key_that_is_not_sound_is_refused(change: Callable[[dict[str, Any]], object], words: str) -> None:
    """A changed file of the auditors' key is refused with what is wrong."""
    with pytest.raises(PeopleFileError, match=words):
        auditors.decode(changed(change))


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{", b"null", b"x" * 70_000, b'{"use": "auditors-key", "format": 1}']
)
def test_other_files_are_no_key(data: bytes) -> None:
    """Bytes of anything else are refused."""
    with pytest.raises(PeopleFileError):
        auditors.decode(data)


def read_all(*files: bytes) -> list[deal.Deal]:
    """Read deals."""
    return [deal.read(each, PLACE) for each in files]


def forged(by: int, **parts: Any) -> bytes:
    """Sign a changed deal as its dealer would."""
    made = make()
    document = replace(deal.read(made.deals[by], PLACE), **parts).encode()
    content = json.loads(made.deals[by])
    content["deal"] = text(document)
    content["signature"] = text(made.people[by].signer.sign(PLACE.label(deal.USE) + document))
    return json.dumps(content).encode()


def test_a_dealer_of_a_wrong_share_is_named() -> None:
    """An auditor whose share does not fit says whose deal it is and does not join; the others could."""
    made = make()
    honest = deal.read(made.deals[1], PLACE)
    info = deal._info(honest.set, 2, 1)
    wrong = sealing.seal(bytes(group.random_scalar()), public_key=made.people[0].card.sealing, info=info)
    deals = read_all(made.deals[0], forged(1, boxes=(wrong, *honest.boxes[1:])), made.deals[2])
    with pytest.raises(PeopleFileError, match="the share that beta dealt is wrong"):
        deal.join(made.people[0], deals)
    deal.join(made.people[2], deals)
    mixed = read_all(made.deals[0], forged(1, boxes=honest.boxes[::-1]), made.deals[2])
    with pytest.raises(PeopleFileError, match="the share that beta dealt is wrong"):
        deal.join(made.people[0], mixed)


def test_a_rogue_key_is_refused() -> None:
    """A dealer that has no proof of its constant term is named, before anybody joins."""
    made = make()
    honest = deal.read(made.deals[2], PLACE)
    rogue = group.subtract(group.base(group.random_scalar()), honest.commitments[0])
    with pytest.raises(PeopleFileError, match="gamma has not proved to know"):
        deal.read(forged(2, commitments=(rogue, honest.commitments[1])), PLACE)
    with pytest.raises(PeopleFileError, match="beta has not proved to know"):
        deal.read(forged(1, commitments=honest.commitments, possession=honest.possession), PLACE)


def test_deals_are_one_of_each_auditor_and_of_one_set() -> None:
    """The same auditor twice, a missing one, another set, registry or signature: each is its own refusal."""
    made = make()
    alpha, beta, gamma = made.deals
    person = made.people[0]
    for files, words in (
        ((alpha, beta, beta), "the same auditor twice: beta dealt twice"),
        ((alpha, beta), "no deal of gamma"),
        ((alpha, make(threshold=3).deals[1], gamma), "different sets"),
    ):
        with pytest.raises(PeopleFileError, match=words):
            deal.join(person, read_all(*files))
    with pytest.raises(PeopleFileError, match="another registry"):
        deal.read(alpha, Place(registry_id="other", environment="development"))
    content = json.loads(alpha)
    content["signature"] = json.loads(beta)["signature"]
    with pytest.raises(PeopleFileError, match="not signed by alpha"):
        deal.read(json.dumps(content).encode(), PLACE)
    stranger = personfile.open_private(personfile.make("delta", PHRASE)[0], PHRASE)
    with pytest.raises(PeopleFileError, match="not among the cards"):
        deal.join(stranger, read_all(alpha, beta, gamma))


def test_statements_that_differ_are_no_key() -> None:
    """Auditors who have joined different deals come to different keys, which is said."""
    made = make()
    with pytest.raises(PeopleFileError, match="not one key"):
        deal.agree([made.statements[0], make(threshold=3).statements[1]])
    with pytest.raises(PeopleFileError, match="not signed by gamma"):
        deal.agree(made.statements[:2])


def test_own_files_open_for_their_owner_alone() -> None:
    """Private keys and share open under the passphrase, and the share for its key and its auditor only."""
    made = make()
    with pytest.raises(ConfigError, match="passphrase does not open"):
        personfile.open_private(made.private[0], PHRASE + "x")
    own = keyfile.seal_share(bytearray(made.shares[0]), PHRASE, key=made.key, number=1)
    with keyfile.open_share(own, PHRASE, key=made.key, name="alpha") as opened:
        assert (opened.number, bytes(opened.secret)) == (1, made.shares[0])
        assert made.shares[0].hex() not in repr(opened)
    assert opened.secret == bytes(32)
    for key, name in ((made.key, "beta"), (make(threshold=3).key, "alpha")):
        with pytest.raises(PeopleFileError, match="another auditors' key, or of another auditor"):
            keyfile.open_share(own, PHRASE, key=key, name=name)
    other = keyfile.seal_share(bytearray(made.shares[1]), PHRASE, key=made.key, number=1)
    with pytest.raises(PeopleFileError, match="not the one that the auditors' key names"):
        keyfile.open_share(other, PHRASE, key=made.key, name="alpha")
    card = json.loads(made.cards[0])
    card["name"] = "omega"
    with pytest.raises(PeopleFileError, match="not signed by its own key"):
        personfile.read_card(json.dumps(card).encode())
    with pytest.raises(PeopleFileError, match="a name of a-z"):
        personfile.make("Not A Name", PHRASE)
    for secret in (made.people[0], made.people[0].signer):
        assert "object at" not in repr(secret)


def test_weak_passphrases_and_parameters_are_refused() -> None:
    """Below twelve characters nothing is sealed, and a file that asks for less or far more work is not opened."""
    with pytest.raises(ConfigError, match="at least 12"):
        passphrase.seal(b"x", "too short", label=b"l")
    sealed = passphrase.seal(b"x", PHRASE, label=b"l")
    for name, value in (
        ("passes", 1),
        ("memory_kib", 1024),
        ("lanes", 1),
        ("memory_kib", 2**40),
        ("name", "scrypt"),
    ):
        with pytest.raises(ConfigError, match="out of range"):
            passphrase.unseal({**sealed, "kdf": {**sealed["kdf"], name: value}}, PHRASE, label=b"l")
    with pytest.raises(ConfigError, match="does not open"):
        passphrase.unseal(sealed, PHRASE, label=b"another place")
    with pytest.raises(ConfigError, match="shape of its format"):
        passphrase.unseal({"box": "AAAA"}, PHRASE, label=b"l")


def test_signatures_are_those_of_the_service() -> None:
    """A key's id and signature are what the service's own wrapper computes, which accepts them."""
    from keys import signing

    seed = bytes(range(32))
    ours, theirs = signature.Signer(seed), signing.Signer(seed)
    assert (ours.key_id, ours.public_key, ours.sign(b"m")) == (
        theirs.key_id,
        theirs.public_key,
        theirs.sign(b"m"),
    )
    signature.verify(ours.public_key, b"m", theirs.sign(b"m"))
    for key, message, found in (
        (ours.public_key, b"n", ours.sign(b"m")),
        (ours.public_key[:31], b"m", ours.sign(b"m")),
        (ours.public_key, b"m", ours.sign(b"m")[:63]),
    ):
        with pytest.raises(signature.SignatureError):
            signature.verify(key, message, found)
