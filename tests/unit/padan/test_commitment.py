"""Blinded commitments and the request digest."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from padan import commitment
from padan.errors import InvalidRequestError
from padan.v1 import token_pb2, verification_pb2

VECTORS = Path(__file__).parents[2] / "vectors"
DOCUMENT = json.loads((VECTORS / "commitment.json").read_text(encoding="utf-8"))


def message(vector: dict[str, Any]) -> verification_pb2.VerifyRequest:
    """Build the request of a vector."""
    request = verification_pb2.VerifyRequest(
        request_id=vector["request_id"],
        blind=bytes.fromhex(vector["blind"]),
        purpose=vector["purpose"],
        officer=vector["officer"],
        on_behalf_of=vector.get("on_behalf_of", ""),
        legal_basis=vector["legal_basis"],
        consent_receipt=vector.get("consent_receipt", ""),
        issue_token=vector.get("issue_token", False),
        client_version="any/1",
    )
    if "nik" in vector:
        request.nik = vector["nik"]
    else:
        request.subject_token = bytes.fromhex(vector["subject_token"])
    for attribute, value in vector["claims"]:
        request.claims.add(attribute=attribute, value=value)
    if "not_after" in vector:
        request.not_after.seconds, request.not_after.nanos = vector["not_after"]
    return request


@pytest.mark.parametrize("vector", DOCUMENT["vectors"], ids=lambda vector: vector["name"])
def test_golden_vectors(vector: dict[str, Any]) -> None:
    """Commitments and digest are those that the independent generator computed."""
    blinder = commitment.Blinder(bytes.fromhex(vector["blind"]))
    token = bytes.fromhex(vector.get("subject_token", ""))
    assert blinder.subject_key().hex() == vector["subject_key"]
    assert blinder.subject(nik=vector.get("nik", ""), token=token).hex() == vector["subject_commitment"]
    claims = [blinder.claim(at, *claim).hex() for at, claim in enumerate(vector["claims"])]
    assert claims == vector["claim_commitments"]
    captured = [(modality, bytes.fromhex(template)) for modality, template in vector.get("probes", [])]
    probes = [blinder.probe(at, *each).hex() for at, each in enumerate(captured)]
    assert probes == vector.get("probe_commitments", [])
    digest = commitment.request_digest(message(vector), vector["agency"], captured)
    assert digest.hex() == vector["digest"]


@pytest.mark.parametrize("vector", DOCUMENT["enrolments"], ids=lambda vector: vector["name"])
def test_questions_about_enrolments_have_the_vectors_digests(vector: dict[str, Any]) -> None:
    """A question about one resident, or a list of them, has the digest that the page describes."""
    said = token_pb2.Circumstances(
        request_id=vector["request_id"],
        blind=bytes.fromhex(vector["blind"]),
        purpose=vector["purpose"],
        officer=vector["officer"],
        legal_basis=vector["legal_basis"],
        consent_receipt=vector.get("consent_receipt", ""),
    )
    if "not_after" in vector:
        said.not_after.seconds, said.not_after.nanos = vector["not_after"]
    tokens = [bytes.fromhex(token) for token in vector["tokens"]]
    terms = {"category": vector["class"], "agency": vector["agency"]}
    found = commitment.enrolment_list_digest(said, tokens=tokens, **terms)
    assert found.hex() == vector["digest"]
    if len(tokens) == 1:
        assert commitment.enrolment_digest(said, token=tokens[0], **terms) == found


def test_vectors_are_what_their_generator_writes(tmp_path: Path) -> None:
    """The committed file is the generator's output, byte for byte."""
    target = tmp_path / "commitment.json"
    subprocess.run([sys.executable, VECTORS / "commitment_generate.py", target], check=True)
    assert target.read_bytes() == (VECTORS / "commitment.json").read_bytes()


@pytest.mark.parametrize("blind", [b"", bytes(31), bytes(33), bytes(32), b"\x07" * 32])
def test_blind_that_hides_nothing_is_refused(blind: bytes) -> None:
    """A blind of another size, all zero or of one byte repeated is refused by field and rule."""
    with pytest.raises(InvalidRequestError) as caught:
        commitment.check_blind(blind)
    assert caught.value.fields[0].field == "blind"


