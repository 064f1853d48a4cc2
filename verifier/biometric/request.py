"""Step 2 for questions with captures: is every field of the message what the contract says?

The question inside is checked as a VerifyRequest is, only that it may claim nothing. What is sealed is not looked into
here. Errors name the field and the rule, never the value.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from padan.biometric import template
from padan.errors import InvalidRequestError
from padan.probe import DEVICE, sealed_size
from padan.v1 import biometric_pb2, verification_pb2
from padan.vocabulary import Modality
from verifier import validate
from verifier.errors import CallerError, InvalidFieldError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from verifier.validate import ValidRequest

MAX_PROBES: Final = 4
SIGNATURE_SIZE: Final = 64
_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MODALITIES = frozenset(map(int, Modality))
_FOUND = frozenset(
    {biometric_pb2.PRESENTATION_ATTACK_NOT_TESTED, biometric_pb2.PRESENTATION_ATTACK_NONE_FOUND}
)


def parse(raw: bytes) -> verification_pb2.VerifyBiometricRequest:
    """Decode a VerifyBiometricRequest.

    Raises:
        MalformedMessageError: no such message, or a field that this version does not know, at any depth.
    """
    return validate.decode(verification_pb2.VerifyBiometricRequest, raw)


def check(message: verification_pb2.VerifyBiometricRequest, *, today: date, now: float) -> ValidRequest:
    """Check every field; arguments as for `verifier.validate.validate`.

    Returns:
        The question, with the probes; its attributes are what is claimed, and then each modality once.

    Raises:
        InvalidFieldError: names the field and the rule.
        TooLateError: not_after has passed.
    """
    try:
        question = validate.validate(message.question, today=today, now=now, least=0)
    except CallerError as error:
        error.field = f"question.{error.field}"
        raise
    probes = tuple(message.probes)
    if not 1 <= len(probes) <= MAX_PROBES:
        raise InvalidFieldError(f"1 to {MAX_PROBES} probes", field="probes")
    for place, probe in enumerate(probes):
        _check_probe(probe, f"probes[{place}]")
    return replace(question, attributes=question.attributes + modalities(probes), probes=probes)


def modalities(probes: Iterable[biometric_pb2.Probe]) -> tuple[int, ...]:
    """List the attributes that probes are of, each once, in the order in which they are named first."""
    return tuple(dict.fromkeys(int(Modality(probe.modality).attribute) for probe in probes))


def extractor(probe: biometric_pb2.Probe) -> str:
    """Name what made a probe's template, "NAME/VERSION"."""
    return f"{probe.extractor.name}/{probe.extractor.version}"


def _check_probe(probe: biometric_pb2.Probe, field: str) -> None:
    if probe.modality not in _MODALITIES:
        raise InvalidFieldError("a known modality", field=f"{field}.modality")
    try:
        template.extractor(probe.extractor.name, probe.extractor.version)
    except InvalidRequestError as error:
        first = error.fields[0]
        raise InvalidFieldError(first.rule, field=f"{field}.{first.field}") from None
    if not _KEY_ID.fullmatch(probe.key_id):
        raise InvalidFieldError("id of a key from GetServiceInfo, purpose probe", field=f"{field}.key_id")
    most = sealed_size(probe.modality)
    if not 1 <= len(probe.sealed) <= most:
        raise InvalidFieldError(f"1 to {most:,} bytes, sealed", field=f"{field}.sealed")
    if probe.HasField("evidence"):
        _check_evidence(probe.evidence, f"{field}.evidence")


def _check_evidence(evidence: biometric_pb2.CaptureEvidence, field: str) -> None:
    if not DEVICE.fullmatch(evidence.device):
        raise InvalidFieldError("1 to 64 of A-Z a-z 0-9 . _ -", field=f"{field}.device")
    if not evidence.HasField("captured_at"):
        raise InvalidFieldError("given", field=f"{field}.captured_at")
    if evidence.presentation_attack not in _FOUND:
        raise InvalidFieldError(
            "whether a presentation attack was looked for", field=f"{field}.presentation_attack"
        )
    if len(evidence.signature) != SIGNATURE_SIZE:
        raise InvalidFieldError(f"{SIGNATURE_SIZE} bytes", field=f"{field}.signature")
