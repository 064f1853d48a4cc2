"""Every error of this package, grouped by who must act.

Guarantees: a message never carries a NIK, a claim's value, a token or a key, so it may be logged and shown.
`reason` is a stable name to switch on: for a refusal by the service the name of a `padan.v1.ErrorReason`
without its prefix (`AGREEMENT_SUSPENDED`); for what this package finds by itself a word in lower case
(`format`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from padan.info import ServiceKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One field that is not as it must be."""

    field: str
    """Path of the field in the message, for example `claims[2].value`."""
    rule: str
    """The rule that it breaks, as the service names it."""


class PadanError(Exception):
    """Base of every error of this package.

    Attributes:
        reason: stable name to switch on; empty where there is none.
        retry_after: seconds after which the same question may be asked again; None where waiting does
            not help.
        fields: what is wrong with which field, never with its value.
        next_step: what to do, for a person; empty where `padan errors` says all there is.
    """

    def __init__(
        self,
        message: str,
        *,
        reason: str = "",
        retry_after: float | None = None,
        fields: Sequence[Violation] = (),
        next_step: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason
        self.retry_after = retry_after
        self.fields = tuple(fields)
        self.next_step = next_step

    def __str__(self) -> str:
        broken = "; ".join(f"{violation.field}: {violation.rule}" for violation in self.fields)
        return f"{self.message} ({broken})" if broken else self.message


# The caller's program must send something else.


class InvalidRequestError(PadanError):
    """The request is malformed; the same bytes are refused again."""


class NikError(InvalidRequestError):
    """The text is not a NIK; `reason` is "format", "date" or "serial"."""


class ConflictError(PadanError):
    """The request id was used for another question, or a key or a token is no longer current."""


class ProbeKeyEndedError(ConflictError):
    """A probe was sealed to a key that the service has no more; nothing was decided, charged or kept.

    Attributes:
        key: the current one, to be checked by `padan.servicekey` before anything is sealed to it; None where the
            service sent none.
    """

    key: ServiceKey | None = None


# The agency's administrator must act, or ask the registry's operator.


class IdentityError(PadanError):
    """The service does not know this caller, or the certificates do not fit."""


class NotGrantedError(PadanError):
    """The agreement does not grant this question."""


class QuotaError(PadanError):
    """A quota is spent or calls come too fast; wait for `retry_after`."""


# Nobody but time and the operator.


class UnavailableError(PadanError):
    """The service cannot answer now; the same question, sent again, is safe."""


class TooLateError(UnavailableError):
    """No answer came within the deadline; the question may have been answered and logged."""


class InternalError(PadanError):
    """A fault of the service or of this package."""


# Whoever disputes an answer, or decides about it.


class DisputeError(PadanError):
    """There is no such answer or dispute, or what a dispute holds is not what it claims to be."""


# Whoever seals to somebody, or opens what was sealed.


class SealingError(PadanError):
    """A key is not one to seal to, or a box does not open with it."""


# Whoever holds a file must look at it.


class ConfigError(PadanError):
    """A file of the agency (certificate, key, configuration) is not usable."""


class ReceiptError(PadanError):
    """A receipt is not what it claims to be."""


class AuditError(PadanError):
    """What the log answered does not hold together."""


class LogError(AuditError):
    """The log's tree or what is signed about it is not what it claims to be."""


class LogFormatError(LogError):
    """A tile, note, checkpoint, policy or proof is damaged, or of another form."""


class LogSignatureError(LogError):
    """Nobody who is believed has signed it, or a signature does not hold."""


class QuorumError(LogSignatureError):
    """The log has signed it, and too few witnesses have cosigned it: they may be away, and come back."""


class LogProofError(LogError):
    """A proof does not show what it claims to show."""


class OriginError(LogError):
    """It is of another log."""


class RollbackError(LogError):
    """A log or a copy of it is behind what it was seen at before."""


class ForkError(LogError):
    """A log has signed two histories that do not fit each other."""


class StaleError(LogError):
    """A log's last checkpoint is older than whoever checks it allows."""


class DamageError(LogError):
    """A file or an entry is not what the signed tree says; `message` names the place."""


# Whoever runs the auditor's tools.


class SourceError(UnavailableError):
    """A log's files, or the disk that they are copied to, cannot be used now."""


class CopyError(ConfigError):
    """What is there is no copy of a log, or cannot be used as asked."""


class QueryError(InvalidRequestError):
    """A query is not read-only, or is not SQL over the copy's tables."""
