"""Refusals of probes and of what capture devices say. No message holds a template or anything computed from one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verifier.errors import CallerError

if TYPE_CHECKING:
    from padan.v1 import verification_pb2


class ProbeKeyEndedError(CallerError):
    """A probe is sealed to a key that is no more; the error's detail is the current one."""

    reason = "PROBE_KEY_ENDED"

    def __init__(self, current: verification_pb2.PublicKey, *, field: str = "") -> None:
        super().__init__(
            "the probe is sealed to a key that is no more; the current one stands in the details", field=field
        )
        self.detail = current


class ProbeUnreadableError(CallerError):
    """A probe does not open for the request that it came with."""

    reason = "PROBE_UNREADABLE"


class CaptureEvidenceError(CallerError):
    """What a capture device says of a probe is not believed."""

    reason = "CAPTURE_EVIDENCE_REFUSED"
