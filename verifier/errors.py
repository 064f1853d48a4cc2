"""The errors of the service, grouped by who must act, and the reason that a caller reads.

`reason` is the name of a value of padan.v1.ErrorReason without its prefix; verifier/status.py maps it to a gRPC
status. An error that carries no reason of its own reaches a caller as INTERNAL, without detail.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from google.protobuf.message import Message


class VerifierError(Exception):
    """Base of every error of the service.

    Attributes:
        reason: name of an ErrorReason without its prefix.
        field: path of the request's field that is at fault; empty where none is.
        detail: what the caller needs to go on, as a message of its own among the status's details; None where nothing.
    """

    reason: ClassVar[str] = "INTERNAL"
    detail: Message | None = None

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class CallerError(VerifierError):
    """The caller must change something."""


class OperatorError(VerifierError):
    """The operator must change something: configuration, files, a start in the wrong order."""


class ServiceError(VerifierError):
    """Something that the service needs is away; the call may succeed later."""


class InvalidFieldError(CallerError):
    """A field is missing or malformed."""

    reason = "INVALID_FIELD"


class UnknownCodeError(CallerError):
    """A value is in no code list."""

    reason = "UNKNOWN_CODE"


class MalformedMessageError(CallerError):
    """The bytes are no message of this version."""

    reason = "MALFORMED_MESSAGE"


class DeadlineRequiredError(CallerError):
    """The call came without a deadline."""

    reason = "DEADLINE_REQUIRED"


class TooLateError(CallerError):
    """Too little time is left, or not_after has passed."""

    reason = "TOO_LATE"


class MethodNotAllowedError(CallerError):
    """This role may not call this method."""

    reason = "METHOD_NOT_ALLOWED"


class RateLimitedError(CallerError):
    """Too many calls at once."""

    reason = "RATE_LIMITED"


class QuotaExhaustedError(CallerError):
    """The agreement's calls of the day are spent."""

    reason = "QUOTA_EXHAUSTED"


class RequestIdReusedError(CallerError):
    """The request_id was used with another body."""

    reason = "REQUEST_ID_REUSED"


class InvalidPageTokenError(CallerError):
    """The page token is not one that this caller was given."""

    reason = "INVALID_PAGE_TOKEN"


class LogUnavailableError(ServiceError):
    """The log cannot be written or read; nothing may be answered."""

    reason = "LOG_UNAVAILABLE"


class LogUnwitnessedError(ServiceError):
    """The log's witnesses are away for too long for data of this class."""

    reason = "LOG_UNWITNESSED"


class RegistryUnavailableError(ServiceError):
    """The registry's data or keys cannot be read."""

    reason = "REGISTRY_UNAVAILABLE"


class ShuttingDownError(ServiceError):
    """The service is stopping."""

    reason = "SHUTTING_DOWN"


_BY_COMMIT: dict[str, tuple[type[VerifierError], str]] = {
    "QUOTA_EXHAUSTED": (QuotaExhaustedError, "the agreement's calls of the day are spent"),
    "REQUEST_ID_REUSED": (RequestIdReusedError, "this request_id was used with another body"),
    "LOG_UNAVAILABLE": (LogUnavailableError, "the first request with this id is still being committed"),
}


def refused_by_commit(reason: str) -> VerifierError:
    """Make the error of a question that the commit itself refused, from the name of its ErrorReason."""
    kind, message = _BY_COMMIT[reason]
    return kind(message)


def untraced(error: VerifierError | None) -> VerifierError | None:
    """Cut an error, and what it came from, loose from the frames that raised it.

    The frames lead to the work, and the work to the error: a cycle that would hold the call, and its stream, until the
    garbage collector comes. The C core counts such streams, and refuses new ones of the connection (REFUSED_STREAM).
    """
    link: BaseException | None = error
    while link is not None:
        link.__traceback__ = None
        link = link.__cause__ or link.__context__
    return error
