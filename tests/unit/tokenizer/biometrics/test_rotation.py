"""The keyed rotation keeps lengths and angles, is the same everywhere, and tells nothing without its key."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys.templatekey import TemplateKey
from tokenizer.biometrics import expansion
from tokenizer.biometrics.rotation import Rotation, hadamard

KEY = bytes(range(32))


def test_bits_and_orders_are_drawn_as_they_are_written() -> None:
    """Bits are those of SHAKE-256, the first one highest; an order sorts little-endian numbers of 64 bits."""
    stream = hashlib.shake_256(KEY + b"tag").digest(64)
    key = TemplateKey(KEY)
    written = "".join(f"{byte:08b}" for byte in stream)
    assert "".join(map(str, expansion.bits(key, b"tag", 77))) == written[:77]
    assert [1 - 2 * int(bit) for bit in written[:20]] == expansion.signs(key, b"tag", 20).tolist()
    numbers = [int.from_bytes(stream[at : at + 8], "little") for at in range(0, 64, 8)]
    assert expansion.permutation(key, b"tag", 8).tolist() == sorted(range(8), key=numbers.__getitem__)


@pytest.mark.parametrize("count", [1, 128, 256, 512])
def test_an_order_is_the_same_at_every_size(count: int) -> None:
    """Radix sort and a sort that compares come to one order; equal numbers stay as they came."""
    for number in range(20):
        key = TemplateKey(number.to_bytes(32, "big"))
        drawn = np.frombuffer(key.stream(b"P", 8 * count), dtype="<u8")
        assert expansion.permutation(key, b"P", count).tolist() == np.argsort(drawn, kind="stable").tolist()


@pytest.mark.parametrize("size", [1, 2, 8, 32])
def test_the_transform_is_sylvesters_matrix(size: int) -> None:
    """Against the matrix, built by doubling."""
    matrix = np.ones((1, 1))
    while len(matrix) < size:
        matrix = np.block([[matrix, matrix], [matrix, -matrix]])
    given_rows = np.random.default_rng(1).standard_normal((3, size)).astype(np.float32)
    assert np.allclose(hadamard(given_rows), given_rows @ matrix.T / np.sqrt(size), atol=1e-5)


@given(st.integers(1, 64), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_lengths_and_angles_stay(given_size: int, blocks: int, seed: int) -> None:
    """Every block is orthogonal, also for vectors that are shorter than it."""
    vectors = np.random.default_rng(seed).standard_normal((2, given_size)).astype(np.float32)
    rotation = Rotation.of(TemplateKey(seed.to_bytes(32, "big")), size=64, blocks=blocks)
    turned = rotation.rotate(vectors)
    assert turned.shape == (2, 64 * blocks)
    for block in range(blocks):
        part = turned[:, 64 * block : 64 * (block + 1)]
        assert np.allclose(part @ part.T, vectors @ vectors.T, atol=1e-3)


def test_another_key_turns_elsewhere() -> None:
    """One vector under two keys has no more in common than two vectors have."""
    vector = np.random.default_rng(2).standard_normal(256).astype(np.float32)
    one, other = (
        Rotation.of(TemplateKey(bytes([number]) * 32), size=256, blocks=4).rotate(vector) > 0
        for number in range(2)
    )
    assert abs(float(np.mean(one == other)) - 0.5) < 0.08
