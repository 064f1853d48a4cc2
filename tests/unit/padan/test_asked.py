"""Questions as they are kept: with commitments to what was captured, and nothing of it."""

from __future__ import annotations

import copy
import hashlib
import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import padan
from padan import commitment
from padan.asked import AskedQuestion
from padan.biometric import template
from padan.capture import Capture
from padan.errors import InvalidRequestError
from padan.question import Question
from padan.vocabulary import Attribute, Modality

VECTORS = Path(__file__).parents[2] / "vectors"
DOCUMENT = json.loads((VECTORS / "asked.json").read_text(encoding="utf-8"))
FACE = template.face([0.25] * 192).SerializeToString()
OTHER = template.face([0.5] * 191 + [0.25]).SerializeToString()


def capture(data: bytes = FACE) -> Capture:
    """Make a capture of a face."""
    return Capture(modality=Modality.FACE, extractor=template.extractor("seen", "1.0"), template=data)


def question(**claims: str) -> Question:
    """Build a question."""
    return Question.build(
        nik="9971014101909001",
        claims=claims,
        purpose="treatment",
        officer="desk-7",
        legal_basis="public_task",
        beside_captures=True,
    )


ASKED = AskedQuestion.of(question(name="Sitti"), [capture(), capture(OTHER)])


@pytest.mark.parametrize("vector", DOCUMENT["vectors"], ids=lambda vector: vector["name"])
def test_golden_files(vector: dict[str, Any]) -> None:
    """What an independent generator keeps is read, written the same, and makes its statement and digest."""
    kept = bytes.fromhex(vector["encoded"])
    found = AskedQuestion.decode(kept)
    assert found.encode() == kept
    assert found.question.body.hex() == vector["body"]
    assert list(found.attributes) == vector["attributes"]
    assert found.statement(vector["agency"]).hex() == vector["statement"]
    assert found.digest(vector["agency"]).hex() == vector["digest"]


def test_vectors_are_what_their_generator_writes(tmp_path: Path) -> None:
    """The kept file is the generator's output, to the byte."""
    target = tmp_path / "asked.json"
    subprocess.run([sys.executable, VECTORS / "asked_generate.py", target], check=True, timeout=60)
    assert target.read_bytes() == (VECTORS / "asked.json").read_bytes()


def test_the_digest_is_that_of_the_question_with_its_captures() -> None:
    """It is what the holder of the captures computes, also after it was kept and read back."""
    expected = ASKED.question.digest("clinic", [capture(), capture(OTHER)])
    for each in (ASKED, AskedQuestion.decode(ASKED.encode())):
        assert each.digest("clinic") == expected == commitment.statement_digest(each.statement("clinic"))
        assert each.request_id == ASKED.question.request_id
        assert each.attributes == (Attribute.NAME, Attribute.FACE)
    assert ASKED.digest("tax") != expected
    swapped = AskedQuestion.of(ASKED.question, [capture(OTHER), capture()])
    fewer = AskedQuestion.of(ASKED.question, [capture()])
    assert len({expected, swapped.digest("clinic"), fewer.digest("clinic")}) == 3


def test_no_template_is_kept() -> None:
    """Neither what was captured nor its unblinded digest is in the bytes, and they do not grow with it."""
    kept = ASKED.encode()
    for data in (FACE, OTHER):
        assert data[8:40] not in kept
        assert hashlib.sha256(data).digest() not in kept
    longer = AskedQuestion.of(
        ASKED.question, [capture(), capture(template.face([0.25] * 512).SerializeToString())]
    )
    assert len(longer.encode()) == len(kept)


def test_a_question_without_captures_is_kept_as_its_own_bytes() -> None:
    """What was kept before captures were is read, and what claims alone ask is still kept so."""
    plain = question(name="Sitti")
    assert AskedQuestion.of(plain).encode() == plain.body
    found = AskedQuestion.decode(plain.body)
    assert (found.commitments, found.attributes) == ((), plain.attributes)
    assert found.digest("clinic") == plain.digest("clinic")
    assert AskedQuestion.of(found) is found
    assert padan.AskedQuestion is AskedQuestion


def test_other_bytes_are_refused() -> None:
    """Cut off anywhere, longer, of a later format, or with parts that do not fit each other."""
    kept = ASKED.encode()
    label, _, rest = kept.partition(b"/1")
    start = label + b"/1"
    body = ASKED.question.body
    good = fields(body, b"\x00\x01\x00\x02", bytes(64))
    assert AskedQuestion.decode(start + good).modalities == (Modality.FACE, Modality.FINGER)
    broken = [kept[:size] for size in range(len(kept))]
    broken += [kept + b"\0", label + b"/2" + rest, b"\0" + kept, start]
    broken += [
        start + fields(*parts)
        for parts in (
            (b"\xff", b"\x00\x01", bytes(32)),
            (body, b"", b""),
            (body, b"\x00\x01", bytes(31)),
            (body, b"\x00\x01", bytes(64)),
            (body, b"\x00\x01\x00", bytes(32)),
            (body, b"\x00\x04", bytes(32)),
            (body, b"\x00\x01" * 5, bytes(160)),
        )
    ]
    for data in broken:
        with pytest.raises(InvalidRequestError):
            AskedQuestion.decode(data)


def fields(*values: bytes) -> bytes:
    """Write canonical fields, numbered from 1."""
    return b"".join(
        number.to_bytes(2, "big") + len(value).to_bytes(4, "big") + value
        for number, value in enumerate(values, 1)
    )


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reading(data: bytes) -> None:
    """Any bytes are a question or refused, with the label before them too."""
    for each in (data, ASKED.encode()[:24] + data):
        try:
            AskedQuestion.decode(each)
        except InvalidRequestError:
            continue


def test_it_shows_nothing() -> None:
    """Its repr names the request alone, and it is neither pickled nor copied by accident."""
    assert repr(ASKED) == f"AskedQuestion(request_id={ASKED.request_id!r}, <redacted>)"
    for act in (pickle.dumps, copy.copy):
        with pytest.raises(TypeError):
            act(ASKED)
