"""The bytes of intents and outcomes."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.simulator.intents import intent
from verifier.budget import Counters, Limits
from verifier.errors import LogUnavailableError, ServiceError, ShuttingDownError
from verifier.intent import DisputeOpening, Intent, Question, Settled, Variant
from verifier.journal import frame, wire
from verifier.journal.frame import Cutter, Frame, Kind
from verifier.journal.wire import JournalFormatError
from verifier.log.beside import Beside, How, Kept

VECTORS = Path(__file__).parents[3] / "vectors"
DOCUMENT = json.loads((VECTORS / "journal.json").read_text(encoding="utf-8"))
FRAMES = {item["name"]: bytes.fromhex(item["bytes"]) for item in DOCUMENT["frames"]}

U8, U16, U32, U64 = (st.integers(0, 2 ** (8 * size) - 1) for size in (1, 2, 4, 8))
TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
BYTES = st.binary(max_size=40)


def sized(size: int) -> st.SearchStrategy[bytes]:
    """Draw so many bytes."""
    return st.binary(min_size=size, max_size=size)


def fields_of(kind: type[Any], /, **strategies: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Draw a value of which every field is drawn: one that the wire does not know shows as a difference."""
    assert {field.name for field in dataclasses.fields(kind)} == strategies.keys()
    return st.builds(kind, **strategies)


VARIANTS = fields_of(Variant, outcome=U8, verdicts=BYTES, body=BYTES)
QUESTIONS = fields_of(
    Question,
    replay=st.tuples(st.just("agency"), sized(16)),
    digest=sized(32),
    counters=fields_of(Counters, **{field.name: sized(16) for field in dataclasses.fields(Counters)}),
    limits=fields_of(Limits, **{field.name: U64 for field in dataclasses.fields(Limits)}),
    cost_bound=U32,
    units=U32,
    released=VARIANTS,
    blocked=VARIANTS,
    receipt=BYTES,
    releases=st.booleans(),
)
KEPT = fields_of(Kept, beside=st.sampled_from(Beside), how=st.sampled_from(How), name=sized(16), box=BYTES)
OPENINGS = fields_of(
    DisputeOpening,
    dispute_id=st.text("abcdefghijklmnopqrstuvwxyz234567", min_size=16, max_size=16),
    request_id=sized(16),
    order=sized(32),
    answer=U64,
    hours=U32,
    limit=U32,
    document=BYTES,
)
INTENTS, DISPUTES = (
    fields_of(
        Intent,
        kind=U16,
        agency=st.just("agency"),
        officer=TEXT,
        purpose=TEXT,
        head=BYTES,
        salt=sized(32),
        question=question,
        ready_at=st.floats(allow_nan=False),
        opening=opening,
        kept=st.lists(KEPT, max_size=3).map(tuple),
    )
    for question, opening in ((st.none() | QUESTIONS, st.none()), (st.none(), OPENINGS))
)
SETTLED = fields_of(Settled, body=st.none() | BYTES, reason=TEXT, outcome=U8, replayed=st.booleans())


def one(name: str) -> Frame:
    """Read the one frame of a golden vector."""
    (found,) = Cutter().feed(FRAMES[name])
    return found


@given(st.lists(INTENTS | DISPUTES, max_size=3))
def test_intents_come_back(intents: list[Intent]) -> None:
    """What is decoded is what was encoded, in every field."""
    assert wire.decode_intents(wire.encode_intents(intents)) == intents


@given(st.lists(SETTLED, max_size=3))
def test_outcomes_come_back(settled: list[Settled]) -> None:
    """What is decoded is what was encoded, in every field."""
    assert wire.decode_settled(wire.encode_settled(settled)) == settled


def test_the_golden_intents() -> None:
    """The independent generator's intents are read as they were meant, and written the same."""
    found = one("two intents")
    assert (found.kind, found.number, found.deadline) == (Kind.COMMIT, 7, 99.25)
    first, second = wire.decode_intents(found.body)
    assert (first.kind, first.agency, first.officer, first.purpose) == (1, "clinic", "desk-7", "treatment")
    assert (first.salt, first.ready_at) == (bytes(range(100, 132)), 1234.5)
    question = first.question
    assert question is not None
    assert question.replay == ("clinic", bytes(range(16)))
    assert question.digest == bytes(range(32, 64))
    assert [key[0] for key in question.counters.all()] == list(range(0xA0, 0xAA))
    assert question.counters.prefix_alert == b"\xa9" * 16
    assert question.limits == Limits(
        subject=5, prefix=20, agency=1000, officer=100, joint_subject=40, joint_prefix=400, quota=0
    )
    assert (question.cost_bound, question.units) == (3, 1)
    assert question.released == Variant(outcome=1, verdicts=b"\1\2", body=b"released")
    assert question.blocked == Variant(outcome=6, verdicts=b"\6\6", body=b"blocked")
    assert question.receipt == b'{"jti":"x"'
    assert (second.kind, second.agency, second.question) == (2, "", None)
    body = wire.encode_intents([first, second])
    assert frame.encode(Kind.COMMIT, 7, body, deadline=99.25) == FRAMES["two intents"]


