"""The synchronous client against a simulator of the service."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from padan import Client, Question, channel
from padan.errors import (
    ConfigError,
    ConflictError,
    IdentityError,
    InternalError,
    InvalidRequestError,
    NotGrantedError,
    PadanError,
    QuotaError,
    TooLateError,
    UnavailableError,
)
from padan.v1 import verification_pb2
from padan.vocabulary import Attribute, Verdict
from tests.simulator.refusal import refuse
from tests.simulator.service import AS_OF, Slow, match, refusing

if TYPE_CHECKING:
    from pathlib import Path

    from tests.simulator.pki import Pki
    from tests.simulator.service import Service

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE


def test_verify_returns_frozen_verdicts(
    service: Service, files: dict[str, Any], asked: dict[str, Any]
) -> None:
    """A match comes back as a frozen value with verdicts by attribute."""
    with Client.from_files(service.address, **files) as client:
        answer = client.verify(**asked)
    assert answer.outcome is Verdict.MATCH
    assert answer.confirmed
    assert answer.verdicts == {Attribute.NAME: Verdict.MATCH, Attribute.BIRTH_DATE: Verdict.MATCH}
    assert answer.as_of == AS_OF
    assert (answer.contest, answer.receipt) == ("CONTEST1", "a.b.c")
    with pytest.raises(AttributeError):
        answer.outcome = Verdict.NO_MATCH  # type: ignore[misc]  # that it cannot be done is the point
    with pytest.raises(TypeError):
        answer.verdicts[Attribute.NAME] = Verdict.NO_MATCH  # type: ignore[index]  # as above


def test_request_carries_what_was_asked(
    service: Service, files: dict[str, Any], asked: dict[str, Any]
) -> None:
    """The message has the fields of the call, a fresh id and blind, and the client's version."""
    with Client.from_files(service.address, **files) as client:
        client.verify(**asked)
        client.verify(**asked)
    first, second = (verification_pb2.VerifyRequest.FromString(body) for body in service.bodies)
    assert first.nik == asked["nik"]
    assert [(claim.attribute, claim.value) for claim in first.claims] == [
        (1, "Sitti Rahmawati"),
        (4, "1990-01-01"),
    ]
    assert (first.purpose, first.officer, first.legal_basis) == ("treatment", "desk-7", 5)
    assert first.client_version.startswith("padan-python/0.1.0 grpcio/")
    assert first.request_id != second.request_id
    assert first.blind != second.blind


def test_unknown_verdict_reads_as_not_available(
    service: Service, files: dict[str, Any], asked: dict[str, Any]
) -> None:
    """A verdict of a newer contract is NOT_AVAILABLE, for the outcome and for a claim."""

    def newer(
        request: verification_pb2.VerifyRequest, context: grpc.ServicerContext
    ) -> verification_pb2.VerifyResponse:
        response = match(request, context)
        response.outcome = 99  # type: ignore[assignment]  # a number of a newer contract
        response.verdicts[0].verdict = 98  # type: ignore[assignment]  # as above
        return response

    service.steps.append(newer)
    with Client.from_files(service.address, **files) as client:
        answer = client.verify(**asked)
    assert answer.outcome is Verdict.NOT_AVAILABLE
    assert answer.verdicts[Attribute.NAME] is Verdict.NOT_AVAILABLE
    assert not answer.confirmed


@pytest.mark.parametrize("change", ["request_id", "attribute", "missing"])
def test_answer_to_another_question_is_refused(
    service: Service, files: dict[str, Any], asked: dict[str, Any], change: str
) -> None:
    """An answer with another id, or with verdicts about other claims, is never returned."""

    def other(
        request: verification_pb2.VerifyRequest, context: grpc.ServicerContext
    ) -> verification_pb2.VerifyResponse:
        response = match(request, context)
        if change == "request_id":
            response.request_id = "00000000-0000-4000-8000-000000000000"
        elif change == "attribute":
            response.verdicts[0].attribute = 5  # type: ignore[assignment]  # its number
        else:
            del response.verdicts[0]
        return response

    service.steps.append(other)
    with Client.from_files(service.address, **files) as client, pytest.raises(InternalError) as caught:
        client.verify(**asked)
    assert caught.value.reason == "WRONG_ANSWER"


