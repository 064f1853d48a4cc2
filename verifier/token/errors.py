"""What can be wrong with tokens, and what a caller reads of it."""

from __future__ import annotations

from verifier.errors import CallerError, OperatorError, ServiceError


class TokenNotIssuedError(CallerError):
    """The bytes are no token that was issued to the purpose's domain: foreign, forged, cut off or never tagged."""

    reason = "TOKEN_REFUSED"


class TokenEndedError(CallerError):
    """The token is of a version whose time is over."""

    reason = "TOKEN_OUTDATED"


class ClassUnknownError(CallerError):
    """The class is not one that the purpose may enrol in or ask about, or nobody enrols in it."""

    reason = "CLASS_UNKNOWN"


class TokenDomainClosedError(CallerError):
    """The token domain was ended, and custodians have made no new key of it: no token of it is issued."""

    reason = "FEATURE_NOT_GRANTED"


class ConversionClosedError(CallerError):
    """The job of conversion is closed."""

    reason = "CONVERSION_CLOSED"


class ConversionIncompleteError(CallerError):
    """Parts of the job are missing."""

    reason = "CONVERSION_INCOMPLETE"


class ConversionOpenError(CallerError):
    """The job is not closed yet."""

    reason = "CONVERSION_OPEN"


class UnknownConversionError(CallerError):
    """There is no such job for the caller."""

    reason = "UNKNOWN_CONVERSION"


class TokensUnavailableError(ServiceError):
    """Keys of tokens are not there, or a row beside the log does not open."""

    reason = "TOKENS_UNAVAILABLE"


class RowsStandError(OperatorError):
    """Rows beside the log stand under a key that is to be destroyed."""


class DomainInForceError(OperatorError):
    """An agreement names the token domain that is to be ended."""


class DomainUnknownError(OperatorError):
    """No agreement has named the token domain that is to be ended, or nobody can look."""


class EndingDiffersError(OperatorError):
    """Custodians were shown another end of the token domain than the directory tells of."""


class KeysNotFollowedError(OperatorError):
    """The running service does not hold the keys under which rows are about to stand."""
