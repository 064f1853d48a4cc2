"""Capture devices: listed by id, key and agency on both engines, and what they say of a probe."""

from __future__ import annotations

import base64
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from padan import probe
from padan.entry import EntryKind
from padan.probe import Binding
from padan.signature import Signer
from padan.v1 import biometric_pb2
from verifier.biometric.device import Device, DeviceError, DeviceKeyError, DeviceList, read_public
from verifier.biometric.devices import WITHIN_SECONDS, Captured, Devices
from verifier.biometric.devicetable import DeviceTable
from verifier.biometric.refusals import CaptureEvidenceError
from verifier.directory import Agency, AlreadyThereError, Directory
from verifier.snapshot import LIMIT_SECONDS, SnapshotStaleError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

SIGNER, OTHER = Signer(b"d" * 32), Signer(b"e" * 32)
NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
EXTRACTOR = biometric_pb2.Extractor(name="extractor", version="1")
FINGER, FACE = biometric_pb2.MODALITY_FINGER, biometric_pb2.MODALITY_FACE
NOT_TESTED, NONE_FOUND = 1, 2
TEMPLATE = b"a template"
BINDING = Binding(
    registry_id="r",
    environment="development",
    agency="clinic",
    request_id="0b5fd3a4-6ea5-4b4e-9b0d-3f1c2a7d9e10",
    purpose="treatment",
    subject=bytes(32),
)
DEVICE = Device(
    id="counter-3",
    agency="clinic",
    model="Maker X1",
    public_key=SIGNER.public_key,
    pad_level=2,
    added_ms=1_000,
)


@pytest.fixture
def table(log_database: str) -> Iterator[DeviceTable]:
    """Open a list in a directory with two agencies."""
    with closing(Directory(log_database)) as directory:
        for name in ("clinic", "hospital"):
            directory.enrol_agency(Agency(id=name, name=name, created_ms=1_000))
        yield DeviceTable(directory)


class Listing:
    """The list as a command changes it, and what was logged before each change."""

    def __init__(self, table: DeviceTable) -> None:
        self._table = table
        self.logged: list[tuple[int, Mapping[str, str], str, int]] = []
        agencies = [
            Agency(id="clinic", name="clinic", created_ms=1),
            Agency(id="hospital", name="hospital", created_ms=1, revoked_ms=2),
        ]
        self.list = DeviceList(table, self._record, agencies)

    def _record(self, kind: EntryKind, detail: Mapping[str, str], *, agency: str) -> None:
        self.logged.append((kind, detail, agency, len(self._table.devices())))


@pytest.fixture
def listing(table: DeviceTable) -> Listing:
    """A list that nobody is on."""
    return Listing(table)


def probe_of(*, binding: Binding = BINDING, signer: Signer = SIGNER, **other: Any) -> biometric_pb2.Probe:
    """Make a probe with what a device says of it."""
    told: dict[str, Any] = {
        "modality": FINGER,
        "extractor": EXTRACTOR,
        "template": TEMPLATE,
        "device": "counter-3",
        "captured_at": NOW,
        "presentation_attack": NONE_FOUND,
    }
    evidence = probe.sign(binding, signer=signer, **told | other)
    return biometric_pb2.Probe(modality=FINGER, extractor=EXTRACTOR, evidence=evidence)


class Source:
    """A list in memory."""

    def __init__(self, *devices: Device) -> None:
        self.list = list(devices)
        self.number = 0

    def generation(self) -> int:
        """Count changes."""
        return self.number

    def devices(self) -> list[Device]:
        """List the devices."""
        return self.list


def devices_of(*listed: Device) -> Devices:
    """Hold a list."""
    devices = Devices(Source(*listed))
    devices.snapshot.refresh()
    return devices


def check(
    devices: Devices, given: biometric_pb2.Probe, *, binding: Binding = BINDING, **other: Any
) -> Captured:
    """Check what a device says."""
    told: dict[str, Any] = {"template": TEMPLATE, "now": NOW.timestamp()}
    return devices.check(given, binding, **told | other)


def refused(given: biometric_pb2.Probe, *, listed: Device = DEVICE, **other: Any) -> tuple[str, str]:
    """Check what is not believed; give the field and the rule."""
    with pytest.raises(CaptureEvidenceError) as raised:
        check(devices_of(listed), given, field="probes[1]", **other)
    return raised.value.field, str(raised.value)


