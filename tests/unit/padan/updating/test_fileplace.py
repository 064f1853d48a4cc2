"""Files whose tokens are moved: nothing but tokens changes, and what is kept beside them goes when it should."""

from __future__ import annotations

import os
import stat
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from padan.table.errors import TableError
from padan.table.keptfile import KeptFileError
from padan.token import Token
from padan.updating.fileplace import FilePlace
from padan.updating.held import Move
from padan.updating.undo import undo
from tests.unit.padan.updating.conftest import BOUND, calls_of, updated

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from padan.updating.calls import Calls
    from tests.simulator.tokendomain import Domain

PEOPLE = range(4)


def opened(path: Path) -> FilePlace:
    """Open a file."""
    return FilePlace.open(path, "token", BOUND)


def moved_and_back(path: Path, calls: Calls) -> tuple[bytes, bytes, bytes]:
    """Give a file's bytes before, between and after."""
    before = path.read_bytes()
    with closing(opened(path)) as place:
        updated(place, calls)
    between = path.read_bytes()
    with closing(opened(path)) as place:
        undo(place, calls)
    return before, between, path.read_bytes()


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_csv_file_changes_in_its_tokens_alone(
    tmp_path: Path, domain: Domain, calls: Calls, *, end: str, mark: bytes, delimiter: str
) -> None:
    """Quotation marks, line ends, empty lines, a missing last one, and the same token in another column all stay."""
    old, new = domain.texts(PEOPLE, 1), domain.texts(PEOPLE)
    lines = [
        ["note", "token", "was"],
        ['"a ""b""\r\nc"', old[0], old[0]],
        ["", f'"{old[1]}"', f'"{old[1]}"'],
        [],
        [" x ", old[2], "\udcff"],
        ["short"],
        ['"' + delimiter + '"', old[3], ""],
    ]

    def text(tokens: list[str]) -> bytes:
        changed = [list(line) for line in lines]
        for line, before, after in zip(
            (changed[1], changed[2], changed[4], changed[6]), old, tokens, strict=True
        ):
            line[1] = line[1].replace(before, after)
        return mark + end.join(delimiter.join(line) for line in changed).encode(errors="surrogateescape")

    path = tmp_path / "t.csv"
    path.write_bytes(text(old))
    assert moved_and_back(path, calls) == (text(old), text(new), text(old))
    assert sorted(each.name for each in tmp_path.iterdir()) == ["t.csv"]


def test_the_token_may_stand_last(tmp_path: Path, domain: Domain, calls: Calls) -> None:
    """Also quoted, and without a line end behind it."""
    old, new = domain.texts([1, 2], 1), domain.texts([1, 2])
    path = tmp_path / "t.csv"
    path.write_text(f'id,token\n1,{old[0]}\n2,"{old[1]}"')
    before, between, after = moved_and_back(path, calls)
    assert (between.decode(), after) == (f'id,token\n1,{new[0]}\n2,"{new[1]}"', before)


@pytest.mark.parametrize(
    ("kind", "spell"),
    [
        (pa.string(), lambda token: Token.parse(token).text),
        (pa.large_string(), lambda token: Token.parse(token).text),
        (pa.dictionary(pa.int32(), pa.string()), lambda token: Token.parse(token).text),
        (pa.binary(), bytes),
        (pa.binary(), lambda token: Token.parse(token).text.encode()),
        (pa.binary(58), bytes),
    ],
)
@pytest.mark.parametrize(
    "options", [{}, {"compression": "gzip", "version": "1.0"}, {"use_dictionary": False}]
)
def test_a_parquet_file_keeps_types_metadata_and_groups(
    tmp_path: Path,
    domain: Domain,
    calls: Calls,
    *,
    kind: Any,
    spell: Callable[[bytes], Any],
    options: dict[str, Any],
) -> None:
    """Of the tokens' own column as of all others; NULL stays NULL."""
    path, columns = tmp_path / "t.parquet", {}
    for version in (1, 2):
        columns[version] = pa.array(
            [*(spell(domain.issue(person, version)) for person in PEOPLE), None], kind
        )
    others = {
        "when": pa.array([datetime(2026, 1, 1, tzinfo=UTC)] * 5, pa.timestamp("us", "UTC")),
        "list": pa.array([[1], [], None, [2, 3], [4]], pa.list_(pa.int8())),
    }
    table = pa.table({"token": columns[1], **others}).replace_schema_metadata({"made": "by us"})
    pq.write_table(table, path, row_group_size=2, **options)
    read = pq.read_table(path)
    with closing(opened(path)) as place:
        assert updated(place, calls)[0].moved == 4
    found = pq.read_table(path)
    assert found.schema.equals(read.schema, check_metadata=True)
    assert found["token"].combine_chunks().cast(kind).to_pylist() == columns[2].to_pylist()
    assert found.drop_columns(["token"]).equals(read.drop_columns(["token"]))
    footer = pq.read_metadata(path)
    assert [footer.row_group(group).num_rows for group in range(footer.num_row_groups)] == [2, 2, 1]
    wanted = options.get("compression", "snappy").upper()
    assert {footer.row_group(0).column(place).compression for place in range(3)} == {wanted}
    with closing(opened(path)) as place:
        undo(place, calls)
    back = pq.read_table(path)
    assert back.schema.equals(read.schema, check_metadata=True)
    assert back.to_pydict() == read.to_pydict()


def simple(path: Path, domain: Domain) -> Path:
    """Write a small file with old tokens."""
    path.write_text(
        "id,token\n" + "".join(f"{n},{token}\n" for n, token in enumerate(domain.texts(PEOPLE, 1)))
    )
    return path


