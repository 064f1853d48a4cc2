"""Log entries and their leaves."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from padan import canonical, entry
from padan.entry import Entry, EntryError, EntryKind, Field

VECTORS = Path(__file__).parents[2] / "vectors"
DOCUMENT = json.loads((VECTORS / "entry.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("vector", DOCUMENT["vectors"], ids=lambda vector: vector["name"])
def test_golden_vectors(vector: dict[str, Any]) -> None:
    """Encoding and leaf are those that the independent generator wrote."""
    fields = {int(number): bytes.fromhex(value) for number, value in vector["fields"].items()}
    head = {number: value for number, value in fields.items() if number < entry.FIRST_TAIL_FIELD}
    tail = {number: value for number, value in fields.items() if number >= entry.FIRST_TAIL_FIELD}
    encoded = entry.encode(canonical.encode(head), tail)
    assert encoded.hex() == vector["entry"]
    assert entry.decode(encoded) == Entry(fields=fields)
    assert entry.leaf(bytes.fromhex(vector["salt"]), encoded).hex() == vector["leaf"]


def test_vectors_are_what_their_generator_writes(tmp_path: Path) -> None:
    """The committed file is the generator's output, byte for byte."""
    target = tmp_path / "entry.json"
    subprocess.run([sys.executable, VECTORS / "entry_generate.py", target], check=True)
    assert target.read_bytes() == (VECTORS / "entry.json").read_bytes()


@given(st.binary(max_size=60))
def test_random_bytes(data: bytes) -> None:
    """Random bytes are an entry or an EntryError, and nothing else."""
    try:
        decoded = entry.decode(data)
    except EntryError:
        return
    assert entry.encode(b"", decoded.fields) == data


def test_newer_format_asks_for_a_newer_release() -> None:
    """Another format byte is refused with the next step."""
    with pytest.raises(EntryError, match="newer release"):
        entry.decode(b"\x02")


def test_absent_fields_read_as_empty() -> None:
    """Readers give zero and empty values for what is not there, and unknown kinds keep their number."""
    found = Entry(fields={Field.KIND: (999).to_bytes(2, "big")})
    assert (found.kind, found.number(Field.EPOCH), found.text(Field.AGENCY), found.texts(Field.DETAIL)) == (
        999,
        0,
        "",
        [],
    )


@pytest.mark.parametrize("field", [Field.AGENCY, Field.DETAIL])
def test_unreadable_texts_are_an_entry_error(field: Field) -> None:
    """A text that is not UTF-8, or a list that is none, is refused as an entry, not as a fault of ours."""
    found = Entry(fields={field: b"\x00\x00\x00\x01\xff"})
    with pytest.raises(EntryError):
        found.texts(field)
    with pytest.raises(EntryError):
        found.text(field)
    with pytest.raises(EntryError):
        Entry(fields={field: b"\x00\x00\x00\x09x"}).texts(field)


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32), st.binary(max_size=20))
def test_leaf_is_blind(salt: bytes, other: bytes, body: bytes) -> None:
    """The leaf depends on the salt: without it the entry cannot be guessed from it."""
    assert len(entry.leaf(salt, body)) == entry.LEAF_SIZE
    assert (entry.leaf(salt, body) == entry.leaf(other, body)) == (salt == other)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_salt_has_one_size(size: int) -> None:
    """A salt of another size is refused, so that salt and entry cannot run together."""
    with pytest.raises(EntryError):
        entry.leaf(bytes(size), b"")


def test_numbers_are_unique_and_in_their_area() -> None:
    """No number is used twice; the tail begins where the commit adds."""
    assert len({int(kind) for kind in EntryKind}) == len(EntryKind.__members__)
    assert len({int(field) for field in Field}) == len(Field.__members__)
    assert Field.OUTCOME >= entry.FIRST_TAIL_FIELD > Field.REQUEST_ID