def test_retry_sends_the_same_bytes(service: Service, files: dict[str, Any], asked: dict[str, Any]) -> None:
    """After two outages the third attempt answers, and all three carried the same bytes, blind included."""
    service.steps += [refusing(UNAVAILABLE, "LOG_UNAVAILABLE"), refusing(UNAVAILABLE, "SHUTTING_DOWN")]
    with Client.from_files(service.address, **files, timeout=5) as client:
        answer = client.verify(**asked)
    assert answer.confirmed
    assert len(service.bodies) == 3
    assert len(set(service.bodies)) == 1


def test_an_outage_is_tried_until_the_deadline(
    service: Service, files: dict[str, Any], asked: dict[str, Any]
) -> None:
    """An outage that ends in time is ridden out; a lasting one is told with its reason, after a few attempts."""
    service.steps += [refusing(UNAVAILABLE, "LOG_UNAVAILABLE")] * 5
    with Client.from_files(service.address, **files, timeout=20) as client:
        assert client.verify(**asked).confirmed
        assert len(service.bodies) == 6
        service.steps += [refusing(UNAVAILABLE, "LOG_UNAVAILABLE")] * 100
        with pytest.raises(UnavailableError) as caught:
            client.verify(**asked, timeout=1.5)
    assert caught.value.reason == "LOG_UNAVAILABLE"
    assert 8 < len(service.bodies) < 16


def test_more_calls_than_a_connection_takes(
    service: Service, files: dict[str, Any], asked: dict[str, Any]
) -> None:
    """Whatever the number of threads, no more than a connection takes are under way; who gets no turn is told."""
    slow = Slow()
    service.steps += [slow] * 200
    with (
        Client.from_files(service.address, **files, timeout=20) as client,
        ThreadPoolExecutor(60) as pool,
    ):
        many = [pool.submit(client.verify, **asked) for _ in range(120)]
        time.sleep(0.05)
        with pytest.raises(TooLateError):
            client.verify(**asked, timeout=0.05)
        assert all(each.result().confirmed for each in many)
    # The one that was given up may have had its turn for a moment, and what it began at the service goes on there.
    assert 8 < slow.most <= channel.AT_ONCE + 1


def test_retry_after_beyond_the_deadline_is_told_not_waited(
    service: Service, files: dict[str, Any], asked: dict[str, Any]
) -> None:
    """If the service asks to come back later than the deadline, the client says so at once."""
    service.steps.append(refusing(UNAVAILABLE, "LOG_UNAVAILABLE", delay=30))
    begin = time.monotonic()
    with (
        Client.from_files(service.address, **files, timeout=2) as client,
        pytest.raises(UnavailableError) as caught,
    ):
        client.verify(**asked)
    assert time.monotonic() - begin < 1.5
    assert caught.value.retry_after == 30
    assert len(service.bodies) == 1


def test_hanging_attempt_leaves_room_for_another(
    service: Service, files: dict[str, Any], asked: dict[str, Any]
) -> None:
    """An attempt that hangs is given up in time for a second one within the caller's deadline."""

    def hang(
        request: verification_pb2.VerifyRequest, context: grpc.ServicerContext
    ) -> verification_pb2.VerifyResponse:
        while context.is_active():
            time.sleep(0.01)
        return match(request, context)

    service.steps.append(hang)
    begin = time.monotonic()
    with Client.from_files(service.address, **files, timeout=2) as client:
        assert client.verify(**asked).confirmed
    assert time.monotonic() - begin < 2
    assert len(set(service.bodies)) == 1
    assert len(service.bodies) == 2


