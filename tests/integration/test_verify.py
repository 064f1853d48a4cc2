"""Verify over mutual TLS, as an agency sees it."""

from __future__ import annotations

import os
import re
import uuid
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from padan.v1 import attribute_pb2 as vocabulary
from padan.v1 import biometric_pb2, verification_pb2, verification_pb2_grpc
from tests.people import ALMARHUM, BUDI, SARI, UNKNOWN_NIK
from tests.service import request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.service import RunningService

NAME = vocabulary.ATTRIBUTE_NAME
BIRTH_DATE = vocabulary.ATTRIBUTE_BIRTH_DATE
SEX = vocabulary.ATTRIBUTE_SEX
DISTRICT = vocabulary.ATTRIBUTE_DISTRICT
MARITAL = vocabulary.ATTRIBUTE_MARITAL_STATUS
LIFE = vocabulary.ATTRIBUTE_LIFE_STATUS
AGE = vocabulary.ATTRIBUTE_AGE_AT_LEAST
MATCH = vocabulary.VERDICT_MATCH
NO_MATCH = vocabulary.VERDICT_NO_MATCH
MATCH_NOT_ACTIVE = vocabulary.VERDICT_MATCH_NOT_ACTIVE
RIGHT = {
    NAME: "Budi Santoso",
    BIRTH_DATE: "01-01-1990",
    SEX: "LAKI-LAKI",
    DISTRICT: "32.73.01",
    LIFE: "HIDUP",
}


@pytest.fixture
def stub(service: RunningService) -> Iterator[verification_pb2_grpc.VerificationServiceStub]:
    """A stub of the agency tax."""
    with service.channel() as channel:
        yield verification_pb2_grpc.VerificationServiceStub(channel)


def details(error: grpc.RpcError) -> tuple[str, dict[str, str]]:
    """Read an error's reason and its field violations."""
    status = rpc_status.from_call(error)
    reason, fields = "", {}
    for detail in status.details:
        if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
            info = error_details_pb2.ErrorInfo()
            detail.Unpack(info)
            assert info.domain == "padan"
            reason = info.reason
        if detail.Is(error_details_pb2.BadRequest.DESCRIPTOR):
            bad = error_details_pb2.BadRequest()
            detail.Unpack(bad)
            fields = {item.field: item.description for item in bad.field_violations}
    return reason, fields


def refused(call: Callable[[], Any]) -> tuple[grpc.StatusCode, str, dict[str, str]]:
    """Make a call that must be refused."""
    with pytest.raises(grpc.RpcError) as caught:
        call()
    reason, fields = details(caught.value)
    return caught.value.code(), reason, fields


@pytest.mark.parametrize(
    ("nik", "claims", "outcome", "verdicts"),
    [
        (BUDI["NIK"], RIGHT, MATCH, [MATCH] * 5),
        (BUDI["NIK"], {**RIGHT, SEX: "P"}, NO_MATCH, [MATCH, MATCH, NO_MATCH, MATCH, MATCH]),
        (BUDI["NIK"], {NAME: "SITI RAHAYU", SEX: "1"}, NO_MATCH, [NO_MATCH, NO_MATCH]),
        (UNKNOWN_NIK, {NAME: "SITI RAHAYU", SEX: "1"}, NO_MATCH, [NO_MATCH, NO_MATCH]),
        (ALMARHUM["NIK"], {NAME: "AHMAD FAUZI"}, MATCH_NOT_ACTIVE, [MATCH_NOT_ACTIVE]),
        (ALMARHUM["NIK"], {NAME: "AHMAD FAUZI", LIFE: "1"}, NO_MATCH, [MATCH_NOT_ACTIVE, NO_MATCH]),
        (SARI["NIK"], {NAME: "SARI DEWI", AGE: "17"}, MATCH, [MATCH, MATCH]),
        (BUDI["NIK"], {NAME: "H. BUDI SANTOSO, S.E."}, MATCH, [MATCH]),
    ],
)
def test_answers(
    stub: verification_pb2_grpc.VerificationServiceStub,
    nik: str,
    claims: Mapping[int, str],
    outcome: int,
    verdicts: list[int],
) -> None:
    """The registry's people are confirmed and others are not, claim by claim."""
    answer = stub.Verify(request(nik=nik, claims=claims), timeout=5)
    assert answer.outcome == outcome
    assert [item.verdict for item in answer.verdicts] == verdicts
    assert [item.attribute for item in answer.verdicts] == list(claims)
    assert answer.as_of.seconds == 1_780_315_200
    assert re.fullmatch("[0-9a-f]{24}", answer.contest)


def test_an_overall_answer_has_no_verdicts_per_claim(
    stub: verification_pb2_grpc.VerificationServiceStub,
) -> None:
    """Where the agreement grants one verdict, one verdict is given."""
    answer = stub.Verify(request(purpose="strict", claims={NAME: "BUDI SANTOSO", SEX: "2"}), timeout=5)
    assert answer.outcome == NO_MATCH
    assert not answer.verdicts


