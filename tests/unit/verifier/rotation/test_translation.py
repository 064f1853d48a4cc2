"""From one epoch's outer layer to another's."""

from __future__ import annotations

import os

import pytest

from keys.block import BlockKey
from keys.realm import Realm
from keys.seal import SealKey
from tokenizer.errors import BoxError
from tokenizer.outer import Outer
from verifier.rotation.translation import Translation

REALM = Realm(registry_id="registry.test", environment="development")


def outer(epoch: int) -> Outer:
    """Make an outer layer under keys of its own."""
    return Outer(
        realm=REALM, epoch=epoch, block=BlockKey(os.urandom(32)), seal=SealKey(os.urandom(32)), table="person"
    )


def test_rows_keep_their_record_ids_and_contents() -> None:
    """A row stands under its record id's token in the other epoch, whatever id its box names; and back."""
    before, after = outer(1), outer(2)
    translation = Translation(before, after)
    contents = {os.urandom(16): os.urandom(965) for _ in range(50)}
    rows = [(token := before.token(r), before.seal(token, plain)) for r, plain in contents.items()]
    moved = translation.rows(rows)
    assert [token for token, _ in moved] == after.tokens(list(contents))
    assert [after.open(token, box) for token, box in moved] == list(contents.values())
    assert translation.reversed().tokens([token for token, _ in moved]) == [token for token, _ in rows]
    assert after.record_ids([token for token, _ in moved]) == list(contents)


def test_a_damaged_row_stops_it() -> None:
    """A row that does not open is not passed over."""
    before = outer(1)
    token = before.token(os.urandom(16))
    box = bytearray(before.seal(token, os.urandom(965)))
    box[40] ^= 1
    with pytest.raises(BoxError):
        Translation(before, outer(2)).rows([(token, bytes(box))])
