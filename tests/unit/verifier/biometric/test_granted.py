"""What an agreement grants of captures, as an agency reads it."""

from __future__ import annotations

from padan import info
from padan.v1 import verification_pb2
from padan.vocabulary import MODALITIES
from tests.terms import Present, Terms
from verifier import service_info
from verifier.agreement import grant, vocabulary
from verifier.agreement.parse import parse


def granted(present: Present) -> info.Purpose:
    """Read a purpose as a client does."""
    terms = grant.Terms.of(parse(Terms(present=present).document("clinic")).agreement)
    shown = service_info._purpose(terms.grants["present"])
    response = verification_pb2.GetServiceInfoResponse()
    response.agreement.purposes.append(shown)
    agreement = info.read(response).agreement
    assert agreement is not None
    return agreement.purposes[0]


def test_an_agency_reads_what_is_asked_of_captures() -> None:
    """Level, device and presentation attack stand beside the modalities, which are attributes and anchors."""
    purpose = granted(Present(level="high", device=True, attack="none_found"))
    assert {"face", "finger", "iris"} <= {*purpose.attributes} & {*purpose.anchors}
    assert (purpose.assurance_level, purpose.require_device, purpose.presentation_attack) == (
        "high",
        True,
        "none_found",
    )
    plain = granted(Present(level="substantial"))
    assert (plain.assurance_level, plain.require_device, plain.presentation_attack) == (
        "substantial",
        False,
        "not_tested",
    )


def test_a_purpose_without_modalities_says_nothing_of_captures() -> None:
    """Its fields stay unset, as from a release before."""
    terms = grant.Terms.of(parse(Terms().document("clinic")).agreement)
    shown = service_info._purpose(terms.grants["service"])
    assert not shown.assurance_level
    assert not shown.require_device
    assert not shown.presentation_attack


def test_a_capture_anchors_a_request() -> None:
    """Each modality is an anchor by itself, and a claim is none in its place."""
    terms = grant.Terms.of(parse(Terms(present=Present()).document("clinic")).agreement)
    grants = terms.grants["present"]
    assert all(grants.anchored({modality}) for modality in MODALITIES)
    assert not grants.anchored({vocabulary.ATTRIBUTES["marital_status"]})
