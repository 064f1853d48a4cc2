"""Generated faces and irises are as far apart as the works say that their models name."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from keys.templatekey import TemplateKey
from tokenizer.biometrics.iris import IrisScheme
from verifier.synthetic.biometrics import faces, irises

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

KEY = TemplateKey(bytes(32))


def test_faces_are_told_at_the_published_point() -> None:
    """Cosines of two faces and of one have the spreads and means that the point follows from."""
    vectors = np.array([[each.vector for each in face] for face in faces.population(150, 2)])
    other = (vectors[:, 0] @ vectors[:, 0].T)[np.triu_indices(150, 1)]
    same = np.einsum("ij,ij->i", vectors[:, 0], vectors[:, 1])
    assert np.allclose(np.linalg.norm(vectors, axis=2), 1, atol=1e-5)
    assert (float(other.mean()), float(other.std())) == pytest.approx((0, 0.126), abs=0.005)
    assert (float(same.mean()), float(same.std())) == pytest.approx((0.65, 0.1), abs=0.03)
    assert float(np.mean(other > 0.363)) < 0.005


def test_two_eyes_differ_as_binomials_of_249_trials() -> None:
    """Without lids the share of bits that differ has the mean and the spread of Daugman's 9.1 million pairs."""
    codes = [irises.Iris(number).capture(0).code for number in range(50)]
    apart = [float(np.mean(one != other)) for one, other in itertools.combinations(codes, 2)]
    assert float(np.mean(apart)) == pytest.approx(0.5, abs=0.003)
    assert 0.25 / float(np.var(apart)) == pytest.approx(249, rel=0.1)


def test_captures_of_an_eye_differ_as_cameras_do() -> None:
    """Where neither turned nor missed, in 0.11 of the bits, by turns more and less."""
    model = irises.IrisModel(turned=0, beside=0)
    apart = []
    for number in range(40):
        one, other = (irises.Iris(number, model).capture(each) for each in range(2))
        both = (one.mask & other.mask) == 1
        apart.append(float(np.mean((one.code != other.code)[both])))
    assert float(np.mean(apart)) == pytest.approx(0.11, abs=0.025)
    assert float(np.std(apart)) == pytest.approx(0.065, abs=0.02)


def test_generated_people_are_told_apart() -> None:
    """Another capture of a generated eye is nearer than any other eye, turned and off centre as it is."""
    scheme = IrisScheme()
    eyes = [[scheme.prepare(each) for each in eye] for eye in irises.population(12, 2)]
    references = [scheme.protect(eye[0], KEY) for eye in eyes]
    scores = np.array([[scheme.score(eye[1], KEY, reference) for eye in eyes] for reference in references])
    own = np.eye(len(eyes), dtype=bool)
    assert float(scores[own].min()) > float(scores[~own].max())


def _vectors() -> list[NDArray[Any]]:
    return [each.vector for face in faces.population(2, 2, seed=5) for each in face]


def _codes() -> list[NDArray[Any]]:
    return [each.code for eye in irises.population(2, 2, seed=5) for each in eye]


@pytest.mark.parametrize("draw", [_vectors, _codes], ids=["faces", "irises"])
def test_one_number_is_one_capture(draw: Callable[[], list[NDArray[Any]]]) -> None:
    """A population is the same at each run, and its members and captures differ."""
    drawn, again = draw(), draw()
    assert all(np.array_equal(one, other) for one, other in zip(drawn, again, strict=True))
    assert not any(np.array_equal(one, other) for one, other in itertools.combinations(drawn, 2))
