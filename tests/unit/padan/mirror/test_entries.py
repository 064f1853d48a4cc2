"""Private entries in a copy: each the leaf at its place, none lost, their columns what they say."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa
import pytest

from padan.audit import cli, render
from padan.audit.mirror import belief, columns, granting, trusted, verification
from padan.audit.mirror.database import Database
from padan.audit.mirror.session import Session
from padan.entry import Field, decode
from padan.errors import CopyError, DamageError, PadanError, UnavailableError
from padan.tlog import merkle, proof
from padan.tlog.tile import TileNodes
from tests.copies import Auditor, encode, many, question
from tests.simulator.terminal import run

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from padan.v1 import audit_pb2

VECTORS = json.loads((Path(__file__).parents[3] / "vectors" / "entry.json").read_text(encoding="utf-8"))[
    "vectors"
]


@pytest.fixture(scope="module")
def entry_bytes() -> list[bytes]:
    """Entries of several kinds, more than a chunk of them."""
    return many(4_500)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory, entry_bytes: list[bytes]) -> Auditor:
    """An auditor of a log of 4,500 entries; nothing is copied yet."""
    return Auditor.begin(tmp_path_factory.mktemp("published"), entry_bytes)


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory, published: Auditor) -> Auditor:
    """The same with a copy of everything."""
    made = published.twin(tmp_path_factory.mktemp("copied"))
    made.mirror()
    return made


@pytest.fixture
def bare(tmp_path: Path, published: Auditor) -> Auditor:
    """One of its own for a test: nothing is copied yet."""
    return published.twin(tmp_path)


@pytest.fixture
def auditor(tmp_path: Path, copied: Auditor) -> Auditor:
    """One of its own for a test, with a copy of everything."""
    return copied.twin(tmp_path)


def compute(raw: Sequence[bytes | None]) -> pa.Table:
    """Compute the rows of entries."""
    with columns.computer() as computer:
        return columns.compute(
            computer,
            pa.array(range(1, len(raw) + 1), pa.uint64()),
            pa.array(raw, pa.large_binary()),
            pa.array([bytes(32)] * len(raw), pa.large_binary()),
        )


def test_columns_are_what_entries_say(entry_bytes: list[bytes]) -> None:
    """Every column equals what decoding the entry one field at a time gives."""
    raw = [bytes.fromhex(vector["entry"]) for vector in VECTORS] + entry_bytes
    for row, body in zip(compute(raw).to_pylist(), raw, strict=True):
        entry = decode(body)
        for name, (field, _) in columns.NUMBERS.items():
            assert row[name] == (entry.number(field) if field in entry.fields else None), name
        for name, field in columns.TEXTS.items():
            assert row[name] == (entry.text(field) or None), name
        for name, field in columns.BYTES.items():
            assert row[name] == entry.fields.get(field), name
        shown = render.document(row["sequence"], entry, b"")
        assert row["claims"] == (" ".join(shown["claims"]) if "claims" in shown else None)
        assert row["detail"] == ("\n".join(shown["detail"]) if shown.get("detail") else None)
        assert row["tokens"] == (" ".join(shown["tokens"]) if shown.get("tokens") else None)


def test_odd_entries_have_columns_too() -> None:
    """An erased entry, one without fields, unknown fields, long texts and wide numbers each have their row."""
    odd = [
        None,
        encode(9_999, 0, {Field.AGENCY: b"a" * 70_000}, {999: b"new"}),
        encode(1, 2**63, {Field.EPOCH: bytes(9), Field.OFFICER: "petugas\x1b é".encode()}, {}),
        b"\x01",
    ]
    rows = compute(odd).to_pylist()
    assert rows[0]["kind"] is None
    assert (rows[1]["kind"], len(rows[1]["agency"])) == (9_999, 70_000)
    assert (rows[2]["epoch"], rows[2]["officer"], rows[2]["log_time_ms"]) == (None, "petugas\x1b é", 2**63)
    assert rows[3]["kind"] is None


@pytest.mark.parametrize(
    "body",
    [
        b"\x02",
        b"\x01\x00",
        b"\x01\x00\x01\x00\x00\x00\x09\x01",
        b"\x01" + b"\x00\x01\x00\x00\x00\x00" * 2,
        b"\x01" + bytes(6),
    ],
)
def test_what_is_no_entry_is_named(body: bytes) -> None:
    """Bytes that the canonical encoding does not know are refused with their place, as `decode` refuses them."""
    with pytest.raises(PadanError):
        decode(body)
    with pytest.raises(DamageError, match="entry 2 is not canonically encoded"):
        compute([question(random.Random(1)), body])


def test_a_text_that_is_none_is_refused() -> None:
    """A text that is not UTF-8 is refused."""
    with pytest.raises(DamageError, match="a text that is none"):
        compute([encode(1, 0, {Field.AGENCY: b"\xff\xfe"}, {})])


def test_entries_are_fetched_and_checked(bare: Auditor) -> None:
    """The copy holds each entry that was shown, counts what was erased and what was not, and grows."""
    bare.rows[9] = bare.rows[4_000] = (b"", b"")
    bare.shown = lambda place: place % 3 != 0
    bare.mirror()
    bare.add(many(100, seed=2))
    bare.mirror()
    for anew in (False, True):
        holding = bare.verify(anew=anew).holding
        assert holding is not None
        assert (holding.through, holding.held, holding.erased, holding.unseen) == (4_600, 3_065, 2, 1_533)
    found = list(verification.CopyEntries(bare.copy, bare.policy, None))
    assert [each.sequence for each in found] == [place for place in range(1, 4_601) if place % 3]
    assert (found[6].sequence, found[6].entry, found[6].salt, found[6].kind) == (10, b"", b"", 0)
    for each in found[::100]:
        assert (each.entry, each.salt) == bare.rows[each.sequence - 1]
        assert each.leaf == bare.log.leaves[each.sequence - 1]
        assert each.kind == (decode(each.entry).kind if each.entry else 0)


class _Breaking:
    """A service that goes away after some pages."""

    def __init__(self, auditor: Auditor, pages: int) -> None:
        self._auditor = auditor
        self._left = pages
        self.asked: list[str] = []

    def pages(
        self, token: str = "", *, page_size: int = 100
    ) -> Iterator[tuple[str, Sequence[audit_pb2.LogEntry]]]:
        """List as the auditor's log does, until it goes away."""
        del page_size
        for asked, page in self._auditor.pages(token, page_size=100):
            if not self._left:
                raise UnavailableError("away")
            self._left -= 1
            self.asked.append(asked)
            yield asked, page