def test_the_same_request_has_the_same_answer(stub: verification_pb2_grpc.VerificationServiceStub) -> None:
    """A repetition with the same bytes gets the stored bytes; another body is refused."""
    message = request()
    first = stub.Verify(message, timeout=5)
    assert stub.Verify(message, timeout=5).SerializeToString() == first.SerializeToString()
    message.claims[0].value = "BUDI SANTOSA"
    code, reason, _ = refused(lambda: stub.Verify(message, timeout=5))
    assert (code, reason) == (grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED")


SECRET = "Xq7 canary"
BAD_REQUESTS: dict[str, tuple[dict[str, Any], str, str]] = {
    "nik too short": ({"nik": "327301010190900"}, "nik", "INVALID_FIELD"),
    "nik with an impossible date": ({"nik": "3273013113909001"}, "nik", "INVALID_FIELD"),
    "nik with full-width digits": ({"nik": "３273010101909001"}, "nik", "INVALID_FIELD"),  # noqa: RUF001
    "no request_id": ({"request_id": "not a uuid"}, "request_id", "INVALID_FIELD"),
    "request_id in upper case": ({"request_id": str(uuid.uuid4()).upper()}, "request_id", "INVALID_FIELD"),
    "blind too short": ({"blind": b"x" * 31}, "blind", "INVALID_FIELD"),
    "blind of one byte": ({"blind": bytes(32)}, "blind", "INVALID_FIELD"),
    "officer with a line break": ({"officer": "a\nb"}, "officer", "INVALID_FIELD"),
    "purpose with a space": ({"purpose": "a b"}, "purpose", "INVALID_FIELD"),
    "no claim": ({"claims": {}}, "claims", "INVALID_FIELD"),
    "empty claim": ({"claims": {NAME: ""}}, "claims[0].value", "INVALID_FIELD"),
    "long claim": ({"claims": {NAME: "A" * 401}}, "claims[0].value", "INVALID_FIELD"),
    "name of 100 kB": ({"claims": {NAME: "A" * 30_000}}, "claims[0].value", "INVALID_FIELD"),
    "control character": ({"claims": {NAME: f"{SECRET}\x1b[0m"}}, "claims[0].value", "INVALID_FIELD"),
    "unknown attribute": ({"claims": {99: SECRET}}, "claims[0].attribute", "INVALID_FIELD"),
    "unknown code": ({"claims": {NAME: "BUDI", MARITAL: SECRET}}, "claims[1].value", "UNKNOWN_CODE"),
    "impossible date": (
        {"claims": {NAME: "BUDI", BIRTH_DATE: "1990-02-30"}},
        "claims[1].value",
        "INVALID_FIELD",
    ),
    "future date": ({"claims": {NAME: "BUDI", BIRTH_DATE: "2199-01-01"}}, "claims[1].value", "INVALID_FIELD"),
    "client version": ({"client_version": "a\x00"}, "client_version", "INVALID_FIELD"),
}


@pytest.mark.parametrize("case", BAD_REQUESTS)
def test_a_bad_request_names_the_field_and_the_rule(
    stub: verification_pb2_grpc.VerificationServiceStub, case: str
) -> None:
    """What is malformed is INVALID_ARGUMENT with the field, and never with the value."""
    fields, field, expected = BAD_REQUESTS[case]
    code, reason, violations = refused(lambda: stub.Verify(request(**fields), timeout=5))
    assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, expected)
    assert list(violations) == [field]
    assert violations[field]
    assert SECRET not in str(violations)


def test_an_attribute_twice_is_refused(stub: verification_pb2_grpc.VerificationServiceStub) -> None:
    """Each attribute may be claimed once."""
    message = request()
    message.claims.add(attribute=NAME, value="OTHER")
    code, _, violations = refused(lambda: stub.Verify(message, timeout=5))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert list(violations) == ["claims[1].attribute"]


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"\xff\xff\xff", "no message"),
        (request().SerializeToString() + b"\xc8\x3e\x01", "an unknown field at the top"),
        (
            verification_pb2.VerifyRequest(officer="x").SerializeToString().replace(b"x", b"\xff"),
            "invalid UTF-8",
        ),
    ],
)
def test_what_is_no_message_is_refused(service: RunningService, raw: bytes, why: str) -> None:
    """Bytes that are not a message of this version are INVALID_ARGUMENT, not INTERNAL."""
    with service.channel() as channel:
        verify: Any = channel.unary_unary("/padan.v1.VerificationService/Verify")
        code, reason, _ = refused(lambda: verify(raw, timeout=5))
    assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED_MESSAGE"), why


