"""What a caller reads of our errors."""

from __future__ import annotations

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from padan.v1 import error_pb2
from verifier import errors
from verifier.status import CODES, DOMAIN, status_of


def details_of(status: grpc.Status) -> dict[str, object]:
    """Read the details of a status, by the name of their type."""
    (packed,) = [value for key, value in status.trailing_metadata if key == "grpc-status-details-bin"]
    found: dict[str, object] = {}
    for detail in status_pb2.Status.FromString(packed).details:
        message = getattr(error_details_pb2, detail.type_url.rpartition(".")[2])()
        detail.Unpack(message)
        found[type(message).__name__] = message
    return found


def test_every_reason_has_a_code() -> None:
    """The table and the contract hold the same reasons."""
    reasons = {name.removeprefix("ERROR_REASON_") for name in error_pb2.ErrorReason.keys()}  # noqa: SIM118 - an enum wrapper
    assert set(CODES) == reasons - {"UNSPECIFIED"}


def _families(kind: type[errors.VerifierError]) -> list[type[errors.VerifierError]]:
    return [kind, *(each for child in kind.__subclasses__() for each in _families(child))]


def test_every_error_has_a_known_reason() -> None:
    """No error of ours carries a reason that the contract does not know."""
    assert {kind.reason for kind in _families(errors.VerifierError)} <= set(CODES)


def test_an_error_outside_the_table_says_nothing() -> None:
    """What is not ours is INTERNAL without detail."""
    status = status_of(ValueError("3273010101909001"))
    assert status.code is grpc.StatusCode.INTERNAL
    assert status.details == "internal fault"
    info = details_of(status)["ErrorInfo"]
    assert isinstance(info, error_details_pb2.ErrorInfo)
    assert (info.reason, info.domain) == ("INTERNAL", DOMAIN)


def test_an_operators_error_says_nothing_to_a_caller() -> None:
    """A fault of configuration is not told to agencies."""
    status = status_of(errors.OperatorError("/etc/padan/secret.toml: line 3"))
    assert (status.code, status.details) == (grpc.StatusCode.INTERNAL, "internal fault")


def test_a_field_and_its_rule_are_named() -> None:
    """An invalid field comes as a BadRequest violation too."""
    details = details_of(status_of(errors.InvalidFieldError("a UUID", field="request_id")))
    bad = details["BadRequest"]
    assert isinstance(bad, error_details_pb2.BadRequest)
    assert [(item.field, item.description) for item in bad.field_violations] == [("request_id", "a UUID")]


@pytest.mark.parametrize("kind", [errors.LogUnavailableError, errors.RegistryUnavailableError])
def test_an_outage_says_when_to_come_back_and_not_why(kind: type[errors.VerifierError]) -> None:
    """UNAVAILABLE carries RetryInfo; the reason behind it is the operator's."""
    status = status_of(kind("the disk /dev/sda1 is full"))
    assert status.code is grpc.StatusCode.UNAVAILABLE
    assert "sda1" not in status.details
    retry = details_of(status)["RetryInfo"]
    assert isinstance(retry, error_details_pb2.RetryInfo)
    assert retry.retry_delay.seconds == 2


def test_a_spent_quota_is_a_quota_failure() -> None:
    """The quota is told apart from other refusals."""
    assert "QuotaFailure" in details_of(status_of(errors.QuotaExhaustedError("spent")))
