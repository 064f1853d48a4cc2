"""Probes: sealed for one question at one size, and what a capture device signs of them."""

from __future__ import annotations

import dataclasses
import json
import pickle
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from padan import probe, sealing, signature
from padan.padding import PaddingError, pad, unpad
from padan.probe import SIZES, Binding, ProbeError
from padan.sealing import Recipient
from padan.v1 import biometric_pb2, verification_pb2
from tests.vectors import probe_generate

VECTORS = json.loads(Path(probe_generate.TARGET).read_text())
RECIPIENT = Recipient(bytes.fromhex(VECTORS["probe_key"]))
DEVICE = signature.Signer(bytes.fromhex(VECTORS["device_seed"]))
FACE, FINGER, IRIS = SIZES


def request_of(case: dict[str, Any]) -> verification_pb2.VerifyRequest:
    """Build the question of a vector."""
    request = verification_pb2.VerifyRequest(
        request_id=case["request_id"], blind=bytes.fromhex(VECTORS["blind"]), purpose=case["purpose"]
    )
    if "nik" in case:
        request.nik = case["nik"]
    else:
        request.subject_token = bytes.fromhex(case["subject_token"])
    if "not_after" in case:
        request.not_after.seconds, request.not_after.nanos = case["not_after"]
    return request


def binding_of(case: dict[str, Any]) -> Binding:
    """Bind a vector's question."""
    return Binding.of(
        request_of(case),
        registry_id=VECTORS["registry"],
        environment=VECTORS["environment"],
        agency=case["agency"],
    )


def message_of(case: dict[str, Any]) -> biometric_pb2.Probe:
    """Build a vector's probe."""
    name, version = case["extractor"]
    return biometric_pb2.Probe(
        modality=case["modality"],
        extractor=biometric_pb2.Extractor(name=name, version=version),
        key_id=RECIPIENT.key_id,
        sealed=bytes.fromhex(case["box"]),
    )


def seal(case: dict[str, Any], **other: Any) -> biometric_pb2.Probe:
    """Seal a vector's template, or another one."""
    told: dict[str, Any] = {
        "modality": case["modality"],
        "extractor": message_of(case).extractor,
        "template": bytes.fromhex(case["template"]),
        "public_key": RECIPIENT.public_key,
    }
    return probe.seal(binding_of(case), **told | other)


def test_vectors_are_what_their_generator_writes() -> None:
    """A generator that shares no code with the package writes the same file."""
    assert probe_generate.build() == Path(probe_generate.TARGET).read_text()


@pytest.mark.parametrize("case", VECTORS["probes"], ids=lambda case: case["name"])
def test_probes_open_as_the_vectors_say(case: dict[str, Any]) -> None:
    """Commitment, info and box are the page's, to the byte."""
    binding, message = binding_of(case), message_of(case)
    assert binding.subject.hex() == case["subject"]
    info = binding.info(modality=message.modality, extractor=message.extractor, key_id=message.key_id)
    assert info.hex() == case["info"]
    assert probe.open_probe(message, binding, RECIPIENT).hex() == case["template"]
    assert probe.open_probe(seal(case), binding, RECIPIENT).hex() == case["template"]


