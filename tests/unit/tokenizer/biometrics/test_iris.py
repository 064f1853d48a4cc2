"""Irises are kept in 2,048 bytes that tell nothing without their key, and found again turned and off centre."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keys.templatekey import TemplateKey
from tokenizer.biometrics.iris import IrisScheme
from tokenizer.biometrics.scheme import QualityError, TemplateError
from tokenizer.biometrics.template import FaceTemplate, IrisTemplate

if TYPE_CHECKING:
    from numpy.typing import NDArray

SCHEME = IrisScheme()


def key_of(number: int) -> TemplateKey:
    """Make a key."""
    return TemplateKey(hashlib.sha256(b"iris %d" % number).digest())


def noise(seed: int, valid: float = 0.7) -> IrisTemplate:
    """Draw bits, each valid or not for itself."""
    random = np.random.default_rng(seed)
    return IrisTemplate(
        code=random.integers(0, 2, (64, 256), dtype=np.uint8),
        mask=(random.random((64, 256)) < valid).astype(np.uint8),
    )


def reference(template: IrisTemplate, key: TemplateKey) -> bytes:
    """Protect an iris."""
    return SCHEME.protect(SCHEME.prepare(template), key)


def score(probe: IrisTemplate, template: IrisTemplate) -> float:
    """Enrol one and compare the other."""
    return SCHEME.score(SCHEME.prepare(probe), key_of(0), reference(template, key_of(0)))


def moved(template: IrisTemplate, *, turn: int = 0, ring: int = 0) -> IrisTemplate:
    """Turn an eye by columns and move it by rings; rings that come in are masked."""

    def plane(bits: NDArray[np.uint8]) -> NDArray[np.uint8]:
        out = np.zeros((2, 16, 2, 256), dtype=np.uint8)
        rings = np.roll(bits, turn, axis=1).reshape(out.shape)
        out[:, max(0, ring) : 16 + min(0, ring)] = rings[:, max(0, -ring) : 16 - max(0, ring)]
        return out.reshape(64, 256)

    return IrisTemplate(code=plane(template.code), mask=plane(template.mask))


def test_few_bits_in_common_are_little_evidence() -> None:
    """An iris agrees with itself in all its bits, and the fewer they are, the less that says."""
    for valid in (0.3, 0.6, 1.0):
        iris = noise(6, valid)
        bits = int(iris.mask[:, ::2].sum(dtype=int))
        assert score(iris, iris) == pytest.approx((1 + bits / (bits + 500)) / 2)


@pytest.mark.parametrize("turn", [-15, -1, 8, 15])
@pytest.mark.parametrize("ring", [-1, 0, 1])
def test_an_eye_may_be_turned_and_off_by_a_ring(turn: int, ring: int) -> None:
    """By up to 15 columns, 21 degrees, either way, and by a ring in or out."""
    iris = noise(7)
    other = moved(iris, turn=turn, ring=ring)
    assert score(other, iris) > 0.95
    assert score(moved(iris, turn=40), iris) < 0.6
    assert score(moved(iris, ring=3), iris) < 0.6


def test_a_sector_may_lie_aside() -> None:
    """Columns that lie two aside in one half and none in the other are found."""
    iris = noise(8)
    halves = [
        np.concatenate((plane[:, :128], np.roll(plane, 2, axis=1)[:, 128:]), axis=1)
        for plane in (iris.code, iris.mask)
    ]
    assert score(IrisTemplate(code=halves[0], mask=halves[1]), iris) > 0.9


def test_rings_do_not_pass_from_one_filter_to_the_other() -> None:
    """An eye that is moved by a ring leaves no bits of the first filter to be compared with the second one's."""
    ones = np.ones((64, 256), dtype=np.uint8)
    probe = IrisTemplate(code=ones, mask=ones.copy())
    prepared = SCHEME.prepare(probe)
    masks = prepared.masks.reshape(35, 3, 2, 16, 2, 4)
    assert not masks[:, 1, :, 15].any()
    assert not masks[:, 2, :, 0].any()
    assert masks[:, 1, :, :15].all()
    assert masks[:, 2, :, 1:].all()


