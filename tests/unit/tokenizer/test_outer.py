"""The outer layer."""

from __future__ import annotations

import os
import pickle
from typing import TYPE_CHECKING

import pytest

from keys.block import BlockKey
from keys.seal import SealKey
from tokenizer import record as layout
from tokenizer.errors import BoxError
from tokenizer.outer import BOX_SIZE, Outer

if TYPE_CHECKING:
    from keys.realm import Realm

PLAIN = b"\x01" + bytes(layout.SIZE - 1)
R = bytes(range(16))


def _outer(realm: Realm, *, epoch: int = 1, source: str = "registry", table: str = "person") -> Outer:
    keys = {"block": BlockKey(bytes(32)), "seal": SealKey(bytes(32))}
    return Outer(realm=realm, epoch=epoch, source=source, table=table, **keys)  # type: ignore[arg-type] # by name


def test_a_row_opens_to_what_was_sealed(realm: Realm) -> None:
    """Every row has the same size and opens under its token."""
    outer = _outer(realm)
    token = outer.token(R)
    box = outer.seal(token, PLAIN)
    assert len(box) == BOX_SIZE
    assert outer.open(token, box) == PLAIN
    assert outer.sealed == 1


def test_rows_of_one_record_share_nothing(realm: Realm) -> None:
    """Sealing twice gives two boxes."""
    outer = _outer(realm)
    token = outer.token(R)
    assert outer.seal(token, PLAIN) != outer.seal(token, PLAIN)


def test_many_tokens_are_the_single_ones_in_order(realm: Realm) -> None:
    """Batching changes nothing but the time."""
    outer = _outer(realm)
    ids = [os.urandom(16) for _ in range(50)]
    assert outer.tokens(ids) == [outer.token(r) for r in ids]
    assert outer.tokens([]) == []


@pytest.mark.parametrize("other", [{"epoch": 2}, {"source": "health"}, {"table": "token"}])
def test_a_row_opens_in_its_own_place_only(realm: Realm, other: dict[str, int | str]) -> None:
    """Epoch, source and table are bound, even under one key."""
    outer, stranger = _outer(realm), _outer(realm, **other)  # type: ignore[arg-type] # a table of places
    token = outer.token(R)
    with pytest.raises(BoxError):
        stranger.open(token, outer.seal(token, PLAIN))


def test_a_row_does_not_open_under_another_token(realm: Realm) -> None:
    """Swapping two people's rows is noticed."""
    outer = _outer(realm)
    with pytest.raises(BoxError):
        outer.open(outer.token(bytes(16)), outer.seal(outer.token(R), PLAIN))


@pytest.mark.parametrize("position", [0, 1, 13, 500, -1])
def test_a_changed_row_does_not_open(realm: Realm, position: int) -> None:
    """One bit anywhere is enough."""
    outer = _outer(realm)
    token = outer.token(R)
    box = bytearray(outer.seal(token, PLAIN))
    box[position] ^= 1
    with pytest.raises(BoxError):
        outer.open(token, bytes(box))


@pytest.mark.parametrize("box", [b"", b"\x01", b"\x01" + bytes(20), b"\x02" + bytes(BOX_SIZE - 1)])
def test_what_is_no_row_does_not_open(realm: Realm, box: bytes) -> None:
    """Short and foreign values are errors."""
    with pytest.raises(BoxError):
        _outer(realm).open(bytes(16), box)


def test_the_outer_layer_hides_itself(realm: Realm) -> None:
    """No repr and no pickle shows it."""
    outer = _outer(realm)
    assert "redacted" in repr(outer)
    with pytest.raises(TypeError):
        pickle.dumps(outer)
