"""The one table from our reasons to gRPC status codes, and the rich error that a caller reads.

What is not in the table becomes INTERNAL, without detail.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from verifier.errors import VerifierError

if TYPE_CHECKING:
    from google.protobuf.message import Message

DOMAIN = "padan"

CODES: dict[str, grpc.StatusCode] = {
    "INVALID_FIELD": grpc.StatusCode.INVALID_ARGUMENT,
    "MALFORMED_MESSAGE": grpc.StatusCode.INVALID_ARGUMENT,
    "UNKNOWN_CODE": grpc.StatusCode.INVALID_ARGUMENT,
    "DEADLINE_REQUIRED": grpc.StatusCode.INVALID_ARGUMENT,
    "INVALID_PAGE_TOKEN": grpc.StatusCode.INVALID_ARGUMENT,
    "TOO_LATE": grpc.StatusCode.DEADLINE_EXCEEDED,
    "UNKNOWN_CALLER": grpc.StatusCode.UNAUTHENTICATED,
    "CERTIFICATE_REFUSED": grpc.StatusCode.UNAUTHENTICATED,
    "METHOD_NOT_ALLOWED": grpc.StatusCode.PERMISSION_DENIED,
    "NO_AGREEMENT": grpc.StatusCode.PERMISSION_DENIED,
    "AGREEMENT_SUSPENDED": grpc.StatusCode.PERMISSION_DENIED,
    "PURPOSE_NOT_GRANTED": grpc.StatusCode.PERMISSION_DENIED,
    "ATTRIBUTE_NOT_GRANTED": grpc.StatusCode.PERMISSION_DENIED,
    "ANCHOR_REQUIRED": grpc.StatusCode.PERMISSION_DENIED,
    "LEGAL_BASIS_NOT_GRANTED": grpc.StatusCode.PERMISSION_DENIED,
    "SOURCE_ADDRESS_NOT_GRANTED": grpc.StatusCode.PERMISSION_DENIED,
    "FEATURE_NOT_GRANTED": grpc.StatusCode.PERMISSION_DENIED,
    "QUOTA_EXHAUSTED": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "RATE_LIMITED": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "REQUEST_ID_REUSED": grpc.StatusCode.ALREADY_EXISTS,
    "UNKNOWN_CONTEST": grpc.StatusCode.NOT_FOUND,
    "UNKNOWN_DISPUTE": grpc.StatusCode.NOT_FOUND,
    "ALREADY_DISPUTED": grpc.StatusCode.ALREADY_EXISTS,
    "TOO_MANY_DISPUTES": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "DISPUTES_CLOSED": grpc.StatusCode.FAILED_PRECONDITION,
    "UNKNOWN_LEAF": grpc.StatusCode.NOT_FOUND,
    "TRAILS_CLOSED": grpc.StatusCode.FAILED_PRECONDITION,
    "TRAIL_NOT_APPROVED": grpc.StatusCode.PERMISSION_DENIED,
    "TRAIL_ENDED": grpc.StatusCode.FAILED_PRECONDITION,
    "SHARE_REFUSED": grpc.StatusCode.PERMISSION_DENIED,
    "SHARE_FOREIGN": grpc.StatusCode.FAILED_PRECONDITION,
    "SHARE_HERE": grpc.StatusCode.ALREADY_EXISTS,
    "NOT_SEALED": grpc.StatusCode.FAILED_PRECONDITION,
    "UNSEAL_FAILED": grpc.StatusCode.FAILED_PRECONDITION,
    "PROPOSAL_REFUSED": grpc.StatusCode.PERMISSION_DENIED,
    "PROPOSAL_ENDED": grpc.StatusCode.FAILED_PRECONDITION,
    "PROPOSAL_NOT_READY": grpc.StatusCode.FAILED_PRECONDITION,
    "TOKEN_REFUSED": grpc.StatusCode.INVALID_ARGUMENT,
    "TOKEN_OUTDATED": grpc.StatusCode.FAILED_PRECONDITION,
    "TOKENS_UNAVAILABLE": grpc.StatusCode.UNAVAILABLE,
    "CLASS_UNKNOWN": grpc.StatusCode.INVALID_ARGUMENT,
    "CONVERSION_NOT_GRANTED": grpc.StatusCode.PERMISSION_DENIED,
    "CONVERSION_CLOSED": grpc.StatusCode.FAILED_PRECONDITION,
    "CONVERSION_INCOMPLETE": grpc.StatusCode.FAILED_PRECONDITION,
    "CONVERSION_OPEN": grpc.StatusCode.FAILED_PRECONDITION,
    "UNKNOWN_CONVERSION": grpc.StatusCode.NOT_FOUND,
    "PROBE_KEY_ENDED": grpc.StatusCode.FAILED_PRECONDITION,
    "PROBE_UNREADABLE": grpc.StatusCode.INVALID_ARGUMENT,
    "CAPTURE_EVIDENCE_REFUSED": grpc.StatusCode.FAILED_PRECONDITION,
    "EXTRACTOR_UNKNOWN": grpc.StatusCode.FAILED_PRECONDITION,
    "BIOMETRICS_CLOSED": grpc.StatusCode.FAILED_PRECONDITION,
    "KEY_NOT_CURRENT": grpc.StatusCode.FAILED_PRECONDITION,
    "LOG_UNAVAILABLE": grpc.StatusCode.UNAVAILABLE,
    "LOG_UNWITNESSED": grpc.StatusCode.UNAVAILABLE,
    "REGISTRY_UNAVAILABLE": grpc.StatusCode.UNAVAILABLE,
    "SHUTTING_DOWN": grpc.StatusCode.UNAVAILABLE,
    "INTERNAL": grpc.StatusCode.INTERNAL,
}

_PUBLIC = {
    # What is away, and why, is the operator's to read.
    "LOG_UNAVAILABLE": "the log cannot be written now, so nothing is answered",
    "LOG_UNWITNESSED": "the log's witnesses are away for too long for data of this class",
    "REGISTRY_UNAVAILABLE": "the registry's data cannot be read now",
    "TOKENS_UNAVAILABLE": "the keys or rows behind tokens of this domain cannot be read now",
    "SHUTTING_DOWN": "the service is stopping",
}
_RETRY_SECONDS = {
    "RATE_LIMITED": 1,
    "LOG_UNAVAILABLE": 2,
    "LOG_UNWITNESSED": 30,
    "REGISTRY_UNAVAILABLE": 2,
    "TOKENS_UNAVAILABLE": 5,
    "SHUTTING_DOWN": 1,
}


def status_of(error: Exception, *, retry_seconds: int | None = None) -> grpc.Status:
    """Turn an error into the status that the caller reads.

    Args:
        error: any error; what is not a VerifierError says nothing but INTERNAL.
        retry_seconds: when to come back; default by reason.
    """
    reason = error.reason if isinstance(error, VerifierError) else "INTERNAL"
    code = CODES.get(reason, grpc.StatusCode.INTERNAL)
    known = isinstance(error, VerifierError) and reason != "INTERNAL" and reason in CODES
    message = _PUBLIC.get(reason, str(error)) if known else "internal fault"
    field = error.field if isinstance(error, VerifierError) and known else ""
    details: list[Message] = [error_details_pb2.ErrorInfo(reason=reason, domain=DOMAIN)]
    if field or code is grpc.StatusCode.INVALID_ARGUMENT:
        violation = error_details_pb2.BadRequest.FieldViolation(
            field=field, description=message, reason=reason
        )
        details.append(error_details_pb2.BadRequest(field_violations=[violation]))
    if reason == "QUOTA_EXHAUSTED":
        violation_of_quota = error_details_pb2.QuotaFailure.Violation(
            subject="agreement", description="calls a day of the agreement"
        )
        details.append(error_details_pb2.QuotaFailure(violations=[violation_of_quota]))
    if isinstance(error, VerifierError) and error.detail is not None and known:
        details.append(error.detail)
    delay = _RETRY_SECONDS.get(reason) if retry_seconds is None else retry_seconds
    if delay is not None:
        details.append(error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(seconds=delay)))
    if field:
        message = f"{field}: {message}"
    packed = [any_pb2.Any() for _ in details]
    for target, detail in zip(packed, details, strict=True):
        target.Pack(detail)
    status: grpc.Status = rpc_status.to_status(
        status_pb2.Status(code=code.value[0], message=message, details=packed)
    )
    return status