def test_deadline_bounds_everything(service: Service, files: dict[str, Any], asked: dict[str, Any]) -> None:
    """A service that never answers costs the caller its timeout and no more."""

    def hang(
        request: verification_pb2.VerifyRequest, context: grpc.ServicerContext
    ) -> verification_pb2.VerifyResponse:
        while context.is_active():
            time.sleep(0.01)
        return match(request, context)

    service.steps += [hang] * 9
    begin = time.monotonic()
    with Client.from_files(service.address, **files) as client, pytest.raises(TooLateError) as caught:
        client.verify(**asked, timeout=0.6)
    assert time.monotonic() - begin < 1.2
    assert caught.value.reason == "DEADLINE"


def test_every_call_brings_a_deadline(service: Service, files: dict[str, Any], asked: dict[str, Any]) -> None:
    """The service sees the time that is left, also where the caller named no timeout."""
    with Client.from_files(service.address, **files) as client:
        client.verify(**asked)
        client.service_info()
    assert [left is not None and 0 < left <= 2 for left in service.remaining] == [True, True]


@pytest.mark.parametrize(
    "refusal",
    [
        (grpc.StatusCode.PERMISSION_DENIED, "ANCHOR_REQUIRED", NotGrantedError),
        (grpc.StatusCode.UNAUTHENTICATED, "UNKNOWN_CALLER", IdentityError),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "QUOTA_EXHAUSTED", QuotaError),
        (grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED", ConflictError),
        (grpc.StatusCode.INVALID_ARGUMENT, "UNKNOWN_CODE", InvalidRequestError),
        (grpc.StatusCode.INTERNAL, "INTERNAL", InternalError),
    ],
)
def test_refusals_are_not_retried(
    service: Service,
    files: dict[str, Any],
    asked: dict[str, Any],
    refusal: tuple[grpc.StatusCode, str, type[PadanError]],
) -> None:
    """A refusal is raised as the class of who must act, after one attempt."""
    code, reason, error = refusal
    service.steps += [refusing(code, reason)] * 5
    with Client.from_files(service.address, **files) as client, pytest.raises(error) as caught:
        client.verify(**asked)
    assert caught.value.reason == reason
    assert caught.value.next_step
    assert len(service.bodies) == 1


def test_violations_name_field_and_rule(
    service: Service, files: dict[str, Any], asked: dict[str, Any]
) -> None:
    """The fields of a BadRequest arrive as violations."""

    def broken(
        _: verification_pb2.VerifyRequest, context: grpc.ServicerContext
    ) -> verification_pb2.VerifyResponse:
        refuse(
            context,
            grpc.StatusCode.INVALID_ARGUMENT,
            "UNKNOWN_CODE",
            message="a code of the list",
            field="claims[1].value",
        )

    service.steps.append(broken)
    with Client.from_files(service.address, **files) as client, pytest.raises(InvalidRequestError) as caught:
        client.verify(**asked)
    assert [(item.field, item.rule) for item in caught.value.fields] == [
        ("claims[1].value", "a code of the list")
    ]
    assert "claims[1].value: a code of the list" in str(caught.value)


def test_malformed_question_is_never_sent(
    service: Service, files: dict[str, Any], asked: dict[str, Any]
) -> None:
    """A bad NIK is refused on the agency's side, without its digits in the message."""
    with Client.from_files(service.address, **files) as client, pytest.raises(InvalidRequestError) as caught:
        client.verify(**{**asked, "nik": "9971014101900000"})
    assert caught.value.fields[0].field == "nik"
    assert "9971014101900000" not in str(caught.value)
    assert not service.bodies


def test_wrong_ca_is_an_identity_error(service: Service, pki: Pki, asked: dict[str, Any]) -> None:
    """A server of another CA is told apart from an outage, and is not retried."""
    begin = time.monotonic()
    with (
        Client.from_files(
            service.address, ca=pki.other_ca, cert=pki.agency.cert, key=pki.agency.key
        ) as client,
        pytest.raises(IdentityError) as caught,
    ):
        client.verify(**asked)
    assert caught.value.reason == "SERVER_CERTIFICATE"
    assert "padan check" in caught.value.next_step
    assert time.monotonic() - begin < 1.5


