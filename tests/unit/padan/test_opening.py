"""The opening of a subject commitment, sealed to one person."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from padan import commitment, opening, sealing
from padan.errors import DisputeError, SealingError
from padan.question import Question
from padan.sealing import Recipient
from padan.v1 import verification_pb2

DOCUMENT = json.loads((Path(__file__).parents[2] / "vectors" / "dispute.json").read_text(encoding="utf-8"))
RECIPIENT = Recipient(bytes.fromhex(DOCUMENT["private_key"]))
PLACE = {"registry_id": DOCUMENT["registry"], "environment": DOCUMENT["environment"]}


def asked() -> verification_pb2.VerifyRequest:
    """Build a question."""
    question = Question.build(
        nik="9971014101909001",
        claims={"name": "Sitti Rahmawati"},
        purpose="treatment",
        officer="desk-7",
        legal_basis="public_task",
    )
    return verification_pb2.VerifyRequest.FromString(question.body)


@pytest.mark.parametrize("vector", DOCUMENT["openings"], ids=lambda vector: vector["name"])
def test_golden_boxes(vector: dict[str, Any]) -> None:
    """A box that an independent HPKE made opens to the subject that its statement commits to."""
    statement = bytes.fromhex(vector["statement"])
    assert commitment.statement_digest(statement).hex() == vector["digest"]
    found = opening.unseal(bytes.fromhex(vector["box"]), statement=statement, recipient=RECIPIENT, **PLACE)
    assert (found.nik or found.token.hex()) == vector["subject"]
    assert found.encode().hex() == vector["opening"]
    assert RECIPIENT.key_id == DOCUMENT["key_id"]
    info = opening._info(PLACE["registry_id"], PLACE["environment"], bytes.fromhex(vector["digest"]))
    assert info.hex() == vector["info"]


def test_what_an_agency_seals_the_officer_opens() -> None:
    """The opening of one's own question is proven against the statement that the digest is made over."""
    request = asked()
    box = opening.seal(request, "clinic", public_key=RECIPIENT.public_key, **PLACE)
    statement = commitment.statement(request, "clinic")
    assert commitment.statement_digest(statement) == commitment.request_digest(request, "clinic")
    assert opening.unseal(box, statement=statement, recipient=RECIPIENT, **PLACE).nik == request.nik
    assert request.nik.encode() not in box + statement
    assert len(box) == 110


def test_a_box_opens_in_its_own_place_alone() -> None:
    """Another realm, question, key or byte, and it stays shut."""
    request = asked()
    box = opening.seal(request, "clinic", public_key=RECIPIENT.public_key, **PLACE)
    statement = commitment.statement(request, "clinic")
    good: dict[str, Any] = {"box": box, "statement": statement, "recipient": RECIPIENT, **PLACE}
    for change in (
        {"registry_id": "other"},
        {"environment": "production"},
        {"statement": commitment.statement(request, "tax")},
        {"recipient": Recipient(bytes(range(32)))},
        {"box": box[:-1] + bytes((box[-1] ^ 1,))},
        {"box": b"\2" + box[1:]},
        {"box": box[:49]},
        {"box": b""},
    ):
        chosen = {**good, **change}
        with pytest.raises(DisputeError) as refused:
            opening.unseal(chosen.pop("box"), **chosen)
        assert refused.value.reason == "box"


def test_another_subject_is_found_out() -> None:
    """A number that was not asked about, or a key that is not the commitment's, does not pass."""
    request, other = asked(), asked()
    statement = commitment.statement(request, "clinic")
    honest = opening.of(request)
    opening.require(honest, statement)
    other.nik = "9971014101909002"
    other.blind = request.blind
    for forged in (
        opening.of(other),
        opening.Opening(key=bytes(32), nik=honest.nik),
        opening.Opening(key=honest.key, token=honest.nik.encode()),
    ):
        with pytest.raises(DisputeError) as refused:
            opening.require(forged, statement)
        assert refused.value.reason == "subject"
        assert honest.nik not in str(refused.value)
    with pytest.raises(DisputeError, match="statement"):
        opening.require(honest, b"x")


def test_the_opening_opens_no_claim() -> None:
    """The subject's key is none of the claims' keys: a right guess of a claim cannot be told from a wrong one."""
    request = asked()
    key = opening.of(request).key
    claim = commitment.claim_commitment(request.blind, 0, 1, "Sitti Rahmawati")
    assert claim in commitment.statement(request, "clinic")
    assert commitment.claim_commitment(key, 0, 1, "Sitti Rahmawati") != claim
    assert key != request.blind


@given(st.binary(max_size=120))
def test_no_bytes_break_the_reading(data: bytes) -> None:
    """Any bytes are an opening or refused."""
    try:
        assert opening.decode(data).encode() == data
    except DisputeError as error:
        assert error.reason == "opening"  # noqa: PT017 - either way is right


def test_nothing_shows_the_key_or_the_number() -> None:
    """Neither repr nor pickle gives out what an officer's key or an opening holds."""
    subject = opening.of(asked())
    assert subject.nik not in repr(subject)
    assert subject.key.hex() not in repr(subject)
    assert repr(subject.key)[2:-1] not in repr(subject)
    assert "private" not in repr(RECIPIENT).lower()
    with pytest.raises(TypeError):
        pickle.dumps(RECIPIENT)
    with pytest.raises(TypeError):
        copy.copy(RECIPIENT)


@pytest.mark.parametrize("key", [b"", bytes(31), bytes(33), bytes(32)])
def test_keys_that_are_none(key: bytes) -> None:
    """A public key of another size, or of small order, is refused before anything is sealed to it."""
    with pytest.raises(SealingError) as refused:
        sealing.seal(b"x", public_key=key, info=b"")
    assert refused.value.reason == "key"
    if len(key) != 32:
        with pytest.raises(SealingError):
            Recipient(key)