def test_fetching_goes_on_where_it_ended(bare: Auditor) -> None:
    """When the service goes away, what is committed stays, and the next run begins with the last committed page."""
    bare.mirror(entries=False)
    tree = belief.open_tree(bare.copy, bare.policy, None)
    with Database.create(bare.copy.database) as database:
        with pytest.raises(UnavailableError):
            granting.fetch(_Breaking(bare, 30), database, bare.copy, tree)
        assert (database.last(), granting.through(database)) == (2_000, 2_000)
        again = _Breaking(bare, 1_000)
        granting.fetch(again, database, bare.copy, tree)
        assert again.asked[0] == "1900"
        assert (database.last(), granting.through(database)) == (4_500, 4_500)
    bare.fetch()
    assert bare.verify(anew=True).holding is not None


@pytest.mark.parametrize("part", ["entry", "salt", "leaf", "sequence"])
def test_an_entry_that_is_not_in_the_tree_is_refused(bare: Auditor, part: str) -> None:
    """What the service sends is taken only as the leaf at its place; nothing of that batch is."""

    def changed(item: audit_pb2.LogEntry) -> audit_pb2.LogEntry:
        if item.sequence == 1_234:
            if part == "sequence":
                item.MergeFrom(bare.item(1_233))
                item.sequence = 1_234
            else:
                value = bytearray(getattr(item, part))
                value[-1] ^= 1
                setattr(item, part, bytes(value))
        return item

    bare.send = changed
    with pytest.raises(DamageError, match="entry 1234 is not the leaf at its place"):
        bare.mirror()
    assert bare.copy.checkpoint is not None
    bare.send = lambda item: item
    bare.mirror()
    assert bare.verify().holding is not None