def test_what_a_listed_device_signs_is_believed() -> None:
    """Device, level and result are given; what an untested device finds counts as not tested."""
    believed = check(devices_of(DEVICE), probe_of())
    assert believed == Captured(device="counter-3", pad_level=2, presentation_attack=NONE_FOUND)
    said = probe_of(presentation_attack=NOT_TESTED)
    assert check(devices_of(DEVICE), said).presentation_attack == NOT_TESTED
    untested = devices_of(replace(DEVICE, pad_level=0))
    assert check(untested, probe_of()).presentation_attack == NOT_TESTED


@pytest.mark.parametrize(
    "other",
    [
        {"request_id": "0b5fd3a4-6ea5-4b4e-9b0d-3f1c2a7d9e11"},
        {"purpose": "other"},
        {"subject": bytes(31) + b"\1"},
        {"registry_id": "other"},
        {"environment": "production"},
    ],
)
def test_a_signature_of_another_request_is_refused(other: dict[str, Any]) -> None:
    """A signature serves the request that it was made for, and no other one."""
    fields = {name: getattr(BINDING, name) for name in BINDING.__slots__}  # type: ignore[attr-defined]  # of padan.value
    found = refused(probe_of(), binding=Binding(**fields | other))
    assert found == (
        "probes[1].evidence.signature",
        "the signature is not this device's over this request and this template",
    )


def test_whatever_is_signed_cannot_be_changed() -> None:
    """Template, modality, extractor, device, time and result are bound, and the key must be the device's."""
    given = probe_of()
    field = "probes[1].evidence.signature"
    assert refused(given, template=b"another")[0] == field
    changes: tuple[Callable[[biometric_pb2.Probe], None], ...] = (
        lambda each: setattr(each, "modality", FACE),
        lambda each: setattr(each, "modality", 300),
        lambda each: setattr(each.extractor, "version", "2"),
        lambda each: setattr(each.extractor, "name", "a" * 70_000),
        lambda each: setattr(each.evidence, "presentation_attack", NOT_TESTED),
        lambda each: setattr(each.evidence.captured_at, "nanos", 1),
        lambda each: setattr(each.evidence, "signature", b""),
        lambda each: setattr(each.evidence, "signature", bytes(64)),
    )
    for change in changes:
        changed = probe_of()
        change(changed)
        assert refused(changed)[0] == field
    changed = probe_of()
    changed.evidence.device = "counter-4"
    assert refused(changed, listed=replace(DEVICE, id="counter-4"))[0] == field
    assert refused(probe_of(signer=OTHER))[0] == field


def test_only_a_device_of_the_agency_is_believed() -> None:
    """One that is not listed and one of another agency are refused alike, and so is one that was revoked."""
    stranger = refused(probe_of(device="counter-4"))
    assert stranger == ("probes[1].evidence.device", "no device of this id is listed for the agency")
    assert refused(probe_of(), listed=replace(DEVICE, agency="hospital")) == stranger
    assert refused(probe_of(), listed=replace(DEVICE, revoked_ms=1)) == (
        "probes[1].evidence.device",
        "the device is revoked",
    )


def test_a_capture_is_of_now() -> None:
    """A time five minutes from the service's, before or after, is believed, and no further one."""
    for sign in (1, -1):
        at = NOW + sign * timedelta(seconds=WITHIN_SECONDS)
        assert check(devices_of(DEVICE), probe_of(captured_at=at)).device == DEVICE.id
        away = probe_of(captured_at=at + sign * timedelta(milliseconds=1))
        assert refused(away) == (
            "probes[1].evidence.captured_at",
            "the device's time is more than 300 s from the service's",
        )
    for seconds, nanos in ((2**62, 0), (int(NOW.timestamp()), -1), (int(NOW.timestamp()), 2**30)):
        odd = probe_of()
        odd.evidence.captured_at.seconds, odd.evidence.captured_at.nanos = seconds, nanos
        assert refused(odd)[0] == "probes[1].evidence.captured_at"


def test_evidence_must_be_there_and_say_something() -> None:
    """A probe without evidence, and evidence that says nothing of presentation attacks, are refused."""
    given = probe_of()
    given.ClearField("evidence")
    assert refused(given) == ("probes[1].evidence", "no capture device says anything of the probe")
    for unknown in (0, 3, 300):
        given = probe_of()
        given.evidence.presentation_attack = unknown  # type: ignore[assignment]  # as a stranger could send it
        assert refused(given)[0] == "probes[1].evidence.presentation_attack"


