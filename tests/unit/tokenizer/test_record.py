"""The plaintext of a row."""

from __future__ import annotations

import os
import pickle

import pytest

from tokenizer import record as layout
from tokenizer.attribute import Attribute
from tokenizer.errors import RecordError
from tokenizer.outer import BOX_SIZE
from tokenizer.record import Flag, Record


def _plain() -> bytes:
    return b"\x01" + os.urandom(layout.SIZE - 1)


def test_the_layout_fills_the_row_without_gap_or_overlap() -> None:
    """Every field begins where the one before ends; the sealed row stays under 1,000 bytes."""
    fields = [(0, 1), (layout.ID_AT, 16), (layout.PRESENCE_AT, 4), (layout.EXACT_AT, 21 * 8)]
    fields += [
        (at, 8) for table in (layout.TOLERANT_AT, layout.GUARD_AT, layout.JOINED_AT) for at in table.values()
    ]
    fields += [(at, 2) for at in layout.COUNT_AT.values()]
    fields.append((layout.DYADIC_AT, 17 * 8))
    sizes = {Attribute.BIRTH_PLACE: 64}
    fields += [(at, sizes.get(attribute, 128)) for attribute, at in layout.FILTER_AT.items()]
    fields += [
        (layout.HANDLES_AT, 48),
        (layout.REVISION_AT, 8),
        (layout.FLAGS_AT, 4),
        (layout.FLAGS_AT + 4, 64),
    ]
    end = 0
    for at, size in sorted(fields):
        assert at == end
        end += size
    assert end == layout.SIZE == 965
    assert BOX_SIZE == 994


def test_a_record_reads_its_fields_where_they_lie() -> None:
    """Offsets of the record and of its accessors agree."""
    plain = _plain()
    record = Record.unpack(plain)
    assert record.pack() == plain
    assert record.r == plain[1:17]
    assert record.presence == int.from_bytes(plain[17:21], "big")
    assert record.exact(0) == plain[21:29]
    assert record.exact(20) == plain[181:189]
    assert record.dyadic(0) == plain[layout.DYADIC_AT : layout.DYADIC_AT + 8]
    assert (
        record.handles.log + record.handles.budget_subject + record.handles.budget_prefix
        == plain[layout.HANDLES_AT : layout.HANDLES_AT + 48]
    )
    assert record.filter(Attribute.BIRTH_PLACE).bit_length() <= 512


@pytest.mark.parametrize(
    "plain",
    [b"", b"\x01", bytes(layout.SIZE), b"\x02" + bytes(layout.SIZE - 1), b"\x01" + bytes(layout.SIZE)],
)
def test_another_format_or_size_is_refused(plain: bytes) -> None:
    """What is not a record of this format is an error, never an empty record."""
    with pytest.raises(RecordError):
        Record.unpack(plain)


def test_standing_changes_leave_everything_else_alone() -> None:
    """A new revision and new flags touch their twelve bytes only."""
    before = Record.unpack(_plain())
    after = before.with_standing(revision=7, flags=Flag.NOT_ACTIVE)
    assert (after.revision, after.flags) == (7, Flag.NOT_ACTIVE)
    at = layout.REVISION_AT
    assert after.pack()[:at] == before.pack()[:at]
    assert after.pack()[at + 12 :] == before.pack()[at + 12 :]


def test_unknown_flags_are_dropped() -> None:
    """A later release's flag does not stop this one."""
    plain = bytearray(_plain())
    plain[layout.FLAGS_AT : layout.FLAGS_AT + 4] = b"\xff\xff\xff\xfe"
    assert Record.unpack(bytes(plain)).flags is Flag.RESTRICTED


def test_a_record_and_its_handles_hide_themselves() -> None:
    """No repr and no pickle shows them."""
    record = Record.unpack(_plain())
    for secret in (record, record.handles):
        assert "redacted" in repr(secret)
        with pytest.raises(TypeError):
            pickle.dumps(secret)