def change(auditor: Auditor, *statements: str) -> None:
    """Change the copy's database behind its back."""
    with duckdb.connect(str(auditor.copy.database)) as connection:
        for statement in statements:
            connection.execute(statement)


CHANGES = {
    "UPDATE entry SET raw = raw || '\\x00'::BLOB WHERE sequence = 4200": "private entry 4200 is not the leaf",
    "UPDATE entry SET salt = raw WHERE sequence = 4200": "private entry 4200 is not the leaf",
    "UPDATE entry SET agency = 'x' WHERE sequence = 4200": "column agency of entry 4200",
    "UPDATE entry SET outcome = 2 WHERE sequence = 7 AND outcome = 1": "column outcome of entry 7",
    "UPDATE entry SET officer = NULL WHERE sequence = 7": "column officer of entry 7",
    "UPDATE entry SET detail = 'epoch=7' WHERE sequence = 1": "column detail of entry 1",
    "UPDATE entry SET tokens = 'issue=tax@1' WHERE sequence = 4": "column tokens of entry 4",
    "ALTER TABLE entry DROP COLUMN tokens": "some were dropped, added or marked as erased",
    "DELETE FROM entry WHERE sequence = 4200": "entries 4097 to 4500 the copy holds 403",
    "DELETE FROM entry WHERE sequence > 4000": "the copy holds",
    "DELETE FROM entry": "the copy holds 0",
    "INSERT INTO entry SELECT * FROM entry WHERE sequence = 9": "stands after 4500",
    "INSERT INTO entry SELECT * REPLACE (9000 AS sequence) FROM entry WHERE sequence = 9": "behind the log's end",
    "CREATE VIEW entries AS SELECT 1": "other tables or names",
    "CREATE MACRO lower(x) AS x": "other tables or names",
    "CREATE TABLE more (a INTEGER)": "other tables or names",
    "ALTER TABLE entry ADD COLUMN more INTEGER": "other tables or names",
}
_ERASE = ", ".join(f"{name} = NULL" for name in ("raw", "salt", *columns.NAMES))
CHANGES[f"UPDATE entry SET {_ERASE} WHERE sequence = 9"] = "some were dropped, added or marked as erased"  # noqa: S608


@pytest.mark.parametrize("statement", CHANGES)
def test_a_change_of_the_database_is_named(auditor: Auditor, statement: str) -> None:
    """Whatever is changed, dropped, added, moved or erased in the database is found, and its place said."""
    change(auditor, statement)
    with pytest.raises(DamageError, match=CHANGES[statement]):
        auditor.verify()


def test_bytes_that_change_sides_are_found(auditor: Auditor) -> None:
    """Salt and entry are hashed as one run of bytes; a byte that goes from one to the other is found all the same."""
    (one, its_salt), (other, other_salt) = auditor.rows[10], auditor.rows[11]
    change(
        auditor,
        f"UPDATE entry SET salt = from_hex('{its_salt[:-1].hex()}'), raw = from_hex('{(its_salt[-1:] + one).hex()}') "  # noqa: S608
        "WHERE sequence = 11",
        f"UPDATE entry SET salt = from_hex('{(other_salt + other[:1]).hex()}'), raw = from_hex('{other[1:].hex()}') "  # noqa: S608
        "WHERE sequence = 12",
    )
    with pytest.raises(DamageError, match="private entry 11 is not the leaf"):
        auditor.verify()


def test_changed_columns_are_found_without_a_record(auditor: Auditor, tmp_path: Path) -> None:
    """Against a bare checkpoint or a .tlog-proof of another party every column is computed anew."""
    note_bytes = auditor.copy.require_checkpoint()
    (tmp_path / "note").write_bytes(note_bytes)
    nodes = TileNodes(4_500, auditor.copy.read)
    path = tuple(merkle.inclusion_proof(5, 4_500, nodes))
    (tmp_path / "6.tlog-proof").write_bytes(
        proof.LogProof(index=5, path=path, checkpoint=note_bytes).encode()
    )
    for record in (tmp_path / "note", tmp_path / "6.tlog-proof"):
        assert auditor.verify(record=record).trusted.size == 4_500
    change(auditor, "UPDATE entry SET agency = 'x' WHERE sequence = 4200")
    with pytest.raises(DamageError, match="column agency of entry 4200"):
        auditor.verify(record=tmp_path / "note")


