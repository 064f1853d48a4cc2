"""Questions: built once, the same bytes for ever."""

from __future__ import annotations

import pickle
from datetime import UTC, date, datetime
from typing import Any

import pytest

from padan.errors import InvalidRequestError
from padan.nik import parse
from padan.question import Question
from padan.v1 import verification_pb2
from padan.vocabulary import Attribute, LegalBasis


def test_question_survives_its_bytes(asked: dict[str, Any]) -> None:
    """A question read back from its bytes is the same question."""
    question = Question.build(**asked)
    again = Question.from_body(question.body)
    assert (again.body, again.request_id, again.attributes) == (
        question.body,
        question.request_id,
        question.attributes,
    )
    assert again.digest("clinic") == question.digest("clinic") != question.digest("other")


def test_every_argument_reaches_the_message(asked: dict[str, Any]) -> None:
    """Typed words, a Nik, a time and the optional fields stand in the message."""
    moment = datetime(2026, 12, 1, tzinfo=UTC)
    question = Question.build(
        **{
            **asked,
            "nik": parse(asked["nik"], date(2026, 11, 1)),
            "claims": {Attribute.NAME: "x"},
            "legal_basis": LegalBasis.CONSENT,
        },
        consent_receipt="cr-1",
        on_behalf_of="other",
        not_after=moment,
        issue_token=True,
        request_id="0b5fd3a4-6ea5-4b4e-9b0d-3f1c2a7d9e10",
        blind=bytes(range(32)),
    )
    message = verification_pb2.VerifyRequest.FromString(question.body)
    assert (message.nik, message.consent_receipt, message.on_behalf_of) == (asked["nik"], "cr-1", "other")
    assert message.not_after.ToDatetime(tzinfo=UTC) == moment
    assert (message.issue_token, message.request_id, message.blind) == (
        True,
        question.request_id,
        bytes(range(32)),
    )


def test_token_instead_of_number(asked: dict[str, Any]) -> None:
    """A token takes the number's place, and never stands beside it."""
    del asked["nik"]
    question = Question.build(**asked, subject_token=b"\x01token")
    message = verification_pb2.VerifyRequest.FromString(question.body)
    assert message.WhichOneof("subject") == "subject_token"
    with pytest.raises(InvalidRequestError, match="not both"):
        Question.build(**asked, nik="9971014101900001", subject_token=b"\x01token")


@pytest.mark.parametrize(
    "changes",
    [
        {"nik": "1"},
        {"claims": {}},
        {"claims": {"name": ""}},
        {"claims": {"name": "\ud800"}},
        {"claims": {"shoe_size": "43"}},
        {"purpose": "\ud800"},
        {"legal_basis": "curiosity"},
        {"officer": "two words"},
    ],
)
def test_malformed_question_is_refused(asked: dict[str, Any], changes: dict[str, Any]) -> None:
    """Whatever is wrong, it is an InvalidRequestError and repeats no value."""
    with pytest.raises(InvalidRequestError) as caught:
        Question.build(**{**asked, **changes})
    assert asked["nik"] not in str(caught.value)
    assert "two words" not in str(caught.value)


def test_same_attribute_in_two_spellings_is_refused(asked: dict[str, Any]) -> None:
    """One attribute under two names is found before it is sent."""
    with pytest.raises(InvalidRequestError) as caught:
        Question.build(**{**asked, "claims": {"name": "a", "NAME": "b"}})
    assert caught.value.fields[0].rule == "each attribute at most once"


@pytest.mark.parametrize("body", [b"\xff", b"", b"\x0a\x01a"])
def test_other_bytes_are_no_question(body: bytes) -> None:
    """Bytes that are no checked request are refused."""
    with pytest.raises(InvalidRequestError):
        Question.from_body(body)


def test_question_is_secret(asked: dict[str, Any]) -> None:
    """Its repr names the request id alone, and it cannot be pickled."""
    question = Question.build(**asked)
    assert repr(question) == f"Question(request_id='{question.request_id}', <redacted>)"
    with pytest.raises(TypeError):
        pickle.dumps(question)