def test_a_list_that_is_too_old_believes_nobody() -> None:
    """A change is taken up with the next reading; a list that could not be read for a minute is not used."""
    time = [0.0]
    source = Source()
    devices = Devices(source, clock=lambda: time[0])
    devices.snapshot.refresh()
    source.list.append(DEVICE)
    source.number += 1
    devices.snapshot.refresh()
    assert check(devices, probe_of()).device == DEVICE.id
    time[0] = LIMIT_SECONDS
    with pytest.raises(SnapshotStaleError):
        check(devices, probe_of())


def test_a_device_is_listed_and_revoked(listing: Listing, table: DeviceTable) -> None:
    """Each step is logged before it is done, and what is listed comes back as it was."""
    listing.list.add(DEVICE)
    assert table.devices() == [DEVICE]
    assert listing.list.revoke("counter-3", at_ms=2_000) == DEVICE
    assert table.devices() == [replace(DEVICE, revoked_ms=2_000)]
    added = {"device": "counter-3", "model": "Maker X1", "key": SIGNER.key_id, "pad_level": "2"}
    assert listing.logged == [
        (EntryKind.DEVICE_ADDED, added, "clinic", 0),
        (EntryKind.DEVICE_REVOKED, {"device": "counter-3", "key": SIGNER.key_id}, "clinic", 1),
    ]
    devices = Devices(table)
    devices.snapshot.refresh()
    with pytest.raises(CaptureEvidenceError, match="revoked"):
        check(devices, probe_of())


def test_ids_and_keys_are_taken_for_good(listing: Listing, table: DeviceTable) -> None:
    """Neither a second device of an id or a key, nor one after a revocation, is listed or logged."""
    listing.list.add(DEVICE)
    fresh = replace(DEVICE, id="counter-4", public_key=OTHER.public_key)
    with pytest.raises(DeviceError, match=r"the id counter-3 is taken$"):
        listing.list.add(replace(fresh, id="counter-3"))
    with pytest.raises(DeviceError, match="the key is that of the device counter-3"):
        listing.list.add(replace(DEVICE, id="counter-4"))
    listing.list.revoke("counter-3", at_ms=2_000)
    with pytest.raises(DeviceError, match="taken by a revoked device"):
        listing.list.add(replace(fresh, id="counter-3"))
    with pytest.raises(DeviceError, match="revoked already"):
        listing.list.revoke("counter-3", at_ms=3_000)
    with pytest.raises(DeviceError, match="no device counter-4"):
        listing.list.revoke("counter-4", at_ms=3_000)
    assert len(listing.logged) == 2
    for taken in (replace(fresh, id="counter-3"), replace(DEVICE, id="counter-4")):
        with pytest.raises(AlreadyThereError):
            table.add(taken)
    table.revoke("counter-3", at_ms=9_000)
    assert [each.revoked_ms for each in table.devices()] == [2_000]


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": ""},
        {"id": "a b"},
        {"id": "a" * 65},
        {"model": ""},
        {"model": " x"},
        {"model": "x\ny"},
        {"pad_level": 4},
        {"pad_level": -1},
        {"agency": "tax"},
        {"agency": "hospital"},
    ],
)
def test_what_is_not_listed(listing: Listing, wrong: dict[str, Any]) -> None:
    """Malformed fields, an agency that is not enrolled and one that was revoked are refused, and nothing is logged."""
    with pytest.raises(DeviceError):
        listing.list.add(replace(DEVICE, **wrong))
    assert not listing.logged


def test_keys_with_which_nobody_can_sign_are_not_listed(listing: Listing) -> None:
    """Points of small order, which verify anything, and bytes that are no point are refused."""
    for wrong in (bytes(32), b"\1" + bytes(31), b"\xff" * 32, bytes(31)):
        with pytest.raises(DeviceKeyError, match="nobody can sign"):
            listing.list.add(replace(DEVICE, public_key=wrong))


def test_public_keys_are_read_in_both_forms() -> None:
    """PEM and base64 are read; private keys, other curves and anything else are refused."""
    private = Ed25519PrivateKey.from_private_bytes(b"d" * 32)
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    pem = private.public_key().public_bytes(serialization.Encoding.PEM, spki)
    assert read_public(pem) == read_public(b"\n" + pem) == SIGNER.public_key
    assert read_public(base64.b64encode(SIGNER.public_key) + b"\n") == SIGNER.public_key
    other = X25519PrivateKey.generate().public_key().public_bytes(serialization.Encoding.PEM, spki)
    secret = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    for wrong in (b"", b"\xff", b"AAAA", other, secret, pem[:40]):
        with pytest.raises(DeviceKeyError, match="not an Ed25519 public key"):
            read_public(wrong)
