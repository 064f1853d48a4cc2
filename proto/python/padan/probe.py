"""What a capture device sees of a person, on its way to the verifier: padded, sealed, and signed by the device.

    plain = u16 length | a padan.v1.Template | zeros, of one size for each modality (`SIZES`)
    box   = padan.sealing of it to a key of the verifier's: HPKE (RFC 9180), 49 bytes more
    info  = label "padan/probe/1" | canonical fields that say which question it belongs to
    capture digest = SHA-256(label "padan/capture/1" | canonical fields), which a registered device signs

A box opens for the question that it was made for and for no other. The subject stands in it by its commitment, so that
a device learns from `Binding` neither number nor token. Assumes the extra `sealing` (cryptography). To the byte:
docs/formats/probe.md; golden vectors: tests/vectors/probe.json.
"""

from __future__ import annotations

import hashlib
import re
import struct
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Self

from padan import canonical, sealing
from padan.biometric.template import EXTRACTOR_NAME, EXTRACTOR_VERSION
from padan.commitment import Blinder
from padan.errors import InvalidRequestError, SealingError
from padan.padding import LENGTH_SIZE, PaddingError, pad, unpad
from padan.v1 import biometric_pb2
from padan.value import value

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from google.protobuf.timestamp_pb2 import Timestamp

    from padan.sealing import Recipient
    from padan.signature import Signer
    from padan.v1 import verification_pb2

SIZES: Final[Mapping[int, int]] = MappingProxyType(
    {
        biometric_pb2.MODALITY_FACE: 2_112,
        biometric_pb2.MODALITY_FINGER: 2_112,
        biometric_pb2.MODALITY_IRIS: 4_160,
    }
)
"""Bytes of a padded template by modality: room for 512 numbers of four bytes; for a record of 255 minutiae (at most
1,560 bytes) and 500 bytes more; for an iris code of 16,384 bits and its mask."""
DEVICE: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
"""An id of a capture device."""

_INFO_LABEL: Final = canonical.prefixed("padan/probe/1")
_CAPTURE_LABEL: Final = canonical.prefixed("padan/capture/1")
_TIME: Final = struct.Struct(">qI")


class ProbeError(InvalidRequestError):
    """A probe cannot be made, or does not open.

    `reason` is "size", "key", "modality", "device", "extractor" or "box".
    """


@value
class Binding:
    """Which question a probe belongs to. Nothing in it names the resident to whoever lacks the question's blind.

    Attributes:
        registry_id: of the service, as `ServiceInfo.registry_id`.
        environment: of the service.
        agency: id of the agency that asks, from its certificate.
        request_id: of the question.
        purpose: of the question.
        subject: the question's subject commitment, 32 bytes.
        not_after: of the question; None where it has none.
    """

    registry_id: str
    environment: str
    agency: str
    request_id: str
    purpose: str
    subject: bytes
    not_after: Timestamp | None = None

    @classmethod
    def of(
        cls, request: verification_pb2.VerifyRequest, *, registry_id: str, environment: str, agency: str
    ) -> Self:
        """Take what a question is; its fields were checked.

        Args:
            request: the question.
            registry_id: of the service.
            environment: of the service.
            agency: id of the agency that asks.
        """
        return cls(
            registry_id=registry_id,
            environment=environment,
            agency=agency,
            request_id=request.request_id,
            purpose=request.purpose,
            subject=Blinder(request.blind).subject(nik=request.nik, token=request.subject_token),
            not_after=request.not_after if request.HasField("not_after") else None,
        )

    def info(self, *, modality: int, extractor: biometric_pb2.Extractor, key_id: str) -> bytes:
        """Write what a probe's box is bound to.

        Args:
            modality: number of the padan.v1.Modality.
            extractor: what made the template.
            key_id: of the key that it is sealed to.

        Raises:
            ProbeError: no such modality, or an extractor's name or version that is none.
        """
        fields = self._fields(modality, extractor)
        fields[9] = key_id.encode()
        if self.not_after is not None:
            fields[10] = _time(self.not_after)
        return _INFO_LABEL + canonical.encode(fields)

    def capture_digest(
        self,
        *,
        modality: int,
        extractor: biometric_pb2.Extractor,
        template: bytes,
        evidence: biometric_pb2.CaptureEvidence,
    ) -> bytes:
        """Compute what a capture device signs, 32 bytes; of its evidence all but the signature.

        Args:
            modality: number of the padan.v1.Modality.
            extractor: what made the template.
            template: the serialised padan.v1.Template, as it is sealed.
            evidence: device, time and result.

        Raises:
            ProbeError: as `info`.
        """
        fields = self._fields(modality, extractor)
        fields[11] = template_digest(template)
        fields[12] = evidence.device.encode()
        fields[13] = _time(evidence.captured_at)
        fields[14] = bytes([evidence.presentation_attack])
        return hashlib.sha256(_CAPTURE_LABEL + canonical.encode(fields)).digest()

    def _fields(self, modality: int, extractor: biometric_pb2.Extractor) -> dict[int, bytes]:
        _size(modality)
        if not (EXTRACTOR_NAME.fullmatch(extractor.name) and EXTRACTOR_VERSION.fullmatch(extractor.version)):
            raise ProbeError(
                "an extractor has a name such as leader-mcc and a version such as 1.2", reason="extractor"
            )
        return {
            1: self.registry_id.encode(),
            2: self.environment.encode(),
            3: self.agency.encode(),
            4: self.request_id.encode(),
            5: self.purpose.encode(),
            6: self.subject,
            7: bytes([modality]),
            8: canonical.prefixed(extractor.name, extractor.version),
        }


