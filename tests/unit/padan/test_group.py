"""The group: RFC 9496's vectors, what is refused, and a library that is missing or computes something else."""

from __future__ import annotations

import ctypes
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from padan import group
from padan.group import ORDER, GroupError, GroupUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[2] / "vectors/rfc9496.json").read_text())
SCALARS = st.integers(min_value=1, max_value=ORDER - 1)


def scalar(number: int) -> bytes:
    """Encode a small public number."""
    return number.to_bytes(32, "little")


ONE, TWO = scalar(1), scalar(2)
GENERATOR = bytes.fromhex(VECTORS["multiples"][1])


def test_multiples_of_the_generator() -> None:
    """Multiplication and repeated addition both give RFC 9496 appendix A.1."""
    multiples = [bytes.fromhex(each) for each in VECTORS["multiples"]]
    for number in range(1, len(multiples)):
        assert group.base(scalar(number)) == multiples[number]
        assert group.multiply(scalar(number), GENERATOR) == multiples[number]
        if number > 1:
            assert group.add(multiples[number - 1], GENERATOR) == multiples[number]
            assert group.subtract(multiples[number], GENERATOR) == multiples[number - 1]


@pytest.mark.parametrize("encoding", VECTORS["invalid"])
def test_an_invalid_encoding_is_refused(encoding: str) -> None:
    """Each encoding of RFC 9496 appendix A.2 is refused wherever an element is taken."""
    element = bytes.fromhex(encoding)
    takers: tuple[Callable[[], object], ...] = (
        lambda: group.require_element(element),
        lambda: group.multiply(TWO, element),
        lambda: group.add(element, GENERATOR),
        lambda: group.add(GENERATOR, element),
        lambda: group.subtract(GENERATOR, element),
    )
    for take in takers:
        with pytest.raises(GroupError):
            take()


@pytest.mark.parametrize("case", VECTORS["derived"], ids=range(len(VECTORS["derived"])))
def test_element_derivation(case: dict[str, str]) -> None:
    """Uniform bytes map to the elements of RFC 9496 appendix A.3."""
    assert group.element_of(bytes.fromhex(case["input"])).hex() == case["element"]


def test_the_identity_is_refused_and_never_given() -> None:
    """Zero bytes are no element, uniform zeros make none, and what would end at the identity raises."""
    for raise_it in (
        lambda: group.require_element(bytes(32)),
        lambda: group.element_of(bytes(64)),
        lambda: group.multiply(TWO, bytes(32)),
        lambda: group.subtract(GENERATOR, GENERATOR),
        lambda: group.add(GENERATOR, group.base(scalar(ORDER - 1))),
        lambda: group.scalar_subtract(TWO, TWO),
        lambda: group.scalar_of(bytes(64)),
    ):
        with pytest.raises(GroupError):
            raise_it()


@pytest.mark.parametrize(
    "bad",
    [
        bytes(32),
        scalar(ORDER),
        scalar(ORDER + 1),
        b"\xff" * 32,
        ONE[:31] + b"\x80",
        ONE[:31],
        ONE + b"\0",
        b"",
    ],
    ids=["zero", "order", "above", "all ones", "bit 255", "short", "long", "empty"],
)
def test_a_scalar_that_is_not_canonical_is_refused(bad: bytes) -> None:
    """Zero, L and above, masked bits and other sizes are refused by everything that takes a scalar."""
    takers: tuple[Callable[[], object], ...] = (
        lambda: group.require_scalar(bad),
        lambda: group.base(bad),
        lambda: group.multiply(bad, GENERATOR),
        lambda: group.scalar_add(bad, ONE),
        lambda: group.scalar_multiply(ONE, bad),
        lambda: group.scalar_negate(bad),
        lambda: group.scalar_invert(bad),
    )
    for take in takers:
        with pytest.raises(GroupError):
            take()