def test_new_blinds_are_accepted_and_differ() -> None:
    """A drawn blind passes the check and is not drawn again."""
    first, second = commitment.new_blind(), commitment.new_blind()
    commitment.check_blind(first)
    assert first != second


def test_opened_subject_key_opens_the_subject_alone() -> None:
    """The opened key recomputes the subject commitment; the keys of claims do not follow from it."""
    vector = DOCUMENT["vectors"][0]
    key = bytes.fromhex(vector["subject_key"])
    assert commitment.open_subject(key, nik=vector["nik"]).hex() == vector["subject_commitment"]
    assert commitment.open_subject(key, nik="9971014101900002").hex() != vector["subject_commitment"]
    assert commitment.claim_commitment(key, 0, 1, "Sitti Rahmawati").hex() not in vector["claim_commitments"]


CHANGES: dict[str, Any] = {
    "request_id": "0b5fd3a4-6ea5-4b4e-9b0d-3f1c2a7d9e11",
    "blind": bytes(range(2, 34)),
    "purpose": "treatments",
    "officer": "desk-8",
    "on_behalf_of": "other",
    "nik": "9971014101900002",
    "subject_token": b"9971014101900001",
    "legal_basis": 4,
    "consent_receipt": "c",
    "issue_token": True,
}


@pytest.mark.parametrize("field", CHANGES)
def test_digest_depends_on_every_field(field: str) -> None:
    """Changing one field changes the digest."""
    request = message(DOCUMENT["vectors"][0])
    before = commitment.request_digest(request, "clinic")
    setattr(request, field, CHANGES[field])
    assert commitment.request_digest(request, "clinic") != before


def test_digest_depends_on_time_agency_and_claims() -> None:
    """The deadline, the calling agency, and the claims' values, attributes and order all count."""
    request = message(DOCUMENT["vectors"][0])
    seen = {commitment.request_digest(request, "clinic"), commitment.request_digest(request, "clinics")}
    for change in ("not_after", "value", "attribute", "order", "fewer"):
        changed = message(DOCUMENT["vectors"][0])
        if change == "not_after":
            changed.not_after.FromDatetime(datetime(2026, 1, 1, tzinfo=UTC))
        elif change == "value":
            changed.claims[0].value = "sitti rahmawati"
        elif change == "attribute":
            changed.claims[0].attribute = 2  # type: ignore[assignment]  # its number
        elif change == "order":
            changed.claims.reverse()
        else:
            del changed.claims[4]
        seen.add(commitment.request_digest(changed, "clinic"))
    assert len(seen) == 7


def test_digest_leaves_the_client_version_out() -> None:
    """A retry by an upgraded client is the same request."""
    request = message(DOCUMENT["vectors"][0])
    before = commitment.request_digest(request, "clinic")
    request.client_version = "other/2"
    assert commitment.request_digest(request, "clinic") == before


def test_digest_depends_on_every_capture() -> None:
    """What was captured, its modality, its place and its number all count."""
    request = message(DOCUMENT["vectors"][0])
    captures: list[list[tuple[int, bytes]]] = [
        [],
        [(1, b"a")],
        [(2, b"a")],
        [(1, b"b")],
        [(1, b"a"), (1, b"a")],
        [(1, b"a"), (1, b"b")],
        [(1, b"b"), (1, b"a")],
    ]
    assert len({commitment.request_digest(request, "clinic", each) for each in captures}) == len(captures)


@given(st.binary(min_size=32, max_size=32), st.text(max_size=50), st.text(max_size=50), st.integers(0, 23))
def test_commitments_bind_value_and_position(blind: bytes, one: str, other: str, at: int) -> None:
    """Two claims commit alike only if value and position are the same."""
    blinder = commitment.Blinder(blind)
    assert (blinder.claim(at, 1, one) == blinder.claim(at, 1, other)) == (one == other)
    assert blinder.claim(at, 1, one) != blinder.claim(at + 1, 1, one)


def test_blinder_is_secret() -> None:
    """Its repr shows nothing and it cannot be pickled."""
    blinder = commitment.Blinder(bytes(range(32)))
    assert repr(blinder) == "Blinder(<redacted>)"
    with pytest.raises(TypeError):
        pickle.dumps(blinder)
