"""Errors of rotations, for the operator."""

from __future__ import annotations

from verifier.errors import OperatorError


class RotationError(OperatorError):
    """Base of this package's errors."""


class RotationBusyError(RotationError):
    """Another operator's command works on the rotation now; names them."""


class SameKeysError(RotationError):
    """The keyring's newest outer keys are those that the active epoch stands under already."""


class KeysInUseError(RotationError):
    """Another epoch stands under the keys that are to be destroyed."""


class KeysNotServedError(RotationError):
    """The key agent does not hold the new epoch's keys, so that its workers could not answer from it."""


class KeyringBehindError(RotationError):
    """The keyring has changed, and the key agent holds it as it was: custodians have to open it again."""


class SampleDiffersError(RotationError):
    """People who were drawn are not the same in both epochs."""


class CutOffError(RotationError):
    """The time for which the rotation is kept reversible is not over."""


class MovedPartError(RotationError):
    """A part that was moved is not what was written."""


class ChangesPendingError(RotationError):
    """The other epoch does not catch up with the changes that come in."""


class SameProjectionError(RotationError):
    """Keys, normaliser and suite are those of the active epoch: nothing would be another."""


class UnsaidPositionError(RotationError):
    """It was not said up to which position of a feed the source holds the feed's changes."""


class OtherProjectionError(RotationError):
    """The rotation began with another source, field map or keys."""


class BehindError(RotationError):
    """The new epoch lacks changes that the old one has followed."""


class AheadError(RotationError):
    """The source holds changes that the epoch in use has yet to follow."""


class MissingPeopleError(RotationError):
    """Numbers of the old epoch are in neither the source nor the feed."""


class PeopleDifferError(RotationError):
    """People who were drawn do not stand the same in both epochs."""


class UntakenChangesError(RotationError):
    """The old epoch could not take the changes since the flip."""