NOT_GRANTED: dict[str, tuple[dict[str, Any], str]] = {
    "purpose": ({"purpose": "marketing"}, "PURPOSE_NOT_GRANTED"),
    "attribute": ({"claims": {NAME: "BUDI", vocabulary.ATTRIBUTE_RELIGION: "1"}}, "ATTRIBUTE_NOT_GRANTED"),
    "age": ({"claims": {NAME: "BUDI", AGE: "18"}}, "ATTRIBUTE_NOT_GRANTED"),
    "anchor": ({"claims": {SEX: "1"}}, "ANCHOR_REQUIRED"),
    "on behalf of": ({"on_behalf_of": "reseller"}, "FEATURE_NOT_GRANTED"),
    "token wanted": ({"issue_token": True}, "FEATURE_NOT_GRANTED"),
    "legal basis": ({"legal_basis": vocabulary.LEGAL_BASIS_CONSENT}, "LEGAL_BASIS_NOT_GRANTED"),
}


@pytest.mark.parametrize("case", NOT_GRANTED)
def test_what_the_agreement_does_not_say_is_refused(
    stub: verification_pb2_grpc.VerificationServiceStub, case: str
) -> None:
    """Deny by default, with the reason."""
    fields, expected = NOT_GRANTED[case]
    code, reason, _ = refused(lambda: stub.Verify(request(**fields), timeout=5))
    assert (code, reason) == (grpc.StatusCode.PERMISSION_DENIED, expected)


def test_a_token_is_not_granted_yet(stub: verification_pb2_grpc.VerificationServiceStub) -> None:
    """A subject by token is refused as not granted."""
    message = request()
    message.ClearField("nik")
    message.subject_token = os.urandom(64)
    assert refused(lambda: stub.Verify(message, timeout=5))[1] == "FEATURE_NOT_GRANTED"


def test_consent_needs_its_receipt(stub: verification_pb2_grpc.VerificationServiceStub) -> None:
    """Consent without the id of its receipt is refused, with it accepted."""
    message = request(purpose="strict", legal_basis=vocabulary.LEGAL_BASIS_CONSENT)
    assert refused(lambda: stub.Verify(message, timeout=5))[1] == "LEGAL_BASIS_NOT_GRANTED"
    message.consent_receipt = "receipt-1"
    assert stub.Verify(message, timeout=5).outcome == MATCH


def test_a_call_needs_a_deadline(stub: verification_pb2_grpc.VerificationServiceStub) -> None:
    """Without a deadline a call is refused."""
    code, reason, _ = refused(lambda: stub.Verify(request()))
    assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "DEADLINE_REQUIRED")


def test_not_after_is_kept(stub: verification_pb2_grpc.VerificationServiceStub) -> None:
    """A request that has run out is refused."""
    message = request()
    message.not_after.FromSeconds(1_000)
    code, reason, _ = refused(lambda: stub.Verify(message, timeout=5))
    assert (code, reason) == (grpc.StatusCode.DEADLINE_EXCEEDED, "TOO_LATE")


@pytest.mark.parametrize(
    ("caller", "expected"),
    [
        ("nobody", (grpc.StatusCode.PERMISSION_DENIED, "NO_AGREEMENT")),
        ("elsewhere", (grpc.StatusCode.PERMISSION_DENIED, "SOURCE_ADDRESS_NOT_GRANTED")),
        ("auditor-1", (grpc.StatusCode.PERMISSION_DENIED, "METHOD_NOT_ALLOWED")),
        ("stranger", (grpc.StatusCode.UNAUTHENTICATED, "UNKNOWN_CALLER")),
    ],
)
def test_callers_without_standing(
    service: RunningService, caller: str, expected: tuple[grpc.StatusCode, str]
) -> None:
    """A certificate alone grants nothing."""
    with service.channel(caller) as channel:
        stub = verification_pb2_grpc.VerificationServiceStub(channel)
        assert refused(lambda: stub.Verify(request(), timeout=5))[:2] == expected


def test_a_spent_quota_says_so(service: RunningService) -> None:
    """The calls of the day are counted, and the refusal is told apart from a budget."""
    with service.channel("poor") as channel:
        stub = verification_pb2_grpc.VerificationServiceStub(channel)
        for _ in range(3):
            assert stub.Verify(request(), timeout=5).outcome == MATCH
        code, reason, _ = refused(lambda: stub.Verify(request(), timeout=5))
    assert (code, reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "QUOTA_EXHAUSTED")


def test_a_question_with_captures_is_refused_by_field_and_by_agreement(
    stub: verification_pb2_grpc.VerificationServiceStub,
) -> None:
    """VerifyBiometric is served beside Verify: a malformed field is named, a modality that is not granted refused."""
    message = verification_pb2.VerifyBiometricRequest(question=request(claims={}))
    with pytest.raises(grpc.RpcError) as caught:
        stub.VerifyBiometric(message, timeout=5)
    assert details(caught.value) == ("INVALID_FIELD", {"probes": "1 to 4 probes"})
    probe = message.probes.add(modality=biometric_pb2.MODALITY_FINGER, key_id="k", sealed=b"s")
    probe.extractor.name, probe.extractor.version = "leader", "1.0"
    with pytest.raises(grpc.RpcError) as caught:
        stub.VerifyBiometric(message, timeout=5)
    assert details(caught.value)[0] == "ATTRIBUTE_NOT_GRANTED"
