"""From a failed call to an exception of this package.

Guarantees: every failure of a call becomes a `PadanError` with a reason of padan/remedy.py. gRPC reports a handshake
that failed as UNAVAILABLE like any lost connection; here the two are told apart, because only one of them is worth a
retry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar, cast

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from padan import remedy
from padan.errors import PadanError, ProbeKeyEndedError, Violation
from padan.info import read_key
from padan.v1 import verification_pb2

if TYPE_CHECKING:
    from google.protobuf.message import Message

DOMAIN = "padan"
# Fragments of the texts of gRPC's C core and of BoringSSL; there is nothing better to tell the cases apart.
_SERVER_REFUSED = ("CERTIFICATE_VERIFY_FAILED", "Peer name", "ostname")
_CLIENT_REFUSED = ("alert", "ALERT", "CERTIFICATE_REQUIRED")
_TOO_LARGE = ("larger than max", "exceeds max")
_BY_CODE = {
    grpc.StatusCode.UNAVAILABLE: "NO_CONNECTION",
    grpc.StatusCode.DEADLINE_EXCEEDED: "DEADLINE",
    grpc.StatusCode.CANCELLED: "CANCELLED",
    grpc.StatusCode.UNIMPLEMENTED: "NOT_PADAN",
    grpc.StatusCode.RESOURCE_EXHAUSTED: "RATE_LIMITED",
}

_Detail = TypeVar("_Detail", bound="Message")


class FailedCall(Protocol):
    """What the errors of grpc and of grpc.aio have in common."""

    def code(self) -> grpc.StatusCode:
        """Return the status code."""
        ...

    def details(self) -> str | None:
        """Return the status message."""
        ...


def from_rpc(error: FailedCall) -> PadanError:
    """Explain a failed call.

    Args:
        error: a `grpc.RpcError` of a call, or a `grpc.aio.AioRpcError`.
    """
    status = _status(error)
    info = _find(status, error_details_pb2.ErrorInfo())
    if info is None or info.domain != DOMAIN:
        return remedy.build(_own_reason(error.code(), error.details() or ""))
    fields = _fields(status)
    built = remedy.build(
        info.reason,
        detail="" if fields or info.reason == "INTERNAL" else status.message,
        retry_after=_retry_after(status),
        fields=fields,
    )
    if isinstance(built, ProbeKeyEndedError):
        key = _find(status, verification_pb2.PublicKey())
        built.key = None if key is None else read_key(key)
    return built


def _own_reason(code: grpc.StatusCode, text: str) -> str:
    if code is grpc.StatusCode.UNAVAILABLE:
        if any(fragment in text for fragment in _SERVER_REFUSED):
            return "SERVER_CERTIFICATE"
        if any(fragment in text for fragment in _CLIENT_REFUSED):
            return "CLIENT_CERTIFICATE"
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED and any(fragment in text for fragment in _TOO_LARGE):
        return "TOO_LARGE"
    return _BY_CODE.get(code, "INTERNAL")


def _status(error: FailedCall) -> status_pb2.Status:
    try:
        found: status_pb2.Status | None = rpc_status.from_call(
            cast("grpc.Call", error)
        )  # it reads these methods alone
    except (ValueError, DecodeError):
        found = None  # details that contradict the call's own status are not believed
    return found if found is not None else status_pb2.Status()


def _find(status: status_pb2.Status, wanted: _Detail) -> _Detail | None:
    for detail in status.details:
        if detail.Unpack(wanted):
            return wanted
    return None


def _fields(status: status_pb2.Status) -> tuple[Violation, ...]:
    bad = _find(status, error_details_pb2.BadRequest())
    if bad is None:
        return ()
    return tuple(Violation(field=item.field, rule=item.description) for item in bad.field_violations)


def _retry_after(status: status_pb2.Status) -> float | None:
    info = _find(status, error_details_pb2.RetryInfo())
    if info is None:
        return None
    return float(info.retry_delay.seconds + info.retry_delay.nanos / 1e9)
