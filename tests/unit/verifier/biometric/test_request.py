"""Questions with captures, field by field."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from padan.v1 import biometric_pb2, verification_pb2
from padan.vocabulary import Attribute, Modality
from tests.service import request
from verifier.biometric import request as biometric
from verifier.errors import InvalidFieldError, MalformedMessageError, TooLateError

if TYPE_CHECKING:
    from collections.abc import Callable

TODAY = date(2026, 11, 1)


def probe(modality: int = Modality.FINGER) -> biometric_pb2.Probe:
    """Make a probe, with what a device says of it."""
    made = biometric_pb2.Probe(
        modality=biometric_pb2.Modality.ValueType(modality),
        extractor=biometric_pb2.Extractor(name="leader", version="1.0"),
        key_id="k",
        sealed=b"sealed",
        evidence=biometric_pb2.CaptureEvidence(
            device="scanner-1",
            presentation_attack=biometric_pb2.PRESENTATION_ATTACK_NONE_FOUND,
            signature=bytes(64),
        ),
    )
    made.evidence.captured_at.FromSeconds(1_790_000_000)
    return made


def message(
    *probes: biometric_pb2.Probe, claims: dict[int, str] | None = None
) -> verification_pb2.VerifyBiometricRequest:
    """Make a question."""
    return verification_pb2.VerifyBiometricRequest(question=request(claims=claims or {}), probes=probes)


def check(made: verification_pb2.VerifyBiometricRequest) -> tuple[int, ...]:
    """Check, and give what is asked about."""
    return biometric.check(made, today=TODAY, now=0).attributes


def test_what_is_asked_about_are_the_claims_and_then_each_modality_once() -> None:
    """Several probes of one modality are tries of it, and no claim is needed."""
    finger, face = probe(), probe(Modality.FACE)
    assert check(message(finger, face, finger)) == (Attribute.FINGER, Attribute.FACE)
    assert check(message(face, claims={1: "BUDI"})) == (Attribute.NAME, Attribute.FACE)


def _change(change: Callable[[biometric_pb2.Probe], object]) -> verification_pb2.VerifyBiometricRequest:
    made = message(probe(), probe())
    change(made.probes[1])
    return made


@pytest.mark.parametrize(
    ("field", "made"),
    [
        ("probes", message()),
        ("probes", message(*[probe()] * 5)),
        ("probes[1].modality", _change(lambda each: each.ClearField("modality"))),
        ("probes[1].modality", _change(lambda each: setattr(each, "modality", 9))),
        ("probes[1].extractor.name", _change(lambda each: each.ClearField("extractor"))),
        ("probes[1].extractor.name", _change(lambda each: setattr(each.extractor, "name", "Leader"))),
        ("probes[1].extractor.version", _change(lambda each: setattr(each.extractor, "version", "1/0"))),
        ("probes[1].key_id", _change(lambda each: each.ClearField("key_id"))),
        ("probes[1].sealed", _change(lambda each: each.ClearField("sealed"))),
        ("probes[1].sealed", _change(lambda each: setattr(each, "sealed", bytes(12_289)))),
        ("probes[1].evidence.device", _change(lambda each: setattr(each.evidence, "device", "a b"))),
        ("probes[1].evidence.captured_at", _change(lambda each: each.evidence.ClearField("captured_at"))),
        (
            "probes[1].evidence.presentation_attack",
            _change(lambda each: each.evidence.ClearField("presentation_attack")),
        ),
        ("probes[1].evidence.signature", _change(lambda each: setattr(each.evidence, "signature", b"x"))),
        ("question.request_id", verification_pb2.VerifyBiometricRequest(probes=[probe()])),
        ("question.claims[0].attribute", message(probe(), claims={int(Attribute.FACE): "x"})),
    ],
)
def test_a_broken_field_is_named(field: str, made: verification_pb2.VerifyBiometricRequest) -> None:
    """Each field has its rule, and the error says where it is broken."""
    with pytest.raises(InvalidFieldError) as caught:
        check(made)
    assert caught.value.field == field


def test_a_question_that_came_too_late_is_refused() -> None:
    """not_after binds a question with captures too."""
    made = message(probe())
    made.question.not_after.FromSeconds(1)
    with pytest.raises(TooLateError) as caught:
        biometric.check(made, today=TODAY, now=2)
    assert caught.value.field == "question.not_after"


def test_unknown_fields_are_refused_at_any_depth() -> None:
    """A client that believes to have said more than was read learns it."""
    made = message(probe())
    unknown = b"\xf8\x01\x01"
    made.probes[0].MergeFromString(unknown)
    for raw in (made.SerializeToString(), message(probe()).SerializeToString() + unknown, b"\xff"):
        with pytest.raises(MalformedMessageError):
            biometric.parse(raw)
    known = message(probe())
    assert biometric.parse(known.SerializeToString()) == known
