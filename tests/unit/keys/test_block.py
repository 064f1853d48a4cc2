"""Stored tokens: one AES-256 block."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys.block import BlockKey
from keys.errors import KeyUseError

BLOCKS = st.lists(st.binary(min_size=16, max_size=16), max_size=20)


def test_blocks_are_the_published_ones(published: dict[str, Any]) -> None:
    """FIPS 197's and SP 800-38A's examples come out as published."""
    for case in published["aes256_block"]["cases"]:
        key = BlockKey(bytes.fromhex(case["key"]))
        assert key.encrypt_many(bytes.fromhex(case["plaintext"])).hex() == case["ciphertext"]


def test_tokens_are_those_of_the_vectors(golden: dict[str, Any]) -> None:
    """A stored token is the block of its record id."""
    for case in golden["blocks"]:
        assert (
            BlockKey(bytes.fromhex(case["key"])).encrypt(bytes.fromhex(case["record_id"])).hex()
            == case["token"]
        )


@given(BLOCKS)
def test_many_blocks_are_each_block_alone(blocks: list[bytes]) -> None:
    """The batch is the single call, joined, whatever came before on the same key."""
    key = BlockKey(bytes(32))
    assert key.encrypt_many(b"".join(blocks)) == b"".join(key.encrypt(block) for block in blocks)


@given(BLOCKS)
def test_distinct_ids_have_distinct_tokens(blocks: list[bytes]) -> None:
    """A permutation never lets two ids collide."""
    key = BlockKey(bytes(range(32)))
    assert len({key.encrypt(block) for block in blocks}) == len(set(blocks))


@pytest.mark.parametrize("size", [0, 15, 17, 32])
def test_a_block_of_another_size_is_refused(size: int) -> None:
    """One record id has 16 bytes."""
    with pytest.raises(KeyUseError, match="16 bytes"):
        BlockKey(bytes(32)).encrypt(bytes(size))


def test_half_a_block_in_a_batch_is_refused_and_leaves_nothing_behind() -> None:
    """A wrong batch does not shift the blocks of the next call."""
    key = BlockKey(bytes(32))
    before = key.encrypt(bytes(16))
    with pytest.raises(KeyUseError, match="16 bytes"):
        key.encrypt_many(bytes(24))
    assert key.encrypt(bytes(16)) == before


@pytest.mark.parametrize("size", [0, 16, 24, 33])
def test_a_key_of_another_size_is_refused(size: int) -> None:
    """A block key has 32 bytes."""
    with pytest.raises(KeyUseError, match="32 bytes"):
        BlockKey(bytes(size))


def test_threads_share_a_key() -> None:
    """Calls of many threads on one key give each its own token."""
    key = BlockKey(bytes(range(32)))
    blocks = [number.to_bytes(16, "big") for number in range(4000)]
    with ThreadPoolExecutor(8) as pool:
        tokens = list(pool.map(key.encrypt, blocks))
    assert tokens == [BlockKey(bytes(range(32))).encrypt(block) for block in blocks]


def test_tokens_give_their_record_ids_back() -> None:
    """Decrypting many undoes encrypting them, and refuses half a block."""
    key = BlockKey(bytes(range(32)))
    blocks = bytes(range(64))
    assert key.decrypt_many(key.encrypt_many(blocks)) == blocks
    with pytest.raises(KeyUseError):
        key.decrypt_many(blocks[:-1])