def test_an_older_record_still_finds_it(auditor: Auditor) -> None:
    """A record of yesterday finds what was changed since in yesterday's entries and in today's."""
    old = auditor.root / "old"
    old.write_bytes(auditor.record.read_bytes())
    auditor.add(many(200, seed=3))
    auditor.mirror()
    assert auditor.verify(record=old).trusted.size == 4_500
    change(auditor, "UPDATE entry SET agency = 'x' WHERE sequence = 4600")
    with pytest.raises(DamageError, match="column agency of entry 4600"):
        auditor.verify(record=old)


def test_a_missing_database_is_found(auditor: Auditor) -> None:
    """A copy whose private entries are gone does not check out."""
    auditor.copy.database.unlink()
    with pytest.raises(DamageError, match="database of entries is missing"):
        auditor.verify()


def test_a_damaged_database_is_found(auditor: Auditor) -> None:
    """A database that is cut off, or of which a block was overwritten, is named as damaged."""
    whole = auditor.copy.database.read_bytes()
    for damaged in (whole[: len(whole) // 2], whole[:5_000], b"no database"):
        auditor.copy.database.write_bytes(damaged)
        with pytest.raises(DamageError, match="damaged"):
            auditor.verify()


def test_what_was_changed_before_an_update_is_found(auditor: Auditor) -> None:
    """An update does not bless what was changed in the last chunk since it was trusted."""
    change(auditor, "DELETE FROM entry WHERE sequence = 4200")
    auditor.add(many(10, seed=4))
    with pytest.raises(DamageError, match="changed since it was trusted"):
        auditor.mirror()


def test_a_database_can_be_made_anew(auditor: Auditor) -> None:
    """Where the database was thrown away, what is fetched again is recorded as it is, and what is gone is said."""
    auditor.copy.database.unlink()
    auditor.rows[6] = (b"", b"")
    auditor.shown = lambda place: place != 8
    assert auditor.fetch() == 2
    holding = auditor.verify().holding
    assert holding is not None
    assert (holding.held, holding.erased, holding.unseen) == (4_498, 1, 1)


def test_a_proof_of_another_party_is_not_written_over(auditor: Auditor) -> None:
    """`mirror` keeps its record in no file that somebody else made."""
    other = auditor.root / "note"
    other.write_bytes(auditor.copy.require_checkpoint())
    words = (
        "mirror",
        str(auditor.log.folder),
        str(auditor.copy.folder),
        "--policy",
        str(auditor.policy_file),
    )
    ended = run(cli.main, *words, "--trusted", str(other))
    assert (ended.code, "would be written over" in ended.err) == (3, True)
    assert other.read_bytes() == auditor.copy.require_checkpoint()


def test_a_lost_record_is_made_from_checked_columns(auditor: Auditor) -> None:
    """Where the record was lost, a new one is written only after every column was computed anew."""
    auditor.record.unlink()
    change(auditor, "UPDATE entry SET agency = 'x' WHERE sequence = 42")
    with pytest.raises(DamageError, match="column agency of entry 42"):
        auditor.mirror()


def test_no_entries_are_asked_of_a_bare_copy(bare: Auditor) -> None:
    """A copy without private entries says how to get them."""
    bare.mirror(entries=False)
    assert bare.verify().holding is None
    with pytest.raises(CopyError, match="holds no private entries"):
        Session.open(bare.copy)


def test_a_holding_survives_its_file(auditor: Auditor) -> None:
    """What the record says of private entries is read back as it was written."""
    kept = trusted.read(auditor.record, auditor.policy)
    trusted.write(auditor.root / "again", kept.note, kept.holding)
    assert trusted.read(auditor.root / "again", auditor.policy) == kept
