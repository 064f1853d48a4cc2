"""What can be wrong with a question that brings captures, and what a caller reads of it."""

from __future__ import annotations

from verifier.errors import CallerError


class ExtractorUnknownError(CallerError):
    """There are no thresholds for templates of this extractor, so that none can be said to be of a person."""

    reason = "EXTRACTOR_UNKNOWN"


class BiometricsClosedError(CallerError):
    """This service has no biometric references, or no thresholds."""

    reason = "BIOMETRICS_CLOSED"
