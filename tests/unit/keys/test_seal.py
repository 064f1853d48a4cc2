"""AES-256-GCM boxes and their counting."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys.errors import KeyStateError, KeyUseError, OpenError, SealCountError
from keys.seal import OVERHEAD, RING_OVERHEAD, SEALS_ALARM, SEALS_LIMIT, RingSeal, SealKey

KEY = bytes(range(32))


def ring(*key_ids: int) -> RingSeal:
    """Make a ring seal whose first key is primary."""
    keys = {key_id: SealKey(bytes([key_id]) * 32, key_id=key_id) for key_id in key_ids}
    return RingSeal(primary=keys[key_ids[0]], readers=keys)


def test_published_boxes_open(published: dict[str, Any]) -> None:
    """The GCM specification's AES-256 cases open to their plaintexts."""
    for case in published["aes256_gcm"]["cases"]:
        box = bytes.fromhex(case["nonce"] + case["sealed"])
        opened = SealKey(bytes.fromhex(case["key"])).open(box, bytes.fromhex(case["aad"]))
        assert opened.hex() == case["plaintext"]


def test_boxes_of_the_vectors_open(golden: dict[str, Any]) -> None:
    """Our own boxes open, with and without the keyring's prefix."""
    for case in golden["seals"]:
        key = SealKey(bytes.fromhex(case["key"]), key_id=case["key_id"])
        aad, plaintext = bytes.fromhex(case["aad"]), bytes.fromhex(case["plaintext"])
        assert key.open(bytes.fromhex(case["box"]), aad) == plaintext
        reader = RingSeal(primary=key, readers={key.key_id: key})
        assert reader.open(bytes.fromhex(case["ring_box"]), aad) == plaintext
        assert reader.seal(plaintext, aad)[:5].hex() == case["ring_box"][:10]


@given(st.binary(max_size=1000), st.binary(max_size=100))
def test_what_is_sealed_opens_and_grows_by_a_constant(plaintext: bytes, aad: bytes) -> None:
    """A box is 28 bytes more than its content, a ring box 33."""
    key, keys = SealKey(KEY), ring(1, 2)
    box, ring_box = key.seal(plaintext, aad), keys.seal(plaintext, aad)
    assert (len(box), len(ring_box)) == (len(plaintext) + OVERHEAD, len(plaintext) + RING_OVERHEAD)
    assert key.open(box, aad) == plaintext
    assert keys.open(ring_box, aad) == plaintext


def test_a_flipped_bit_anywhere_does_not_open() -> None:
    """Every bit of a box counts: nonce, content, tag, and the prefix of a ring box."""
    keys = ring(1, 2)
    box = keys.seal(b"content", b"aad")
    for bit in range(8 * len(box)):
        changed = bytearray(box)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(OpenError):
            keys.open(bytes(changed), b"aad")


def test_another_place_or_key_does_not_open() -> None:
    """A box is bound to its associated data and its key."""
    box = SealKey(KEY).seal(b"content", b"here")
    with pytest.raises(OpenError):
        SealKey(KEY).open(box, b"there")
    with pytest.raises(OpenError):
        SealKey(bytes(32)).open(box, b"here")


@given(st.binary(max_size=60))
def test_garbage_is_refused_with_the_one_error(box: bytes) -> None:
    """Whatever the bytes and however few, a box that is none is OpenError."""
    for opener in (SealKey(KEY), ring(1)):
        with pytest.raises(OpenError):
            opener.open(box, b"")


def test_a_ring_reads_old_keys_and_seals_with_the_primary() -> None:
    """After a rotation old boxes open and new ones name the new key."""
    old, new = ring(1), ring(2, 1)
    assert new.open(old.seal(b"x", b""), b"") == b"x"
    assert new.key_id == 2
    with pytest.raises(OpenError, match="not in the keyring"):
        old.open(new.seal(b"x", b""), b"")


def test_nonces_differ() -> None:
    """The same content sealed twice is two boxes."""
    key = SealKey(KEY)
    assert len({key.seal(b"same", b"") for _ in range(1000)}) == 1000


def test_the_count_starts_where_the_record_says_and_alarms_at_half() -> None:
    """Seals of other writers count, and the alarm begins at 2^31."""
    key = SealKey(KEY, sealed=SEALS_ALARM - 2)
    key.seal(b"", b"")
    assert (key.sealed, key.alarm) == (SEALS_ALARM - 1, False)
    key.seal(b"", b"")
    assert (key.sealed, key.alarm) == (SEALS_ALARM, True)


def test_the_last_seal_is_the_last() -> None:
    """The 2^32nd box is sealed, the next is refused, and opening goes on."""
    key = SealKey(KEY, sealed=SEALS_LIMIT - 1)
    box = key.seal(b"last", b"")
    for _ in range(3):
        with pytest.raises(SealCountError):
            key.seal(b"", b"")
    assert key.open(box, b"") == b"last"
    assert key.sealed == SEALS_LIMIT


def test_no_seal_is_lost_from_the_count_under_threads() -> None:
    """Threads that seal with one key are all counted."""
    key = SealKey(KEY)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: key.seal(b"x", b""), range(4000)))
    key.seal(b"x", b"")
    assert key.sealed == 4001


def test_a_key_that_only_reads_seals_nothing() -> None:
    """A key that is not active opens what it sealed and refuses to seal."""
    box = SealKey(KEY).seal(b"x", b"")
    reader = SealKey(KEY, may_seal=False)
    assert reader.open(box, b"") == b"x"
    with pytest.raises(KeyStateError):
        reader.seal(b"x", b"")
    assert reader.sealed == 0


def test_a_ring_tells_its_primary_keys_count() -> None:
    """The count that matters is that of the key that seals."""
    keys = ring(3, 1)
    keys.seal(b"", b"")
    assert (keys.sealed, keys.alarm) == (1, False)


@pytest.mark.parametrize("size", [0, 16, 31, 33])
def test_a_key_of_another_size_is_refused(size: int) -> None:
    """A seal key has 32 bytes; 16 would be AES-128."""
    with pytest.raises(KeyUseError, match="32 bytes"):
        SealKey(bytes(size))


def test_many_boxes_are_sealed_as_one_is() -> None:
    """Each of many boxes opens under its own associated data, under a nonce of its own, and all are counted."""
    key = SealKey(bytes(range(32)))
    plains, aads = [bytes([number]) * 40 for number in range(50)], [bytes([number]) for number in range(50)]
    boxes = key.seal_many(plains, aads)
    assert [key.open(box, aad) for box, aad in zip(boxes, aads, strict=True)] == plains
    assert len({box[:12] for box in boxes}) == 50
    assert key.sealed == 50
    assert key.seal_many([], []) == []
    with pytest.raises(OpenError):
        key.open(boxes[0], aads[1])


def test_many_boxes_stop_at_the_limit() -> None:
    """Where not all may be sealed, none is; and a key that only opens seals none."""
    with pytest.raises(SealCountError):
        SealKey(bytes(32), sealed=SEALS_LIMIT - 2).seal_many([b"a"] * 3, [b""] * 3)
    with pytest.raises(KeyStateError):
        SealKey(bytes(32), may_seal=False).seal_many([b"a"], [b""])
