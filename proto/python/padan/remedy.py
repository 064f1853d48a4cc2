"""The table of errors: for every reason its cause, who must act, and the next step.

One table for the command lines (`padan errors`), for the exceptions of the client and for docs/agency.md; tests hold it
complete against padan.v1.ErrorReason and equal to the page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from padan import errors
from padan.remedy_biometric import BIOMETRIC
from padan.remedy_custody import CUSTODY
from padan.remedy_probe import PROBES
from padan.remedy_row import Remedy, row
from padan.remedy_token import TOKENS

if TYPE_CHECKING:
    from collections.abc import Mapping

_OPERATOR = "tell the registry's operator the request id and the time"

_SERVICE = (
    row(
        "INVALID_FIELD",
        "INVALID_ARGUMENT",
        errors.InvalidRequestError,
        "a field is missing or malformed",
        "correct the field that the error names; its rule stands beside it",
    ),
    row(
        "MALFORMED_MESSAGE",
        "INVALID_ARGUMENT",
        errors.InvalidRequestError,
        "the message has a field that the service does not know, or is no message",
        "generate your client from the service's release of the .proto files",
    ),
    row(
        "UNKNOWN_CODE",
        "INVALID_ARGUMENT",
        errors.InvalidRequestError,
        "the value is in no code list",
        "look the code up with `padan info`; have codes of your own mapped in the agreement",
    ),
    row(
        "DEADLINE_REQUIRED",
        "INVALID_ARGUMENT",
        errors.InvalidRequestError,
        "the call came without a deadline",
        "pass a deadline with each call (in gRPC for Python `timeout=`); a service config does not do it",
    ),
    row(
        "INVALID_PAGE_TOKEN",
        "INVALID_ARGUMENT",
        errors.InvalidRequestError,
        "the page token is not one that this service gave you",
        "begin the list again without a page token",
    ),
    row(
        "TOO_LATE",
        "DEADLINE_EXCEEDED",
        errors.TooLateError,
        "not_after has passed, or too little of the deadline was left",
        "ask again with a longer timeout; if it persists compare your clock with `padan check`",
        retry=True,
    ),
    row(
        "UNKNOWN_CALLER",
        "UNAUTHENTICATED",
        errors.IdentityError,
        "the certificate names no agency that this service knows",
        "have the operator enrol the agency, and use the certificate that it returned",
    ),
    row(
        "CERTIFICATE_REFUSED",
        "UNAUTHENTICATED",
        errors.IdentityError,
        "the certificate is revoked, expired or not yet valid",
        "make a new key and request with `padan init` and have the operator renew the certificate",
    ),
    row(
        "METHOD_NOT_ALLOWED",
        "PERMISSION_DENIED",
        errors.NotGrantedError,
        "a caller of this role may not call this method",
        "use the certificate of the role that may: agencies verify, auditors list entries within their grant",
    ),
    row(
        "NO_AGREEMENT",
        "PERMISSION_DENIED",
        errors.NotGrantedError,
        "no agreement of the agency is in force",
        "have an agreement signed and activated, or renew the one that has ended",
    ),
    row(
        "AGREEMENT_SUSPENDED",
        "PERMISSION_DENIED",
        errors.NotGrantedError,
        "the agency's agreement is suspended",
        "settle the suspension with the registry's office; stop asking until then",
    ),
    row(
        "PURPOSE_NOT_GRANTED",
        "PERMISSION_DENIED",
        errors.NotGrantedError,
        "the purpose is not in the agreement",
        "use one of the purposes that `padan info` shows, or have the agreement amended",
    ),
    row(
        "ATTRIBUTE_NOT_GRANTED",
        "PERMISSION_DENIED",
        errors.NotGrantedError,
        "the attribute, or the predicate's parameter, is not granted for this purpose",
        "claim only what `padan info` shows for the purpose, or have the agreement amended",
    ),
    row(
        "ANCHOR_REQUIRED",
        "PERMISSION_DENIED",
        errors.NotGrantedError,
        "the request claims none of the purpose's anchors",
        "add one of the anchors that `padan info` shows, for example the name",
    ),
    row(
        "LEGAL_BASIS_NOT_GRANTED",
        "PERMISSION_DENIED",
        errors.NotGrantedError,
        "the legal basis is not the agreement's, or the consent receipt is missing",
        "send a legal basis that `padan info` shows; with consent also the receipt's id",
    ),
    row(
        "SOURCE_ADDRESS_NOT_GRANTED",
        "PERMISSION_DENIED",
        errors.NotGrantedError,
        "the call comes from an address outside the agreement",
        "call from an address in the agreement, or have the new one added",
    ),
    row(
        "FEATURE_NOT_GRANTED",
        "PERMISSION_DENIED",
        errors.NotGrantedError,
        "a token, on_behalf_of or another feature is not granted",
        "leave the feature out, or have the agreement amended; where `padan info` shows a token domain without a "
        "version, ask the registry's operator",
    ),
    row(
        "QUOTA_EXHAUSTED",
        "RESOURCE_EXHAUSTED",
        errors.QuotaError,
        "the agreement's calls of the day are spent",
        "wait until the time that the error gives, or have the quota raised",
    ),
    row(
        "RATE_LIMITED",
        "RESOURCE_EXHAUSTED",
        errors.QuotaError,
        "too many calls at once",
        "wait as long as the error says and send fewer at once",
        retry=True,
    ),
    row(
        "REQUEST_ID_REUSED",
        "ALREADY_EXISTS",
        errors.ConflictError,
        "the request_id was used with another body",
        "draw a new request_id for each question; a retry sends the same bytes, the blind included",
    ),
    row(
        "KEY_NOT_CURRENT",
        "FAILED_PRECONDITION",
        errors.ConflictError,
        "the key that was used is no longer current",
        "ask `padan info` for the current key and seal once more",
    ),
    row(
        "UNKNOWN_CONTEST",
        "NOT_FOUND",
        errors.DisputeError,
        "no answer to this agency that can still be disputed has this reference",
        "copy `contest` from the answer that this agency got, and give that question's own --request",
    ),
    row(
        "UNKNOWN_DISPUTE",
        "NOT_FOUND",
        errors.DisputeError,
        "this agency has no dispute of this id",
        "take the id from `padan dispute list`",
    ),
    row(
        "UNKNOWN_LEAF",
        "NOT_FOUND",
        errors.LogProofError,
        "no published checkpoint of the log holds this leaf",
        "wait for the receipt's merge delay; after it, keep the receipt and show it to the registry and its auditors",
    ),
    row(
        "ALREADY_DISPUTED",
        "ALREADY_EXISTS",
        errors.ConflictError,
        "the answer is in dispute already",
        "follow that dispute: `padan dispute list`",
    ),
    row(
        "TOO_MANY_DISPUTES",
        "RESOURCE_EXHAUSTED",
        errors.QuotaError,
        "the agency has as many unresolved disputes as it may",
        "wait until some are resolved, or ask the registry's operator",
    ),
    row(
        "DISPUTES_CLOSED",
        "FAILED_PRECONDITION",
        errors.DisputeError,
        "the service has no officer's key to which a dispute could be sealed",
        "turn to the agreement's dispute contact, which `padan info` shows",
    ),
    row(
        "TRAILS_CLOSED",
        "FAILED_PRECONDITION",
        errors.AuditError,
        "the service has no threshold key of auditors, so that nobody can open a trail",
        "make one with `padan-audit keys`, and have the operator name it in auditors_key",
    ),
    row(
        "TRAIL_NOT_APPROVED",
        "PERMISSION_DENIED",
        errors.NotGrantedError,
        "the proposal is not signed by two of the auditors whose grants allow trails",
        "have another auditor sign it, or a grant with `trails = true` activated",
    ),
    row(
        "TRAIL_ENDED",
        "FAILED_PRECONDITION",
        errors.ConflictError,
        "the proposal was executed, was withdrawn, or its time is over",
        "propose anew with `padan-audit subject propose`",
    ),
    row(
        "LOG_UNAVAILABLE",
        "UNAVAILABLE",
        errors.UnavailableError,
        "the log cannot be written, so nothing may be answered",
        "send the same bytes again later",
        retry=True,
    ),
    row(
        "LOG_UNWITNESSED",
        "UNAVAILABLE",
        errors.UnavailableError,
        "the log's witnesses are away for too long for data of this class",
        "send the same bytes again later; questions about general data are answered meanwhile",
        retry=True,
    ),
    row(
        "REGISTRY_UNAVAILABLE",
        "UNAVAILABLE",
        errors.UnavailableError,
        "the registry's data or keys cannot be read, or no references of the modality were loaded yet",
        "send the same bytes again later",
        retry=True,
    ),
    row(
        "SHUTTING_DOWN",
        "UNAVAILABLE",
        errors.UnavailableError,
        "the service is stopping",
        "send the same bytes again; another replica answers",
        retry=True,
    ),
    row("INTERNAL", "INTERNAL", errors.InternalError, "a fault of the service", _OPERATOR),
)

_OWN = (
    row(
        "SERVER_CERTIFICATE",
        "UNAVAILABLE",
        errors.IdentityError,
        "the server's certificate does not fit the CA file or the server name",
        "run `padan check`; it says which of the two, and which file to replace",
    ),
    row(
        "CLIENT_CERTIFICATE",
        "UNAVAILABLE",
        errors.IdentityError,
        "the service ended the handshake: it does not accept the client certificate",
        "run `padan check`; use the certificate that the operator issued, and its key",
    ),
    row(
        "NO_CONNECTION",
        "UNAVAILABLE",
        errors.UnavailableError,
        "no connection to the service",
        "run `padan check`; it looks at address, port, certificates and clock in turn",
        retry=True,
    ),
    row(
        "DEADLINE",
        "DEADLINE_EXCEEDED",
        errors.TooLateError,
        "no answer within the timeout; the question may have been answered and logged",
        "send the same bytes again with a longer timeout; that is answered once and charged once",
        retry=True,
    ),
    row(
        "CANCELLED",
        "CANCELLED",
        errors.UnavailableError,
        "the call was cancelled",
        "send the same bytes again",
        retry=True,
    ),
    row(
        "NOT_PADAN",
        "UNIMPLEMENTED",
        errors.ConfigError,
        "what listens at this address does not serve the method",
        "check the address: questions and the log have a listener each",
    ),
    row(
        "TOO_LARGE",
        "RESOURCE_EXHAUSTED",
        errors.InvalidRequestError,
        "the message is larger than the other side takes",
        "send fewer or shorter claims; `padan info` shows the limits",
    ),
    row("WRONG_ANSWER", "", errors.InternalError, "the answer does not belong to the question", _OPERATOR),
)

TABLE: Mapping[str, Remedy] = {
    each.reason: each for each in (*_SERVICE, *TOKENS, *PROBES, *BIOMETRIC, *CUSTODY, *_OWN)
}
"""Every reason, those of the service first."""


def build(
    reason: str,
    *,
    detail: str = "",
    retry_after: float | None = None,
    fields: tuple[errors.Violation, ...] = (),
) -> errors.PadanError:
    """Make the exception for a reason of the table; a reason that this release does not know is internal.

    Args:
        reason: a key of the table.
        detail: what the service says besides; stands behind the cause.
        retry_after: seconds.
        fields: what is wrong with which field.
    """
    found = TABLE.get(reason)
    if found is None:
        return errors.InternalError(
            f"refused for a reason that this release does not know: {detail}" if detail else "refused",
            reason=reason,
            next_step="use a newer release of padan",
        )
    message = f"{found.cause}: {detail}" if detail else found.cause
    return found.error(
        message, reason=reason, retry_after=retry_after, fields=fields, next_step=found.next_step
    )
