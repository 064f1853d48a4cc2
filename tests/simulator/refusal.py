"""How a simulator refuses, as the service does: a rich status."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

if TYPE_CHECKING:
    import grpc
    from google.protobuf.message import Message


def refuse(
    context: grpc.ServicerContext,
    code: grpc.StatusCode,
    reason: str,
    *,
    message: str = "refused",
    field: str = "",
    delay: float | None = None,
    domain: str = "padan",
) -> NoReturn:
    """End a call with a rich error."""
    details: list[Message] = [error_details_pb2.ErrorInfo(reason=reason, domain=domain)]
    if field:
        violation = error_details_pb2.BadRequest.FieldViolation(field=field, description=message)
        details.append(error_details_pb2.BadRequest(field_violations=[violation]))
    if delay is not None:
        duration = duration_pb2.Duration(seconds=int(delay), nanos=int(delay % 1 * 1e9))
        details.append(error_details_pb2.RetryInfo(retry_delay=duration))
    packed = []
    for detail in details:
        packed.append(any_pb2.Any())
        packed[-1].Pack(detail)
    status = status_pb2.Status(code=code.value[0], message=message, details=packed)
    context.abort_with_status(rpc_status.to_status(status))
    raise AssertionError("abort_with_status raises")
