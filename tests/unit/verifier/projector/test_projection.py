"""Projection of chunks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from padan import nik
from tokenizer.attribute import Attribute
from tokenizer.outer import BOX_SIZE
from tokenizer.record import Flag, Record
from verifier.projector import runs
from verifier.projector.chunk import Chunk, Layout
from verifier.projector.columns import COLUMNS
from verifier.projector.fieldmap import FieldMap
from verifier.projector.projection import PURPOSES, chunk_mac, key_ids
from verifier.projector.rejects import Reject
from verifier.synthetic.population import Population, Tally

from .conftest import AS_OF, EPOCH

if TYPE_CHECKING:
    from pathlib import Path

    from keys.agent import LocalKeyAgent
    from verifier.projector.projection import Projection
    from verifier.synthetic.member import Row

LAYOUT = Layout(binding=FieldMap().bind(COLUMNS), delimiter="|", width=len(COLUMNS))


def chunk_of(rows: list[Row], first_row: int = 1) -> Chunk:
    """Make a chunk of CSV."""
    payload = "".join("|".join(row) + "\n" for row in rows).encode()
    return Chunk(index=4, first_row=first_row, rows=len(rows), payload=payload, done=0)


@pytest.fixture(scope="module")
def people() -> list[Row]:
    """Some people."""
    return list(Population(people=60, seed=3, faults=False).rows(Tally()))


def test_a_run_holds_each_person_sealed_for_its_place(
    tmp_path: Path, projection: Projection, people: list[Row]
) -> None:
    """Every row is in the run under its stored token, sorted, with its number, and opens to its own record."""
    header = projection.run(chunk_of(people, 101), LAYOUT, b"\x01\x02", tmp_path / "a.run")
    assert (header.epoch, header.index, header.first_row, header.rows) == (EPOCH, 4, 101, 60)
    assert (header.mac, header.kept, header.box_size, header.rejects) == ("0102", 60, BOX_SIZE, ())
    stored = list(runs.read(tmp_path / "a.run"))
    assert stored == sorted(stored)
    for record in stored:
        token, number, box = record[:16], int.from_bytes(record[16:24]), record[24:]
        row = people[number - 101]
        opened = Record.unpack(projection.outer.open(token, box))
        assert opened.r == projection.inner.record_id(nik.parse(row[0], AS_OF))
        assert opened.holds(Attribute.NAME - 1)
        assert bool(opened.flags & Flag.NOT_ACTIVE) == (row[21] != "1")


def test_rows_that_break_a_rule_are_rejects(
    tmp_path: Path, projection: Projection, people: list[Row]
) -> None:
    """Number, field and rule are told; the other rows are in the run."""
    rows = [list(row) for row in people[:5]]
    rows[1][COLUMNS.index("AGAMA")] = "99"
    rows[3][0] = ""
    rows[4] = ["too", "short"]
    header = projection.run(chunk_of(rows, 11), LAYOUT, b"", tmp_path / "a.run")
    assert header.kept == 2
    assert header.rejects == (
        Reject(12, "AGAMA", "code.unknown"),
        Reject(14, "NIK", "nik.missing"),
        Reject(15, "", "row.columns"),
    )


def test_a_chunk_that_is_counted_wrongly_stops_the_load(
    tmp_path: Path, projection: Projection, people: list[Row]
) -> None:
    """Rows are never lost between cutting and reading."""
    chunk = chunk_of(people)
    wrong = Chunk(index=0, first_row=1, rows=chunk.rows + 1, payload=chunk.payload, done=0)
    with pytest.raises(RuntimeError, match="another number of rows"):
        projection.run(wrong, LAYOUT, b"", tmp_path / "a.run")
    assert list(tmp_path.iterdir()) == []


def test_decoys_look_like_people(tmp_path: Path, projection: Projection) -> None:
    """A decoy has the size and make of every row, and the record id that the service computes."""
    projection.decoys(50, tmp_path / "decoys.run")
    stored = {record[:16]: record[24:] for record in runs.read(tmp_path / "decoys.run")}
    assert len(stored) == 50
    for number in range(50):
        record_id = projection.inner.decoy_id(number)
        token = projection.outer.token(record_id)
        assert len(stored[token]) == BOX_SIZE
        opened = Record.unpack(projection.outer.open(token, stored[token]))
        assert opened.r == record_id
        assert opened.flags == Flag(0)


def test_keys_are_named_by_purpose(agent: LocalKeyAgent) -> None:
    """Every key that a row depends on is named."""
    assert set(key_ids(agent)) == {purpose.value for purpose in PURPOSES}


def test_a_chunks_mac_depends_on_its_bytes(agent: LocalKeyAgent) -> None:
    """Another row is another MAC."""
    mac = chunk_mac(agent)
    assert mac.mac(b"a") != mac.mac(b"b")
