"""What can be wrong with tokens, and what a caller reads of it."""

from __future__ import annotations

from verifier.errors import CallerError, OperatorError, ServiceError


class TokenNotIssuedError(CallerError):
    """The bytes are no token that was issued to the purpose's domain: foreign, forged, cut off or never tagged."""

    reason = "TOKEN_REFUSED"


class TokenEndedError(CallerError):
    """The token is of a version whose time is over."""

    reason = "TOKEN_OUTDATED"


class TokensUnavailableError(ServiceError):
    """Keys of tokens are not there, or a row beside the log does not open."""

    reason = "TOKENS_UNAVAILABLE"


class RowsStandError(OperatorError):
    """Rows beside the log stand under a key that is to be destroyed."""


class KeysNotFollowedError(OperatorError):
    """The running service does not hold the keys under which rows are about to stand."""
