"""The canonical encoding."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from padan import canonical
from padan.canonical import CanonicalError

MESSAGES = st.dictionaries(st.integers(1, 0xFFFF), st.binary(max_size=50), max_size=8)


def read(data: bytes) -> dict[int, bytes] | None:
    """Decode; None where refused."""
    try:
        return canonical.decode(data)
    except CanonicalError:
        return None


@given(MESSAGES)
def test_decode_inverts_encode(fields: dict[int, bytes]) -> None:
    """What was encoded is decoded, in ascending order."""
    decoded = canonical.decode(canonical.encode(fields))
    assert decoded == fields
    assert list(decoded) == sorted(fields)


@given(st.binary(max_size=60))
def test_there_is_one_encoding(data: bytes) -> None:
    """Bytes that decode at all are exactly what encode writes."""
    fields = read(data)
    assert fields is None or canonical.encode(fields) == data


@given(MESSAGES.filter(bool), st.data())
def test_cut_messages_are_refused(fields: dict[int, bytes], data: st.DataObject) -> None:
    """A message cut anywhere is either refused or one with fewer fields."""
    whole = canonical.encode(fields)
    cut = read(whole[: data.draw(st.integers(0, len(whole) - 1))])
    assert cut is None or len(cut) < len(fields)


@pytest.mark.parametrize(
    "data",
    [
        b"\x00",
        b"\x00\x01\x00\x00\x00\x01",
        b"\x00\x00\x00\x00\x00\x00",
        b"\x00\x02\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00",
        b"\x00\x01\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00",
    ],
)
def test_other_bytes_are_refused(data: bytes) -> None:
    """Cut headers, cut values, number zero, descending and repeated numbers."""
    assert read(data) is None


@pytest.mark.parametrize("number", [0, -1, 0x10000])
def test_numbers_that_do_not_fit(number: int) -> None:
    """A number outside u16, and zero, is refused."""
    with pytest.raises(CanonicalError):
        canonical.encode({number: b""})


@given(st.lists(st.binary(max_size=20), max_size=6))
def test_lists(items: list[bytes]) -> None:
    """A list is decoded to what was encoded; a cut one is refused."""
    encoded = canonical.encode_list(items)
    assert canonical.decode_list(encoded) == items
    if encoded and items[-1]:
        with pytest.raises(CanonicalError):
            canonical.decode_list(encoded[:-1])


@pytest.mark.parametrize("data", [b"\x00", b"\x00\x00\x00\x02a"])
def test_cut_lists_are_refused(data: bytes) -> None:
    """A cut length and a cut item."""
    with pytest.raises(CanonicalError):
        canonical.decode_list(data)


@given(st.lists(st.text(max_size=8), max_size=4), st.lists(st.text(max_size=8), max_size=4))
def test_labels_never_run_together(one: list[str], other: list[str]) -> None:
    """Two lists of texts give the same label only if they are the same."""
    assert (canonical.prefixed(*one) == canonical.prefixed(*other)) == (one == other)


def test_too_long_a_label() -> None:
    """A text over 65,535 bytes does not fit."""
    with pytest.raises(CanonicalError):
        canonical.prefixed("x" * 0x10000)
