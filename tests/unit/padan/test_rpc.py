"""From failed calls to exceptions."""

from __future__ import annotations

import grpc
import pytest
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2
from hypothesis import given
from hypothesis import strategies as st

from padan import errors
from padan.rpc import from_rpc

DETAILS = "grpc-status-details-bin"


class Failed:
    """A failed call as grpc reports it."""

    def __init__(self, code: grpc.StatusCode, text: str, details: bytes | None = None) -> None:
        self._code = code
        self._text = text
        self._metadata = () if details is None else ((DETAILS, details),)

    def code(self) -> grpc.StatusCode:
        """Return the status code."""
        return self._code

    def details(self) -> str:
        """Return the status message."""
        return self._text

    def trailing_metadata(self) -> tuple[tuple[str, bytes], ...]:
        """Return the metadata."""
        return self._metadata


def rich(code: grpc.StatusCode, reason: str, *, domain: str = "padan") -> bytes:
    """Serialise a rich status."""
    status = status_pb2.Status(code=code.value[0], message="m")
    for detail in (
        error_details_pb2.ErrorInfo(reason=reason, domain=domain),
        error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(seconds=2, nanos=500_000_000)),
    ):
        packed = any_pb2.Any()
        packed.Pack(detail)
        status.details.append(packed)
    serialised: bytes = status.SerializeToString()
    return serialised


@pytest.mark.parametrize(
    ("code", "text", "reason", "kind"),
    [
        (
            grpc.StatusCode.UNAVAILABLE,
            "recvmsg:Connection reset by peer",
            "NO_CONNECTION",
            errors.UnavailableError,
        ),
        (
            grpc.StatusCode.UNAVAILABLE,
            "failed to connect to all addresses",
            "NO_CONNECTION",
            errors.UnavailableError,
        ),
        (
            grpc.StatusCode.UNAVAILABLE,
            "Ssl handshake failed: SSL_ERROR_SSL: CERTIFICATE_VERIFY_FAILED: unable to get local issuer",
            "SERVER_CERTIFICATE",
            errors.IdentityError,
        ),
        (
            grpc.StatusCode.UNAVAILABLE,
            "Hostname Verification Check failed.",
            "SERVER_CERTIFICATE",
            errors.IdentityError,
        ),
        (
            grpc.StatusCode.UNAVAILABLE,
            "SSLV3_ALERT_BAD_CERTIFICATE",
            "CLIENT_CERTIFICATE",
            errors.IdentityError,
        ),
        (grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded", "DEADLINE", errors.TooLateError),
        (grpc.StatusCode.CANCELLED, "", "CANCELLED", errors.UnavailableError),
        (grpc.StatusCode.UNIMPLEMENTED, "", "NOT_PADAN", errors.ConfigError),
        (
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            "Received message larger than max",
            "TOO_LARGE",
            errors.InvalidRequestError,
        ),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "", "RATE_LIMITED", errors.QuotaError),
        (grpc.StatusCode.UNKNOWN, "boom", "INTERNAL", errors.InternalError),
    ],
)
def test_plain_failures(code: grpc.StatusCode, text: str, reason: str, kind: type[errors.PadanError]) -> None:
    """A failure without rich details is told by its code, and handshakes by their text."""
    error = from_rpc(Failed(code, text))
    assert (error.reason, type(error)) == (reason, kind)
    assert error.next_step


def test_rich_details_are_read() -> None:
    """Reason and delay of our own domain arrive."""
    code = grpc.StatusCode.RESOURCE_EXHAUSTED
    error = from_rpc(Failed(code, "m", rich(code, "RATE_LIMITED")))
    assert (error.reason, error.retry_after, type(error)) == ("RATE_LIMITED", 2.5, errors.QuotaError)


def test_other_domains_are_not_believed() -> None:
    """A reason of another domain (a proxy's) is not ours."""
    code = grpc.StatusCode.PERMISSION_DENIED
    assert from_rpc(Failed(code, "m", rich(code, "NO_AGREEMENT", domain="proxy"))).reason == "INTERNAL"


def test_details_that_contradict_the_status_are_not_believed() -> None:
    """Details of another code than the call's are dropped."""
    details = rich(grpc.StatusCode.PERMISSION_DENIED, "NO_AGREEMENT")
    assert from_rpc(Failed(grpc.StatusCode.UNAVAILABLE, "m", details)).reason == "NO_CONNECTION"


def test_unknown_reason_is_kept_by_name() -> None:
    """A reason of a newer contract is an internal error that still carries its name."""
    code = grpc.StatusCode.PERMISSION_DENIED
    error = from_rpc(Failed(code, "m", rich(code, "OF_NEXT_YEAR")))
    assert (error.reason, type(error)) == ("OF_NEXT_YEAR", errors.InternalError)


@given(st.sampled_from(list(grpc.StatusCode)), st.text(max_size=20), st.none() | st.binary(max_size=60))
def test_every_failure_becomes_a_padan_error(code: grpc.StatusCode, text: str, details: bytes | None) -> None:
    """Whatever the other side sends, a PadanError comes out."""
    assert isinstance(from_rpc(Failed(code, text, details)), errors.PadanError)
