"""Large tables are gone through in parts, each row in one of them, on both engines."""

from __future__ import annotations

import hashlib
import struct
from contextlib import closing
from functools import partial

from sqlalchemy import insert, select

from tokenizer.besiderow import KeyIds
from verifier.database import make_engine
from verifier.directory import Directory
from verifier.log.beside import Beside
from verifier.parts import ROWS, parts
from verifier.schema_reference import reference
from verifier.token.rowtable import RowTable
from verifier.vault import session
from verifier.vault.open import place_of

AT_ONCE = 7
COUNTS = (0, 1, AT_ONCE - 1, AT_ONCE, AT_ONCE + 1, 3 * AT_ONCE, 50)


def names(count: int) -> list[bytes]:
    """Make names of rows, in their order; the first and the last are those that can be no further out."""
    made = sorted(hashlib.sha256(b"%d" % number).digest()[:16] for number in range(count))
    return [bytes(16), *made[1:-1], b"\xff" * 16][:count]


def test_each_row_is_in_one_part(vault_database: str) -> None:
    """Parts are full but for the last one, in the key's order, and have nothing of what was not chosen."""
    engine, table = make_engine(place_of(vault_database)), reference.c
    with session.writing(engine) as connection:
        for slot, count in enumerate(COUNTS):
            for name in names(count):
                values = {"epoch": 1, "slot": slot, "token": name, "box": b"box"}
                connection.execute(insert(reference).values(values))
    for slot, count in enumerate(COUNTS):
        found, own = [], (table.epoch == 1, table.slot == slot)
        for part in parts(partial(session.reading, engine), table.token, *own, rows=AT_ONCE):
            with session.reading(engine) as connection:
                query = select(table.token).where(part).order_by(table.token)
                found.append([bytes(token) for (token,) in connection.execute(query)])
        assert [len(each) for each in found[:-1]] == [AT_ONCE] * ((count - 1) // AT_ONCE)
        assert [token for each in found for token in each] == names(count)
    engine.dispose()


def test_rows_are_counted_by_their_keys_over_parts(log_database: str) -> None:
    """Rows of a table beside the log are counted under the keys that each names, however many parts there are."""
    size = ROWS + 500
    boxes = {
        KeyIds(match_id=1, index_id=2, seal_id=3): struct.pack(">IIxI", 1, 2, 3),
        KeyIds(match_id=4, index_id=2, seal_id=5): struct.pack(">IIxI", 4, 2, 5),
    }
    first, second = boxes.values()
    with closing(Directory(log_database)) as directory:
        rows = RowTable(directory, Beside.TOKEN)
        assert (rows.count(), rows.by_keys()) == (0, {})
        with rows.changing() as change:
            change.write(put=[(name, first if name[0] < 64 else second) for name in names(size)])
        few = sum(name[0] < 64 for name in names(size))
        assert rows.count() == size
        assert rows.by_keys() == dict(zip(boxes, (few, size - few), strict=True))
