"""HMAC-SHA-256 with bound prefixes."""

from __future__ import annotations

import hmac
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys.errors import KeyUseError
from keys.mac import MacKey, hmac_once

KEYS = st.binary(min_size=32, max_size=32)


def test_plain_macs_are_the_published_ones(published: dict[str, Any]) -> None:
    """RFC 4231's cases come out as published."""
    for case in published["hmac_sha256"]["cases"]:
        key = MacKey(bytes.fromhex(case["key"]).ljust(32, b"\0"))
        assert key.mac(bytes.fromhex(case["message"])).hex() == case["mac"]


def test_bound_macs_are_those_of_the_vectors(golden: dict[str, Any]) -> None:
    """A keyed value is the MAC of prefix, length and value."""
    for case in golden["keyed_values"]:
        bound = MacKey(bytes.fromhex(case["key"])).bind(bytes.fromhex(case["prefix"]))
        assert bound.mac(bytes.fromhex(case["value"])).hex() == case["mac"]


@given(KEYS, st.binary(max_size=200), st.binary(max_size=300))
def test_midstates_give_what_the_standard_library_gives(key: bytes, prefix: bytes, value: bytes) -> None:
    """Binding is only faster: the bytes are hmac's own."""
    expected = hmac.digest(key, prefix + len(value).to_bytes(4, "big") + value, "sha256")
    bound = MacKey(key).bind(prefix)
    assert bound.mac(value) == expected
    assert bound.mac(value) == expected
    assert MacKey(bytearray(key)).mac(value) == hmac.digest(key, value, "sha256")


@given(KEYS, st.binary(max_size=40), st.binary(max_size=40), st.binary(max_size=40))
def test_moving_a_byte_between_values_changes_the_mac(key: bytes, a: bytes, b: bytes, tail: bytes) -> None:
    """Nothing is concatenated without a length: a value's end cannot pass for another's."""
    bound = MacKey(key).bind(b"prefix")
    assert (bound.mac(a + tail) == bound.mac(b + tail)) == (a == b)


@pytest.mark.parametrize("size", [0, 16, 31, 33, 64])
def test_a_key_of_another_size_is_refused(size: int) -> None:
    """A MAC key has 32 bytes."""
    with pytest.raises(KeyUseError, match="32 bytes"):
        MacKey(bytes(size))


def test_a_wiped_key_computes_nothing() -> None:
    """After wiping there is no silent MAC under a zero key."""
    key = MacKey(bytes(range(32)))
    buffer = key._material.view()
    key.wipe()
    assert buffer == bytearray(32)
    with pytest.raises(KeyUseError, match="wiped"):
        key.mac(b"x")
    with pytest.raises(KeyUseError, match="wiped"):
        key.bind(b"x")


def test_the_callers_buffer_is_not_kept() -> None:
    """Zeroing the buffer that a key was made from does not change the key."""
    buffer = bytearray(range(32))
    key = MacKey(buffer)
    buffer[:] = bytes(32)
    assert key.mac(b"x") == hmac.digest(bytes(range(32)), b"x", "sha256")


@given(key=st.binary(max_size=64), message=st.binary(max_size=200))
def test_a_key_used_once_gives_what_the_standard_library_gives(key: bytes, message: bytes) -> None:
    """The short way is HMAC-SHA-256 too."""
    assert hmac_once(key, message) == hmac.digest(key, message, "sha256")
