"""What can be wrong with a dispute, grouped by who must act."""

from __future__ import annotations

from verifier.errors import CallerError, OperatorError, ServiceError


class UnknownContestError(CallerError):
    """No answer to this agency that can still be disputed has this reference."""

    reason = "UNKNOWN_CONTEST"


class UnknownDisputeError(CallerError):
    """This agency has no dispute of this id."""

    reason = "UNKNOWN_DISPUTE"


class AlreadyDisputedError(CallerError):
    """The answer is in dispute already."""

    reason = "ALREADY_DISPUTED"


class TooManyDisputesError(CallerError):
    """The agency has as many unresolved disputes as it may."""

    reason = "TOO_MANY_DISPUTES"


class SealedToOtherKeyError(CallerError):
    """What is sealed is sealed to another key than the officer's of today."""

    reason = "KEY_NOT_CURRENT"


class DisputesClosedError(ServiceError):
    """The service has no officer's key to which a dispute could be sealed."""

    reason = "DISPUTES_CLOSED"


class DisputeStateError(OperatorError):
    """The dispute does not stand where this step begins."""


class NoSuchDisputeError(OperatorError):
    """There is no dispute of this id."""


class DecisionError(OperatorError):
    """A decision is malformed, or no officer has signed it."""


class CaseFileError(OperatorError):
    """A dispute's file is malformed, or what it holds does not belong together."""
