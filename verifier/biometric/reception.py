"""What becomes of captures before anything is looked up: opened, believed, read, and made ready to be compared.

 1 see that each extractor has a threshold at the agreement's level  2 open what is sealed  3 see what devices say of it
 4 read the templates, and see that they are such as the extractor was calibrated on  5 prepare them, which says whether
they are good enough

Everything is decided from the captures, the agreement and the installation's calibration: what comes of it says nothing
of the resident.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from padan.value import value
from padan.vocabulary import AssuranceLevel, Modality, PresentationAttack
from tokenizer.biometrics.scheme import QualityError, TemplateError
from tokenizer.biometrics.template import has_elements
from tokenizer.errors import TokenizerError
from verifier.agreement import vocabulary
from verifier.agreement.errors import AttributeNotGrantedError
from verifier.biometric.errors import ExtractorUnknownError
from verifier.biometric.request import extractor
from verifier.draft import Captured
from verifier.errors import InvalidFieldError

if TYPE_CHECKING:
    from padan.v1 import biometric_pb2
    from tokenizer.biometrics.scheme import Scheme
    from verifier.agreement.model import Biometrics
    from verifier.biometric.ports import Believed, Means
    from verifier.validate import ValidRequest


@value
class Capture:
    """One capture, ready to be compared.

    Attributes:
        attribute: number of the modality's attribute.
        modality: "face", "finger" or "iris".
        position: which finger or eye.
        extractor: "NAME/VERSION".
        prepared: by the scheme.
        threshold: the lowest score that is accepted.
    """

    attribute: int
    modality: str
    position: int
    extractor: str
    scheme: Scheme
    prepared: Any
    threshold: float

    def __repr__(self) -> str:
        return "Capture(<redacted>)"


@value
class Received:
    """The captures of one request.

    Attributes:
        captures: those that are good enough, in the order of the request.
        captured: what digest and entry hold of all of them.
        is_poor: of one modality none is good enough.
    """

    captures: tuple[Capture, ...]
    captured: Captured
    is_poor: bool

    def __repr__(self) -> str:
        return "Received(<redacted>)"


@value
class _Asked:
    """A probe, and how it is to be compared."""

    probe: biometric_pb2.Probe
    field: str
    modality: Modality
    scheme: Scheme
    threshold: float
    elements: int | None


def receive(
    means: Means, request: ValidRequest, asked: Biometrics | None, *, agency: str, now: float
) -> Received:
    """Make the captures of a request ready.

    Args:
        means: what they stand on.
        request: with at least one probe.
        asked: what the agreement asks of captures.
        agency: id of the agency that asks.
        now: seconds of the Unix epoch.

    Raises:
        AttributeNotGrantedError: the agreement takes no captures.
        ExtractorUnknownError: there is no threshold.
        InvalidFieldError: the agreement asks for more than a device has said, or a template is malformed, or is none
            of those that the extractor was calibrated on.
        CallerError: a probe does not open, or a device is not believed.
    """
    if asked is None:
        raise AttributeNotGrantedError("the purpose takes no captures", field="probes")
    level = AssuranceLevel(asked.level).label
    opened = [  # 1
        _compared(means, probe, level, f"probes[{place}]") for place, probe in enumerate(request.probes)
    ]
    binding = means.probes.binding(request.message, agency)
    templates = [means.probes.open(each.probe, binding, field=each.field) for each in opened]  # 2
    believed = [  # 3
        _believed(means, each, binding, template, asked, now)
        for each, template in zip(opened, templates, strict=True)
    ]
    captures = tuple(  # 4, 5
        capture
        for each, template in zip(opened, templates, strict=True)
        if (capture := _ready(means, each, template)) is not None
    )
    good = {capture.attribute for capture in captures}
    return Received(
        captures=captures,
        captured=Captured(
            templates=tuple(
                (int(each.modality), template) for each, template in zip(opened, templates, strict=True)
            ),
            told=(
                f"level={level}",
                *(
                    text
                    for place, (each, found) in enumerate(zip(opened, believed, strict=True), 1)
                    for text in _told(place, each, found)
                ),
            ),
            compared=len(captures),
        ),
        is_poor=any(each.modality.attribute not in good for each in opened),
    )


def _compared(means: Means, probe: biometric_pb2.Probe, level: str, field: str) -> _Asked:
    modality = Modality(probe.modality)
    scheme = means.scheme(modality.label)
    made_by, suite = extractor(probe), scheme.suite.name
    try:
        threshold = means.thresholds.threshold(made_by, suite, level)
    except TokenizerError:
        raise ExtractorUnknownError(
            f"there is no threshold for this extractor at level {level}", field=f"{field}.extractor"
        ) from None
    return _Asked(
        probe=probe,
        field=field,
        modality=modality,
        scheme=scheme,
        threshold=threshold,
        elements=means.thresholds.elements(made_by, suite),
    )


def _believed(  # noqa: PLR0917 - one call, above
    means: Means, each: _Asked, binding: Any, template: bytes, asked: Biometrics, now: float
) -> Believed | None:
    """See what a device says of a capture, and that the agreement asks for no more; None where none says anything."""
    field = f"{each.field}.evidence"
    if not each.probe.HasField("evidence"):
        if asked.require_device:
            raise InvalidFieldError("what a registered capture device says, signed by it", field=field)
        return None
    found = means.devices.check(each.probe, binding, template, now=now, field=each.field)
    is_needed = asked.presentation_attack == vocabulary.NONE_FOUND
    if is_needed and found.presentation_attack != vocabulary.NONE_FOUND:
        raise InvalidFieldError(
            "a tested device that has looked for a presentation attack, and found none",
            field=f"{field}.presentation_attack",
        )
    return found


def _ready(means: Means, each: _Asked, template: bytes) -> Capture | None:
    """Read a template and prepare it; None where it is not good enough."""
    try:
        reading = means.read(template, each.modality.label)
        if not has_elements(reading.template, each.elements):
            raise TemplateError(
                f"an embedding of {each.elements} elements, as this extractor was calibrated on"
            )
        prepared = each.scheme.prepare(reading.template)
    except QualityError:
        return None
    except TokenizerError as error:
        raise InvalidFieldError(str(error), field=f"{each.field}.sealed") from None
    return Capture(
        attribute=int(each.modality.attribute),
        modality=each.modality.label,
        position=reading.position,
        extractor=extractor(each.probe),
        scheme=each.scheme,
        prepared=prepared,
        threshold=each.threshold,
    )


def _told(place: int, each: _Asked, found: Believed | None) -> list[str]:
    told = [f"capture_{place}={each.modality.label} {extractor(each.probe)} {each.scheme.suite.name}"]
    if found is not None:
        attack = PresentationAttack(found.presentation_attack).label
        told.append(f"device_{place}={found.device} {attack}")
    return told
