"""Faces are kept in 128 bytes that the key alone makes sense of, and compared as their embeddings would be."""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys.templatekey import TemplateKey
from tokenizer.biometrics.face import SHAPES, FaceScheme, fuse, unit
from tokenizer.biometrics.scheme import TemplateError
from tokenizer.biometrics.template import FaceTemplate, IrisTemplate

if TYPE_CHECKING:
    from numpy.typing import NDArray

SCHEME = FaceScheme()
SIZES = (1, 100, 128, 129, 192, 256, 257, 512)


def key_of(number: int) -> TemplateKey:
    """Make a key."""
    return TemplateKey(hashlib.sha256(b"face %d" % number).digest())


def face(seed: int, size: int = 192) -> FaceTemplate:
    """Draw an embedding."""
    return FaceTemplate(vector=np.random.default_rng(seed).standard_normal(size).astype(np.float32))


def beside(template: FaceTemplate, cosine: float, seed: int) -> FaceTemplate:
    """Draw an embedding at an angle to another."""
    at = unit(template.vector).astype(np.float64)
    away = np.random.default_rng(seed).standard_normal(len(at))
    away -= (away @ at) * at
    away /= np.linalg.norm(away)
    return FaceTemplate(vector=(cosine * at + math.sqrt(1 - cosine**2) * away).astype(np.float32))


def reference(template: FaceTemplate, key: TemplateKey) -> bytes:
    """Protect an embedding."""
    return SCHEME.protect(SCHEME.prepare(template), key)


@pytest.mark.parametrize("size", SIZES)
def test_a_reference_has_one_size(size: int) -> None:
    """It is 128 bytes for every embedding, and every shape fills them."""
    assert len(reference(face(1, size), key_of(1))) == SCHEME.suite.size == 128
    assert all(shape.size * shape.bits == 8 * SCHEME.suite.size for shape in SHAPES)


@pytest.mark.parametrize("size", [100, 192, 512])
@pytest.mark.parametrize("cosine", [-0.3, 0.0, 0.4, 0.6, 0.9])
def test_a_score_tells_the_angle(size: int, cosine: float) -> None:
    """It is (1 + cosine) / 2, less what is lost by rounding the reference."""
    at = face(2, size)
    probe = SCHEME.prepare(beside(at, cosine, 3))
    lost = {128: 0.001, 256: 0.01, 512: 0.08}[next(each.size for each in SHAPES if size <= each.size)]
    scores = [SCHEME.score(probe, key_of(each), reference(at, key_of(each))) for each in range(20)]
    assert float(np.mean(scores)) == pytest.approx((1 + cosine * (1 - lost)) / 2, abs=lost / 2 + 0.002)


def test_the_length_of_an_embedding_does_not_count() -> None:
    """An embedding and a multiple of it by a power of two have one reference and one score."""
    at = face(4)
    longer = FaceTemplate(vector=at.vector * np.float32(1024))
    assert reference(at, key_of(1)) == reference(longer, key_of(1))


@pytest.mark.parametrize("size", [128, 192, 512])
def test_another_key_is_chance(size: int) -> None:
    """Under another key a face is as far from its own reference as from anybody's."""
    at = SCHEME.prepare(face(5, size))
    protected = SCHEME.protect(at, key_of(0))
    scores = [SCHEME.score(at, key_of(number), protected) for number in range(1, 101)]
    assert abs(float(np.mean(scores)) - 0.5) < 0.02
    assert max(scores) < 0.5 + 5 / (2 * math.sqrt(128))


@pytest.mark.parametrize("size", [128, 192, 512])
def test_two_keys_share_nothing(size: int) -> None:
    """Two references of one face agree in as many bits as those of two faces do."""

    def digits(seed: int, number: int) -> NDArray[np.uint8]:
        return np.unpackbits(np.frombuffer(reference(face(seed, size), key_of(number)), dtype=np.uint8))

    same = [np.mean(digits(6, at) == digits(6, at + 50)) for at in range(50)]
    other = [np.mean(digits(6, at) == digits(7 + at, at + 50)) for at in range(50)]
    assert abs(float(np.mean(same)) - float(np.mean(other))) < 0.02


def test_random_bytes_are_nobody() -> None:
    """A decoy's bytes are compared like a reference, and are like nobody."""
    at = SCHEME.prepare(face(8))
    generator = np.random.default_rng(9)
    scores = [SCHEME.score(at, key_of(0), generator.bytes(128)) for _ in range(200)]
    assert abs(float(np.mean(scores)) - 0.5) < 0.02
    assert max(scores) < 0.7


def test_several_captures_come_closer() -> None:
    """The mean of four captures is nearer to a fifth one than a single capture is."""
    true = face(10)
    captures = [beside(true, 0.7, 20 + number) for number in range(5)]
    probe = SCHEME.prepare(captures[4])
    single = SCHEME.score(probe, key_of(0), reference(captures[0], key_of(0)))
    assert SCHEME.score(probe, key_of(0), reference(fuse(captures[:4]), key_of(0))) > single + 0.05


def test_a_single_capture_is_fused_to_itself() -> None:
    """Fusing one capture changes no bit of its reference."""
    assert reference(fuse([face(11)]), key_of(2)) == reference(face(11), key_of(2))


def test_each_capture_counts_alike() -> None:
    """The length of a capture's embedding is no weight: the mean is of unit vectors."""
    first, second = face(12), face(13)
    longer = FaceTemplate(vector=second.vector * np.float32(64))
    assert np.array_equal(fuse([first, second]).vector, fuse([first, longer]).vector)


def _nearly_opposite() -> FaceTemplate:
    vector = -face(1).vector
    vector[0] *= np.float32(1 + 2**-16)
    return FaceTemplate(vector=vector)


@pytest.mark.parametrize(
    "templates",
    [
        [],
        [face(1), face(2, 128)],
        [face(1), FaceTemplate(vector=-face(1).vector)],
        [face(1), _nearly_opposite()],
    ],
    ids=["none", "two lengths", "opposite", "nearly opposite"],
)
def test_captures_that_do_not_fit_are_refused(templates: list[FaceTemplate]) -> None:
    """None, of two lengths, or ones whose mean is what rounding left."""
    with pytest.raises(TemplateError):
        fuse(templates)


@pytest.mark.parametrize(
    "vector",
    [
        np.zeros(192),
        np.zeros(0),
        np.ones(513),
        np.ones((2, 96)),
        np.array([1.0, math.nan]),
        np.array([1.0, math.inf]),
        np.array(1.0),
    ],
)
def test_what_is_no_embedding_is_refused(vector: NDArray[np.float64]) -> None:
    """All zero, empty, too long, of two axes, or not finite."""
    with pytest.raises(TemplateError):
        SCHEME.prepare(FaceTemplate(vector=vector.astype(np.float32)))


def test_another_modality_is_refused() -> None:
    """An iris is no face."""
    iris = np.ones((64, 256), dtype=np.uint8)
    with pytest.raises(TemplateError):
        SCHEME.prepare(IrisTemplate(code=iris, mask=iris))


@given(st.integers(1, 512), st.integers(0, 2**32 - 1))
def test_any_embedding_is_protected(size: int, seed: int) -> None:
    """Of every length, 128 bytes come out, which are like what they were made of."""
    prepared = SCHEME.prepare(face(seed, size))
    protected = SCHEME.protect(prepared, key_of(seed))
    assert len(protected) == 128
    assert 0.9 < SCHEME.score(prepared, key_of(seed), protected) <= 1
