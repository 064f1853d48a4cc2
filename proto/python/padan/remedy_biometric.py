"""The rows of the table of errors about what capture devices make of a person."""

from __future__ import annotations

from padan import errors
from padan.remedy_row import row

BIOMETRIC = (
    row(
        "EXTRACTOR_UNKNOWN",
        "FAILED_PRECONDITION",
        errors.ConflictError,
        "the service has no thresholds for templates of this extractor and version",
        "make the template with an extractor that the registry has calibrated; ask its operator which those are",
    ),
    row(
        "BIOMETRICS_CLOSED",
        "FAILED_PRECONDITION",
        errors.ConflictError,
        "the service has no thresholds (`biometric_thresholds`), so that it compares no probe",
        "ask with claims; the registry's operator knows whether captures will be taken",
    ),
)
