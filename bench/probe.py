"""What a sealed probe costs: sealing, opening, and the capture device's signature; and the keys behind it.

    python -m bench.probe

Each figure is the best of several rounds, microseconds of one core, and stands beside one HMAC-SHA-256 of the same
machine, so that two machines can be compared.
"""

from __future__ import annotations

import hmac
import timeit
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from keys.probekey import ProbeKeys, make_probe_key
from keys.realm import Realm
from keys.signing import Signer
from padan import probe, signature
from padan.probe import SIZES, Binding
from padan.v1 import biometric_pb2
from verifier.biometric.device import Device
from verifier.biometric.devices import Devices

if TYPE_CHECKING:
    from collections.abc import Callable

_REPEATS: Final = 300
_ROUNDS: Final = 7
_REALM: Final = Realm(registry_id="bench", environment="development")
_BINDING: Final = Binding(
    registry_id="bench",
    environment="development",
    agency="clinic",
    request_id="0b5fd3a4-6ea5-4b4e-9b0d-3f1c2a7d9e10",
    purpose="treatment",
    subject=bytes(32),
)
_MAKER: Final = signature.Signer(b"d" * 32)
_EXTRACTOR: Final = biometric_pb2.Extractor(name="extractor", version="1")


class _Source:
    """A list of one device."""

    def __init__(self, device: Device) -> None:
        self._device = device

    def generation(self) -> int:
        """Count changes."""
        return 0

    def devices(self) -> list[Device]:
        """List it."""
        return [self._device]


def microseconds(work: Callable[[], object]) -> float:
    """Time a piece of work."""
    return min(timeit.repeat(work, number=_REPEATS, repeat=_ROUNDS)) / _REPEATS * 1e6


def measure(
    modality: int, keys: ProbeKeys, devices: Devices, tell: Callable[[str, Callable[[], object]], None]
) -> None:
    """Time what is done with a probe of a modality."""
    template, now = bytes(SIZES[modality] - 2), datetime.now(tz=UTC)
    evidence = probe.sign(
        _BINDING,
        modality=modality,
        extractor=_EXTRACTOR,
        template=template,
        device="counter-3",
        signer=_MAKER,
        captured_at=now,
        presentation_attack=biometric_pb2.PRESENTATION_ATTACK_NONE_FOUND,
    )

    def seal() -> biometric_pb2.Probe:
        return probe.seal(
            _BINDING,
            modality=modality,
            extractor=_EXTRACTOR,
            template=template,
            public_key=keys.current.told.public_key,
            evidence=evidence,
        )

    sealed = seal()
    name = biometric_pb2.Modality.Name(sealed.modality).removeprefix("MODALITY_").lower()
    tell(f"{name}, {len(sealed.sealed)} bytes: sealed by the client", seal)
    tell(f"{name}: opened", lambda: open_one(keys, sealed))
    tell(
        f"{name}: a device's word checked",
        lambda: devices.check(sealed, _BINDING, template, now=now.timestamp()),
    )


def open_one(keys: ProbeKeys, sealed: biometric_pb2.Probe) -> bytes:
    """Open a probe as the service does."""
    found = keys.find(sealed.key_id, 0.0)
    if found is None:
        raise RuntimeError("the key is there")
    return probe.open_probe(sealed, _BINDING, found.recipient())


def main() -> None:
    """Print the figures."""
    unit = microseconds(lambda: hmac.digest(b"k" * 32, b"v" * 64, "sha256"))
    print(f"HMAC-SHA-256: {unit:.2f} us")

    def tell(name: str, work: Callable[[], object]) -> None:
        found = microseconds(work)
        print(f"{name}: {found:.1f} us, {found / unit:.0f} HMACs")

    receipts = Signer(b"r" * 32)
    keys = ProbeKeys([make_probe_key(realm=_REALM, signer=receipts, born=0.0, wall=0.0).lend()])
    device = Device(
        id="counter-3", agency="clinic", model="x", public_key=_MAKER.public_key, pad_level=2, added_ms=0
    )
    devices = Devices(_Source(device))
    devices.snapshot.refresh()
    for modality in SIZES:
        measure(modality, keys, devices, tell)
    tell(
        "a probe key made and signed",
        lambda: make_probe_key(realm=_REALM, signer=receipts, born=0.0, wall=0.0),
    )


if __name__ == "__main__":
    main()