def test_wrong_server_name_is_an_identity_error(
    service: Service, files: dict[str, Any], asked: dict[str, Any]
) -> None:
    """`server_name` is verified; it does not switch the check off."""
    with (
        Client.from_files(service.address, **files, server_name="elsewhere.test") as client,
        pytest.raises(IdentityError) as caught,
    ):
        client.verify(**asked)
    assert caught.value.reason == "SERVER_CERTIFICATE"
    with Client.from_files(service.address, **files, server_name="padan.test") as client:
        assert client.verify(**asked).confirmed


def test_refused_client_certificate_is_explained(service: Service, pki: Pki, asked: dict[str, Any]) -> None:
    """A client certificate of another CA does not get through, and the error points to the check."""
    with (
        Client.from_files(service.address, ca=pki.ca, cert=pki.stranger.cert, key=pki.stranger.key) as client,
        pytest.raises(PadanError) as caught,
    ):
        client.verify(**asked)
    assert caught.value.reason in {"CLIENT_CERTIFICATE", "NO_CONNECTION"}
    assert "padan check" in caught.value.next_step


def test_closed_port_is_unavailable(pki: Pki, asked: dict[str, Any]) -> None:
    """Where nothing listens the call fails as unavailable, within its timeout."""
    with (
        Client.from_files("127.0.0.1:1", ca=pki.ca, cert=pki.agency.cert, key=pki.agency.key) as client,
        pytest.raises(UnavailableError) as caught,
    ):
        client.verify(**asked)
    assert caught.value.reason == "NO_CONNECTION"


def test_closed_client_says_so(service: Service, files: dict[str, Any], asked: dict[str, Any]) -> None:
    """A call on a closed client is a PadanError like any other failure."""
    client = Client.from_files(service.address, **files)
    client.close()
    with pytest.raises(PadanError) as caught:
        client.verify(**asked)
    assert caught.value.reason == "CANCELLED"


def test_same_question_twice_is_the_same_question(
    service: Service, files: dict[str, Any], asked: dict[str, Any]
) -> None:
    """A question asked again by hand sends the same bytes."""
    question = Question.build(**asked)
    with Client.from_files(service.address, **files) as client:
        client.ask(question)
        client.ask(question)
    assert service.bodies == [question.body] * 2


def test_service_info_reads_the_agreement(service: Service, files: dict[str, Any]) -> None:
    """What may be asked comes back as frozen values in the words of the command line."""
    with Client.from_files(service.address, **files) as client:
        info = client.service_info()
    assert info.registry_id == "registry.test"
    assert info.agreement is not None
    (purpose,) = info.agreement.purposes
    assert purpose.attributes == ("name", "alive")
    assert purpose.anchors == ("name",)
    assert purpose.ages == (17, 21)
    assert info.profiles == ("strict", "tolerant")
    assert info.epochs[0].as_of == AS_OF
    assert [key["kid"] for key in info.jwks()["keys"]] == ["kid"]


@pytest.mark.parametrize("name", ["ca", "cert", "key"])
def test_unusable_file_is_named(tmp_path: Path, files: dict[str, Any], name: str) -> None:
    """A missing file, and one that is no PEM of its kind, is refused with its path."""
    missing = tmp_path / "missing.pem"
    with pytest.raises(ConfigError, match=r"missing\.pem"):
        Client.from_files("localhost:1", **{**files, name: missing})
    missing.write_text("-----BEGIN NOTHING-----")
    with pytest.raises(ConfigError, match="no PEM"):
        Client.from_files("localhost:1", **{**files, name: missing})


def test_no_switch_turns_verification_off() -> None:
    """No parameter of the client has a name that suggests an unchecked connection."""
    import inspect

    names = {
        name
        for method in (Client.from_files, Client.__init__)
        for name in inspect.signature(method).parameters
    }
    place = {"self", "link", "address", "ca", "cert", "key", "server_name"}
    assert names == place | {"timeout", "proofs", "signers"}
