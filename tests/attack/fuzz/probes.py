"""What is fuzzed of probes: messages, what is opened, what devices say, their keys, and the service's."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError

from padan import probe, sealing
from padan.errors import IdentityError, InternalError
from padan.info import read_key
from padan.padding import PaddingError, pad, unpad
from padan.probe import Binding, ProbeError
from padan.sealing import Recipient
from padan.servicekey import require_probe_key
from padan.signature import Signer
from padan.v1 import biometric_pb2, verification_pb2
from verifier.biometric.device import Device, DeviceKeyError, read_public
from verifier.biometric.devices import Devices
from verifier.biometric.refusals import CaptureEvidenceError

if TYPE_CHECKING:
    from collections.abc import Callable

_SIGNER = Signer(bytes(range(32)))
_NOW = 1_795_000_000
_BINDING = Binding(
    registry_id="registry",
    environment="development",
    agency="tax",
    request_id="0b5fd3a4-6ea5-4b4e-9b0d-3f1c2a7d9e10",
    purpose="service",
    subject=bytes(32),
)


class _Source:
    """A list of one device."""

    def generation(self) -> int:
        """Count changes."""
        return 0

    def devices(self) -> list[Device]:
        """List it."""
        key = _SIGNER.public_key
        return [Device(id="counter-3", agency="tax", model="x", public_key=key, pad_level=1, added_ms=0)]


@functools.cache
def _devices() -> Devices:
    devices = Devices(_Source(), clock=lambda: 0.0)
    devices.snapshot.refresh()
    return devices


@functools.cache
def _recipient() -> Recipient:
    return Recipient(bytes(range(32)))


def probe_message(data: bytes) -> None:
    """Open a probe: one that nobody has sealed for this request gives nothing."""
    try:
        message = biometric_pb2.Probe.FromString(data)
        probe.open_probe(message, _BINDING, _recipient())
    except (DecodeError, ProbeError):
        return
    raise AssertionError("a probe that nobody has sealed was opened")


def probe_padding(data: bytes) -> None:
    """Take padding off; what is accepted is padded the same, and is what was sealed."""
    try:
        inside = unpad(data)
    except PaddingError:
        return
    assert pad(inside, len(data)) == data


def probe_sealed(data: bytes) -> None:
    """Open what a stranger sealed rightly: it is padded to its size, or refused."""
    extractor = biometric_pb2.Extractor(name="extractor", version="1")
    message = biometric_pb2.Probe(modality=biometric_pb2.MODALITY_FINGER, extractor=extractor)
    plain = data[: probe.SIZES[message.modality]].ljust(probe.SIZES[message.modality], b"\0")
    info = _BINDING.info(modality=message.modality, extractor=message.extractor, key_id=_recipient().key_id)
    message.sealed = sealing.seal(plain, public_key=_recipient().public_key, info=info)
    try:
        opened = probe.open_probe(message, _BINDING, _recipient())
    except ProbeError:
        return
    assert pad(opened, len(plain)) == plain


def probe_evidence(data: bytes) -> None:
    """Check what a device says: nothing is believed that the listed device has not signed."""
    try:
        message = biometric_pb2.Probe.FromString(data)
        _devices().check(message, _BINDING, b"template", now=_NOW)
    except (DecodeError, CaptureEvidenceError):
        return
    raise AssertionError("what nobody has signed was believed")


def probe_key(data: bytes) -> None:
    """Read the key that a refusal brings, as our client does: one that the service has not signed is not sealed to."""
    try:
        require_probe_key(
            read_key(verification_pb2.PublicKey.FromString(data)),
            registry_id="registry",
            environment="development",
            signers=[_SIGNER.public_key],
        )
    except (DecodeError, IdentityError, InternalError):
        return
    raise AssertionError("a key that the service has not signed was believed")


def device_key(data: bytes) -> None:
    """Read a device's public key from its file, in both forms."""
    for text in (data, b"-----BEGIN PUBLIC KEY-----\n" + data):
        try:
            assert len(read_public(text)) == sealing.KEY_SIZE
        except DeviceKeyError:
            continue


TARGETS: tuple[Callable[[bytes], None], ...] = (
    probe_message,
    probe_padding,
    probe_sealed,
    probe_evidence,
    probe_key,
    device_key,
)