@pytest.mark.parametrize("case", VECTORS["probes"], ids=lambda case: case["name"])
def test_devices_sign_as_the_vectors_say(case: dict[str, Any]) -> None:
    """Digest and signature are the page's, to the byte, and the time is told to the nanosecond."""
    seconds, nanos = case["captured_at"]
    message = message_of(case)
    template = bytes.fromhex(case["template"])
    said = biometric_pb2.CaptureEvidence(
        device=case["device"], presentation_attack=case["presentation_attack"]
    )
    said.captured_at.seconds, said.captured_at.nanos = seconds, nanos
    digest = binding_of(case).capture_digest(
        modality=message.modality, extractor=message.extractor, template=template, evidence=said
    )
    assert digest.hex() == case["capture_digest"]
    assert DEVICE.sign(digest).hex() == case["signature"]
    made = probe.sign(
        binding_of(case),
        modality=message.modality,
        extractor=message.extractor,
        template=template,
        device=case["device"],
        signer=DEVICE,
        captured_at=datetime.fromtimestamp(seconds, UTC) + timedelta(microseconds=nanos // 1000),
        presentation_attack=case["presentation_attack"],
    )
    if nanos % 1000 == 0:
        assert made.signature.hex() == case["signature"]


def test_a_probe_opens_for_its_own_question_alone() -> None:
    """Whatever of the question, the probe or the key is another one, nothing opens."""
    case = VECTORS["probes"][1]
    message, binding = message_of(case), binding_of(case)
    fields: dict[str, Any] = dataclasses.asdict(binding)
    others = {
        "registry_id": "other",
        "environment": "production",
        "agency": "clinic",
        "request_id": "7d9f6c1e-02c4-4f4e-8a57-5a0f3f7c2b12",
        "purpose": "other",
        "subject": bytes(32),
        "not_after": None,
    }
    assert others.keys() == fields.keys()
    for name, other in others.items():
        with pytest.raises(ProbeError, match="does not open"):
            probe.open_probe(message, Binding(**fields | {name: other}), RECIPIENT)
    for name, text in (("name", "other"), ("version", "2026.2")):
        changed = message_of(case)
        setattr(changed.extractor, name, text)
        with pytest.raises(ProbeError, match="does not open"):
            probe.open_probe(changed, binding, RECIPIENT)
    changed = message_of(case)
    changed.modality = biometric_pb2.MODALITY_FINGER  # of the same size
    with pytest.raises(ProbeError, match="does not open"):
        probe.open_probe(changed, binding, RECIPIENT)
    with pytest.raises(ProbeError, match="does not open"):
        probe.open_probe(message, binding, Recipient.make())


def test_a_damaged_probe_does_not_open() -> None:
    """A changed byte at any place, and any other length, is refused."""
    case = VECTORS["probes"][0]
    binding = binding_of(case)
    box = bytes.fromhex(case["box"])
    for at in (0, 1, 32, 33, 500, len(box) - 1):
        changed = message_of(case)
        changed.sealed = box[:at] + bytes([box[at] ^ 1]) + box[at + 1 :]
        with pytest.raises(ProbeError):
            probe.open_probe(changed, binding, RECIPIENT)
    for wrong in (b"", box[:-1], box + b"\0"):
        changed = message_of(case)
        changed.sealed = wrong
        with pytest.raises(ProbeError, match="2161 bytes"):
            probe.open_probe(changed, binding, RECIPIENT)


@pytest.mark.parametrize("modality", SIZES)
def test_probes_of_a_modality_have_one_size(modality: int) -> None:
    """An empty template and the longest one seal to as many bytes; a longer one is refused."""
    case = VECTORS["probes"][0]
    room = SIZES[modality] - 2
    for size in (0, 1, room):
        sealed = seal(case, modality=modality, template=b"\xff" * size)
        assert len(sealed.sealed) == probe.sealed_size(modality)
        assert probe.open_probe(sealed, binding_of(case), RECIPIENT) == b"\xff" * size
    with pytest.raises(ProbeError, match=f"more than {room} bytes"):
        seal(case, modality=modality, template=bytes(room + 1))


def test_the_largest_templates_fit() -> None:
    """512 numbers, a record of 255 minutiae with 500 bytes more, and an iris code with its mask have room."""
    about: dict[str, Any] = {"position": 10, "quality": 100}
    largest = {
        FACE: biometric_pb2.Template(
            **about,
            embedding=biometric_pb2.Embedding(
                element_type=biometric_pb2.ELEMENT_TYPE_FLOAT32, shape=[512], elements=bytes(2048)
            ),
        ),
        FINGER: biometric_pb2.Template(**about, minutiae=bytes(24 + 4 + 255 * 6 + 2 + 500)),
        IRIS: biometric_pb2.Template(
            **about,
            iris_code=biometric_pb2.IrisCode(
                element_type=biometric_pb2.ELEMENT_TYPE_BIT,
                shape=[64, 256],
                code=bytes(2048),
                mask=bytes(2048),
            ),
        ),
    }
    for modality, template in largest.items():
        seal(VECTORS["probes"][0], modality=modality, template=template.SerializeToString())


def test_what_cannot_be_sealed() -> None:
    """Another modality, an extractor without a name, and a key of small order are refused with the rule."""
    case = VECTORS["probes"][0]
    with pytest.raises(ProbeError, match="none of face, finger, iris"):
        seal(case, modality=0)
    with pytest.raises(ProbeError, match="none of face, finger, iris"):
        probe.sealed_size(4)
    for name, version in (("", "1"), ("Upper", "1"), ("a", ""), ("a", "-1"), ("a" * 64, "1")):
        with pytest.raises(ProbeError, match="an extractor has a name"):
            seal(case, extractor=biometric_pb2.Extractor(name=name, version=version))
    with pytest.raises(ProbeError, match="not a usable X25519 key"):
        seal(case, public_key=bytes(32))


@pytest.mark.parametrize(("device", "attack"), [("", 1), ("a b", 1), ("a" * 65, 1), ("a", 0), ("a", 3)])
def test_what_no_device_signs(device: str, attack: int) -> None:
    """A device has an id, and says whether it looked for a presentation attack."""
    case = VECTORS["probes"][0]
    with pytest.raises(ProbeError):
        probe.sign(
            binding_of(case),
            modality=FINGER,
            extractor=message_of(case).extractor,
            template=b"",
            device=device,
            signer=DEVICE,
            captured_at=datetime.now(tz=UTC),
            presentation_attack=attack,
        )


def test_a_probe_that_is_not_padded_is_refused() -> None:
    """Bytes behind the template that are not zeros, or a length beyond the end, are refused after opening."""
    case = VECTORS["probes"][0]
    binding, message = binding_of(case), message_of(case)
    info = binding.info(modality=FINGER, extractor=message.extractor, key_id=RECIPIENT.key_id)
    for plain in (bytes(2111) + b"\1", b"\xff\xff" + bytes(2110)):
        message.sealed = sealing.seal(plain, public_key=RECIPIENT.public_key, info=info)
        with pytest.raises(ProbeError, match="not padded"):
            probe.open_probe(message, binding, RECIPIENT)


@given(data=st.binary(max_size=64), room=st.integers(0, 80))
def test_padding_gives_back_what_it_took(data: bytes, room: int) -> None:
    """What fits comes back; what does not is refused."""
    if len(data) > room:
        with pytest.raises(PaddingError):
            pad(data, room + 2)
    else:
        padded = pad(data, room + 2)
        assert len(padded) == room + 2
        assert unpad(padded) == data


def test_a_recipient_goes_nowhere() -> None:
    """Private keys show nothing and are not pickled."""
    with pytest.raises(TypeError):
        pickle.dumps(RECIPIENT)
    assert "vector" not in repr(RECIPIENT)
