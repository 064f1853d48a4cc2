"""The rows of the table of errors about probes and capture devices."""

from __future__ import annotations

from padan import errors
from padan.remedy_row import row

PROBES = (
    row(
        "PROBE_KEY_ENDED",
        "FAILED_PRECONDITION",
        errors.ProbeKeyEndedError,
        "a probe is sealed to a key that is no more",
        "seal it to the key in the error's details and send the same question again; the client does so once by itself",
    ),
    row(
        "PROBE_UNREADABLE",
        "INVALID_ARGUMENT",
        errors.InvalidRequestError,
        "a probe does not open: it is damaged, or was sealed for another request",
        "seal the template for this very question: its request_id, purpose, subject, not_after, and your agency",
    ),
    row(
        "CAPTURE_EVIDENCE_REFUSED",
        "FAILED_PRECONDITION",
        errors.NotGrantedError,
        "what the capture device says is not believed",
        "capture anew with a device that the registry's operator lists for this agency; the message names the rule",
    ),
)
