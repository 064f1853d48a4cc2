"""A bundle that somebody made to do harm, or that is damaged: refused with the next step, and within bounds."""

from __future__ import annotations

import json
import random
import struct
import tracemalloc
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from padan.audit import cli
from padan.audit.mirror import bundle as bundles
from padan.audit.mirror import proving
from padan.errors import CopyError, DamageError, PadanError, QueryError
from tests.simulator.terminal import run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.copies import Auditor

SQL = "SELECT sequence, officer FROM entries WHERE officer = 'owl' ORDER BY sequence"


@pytest.fixture(scope="module")
def good(told: Auditor, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of 24 entries as --prove writes it."""
    path = tmp_path_factory.mktemp("good") / "good.zip"
    words = ("query", str(told.copy.folder), SQL, "--prove", str(path), "--policy", str(told.policy_file))
    assert run(cli.main, *words).code == 0
    return path


def packed(target: Path, members: dict[str, bytes], kind: int = zipfile.ZIP_DEFLATED) -> Path:
    """Pack members, whatever they are."""
    with zipfile.ZipFile(target, "w", kind) as sink:
        for name, data in members.items():
            sink.writestr(name, data)
    return target


def asking(good: Path, target: Path, **changes: Any) -> Path:
    """Make a bundle that says something else than its answer."""
    members = bundles.read(good)
    document = json.loads(members["answer.json"]) | changes
    return packed(target, members | {"answer.json": json.dumps(document).encode()})


def test_no_byte_of_a_zip_is_an_internal_fault(good: Path, told: Auditor, tmp_path: Path) -> None:
    """Whatever bit is turned, and wherever the file is cut, it checks out as before or is refused by name."""
    whole, source, other = good.read_bytes(), random.Random(3), tmp_path / "changed.zip"
    head = [
        *range(120),
        *range(len(whole) - 200, len(whole)),
    ]  # the first file's header, and the directory's end
    refused: list[PadanError] = []
    for place in [*head, *source.sample(range(len(whole)), 100)]:
        body = bytearray(whole)
        body[place] ^= 1 << source.randrange(8)
        other.write_bytes(bytes(body))
        try:
            assert proving.check(other, told.policy).entries == 24
        except PadanError as error:
            refused.append(error)
    assert len(refused) > 150
    assert all(error.next_step for error in refused)
    for place in source.sample(range(len(whole)), 40):
        other.write_bytes(whole[:place])
        with pytest.raises(CopyError, match="is no bundle"):
            proving.check(other, told.policy)


def test_a_flipped_bit_is_told_on_the_command_line(good: Path, told: Auditor, tmp_path: Path) -> None:
    """Damage in what is packed ends as bad input, with what to give instead."""
    body = bytearray(good.read_bytes())
    with zipfile.ZipFile(good) as source:
        info = source.getinfo("answer.json")
    body[info.header_offset + 30 + len("answer.json") + 2] ^= 0xFF
    (tmp_path / "changed.zip").write_bytes(bytes(body))
    words = ("prove", "check", str(tmp_path / "changed.zip"), "--policy", str(told.policy_file))
    ended = run(cli.main, *words)
    assert (ended.code, "it cannot be read, or is damaged" in ended.err) == (3, True), ended.err


def encrypted(good: Path) -> bytes:
    """Say in every header that the file is encrypted."""
    body = bytearray(good.read_bytes())
    for mark, at in ((b"PK\1\2", 8), (b"PK\3\4", 6)):
        place = body.find(mark)
        while place >= 0:
            body[place + at] |= 1
            place = body.find(mark, place + 4)
    return bytes(body)


def commented(good: Path) -> bytes:
    """Add a comment."""
    return good.read_bytes()[:-2] + struct.pack("<H", 4) + b"text"


def larger(good: Path) -> bytes:
    """Put the locator of a larger directory before the end."""
    body = good.read_bytes()
    return body[:-22] + b"PK\6\7" + bytes(16) + body[-22:]


def crowded(good: Path) -> bytes:
    """Speak of more files than a bundle has."""
    body = bytearray(good.read_bytes())
    struct.pack_into("<HH", body, len(body) - 14, 60_000, 60_000)
    return bytes(body)


@pytest.mark.parametrize("change", [encrypted, commented, larger, crowded])
def test_what_no_bundle_is_packed_as_is_refused(
    good: Path, told: Auditor, tmp_path: Path, change: Callable[[Path], bytes]
) -> None:
    """A .zip of another kind is no bundle."""
    other = tmp_path / "other.zip"
    other.write_bytes(change(good))
    with pytest.raises(CopyError, match="is no bundle"):
        proving.check(other, told.policy)


@pytest.mark.parametrize("kind", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_what_is_unpacked_without_a_bound_is_not(
    good: Path, told: Auditor, tmp_path: Path, kind: int
) -> None:
    """Ways of packing that cannot be unpacked piece by piece are refused."""
    other = packed(tmp_path / "other.zip", bundles.read(good), kind)
    with pytest.raises(CopyError, match="packed in another way"):
        proving.check(other, told.policy)


@pytest.mark.parametrize("bound", ["MOST_FILES", "MAX_FILE", "MAX_BYTES"])
def test_a_bundle_is_bounded(
    good: Path, told: Auditor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    """Files, the largest of them, and all together are bounded, in a folder too; and none is made that is not read."""
    members = bundles.read(good)
    sizes = [len(data) for data in members.values()]
    limits = {"MOST_FILES": len(sizes), "MAX_FILE": max(sizes), "MAX_BYTES": sum(sizes)}
    monkeypatch.setattr(bundles, bound, limits[bound])
    for name in ("many.zip", "many"):
        bundles.write(tmp_path / name, members)
        assert proving.check(tmp_path / name, told.policy).entries == 24
    monkeypatch.setattr(bundles, bound, limits[bound] - 1)
    for name in ("many.zip", "many"):
        with pytest.raises(CopyError, match="is no bundle"):
            proving.check(tmp_path / name, told.policy)
        with pytest.raises(QueryError, match="the bundle would have more"):
            bundles.write(tmp_path / f"again-{name}", members)


def test_a_size_that_is_a_lie_unpacks_no_more(tmp_path: Path) -> None:
    """A file that unpacks to more than its directory says is refused, and not held in memory first."""
    many = 1 << 25
    path = packed(tmp_path / "bomb.zip", {"answer.json": bytes(many)})
    body = bytearray(path.read_bytes())
    for mark, at in ((b"PK\1\2", 24), (b"PK\3\4", 22)):
        struct.pack_into("<L", body, body.find(mark) + at, 1_000)
    path.write_bytes(bytes(body))
    tracemalloc.start()
    with pytest.raises(CopyError, match="cannot be read, or is damaged"):
        bundles.read(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < many // 8


@pytest.mark.parametrize(
    "answer",
    [
        b"[" * 1_000_000,
        b"[]",
        b'{"format": 1, "sql": "", "rows": [], "complete": true, "entries": [Infinity]}',
        b'{"format": 1, "sql": "", "rows": [], "complete": true, "entries": [1, 1]}',
        b'{"format": 1, "sql": "", "rows": 1, "complete": true, "entries": []}',
        b'{"format": 1, "sql": "", "rows": [], "complete": true, "entries": [' + b"9" * 5_000 + b"]}",
        b"\xff",
    ],
    ids=lambda answer: answer[:12].decode("latin-1") + str(len(answer)),
)
def test_an_answer_that_is_none_is_refused(good: Path, told: Auditor, tmp_path: Path, answer: bytes) -> None:
    """An answer that is nested without end, or says what none says, is no answer."""
    other = packed(tmp_path / "other.zip", bundles.read(good) | {"answer.json": answer})
    with pytest.raises(CopyError, match="is no bundle"):
        proving.check(other, told.policy)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count(*) FROM range(1000000000000)",
        "SELECT sum(a.i * b.i) FROM range(100000000000) a(i), range(100000000000) b(i)",
        "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT count(*) FROM t",
    ],
)
def test_a_query_without_end_is_ended(
    good: Path, told: Auditor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sql: str
) -> None:
    """What the maker of a bundle asks is ended after a time, and this is said, not that the rows do not follow."""
    monkeypatch.setattr(proving, "SECONDS", 0.3)
    other = asking(good, tmp_path / "other.zip", sql=sql)
    ended = run(cli.main, "prove", "check", str(other), "--policy", str(told.policy_file))
    assert (ended.code, "the query took longer than 0.3 seconds, and was ended" in ended.err) == (3, True), (
        ended.err
    )
    assert "next:  look at it before you ask again" in ended.err


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT i FROM range(1000000000000) t(i)",
        "SELECT CASE WHEN i = 500000 THEN error('x') ELSE i END AS i FROM range(1000000) t(i)",
        "SELECT TIMESTAMP '290000-01-01' AS a",
        "SELECT sequence FROM nowhere",
        "DROP TABLE entry",
    ],
)
def test_a_query_that_goes_wrong_shows_nothing(good: Path, told: Auditor, tmp_path: Path, sql: str) -> None:
    """Rows without end, an error on the way and cells that nobody can write: the rows do not follow."""
    other = asking(good, tmp_path / "other.zip", sql=sql)
    with pytest.raises(DamageError, match="do not follow"):
        proving.check(other, told.policy)
