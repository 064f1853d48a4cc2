"""What can go wrong with references, beside what a database or a key can. None carries anything of a resident."""

from __future__ import annotations

from verifier.errors import OperatorError
from verifier.failure import Failure
from verifier.vault.store import VaultUnavailableError


class NoReferencesError(VaultUnavailableError):
    """The epoch in use keeps no references of the modality at all: an outage of this modality, never a no."""

    def __init__(self) -> None:
        super().__init__(
            Failure.NOT_MIGRATED,
            "vault: no references of this modality are kept: load them with padan-server reference load",
        )


class StandingMovedError(OperatorError):
    """Epochs came or went in the middle of a change, again and again."""


class ReferencesBusyError(OperatorError):
    """Another process loads the same file."""


class ReferenceSourceError(OperatorError):
    """The file of references cannot be read, or lacks a column."""


class NoBiometricKeyError(OperatorError):
    """The keyring has no key of biometric references."""


class NotEnrolledError(OperatorError):
    """The registry does not hold the number as a resident's own, or it was erased."""


class ReferenceStateError(OperatorError):
    """The references that are kept of the resident do not allow this step."""


class CaptureError(OperatorError):
    """A file of a capture is no template, or not one that can be used; the message names the rule."""


class ReferencesLeftError(OperatorError):
    """The references of the epoch in use cannot be brought into the one that is to take its place."""