@pytest.mark.parametrize("size", [0, 1, 31, 33, 64])
def test_a_buffer_of_another_size_never_reaches_the_library(size: int) -> None:
    """Lengths are checked first, since C would read past the end."""
    with pytest.raises(GroupError):
        group.require_element(bytes([7]) * size)
    with pytest.raises(GroupError):
        group.element_of(bytes([7]) * (size if size != 64 else 63))
    with pytest.raises(GroupError):
        group.scalar_of(bytes([7]) * (size if size != 64 else 65))


@given(SCALARS, SCALARS)
@settings(deadline=None)
def test_scalars_are_a_field(one: int, other: int) -> None:
    """Sum, difference, product, negation and inverse are those of the integers modulo L."""
    a, b = scalar(one), scalar(other)
    for function, expected in (
        (group.scalar_add, (one + other) % ORDER),
        (group.scalar_subtract, (one - other) % ORDER),
        (group.scalar_multiply, one * other % ORDER),
    ):
        if expected:
            assert function(a, b) == scalar(expected)
    assert group.scalar_negate(a) == scalar(ORDER - one)
    assert group.scalar_invert(a) == scalar(pow(one, -1, ORDER))


@given(st.binary(min_size=64, max_size=64))
@settings(deadline=None)
def test_uniform_bytes_reduce_modulo_the_order(uniform: bytes) -> None:
    """A scalar of 64 bytes is their little-endian number modulo L."""
    expected = int.from_bytes(uniform, "little") % ORDER
    if expected:
        assert group.scalar_of(uniform) == scalar(expected)


def test_what_is_drawn_differs_and_can_be_wiped() -> None:
    """Random scalars and bytes come in buffers of their own, which are zeroed in place."""
    one, other = group.random_scalar(), group.random_scalar()
    assert one != other
    group.require_scalar(one)
    drawn = group.random_bytes(32)
    assert drawn != bytes(32)
    group.wipe(one, drawn)
    assert one == drawn == bytes(32)


def test_other_threads_run_meanwhile() -> None:
    """The library is bound so that calls let go of the interpreter's lock: `ctypes.PyDLL` would keep it."""
    assert type(group._library()) is ctypes.CDLL
    assert not isinstance(group._library(), ctypes.PyDLL)


def test_a_system_without_the_library_says_what_to_install() -> None:
    """Without libsodium the error names the package; nothing is computed."""
    with pytest.raises(GroupUnavailableError, match=r"none of libabsent\.so\.1 is installed") as refused:
        group._load(("libabsent.so.1",))
    assert "apt-get install libsodium23" in refused.value.next_step


def test_a_library_without_the_group_is_refused() -> None:
    """A library that has not all functions is named, and not used."""
    with pytest.raises(GroupUnavailableError, match="lacks the group"):
        group._load(("libc.so.6",))


class Broken:
    """libsodium, but for one function that computes something else."""

    def __init__(self, library: ctypes.CDLL, name: str) -> None:
        self._library, self._name = library, name

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._library, name)
        if name != self._name:
            return real
        if name.endswith("is_valid_point"):
            return lambda _: 1

        def wrong(made: Any, *arguments: Any) -> int:
            code: int = real(made, *arguments)
            made[0] = bytes([made.raw[0] ^ 1])
            return code

        return wrong


@pytest.mark.parametrize(
    "name",
    [
        "crypto_scalarmult_ristretto255",
        "crypto_scalarmult_ristretto255_base",
        "crypto_core_ristretto255_from_hash",
        "crypto_core_ristretto255_is_valid_point",
    ],
)
def test_a_library_that_computes_something_else_is_refused(name: str) -> None:
    """Whichever function is wrong, the vectors at first use show it."""
    library = group._load(group.SONAMES)
    group._test(library)
    with pytest.raises(GroupUnavailableError, match="does not compute the vectors"):
        group._test(Broken(library, name))  # type: ignore[arg-type]  # stands in for the library
