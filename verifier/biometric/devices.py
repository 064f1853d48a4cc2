"""Whose word on a capture is believed: listed devices, held in memory, and the check of what one says of a probe.

Read again every few seconds, and never used once too old: a revocation binds within a minute, or nothing is believed.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, Protocol

from keys import signing
from keys.errors import SignatureError
from padan.probe import ProbeError
from padan.v1 import biometric_pb2
from padan.value import value
from verifier.biometric.refusals import CaptureEvidenceError
from verifier.snapshot import LIMIT_SECONDS, POLL_SECONDS, Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from padan.probe import Binding
    from verifier.biometric.device import Device

WITHIN_SECONDS: Final = 300
"""How far a device's time may be from the service's, before or after: a capture lies no longer, and clocks differ."""
_SECOND = 1_000_000_000  # nanoseconds
_NOT_TESTED = biometric_pb2.PRESENTATION_ATTACK_NOT_TESTED
_NONE_FOUND = biometric_pb2.PRESENTATION_ATTACK_NONE_FOUND


@value
class Captured:
    """What is believed of a capture.

    Attributes:
        device: id of the device.
        pad_level: at which level its detection of presentation attacks was tested; 0: none.
        presentation_attack: number of the padan.v1.PresentationAttack that counts: NONE_FOUND of a device that was not
            tested is NOT_TESTED.
    """

    device: str
    pad_level: int
    presentation_attack: int


class DeviceSource(Protocol):
    """Keeps the list; raises where it cannot be read."""

    def generation(self) -> int:
        """Read the number that every write counts up."""
        ...

    def devices(self) -> Sequence[Device]:
        """List all devices."""
        ...


class Devices:
    """Says whether what a device says of a capture is believed. Safe to use from many threads.

    Args:
        source: the list.
        clock: monotonic seconds.
        poll: seconds between two reads.
        limit: age in seconds from which nothing is believed any more.
    """

    def __init__(
        self,
        source: DeviceSource,
        *,
        clock: Callable[[], float] = time.monotonic,
        poll: float = POLL_SECONDS,
        limit: float = LIMIT_SECONDS,
    ) -> None:
        self._source = source
        self._last: tuple[int, Mapping[str, Device]] | None = None
        self.snapshot: Snapshot[Mapping[str, Device]] = Snapshot(
            self._load, clock=clock, poll=poll, limit=limit
        )

    def check(
        self,
        probe: biometric_pb2.Probe,
        binding: Binding,
        template: bytes,
        *,
        now: float,
        field: str = "probes[0]",
    ) -> Captured:
        """See that a device that is listed for the agency says this of this probe.

        Args:
            probe: as it came, with its evidence.
            binding: of the request that it came with.
            template: the serialised padan.v1.Template that was opened.
            now: the service's time, seconds of the Unix epoch.
            field: path of the probe in the request.

        Raises:
            CaptureEvidenceError: there is no evidence, no such device of this agency, it is revoked, the time is too
                far away, nothing is said of presentation attacks, or the signature is not the device's over this
                request and this template.
            SnapshotStaleError: the list could not be read for too long.
        """
        field = f"{field}.evidence"
        if not probe.HasField("evidence"):
            raise CaptureEvidenceError("no capture device says anything of the probe", field=field)
        evidence = probe.evidence
        device = self._listed(evidence.device, binding.agency, f"{field}.device")
        self._require_near(evidence, now, f"{field}.captured_at")
        if evidence.presentation_attack not in {_NOT_TESTED, _NONE_FOUND}:
            raise CaptureEvidenceError(
                "the device does not say whether it looked for a presentation attack",
                field=f"{field}.presentation_attack",
            )
        try:
            digest = binding.capture_digest(
                modality=probe.modality, extractor=probe.extractor, template=template, evidence=evidence
            )
            signing.verify(device.public_key, digest, evidence.signature)
        except (ProbeError, SignatureError):
            raise CaptureEvidenceError(
                "the signature is not this device's over this request and this template",
                field=f"{field}.signature",
            ) from None
        counts = evidence.presentation_attack if device.pad_level else _NOT_TESTED
        return Captured(device=device.id, pad_level=device.pad_level, presentation_attack=counts)

    def _listed(self, device_id: str, agency: str, field: str) -> Device:
        found = self.snapshot.current().get(device_id)
        if found is None or found.agency != agency:  # alike, so that no agency learns of another one's
            raise CaptureEvidenceError("no device of this id is listed for the agency", field=field)
        if found.revoked_ms is not None:
            raise CaptureEvidenceError("the device is revoked", field=field)
        return found

    @staticmethod
    def _require_near(evidence: biometric_pb2.CaptureEvidence, now: float, field: str) -> None:
        at = evidence.captured_at
        if not 0 <= at.nanos < _SECOND or abs(at.seconds + at.nanos / _SECOND - now) > WITHIN_SECONDS:
            raise CaptureEvidenceError(
                f"the device's time is more than {WITHIN_SECONDS} s from the service's", field=field
            )

    def _load(self) -> Mapping[str, Device]:
        generation = self._source.generation()
        if self._last is None or self._last[0] != generation:
            self._last = (generation, {device.id: device for device in self._source.devices()})
        return self._last[1]
