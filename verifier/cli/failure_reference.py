"""What the commands say when something about biometric references fails: rows of the one table in failure.py."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from verifier.cli.failure_row import away, named, refused, state

if TYPE_CHECKING:
    from collections.abc import Mapping

    from verifier.cli.failure_row import Row

ROWS: Final[Mapping[str, Row]] = MappingProxyType(
    {
        "verifier.reference.errors.StandingMovedError": away(
            "run it again once no rotation is being begun or ended"
        ),
        "verifier.reference.errors.ReferencesBusyError": away(
            "let the other process load the file, or end it and run the same command again"
        ),
        "verifier.reference.errors.ReferenceSourceError": named(
            "name a Parquet file with the columns nik, modality, position, extractor and template"
        ),
        "verifier.reference.errors.NoBiometricKeyError": state(
            "let custodians run padan-keys create biometric, then padan-keys activate biometric KEY; then run it again"
        ),
        "verifier.reference.errors.NotEnrolledError": refused("enter the number that the resident has now"),
        "verifier.reference.errors.ReferenceStateError": state(
            "see docs/references.md: load for who is not enrolled, renew for the same extractor, upgrade for another"
        ),
        "verifier.reference.errors.CaptureError": named("capture again, or name other files"),
        "verifier.reference.errors.ReferencesLeftError": state(
            "project the population with padan-server rotation project, which takes references along, or withdraw them"
        ),
    }
)
"""Class to what is said of it."""