def test_another_key_is_chance() -> None:
    """Under another key an iris is as far from its own reference as from random bytes."""
    iris = SCHEME.prepare(noise(9))
    protected = SCHEME.protect(iris, key_of(0))
    wrong = [SCHEME.score(iris, key_of(number), protected) for number in range(1, 61)]
    generator = np.random.default_rng(10)
    chance = [SCHEME.score(iris, key_of(0), generator.bytes(2048)) for _ in range(60)]
    assert abs(float(np.mean(wrong)) - float(np.mean(chance))) < 0.003
    assert max(wrong + chance) < 0.57


def test_a_reference_does_not_tell_how_many_bits_are_valid() -> None:
    """As many bits of it are 1 whether all of an iris is valid or a third."""
    shares = {}
    for valid in (0.3, 1.0):
        bits = [
            np.unpackbits(np.frombuffer(reference(noise(11, valid), key_of(number)), dtype=np.uint8))
            for number in range(40)
        ]
        shares[valid] = np.mean(bits, axis=1)
        assert abs(float(np.mean(bits)) - 0.5) < 0.002
    assert abs(float(np.std(shares[0.3])) - float(np.std(shares[1.0]))) < 0.0015


def test_two_keys_share_nothing() -> None:
    """Two references of one iris agree in half of their bits."""
    iris = SCHEME.prepare(noise(12))
    bits = [
        np.unpackbits(np.frombuffer(SCHEME.protect(iris, key_of(number)), dtype=np.uint8))
        for number in range(40)
    ]
    agreed = [float(np.mean(bits[at] == bits[at + 1])) for at in range(39)]
    assert abs(float(np.mean(agreed)) - 0.5) < 0.003


def test_a_masked_bit_has_no_value() -> None:
    """What stands where the mask is 0 changes no byte of a reference."""
    iris = noise(13)
    other = IrisTemplate(code=iris.code ^ (1 - iris.mask), mask=iris.mask)
    assert reference(iris, key_of(1)) == reference(other, key_of(1))


@pytest.mark.parametrize(("count", "enough"), [(4095, False), (4096, True)])
def test_too_few_valid_bits_are_a_matter_of_quality(count: int, enough: bool) -> None:  # noqa: FBT001 -- a table
    """From 4,096 of 16,384 an iris is compared."""
    mask = np.zeros(64 * 256, dtype=np.uint8)
    mask[:count] = 1
    iris = IrisTemplate(code=np.zeros((64, 256), dtype=np.uint8), mask=mask.reshape(64, 256))
    if enough:
        assert len(reference(iris, key_of(1))) == 2048
    else:
        with pytest.raises(QualityError):
            SCHEME.prepare(iris)


@pytest.mark.parametrize(
    "plane",
    [
        np.ones((64, 128), dtype=np.uint8),
        np.ones((256, 64), dtype=np.uint8),
        np.ones(16_384, dtype=np.uint8),
        np.full((64, 256), 2, dtype=np.uint8),
        np.ones((64, 256), dtype=np.int64),
    ],
    ids=["narrow", "on its side", "flat", "twos", "wide numbers"],
)
def test_what_is_no_iris_code_is_refused(plane: NDArray[np.uint8]) -> None:
    """As a code and as a mask."""
    good = np.ones((64, 256), dtype=np.uint8)
    for code, mask in ((plane, good), (good, plane)):
        with pytest.raises(TemplateError):
            SCHEME.prepare(IrisTemplate(code=code, mask=mask))


def test_another_modality_is_refused() -> None:
    """A face is no iris."""
    with pytest.raises(TemplateError):
        SCHEME.prepare(FaceTemplate(vector=np.ones(4, dtype=np.float32)))


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.floats(0.3, 1.0))
def test_any_iris_is_found_again(seed: int, valid: float) -> None:
    """Whatever its bits are, 2,048 bytes come out, which are like what they were made of and like nothing else."""
    iris = noise(seed, valid)
    protected = reference(iris, key_of(seed))
    assert len(protected) == 2048
    assert SCHEME.score(SCHEME.prepare(iris), key_of(seed), protected) > 0.8
    assert SCHEME.score(SCHEME.prepare(noise(seed + 1)), key_of(seed), protected) < 0.6
