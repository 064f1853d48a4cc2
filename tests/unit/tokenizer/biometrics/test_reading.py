"""Templates on their way from bytes to what is compared."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys.templatekey import TemplateKey
from padan.biometric import minutiae, template
from padan.biometric.record import FAILED, NOT_REPORTED, Minutia, Standard
from padan.v1 import biometric_pb2
from tests import records
from tokenizer.biometrics import reading
from tokenizer.biometrics.finger import FingerScheme
from tokenizer.biometrics.scheme import TemplateError
from tokenizer.biometrics.template import MODALITIES, FaceTemplate, FingerTemplate, IrisTemplate
from verifier.synthetic.biometrics import captures
from verifier.synthetic.biometrics.fingers import Finger

if TYPE_CHECKING:
    from padan.biometric.record import Record

VECTORS = Path(__file__).parents[3] / "vectors"
KNOWN = json.loads((VECTORS / "minutiae.json").read_text(encoding="utf-8"))["records"]
BITS = bytes(range(256)) * 8


def fingers(record: Record, position: int = 2) -> np.ndarray[Any, Any]:
    """Read a finger by all the way that a probe takes."""
    found = reading.read(template.finger(record, position=position).SerializeToString(), "finger")
    assert isinstance(found.template, FingerTemplate)
    return found.template.minutiae


def test_modalities_are_those_of_the_client() -> None:
    """Client and service know the same modalities, each with its positions."""
    assert set(template.POSITIONS) == set(MODALITIES)


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: known["standard"])
def test_vectors(known: dict[str, Any]) -> None:
    """A record of each standard comes out at 500 dpi, in radians, with qualities of 0 to 1."""
    found = fingers(minutiae.read(bytes.fromhex(known["record"])), known["position"])
    across, down = (500 / (2.54 * each) for each in known["pixels_per_cm"])
    assert found.dtype == np.float32
    for row, expected in zip(found, known["minutiae"], strict=True):
        assert row[0] == pytest.approx(expected["x"] * across, rel=1e-6)
        assert row[1] == pytest.approx(expected["y"] * down, rel=1e-6)
        assert math.degrees(row[2]) == pytest.approx(
            expected["degrees"], abs=1e-4
        )  # multiples of a right angle
        assert row[3] == pytest.approx(0.5 if expected["quality"] is None else expected["quality"] / 100)


@pytest.mark.parametrize("standard", Standard)
def test_one_finger_reads_the_same_in_all_standards(standard: Standard) -> None:
    """A finger at another resolution, in another standard, is the same to half a pixel and half a unit of angle."""
    original = records.example()
    (view,) = original.views
    double = tuple(
        replace(
            each,
            x=2 * each.x,
            y=2 * each.y,
            angle=standard.angle(original.standard.radians(each.angle)),
        )
        for each in view.minutiae
    )
    (other,) = records.example(standard).views
    other = replace(other, width=600, height=800, x_resolution=394, y_resolution=394, minutiae=double)
    found = fingers(replace(records.example(standard), views=(other,)))
    expected = fingers(original)
    assert np.abs(found[:, :2] - expected[:, :2]).max() < 0.5
    assert np.abs(found[:, 2] - expected[:, 2]).max() <= math.tau / 360 + 1e-6


@pytest.mark.parametrize("resolution", [197, 394])
@pytest.mark.parametrize("standard", Standard)
def test_a_finger_in_a_record_is_compared_as_it_is_without(standard: Standard, resolution: int) -> None:
    """Pixels and angles of a record mean what those of the comparison do: the score of two impressions stays."""
    scheme, key = FingerScheme(), TemplateKey(bytes(range(32)))
    enrolled, probe = (Finger.of(5).impression(number) for number in range(2))
    reference = scheme.protect(scheme.prepare(enrolled), key, random=bytes)
    direct = scheme.score(scheme.prepare(probe), key, reference)
    record = captures.record(probe, standard=standard, resolution=resolution)
    data = template.finger(record).SerializeToString()
    read = reading.read(data, "finger").template
    assert scheme.score(scheme.prepare(read), key, reference) == pytest.approx(direct, abs=0.03)
    mirrored = tuple(replace(each, angle=-each.angle % standard.angles) for each in record.views[0].minutiae)
    record = replace(record, views=(replace(record.views[0], minutiae=mirrored),))
    read = reading.read(template.finger(record).SerializeToString(), "finger").template
    assert scheme.score(scheme.prepare(read), key, reference) < direct - 0.15


def test_angles_follow_resolutions_that_differ() -> None:
    """Half as many pixels down as across: a ridge at 45 degrees between pixels is steeper on the finger."""
    (view,) = records.example().views
    slanted = replace(view, x_resolution=200, y_resolution=100, minutiae=(Minutia(x=10, y=10, angle=32),))
    found = fingers(replace(records.example(), views=(slanted,)))
    assert found[0, 1] == pytest.approx(2 * found[0, 0])
    assert found[0, 2] == pytest.approx(math.atan2(2, 1))
    back = replace(slanted, minutiae=(Minutia(x=10, y=10, angle=160),))
    assert fingers(replace(records.example(), views=(back,)))[0, 2] == pytest.approx(
        math.pi + math.atan2(2, 1)
    )


def test_qualities_that_are_codes() -> None:
    """Not reported counts as half, not computed as nothing; 0 is 0."""
    (view,) = records.example(Standard.ISO_2011).views
    found = tuple(Minutia(x=1, y=1, angle=0, quality=each) for each in (0, 1, 100, NOT_REPORTED, FAILED))
    read = fingers(replace(records.example(Standard.ISO_2011), views=(replace(view, minutiae=found),)))
    assert read[:, 3].tolist() == pytest.approx([0, 0.01, 1, 0.5, 0])


def test_face_and_iris() -> None:
    """An embedding keeps its numbers, a code its bits, row by row; position and quality are told."""
    face = reading.read(template.face([0.5, -0.25], quality=9).SerializeToString(), "face")
    assert isinstance(face.template, FaceTemplate)
    assert face.template.vector.tolist() == [0.5, -0.25]
    assert (face.position, face.quality) == (0, 9)
    iris = reading.read(template.iris(BITS, bytes(2_048), position=2).SerializeToString(), "iris")
    assert isinstance(iris.template, IrisTemplate)
    assert iris.template.code.shape == iris.template.mask.shape == (64, 256)
    assert np.packbits(iris.template.code).tobytes() == BITS
    assert not iris.template.mask.any()
    assert (iris.position, iris.quality) == (2, None)


def test_what_is_malformed_or_of_another_modality() -> None:
    """The error is the tokenizer's own, names field and rule, and has no value."""
    data = template.face([0.5, -0.25]).SerializeToString()
    for modality in ("finger", "iris", "voice"):
        with pytest.raises(TemplateError, match=r"the template is malformed \((?:form|position|modality): "):
            reading.read(data, modality)
    with pytest.raises(TemplateError, match=r"template: a padan\.v1\.Template"):
        reading.read(b"\xff", "face")
    record = minutiae.write(records.example())
    cut = biometric_pb2.Template(position=2, minutiae=record[:-1]).SerializeToString()
    with pytest.raises(
        TemplateError, match="the length fields of the record say exactly how many bytes there are"
    ):
        reading.read(cut, "finger")


@given(st.binary(max_size=200), st.sampled_from(MODALITIES))
def test_whatever_the_bytes_are(data: bytes, modality: str) -> None:
    """Noise is refused by the one error that is promised."""
    with pytest.raises(TemplateError):
        reading.read(data, modality)


@given(records.records(most_views=1), st.integers(1, 10))
def test_whatever_the_record_is(record: Record, position: int) -> None:
    """Every record that can be written comes out finite and in range, without a value in a repr."""
    view = replace(record.views[0], position=position)
    found = fingers(replace(record, views=(view,)), position)
    assert found.shape == (len(view.minutiae), 4)
    assert np.isfinite(found).all()
    assert (found >= 0).all()
    assert (found[:, :2] < 2**14 * 500 / (2.54 * 99)).all()
    assert (found[:, 2] < math.tau + 1e-6).all()
    assert (found[:, 3] <= 1).all()