def template_digest(template: bytes) -> bytes:
    """Digest a serialised padan.v1.Template, 32 bytes."""
    return hashlib.sha256(template).digest()


def sealed_size(modality: int) -> int:
    """Give the bytes of a sealed probe.

    Raises:
        ProbeError: no such modality.
    """
    return _size(modality) + sealing.OVERHEAD


def sign(
    binding: Binding,
    *,
    modality: int,
    extractor: biometric_pb2.Extractor,
    template: bytes,
    device: str,
    signer: Signer,
    captured_at: datetime,
    presentation_attack: int,
) -> biometric_pb2.CaptureEvidence:
    """Say what a capture device saw; for the makers of devices.

    Args:
        binding: which question the capture is for; from whoever asks it.
        modality: number of the padan.v1.Modality.
        extractor: what made the template.
        template: the serialised padan.v1.Template, which is sealed as it is.
        device: the device's id in the registry's list.
        signer: the device's key.
        captured_at: by the device's clock; one without a time zone is UTC.
        presentation_attack: number of the padan.v1.PresentationAttack.

    Raises:
        ProbeError: the device's id is none, nothing is said about presentation attacks; or as `Binding.info`.
    """
    if not DEVICE.fullmatch(device):
        raise ProbeError("a device's id is 1 to 64 of A-Z a-z 0-9 . _ -", reason="device")
    if presentation_attack not in biometric_pb2.PresentationAttack.values()[1:]:
        raise ProbeError("say whether a presentation attack was looked for", reason="device")
    evidence = biometric_pb2.CaptureEvidence(
        device=device,
        presentation_attack=biometric_pb2.PresentationAttack.ValueType(presentation_attack),
    )
    evidence.captured_at.FromDatetime(captured_at)
    evidence.signature = signer.sign(
        binding.capture_digest(modality=modality, extractor=extractor, template=template, evidence=evidence)
    )
    return evidence


def seal(
    binding: Binding,
    *,
    modality: int,
    extractor: biometric_pb2.Extractor,
    template: bytes,
    public_key: bytes,
    evidence: biometric_pb2.CaptureEvidence | None = None,
) -> biometric_pb2.Probe:
    """Seal a template to the verifier.

    Args:
        binding: which question it is for.
        modality: number of the padan.v1.Modality.
        extractor: what made the template.
        template: the serialised padan.v1.Template.
        public_key: the service's key for probes, 32 bytes; checked by `padan.servicekey` before.
        evidence: what the capture device says of it.

    Raises:
        ProbeError: no such modality, an extractor's name or version that is none, a template that has no room, or a key
            that is not usable.
    """
    try:
        plain = pad(template, _size(modality))
    except PaddingError:
        raise ProbeError(
            f"the template has more than {_size(modality) - LENGTH_SIZE} bytes; leave extended data out",
            reason="size",
        ) from None
    key_id = sealing.key_id(public_key)
    info = binding.info(modality=modality, extractor=extractor, key_id=key_id)
    try:
        box = sealing.seal(plain, public_key=public_key, info=info)
    except SealingError as error:
        raise ProbeError(error.message, reason="key") from None
    return biometric_pb2.Probe(
        modality=biometric_pb2.Modality.ValueType(modality),
        extractor=extractor,
        key_id=key_id,
        sealed=box,
        evidence=evidence,
    )


def open_probe(probe: biometric_pb2.Probe, binding: Binding, recipient: Recipient) -> bytes:
    """Open a probe; gives the serialised padan.v1.Template.

    Args:
        probe: as it came.
        binding: which question it came with.
        recipient: the private key that its `key_id` names.

    Raises:
        ProbeError: no such modality, or it is damaged, not of its modality's size, or made for another question or key.
    """
    if len(probe.sealed) != sealed_size(probe.modality):
        raise ProbeError(
            f"a sealed probe of this modality has {sealed_size(probe.modality)} bytes", reason="box"
        )
    info = binding.info(modality=probe.modality, extractor=probe.extractor, key_id=recipient.key_id)
    try:
        return unpad(recipient.open(probe.sealed, info=info))
    except SealingError:
        raise ProbeError(
            "the probe does not open: it is damaged, or sealed for another request", reason="box"
        ) from None
    except PaddingError:
        raise ProbeError("the probe is not padded as it must be", reason="box") from None


def _size(modality: int) -> int:
    found = SIZES.get(modality)
    if found is None:
        raise ProbeError("the modality is none of face, finger, iris", reason="modality")
    return found


def _time(stamp: Timestamp) -> bytes:
    return _TIME.pack(stamp.seconds, stamp.nanos)
