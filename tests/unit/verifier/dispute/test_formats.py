"""What a dispute is made of, against vectors from a generator that shares no code with it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys.realm import Realm
from keys.signing import Signer
from verifier.dispute import case, contest
from verifier.dispute.case import Case, dispute_id
from verifier.dispute.decision import Decision
from verifier.dispute.errors import CaseFileError, DecisionError
from verifier.dispute.state import Outcome, State
from verifier.errors import InvalidFieldError

VECTORS = Path(__file__).parents[3] / "vectors"
DOCUMENT = json.loads((VECTORS / "dispute.json").read_text(encoding="utf-8"))
DISPUTE, OPENING = DOCUMENT["dispute"], DOCUMENT["openings"][0]
REQUEST_ID = bytes.fromhex(DISPUTE["request_id"].replace("-", ""))
REALM = Realm(registry_id=DOCUMENT["registry"], environment=DOCUMENT["environment"])
CASE = Case(
    contest=DISPUTE["contest"],
    claims=tuple(DISPUTE["claims"]),
    statement=bytes.fromhex(OPENING["statement"]),
    key_id=DOCUMENT["key_id"],
    box=bytes.fromhex(OPENING["box"]),
)
DECISION = Decision(
    dispute_id=DISPUTE["dispute_id"],
    agency=DOCUMENT["agency"],
    digest=bytes.fromhex(OPENING["digest"]),
    state=State.RESOLVED,
    outcome=Outcome.CORRECTED,
    decided_ms=DISPUTE["decided_ms"],
)


def test_golden_references() -> None:
    """Reference, id and order digest are those that the independent generator computed."""
    digest = bytes.fromhex(OPENING["digest"])
    assert CASE.digest == digest
    for ms in (0, 999):
        assert contest.make(DISPUTE["second"] * 1000 + ms, digest).decode() == DISPUTE["contest"]
    assert dispute_id(DOCUMENT["agency"], REQUEST_ID) == DISPUTE["dispute_id"]
    assert CASE.order(DOCUMENT["agency"], REQUEST_ID).hex() == DISPUTE["order"]


def test_the_golden_decision() -> None:
    """Bytes and signature of a decision are the generator's."""
    signed = DECISION.sign(REALM, Signer(bytes.fromhex(DOCUMENT["signing_seed"])))
    assert DECISION.encode().hex() == DISPUTE["decision"]
    assert (signed.signature.hex(), signed.signer) == (DISPUTE["signature"], DISPUTE["signer"])


def test_vectors_are_what_their_generator_writes(tmp_path: Path) -> None:
    """The kept file is the generator's output, to the byte."""
    target = tmp_path / "dispute.json"
    subprocess.run([sys.executable, VECTORS / "dispute_generate.py", target], check=True, timeout=60)
    assert target.read_bytes() == (VECTORS / "dispute.json").read_bytes()


def test_a_decision_is_an_officers_for_one_place() -> None:
    """A stranger's key, another realm and another outcome do not pass."""
    signer = Signer(bytes.fromhex(DOCUMENT["signing_seed"]))
    officers = {signer.key_id: signer.public_key}
    signed = DECISION.sign(REALM, signer)
    signed.require(REALM, officers)
    with pytest.raises(DecisionError, match="not an officer's"):
        signed.require(REALM, {})
    with pytest.raises(DecisionError, match="not over this decision"):
        signed.require(Realm(registry_id=REALM.registry_id, environment="production"), officers)
    other = replace(DECISION, outcome=Outcome.UPHELD)
    with pytest.raises(DecisionError, match="not over this decision"):
        type(signed)(decision=other, signature=signed.signature, signer=signed.signer).require(
            REALM, officers
        )


def test_the_order_depends_on_everything_but_the_box() -> None:
    """Agency, request_id, reference, claims and statement count; sealing anew does not."""
    order = CASE.order("clinic", REQUEST_ID)
    assert replace(CASE, box=b"\1other", key_id="other").order("clinic", REQUEST_ID) == order
    changed = [
        CASE.order("clinics", REQUEST_ID),
        CASE.order("clinic", bytes(16)),
        replace(CASE, contest="0" * 24).order("clinic", REQUEST_ID),
        replace(CASE, claims=(1,)).order("clinic", REQUEST_ID),
        replace(CASE, statement=b"other").order("clinic", REQUEST_ID),
    ]
    assert len({order, *changed}) == 6


def test_a_case_comes_back_and_shows_nothing_else() -> None:
    """What is kept is read as it was; other bytes are refused."""
    data = CASE.encode()
    assert case.decode(data) == CASE
    for broken in (b"", data[:-1], data + b"\0", b"\0" + data):
        with pytest.raises(CaseFileError):
            case.decode(broken)


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reading(data: bytes) -> None:
    """Any bytes are a case or refused."""
    try:
        assert case.decode(data).encode() == data
    except CaseFileError:
        return


def test_a_reference_says_when_and_what() -> None:
    """24 characters give a second; 16 give a window around the time that the caller names."""
    found = contest.parse(DISPUTE["contest"], answered_ms=None)
    assert (found.from_ms, found.until_ms) == (DISPUTE["second"] * 1000, DISPUTE["second"] * 1000 + 1000)
    assert found.tag.hex() == DISPUTE["contest"][8:]
    short = contest.parse(DISPUTE["contest"][8:], answered_ms=1_000_000)
    assert (short.from_ms, short.until_ms, short.tag) == (940_000, 1_060_000, found.tag)


@pytest.mark.parametrize(
    ("text", "answered_ms", "field"),
    [
        ("", None, "contest"),
        ("0" * 17, None, "contest"),
        ("0" * 23 + "G", None, "contest"),
        ("0" * 23 + "A", None, "contest"),
        ("0" * 24 + "\n", None, "contest"),
        ("0" * 16, None, "answered_at"),
        ("0" * 24, 1, "answered_at"),
    ],
)
def test_other_references_are_refused(text: str, answered_ms: int | None, field: str) -> None:
    """The field is named, and the rule, never what stood there."""
    with pytest.raises(InvalidFieldError) as refused:
        contest.parse(text, answered_ms=answered_ms)
    assert refused.value.field == field