def test_the_golden_rows() -> None:
    """The independent generator's rows are read as they were meant, and written the same."""
    found = one("an answer with a row")
    (keeping,) = wire.decode_intents(found.body)
    assert keeping.question is not None
    assert keeping.kept == (Kept(beside=Beside.TOKEN, how=How.ADD, name=bytes(range(16)), box=b"box"),)
    assert keeping.question.receipt == b'{"jti":"x"'
    assert wire.encode_intents([keeping]) == found.body


def test_the_golden_release() -> None:
    """The independent generator's question that releases a budget is read as it was meant, and written the same."""
    found = one("an answer that releases a budget")
    (releasing,) = wire.decode_intents(found.body)
    assert releasing.question is not None
    assert (releasing.kind, releasing.question.releases) == (4, True)
    assert wire.encode_intents([releasing]) == found.body
    (plain,) = wire.decode_intents(one("an answer with a row").body)
    assert plain.question is not None
    assert not plain.question.releases


def test_the_golden_dispute() -> None:
    """The independent generator's dispute is read as it was meant, and written the same."""
    found = one("a dispute")
    (disputing,) = wire.decode_intents(found.body)
    assert (disputing.kind, disputing.agency, disputing.question) == (810, "clinic", None)
    assert disputing.opening == DisputeOpening(
        dispute_id="abcdefgh234567xy",
        request_id=bytes(range(16)),
        order=bytes(range(32, 64)),
        answer=77,
        hours=72,
        limit=100,
        document=b"kept",
    )
    assert wire.encode_intents([disputing]) == found.body


def test_the_golden_answers() -> None:
    """The independent generator's answers are read as they were meant, and written the same."""
    settled = wire.decode_settled(one("three outcomes").body)
    assert settled == [
        Settled(body=b"response", outcome=1),
        Settled(body=b"", replayed=True),
        Settled(reason="QUOTA_EXHAUSTED"),
    ]
    assert frame.encode(Kind.SETTLED, 7, wire.encode_settled(settled)) == FRAMES["three outcomes"]
    assert frame.encode(Kind.PROBE, 8, b"", deadline=1.5) == FRAMES["a probe"]
    assert frame.encode(Kind.LEAVING, 0, b"") == FRAMES["the writer leaves"]
    failures: list[tuple[str, ServiceError]] = [
        ("the log cannot be written", LogUnavailableError("log: the disk is full")),
        ("the service stops", ShuttingDownError("the service is stopping")),
    ]
    for name, error in failures:
        read = one(name)
        assert (type(wire.decode_failure(read.body)), str(wire.decode_failure(read.body))) == (
            type(error),
            str(error),
        )
        assert frame.encode(Kind.FAILED, read.number, wire.encode_failure(error)) == FRAMES[name]


def test_vectors_are_what_their_generator_writes(tmp_path: Path) -> None:
    """The committed file is the generator's output, byte for byte."""
    target = tmp_path / "journal.json"
    subprocess.run([sys.executable, VECTORS / "journal_generate.py", target], check=True)
    assert target.read_bytes() == (VECTORS / "journal.json").read_bytes()


GOOD = wire.encode_intent(intent(1, receipt=b"{"))


@given(st.binary(max_size=60) | st.integers(0, len(GOOD)).map(lambda end: GOOD[:end]))
def test_other_bytes_are_no_intent(data: bytes) -> None:
    """Bytes are an intent that is written the same, or refused, and nothing else."""
    try:
        decoded = wire.decode_intent(data)
    except JournalFormatError:
        return
    assert wire.encode_intent(decoded) == data


@given(st.integers(0, len(GOOD) - 1), U8)
def test_a_changed_byte_is_seen(place: int, value: int) -> None:
    """Another byte anywhere is another intent or none."""
    data = GOOD[:place] + bytes((value,)) + GOOD[place + 1 :]
    try:
        decoded = wire.decode_intent(data)
    except JournalFormatError:
        return
    if not math.isnan(decoded.ready_at):
        assert wire.encode_intent(decoded) == data


@given(st.binary(max_size=40))
def test_other_bytes_are_no_answer(data: bytes) -> None:
    """Bytes are outcomes that are written the same, or refused; so are failures."""
    with contextlib.suppress(JournalFormatError):
        assert wire.encode_settled(wire.decode_settled(data)) == data
    with contextlib.suppress(JournalFormatError):
        assert wire.encode_failure(wire.decode_failure(data)) == data


def test_a_question_is_kept_for_its_own_agency() -> None:
    """An intent whose answer would be kept for another agency is not sent."""
    mixed = intent(1, agency="tax")
    assert mixed.question is not None
    mixed.question = dataclasses.replace(mixed.question, replay=("clinic", bytes(16)))  # type: ignore[misc]  # frozen to the checker
    with pytest.raises(JournalFormatError, match="agency"):
        wire.encode_intent(mixed)


def test_an_unknown_error_is_an_unavailable_log() -> None:
    """Whatever else a commit ends with, the worker hears that the log is unavailable."""
    assert isinstance(wire.decode_failure(wire.encode_failure(ServiceError("other"))), LogUnavailableError)