def test_mode_and_attributes_stay_and_links_are_followed(
    tmp_path: Path, domain: Domain, calls: Calls
) -> None:
    """A link goes on to lead to the file; what is kept beside the file is for its owner alone."""
    path = simple(tmp_path / "t.csv", domain)
    path.chmod(0o664)
    os.setxattr(path, "user.note", b"kept")
    link = tmp_path / "link.csv"
    link.symlink_to(path)
    with closing(opened(link)) as place:
        updated(place, calls)
        assert place.undo_in == str(tmp_path / "t.csv.moves")
    assert link.is_symlink()
    assert (stat.S_IMODE(path.stat().st_mode), os.getxattr(path, "user.note")) == (0o664, b"kept")
    assert stat.S_IMODE((tmp_path / "t.csv.moves").stat().st_mode) == 0o600


def test_rows_that_others_changed_since_are_left_alone(tmp_path: Path, domain: Domain, calls: Calls) -> None:
    """An undo puts back what the update wrote; rows that were added or given another token keep theirs."""
    path = simple(tmp_path / "t.csv", domain)
    with closing(opened(path)) as place:
        updated(place, calls)
    new = domain.texts(range(9))
    path.write_text(path.read_text().replace(new[0], new[8]) + f"9,{new[1]}\n")
    with closing(opened(path)) as place:
        undone, _ = undo(place, calls)
    assert (undone.put_back, undone.elsewhere) == (3, 1)
    assert [line.split(",")[1] for line in path.read_text().splitlines()[1:]] == [
        new[8],
        *domain.texts(PEOPLE, 1)[1:],
        new[1],
    ]


def test_finish_waits_for_the_end(tmp_path: Path, domain: Domain, calls: Calls) -> None:
    """What was answered and not written is not thrown away; what was written may be."""
    path = simple(tmp_path / "t.csv", domain)
    with closing(opened(path)) as place:
        place.keep([Move(held=held, token=domain.issue(held.number - 1)) for held in place.rows()])
        with pytest.raises(KeptFileError, match="has not ended"):
            place.finish()
        updated(place, calls)
        assert place.finish() == 4
    assert [each.name for each in tmp_path.iterdir()] == ["t.csv"]
    with closing(opened(path)) as place:
        for act in (place.finish, lambda: place.undo({1})):
            with pytest.raises(KeptFileError, match="no update"):
                act()


def test_what_is_kept_is_of_one_update_and_one_process(tmp_path: Path, domain: Domain, calls: Calls) -> None:
    """Another agency, registry, domain or column is refused, and so is a second process."""
    path = simple(tmp_path / "t.csv", domain)
    with closing(opened(path)) as place:
        updated(place, calls)
        with pytest.raises(KeptFileError, match="another run works with"):
            opened(path)
    with pytest.raises(KeptFileError, match="another agency"):
        FilePlace.open(path, "token", {**BOUND, "agency": "other"})
    with closing(FilePlace.open(path, "token", {})) as place:
        assert place.moved() == {1: 4}
    (tmp_path / "t.csv.moves").write_bytes(b"damaged" * 999)
    with pytest.raises(KeptFileError, match="cannot be used"):
        opened(path)


def test_nothing_to_move_leaves_nothing_beside(tmp_path: Path, domain: Domain) -> None:
    """A file whose tokens are all new is not touched."""
    path = simple(tmp_path / "t.csv", domain)
    path.write_text("token\n" + "".join(f"{token}\n" for token in domain.texts(PEOPLE)))
    before = path.stat()
    summary, _ = updated(opened(path), calls_of(domain))
    assert (summary.before, summary.moved, path.stat()) == (4, 0, before)
    assert [each.name for each in tmp_path.iterdir()] == ["t.csv"]


def test_a_column_that_holds_no_tokens_is_refused(tmp_path: Path) -> None:
    """One that is not there, that stands twice, or that is of numbers."""
    path = tmp_path / "t.csv"
    for header in ("id,other\n", "token,token\n"):
        path.write_text(header)
        with pytest.raises(TableError, match="column"):
            opened(path)
    pq.write_table(pa.table({"token": [1, 2]}), tmp_path / "t.parquet")
    with pytest.raises(TableError, match="neither text nor bytes"):
        list(opened(tmp_path / "t.parquet").rows())


class DiedError(BaseException):
    """The process ends here; nothing of ours may catch it."""


@pytest.mark.parametrize(
    "where", ["padan.table.keptfile.KeptFile.write", "pathlib.Path.rename", "padan.table.wholefile._sync"]
)
@pytest.mark.parametrize("act", ["update", "undo"])
def test_an_end_at_any_step_loses_nothing(
    tmp_path: Path, domain: Domain, calls: Calls, monkeypatch: pytest.MonkeyPatch, *, where: str, act: str
) -> None:
    """The file is whole, old or new, and the same command brings it to its end; a rest of the last try is in no way."""

    def once() -> None:
        with closing(opened(path)) as place:
            if act == "update":
                updated(place, calls)
            else:
                undo(place, calls)

    def die(*_: Any) -> None:
        raise DiedError

    path = simple(tmp_path / "t.csv", domain)
    old = path.read_bytes()
    if act == "undo":
        with closing(opened(path)) as place:
            updated(place, calls)
    before = path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(where, die)
        if act == "undo" and "write" in where:
            once()
        else:
            with pytest.raises(DiedError):
                once()
    (tmp_path / "t.csv.new").write_bytes(before[:40])
    new = b"".join(
        (b"id,token\n", *(f"{n},{token}\n".encode() for n, token in enumerate(domain.texts(PEOPLE))))
    )
    assert path.read_bytes() in {old, new}
    if act == "update" or (tmp_path / "t.csv.moves").exists():
        once()
    assert path.read_bytes() == (new if act == "update" else old)
    with closing(opened(path)) as place:
        assert place.moved() == ({1: 4} if act == "update" else {})
