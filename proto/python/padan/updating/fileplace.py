"""Tokens in a column of a CSV or Parquet file, and the kept file of old and new ones beside it: FILE.moves.

What comes is kept there first. The file itself is written once, as a whole, when every row is answered; until then it
is as it was. A row is known by its number and the token that stands in it: with the old one it is still to be written,
with the new one it is written, with another one it is none of ours. To the byte: docs/formats/updating.md.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final, Self

from padan.table.errors import TableError
from padan.table.file import Stamp, open_table
from padan.table.keptfile import KeptFile, KeptFileError, Kind
from padan.table.wholefile import replaced
from padan.updating.held import Held, version_of, written
from padan.updating.place import Kept, Undone

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Mapping, Sequence
    from pathlib import Path

    from padan.table.row import Cell
    from padan.updating.held import Move

SUFFIX: Final = ".moves"
_KIND: Final = Kind(
    application=0x50615570,  # "PaUp"
    format=1,
    tables=("CREATE TABLE move (row INTEGER PRIMARY KEY, old BLOB NOT NULL, new BLOB NOT NULL)",),
    anew="run the command as the update was run; or end that one first with --undo or --finish",
)
_PAGE: Final = 4_096


class FilePlace:
    """A column of a file.

    Args:
        path: of the file; a link is followed.
        column: of the tokens.
        bound: what the kept file must be bound to; empty for whatever it is bound to.
    """

    def __init__(self, path: Path, column: str, bound: Mapping[str, str]) -> None:
        self._path = path.resolve()
        self._column = column
        self._bound = {**bound, "column": column}
        self._moves_path = self._path.with_name(self._path.name + SUFFIX)
        self._file: KeptFile | None = None
        self._pending = False
        self._look()

    @classmethod
    def open(cls, path: Path, column: str, bound: Mapping[str, str]) -> Self:
        """Open a file, and the kept file beside it if there is one.

        Raises:
            TableError: the file cannot be read, or has no such column.
            KeptFileError: the kept file is damaged, in use, or of another update.
        """
        place = cls(path, column, bound)
        if place._moves_path.exists():
            place._kept_file()
        return place

    @property
    def undo_in(self) -> str:
        """The kept file."""
        return str(self._moves_path)

    def rows(self) -> Iterator[Held]:
        """Read the rows; those whose new token is kept and not written say so."""
        moves = _Moves(self._file)
        for cell in self._table.cells(self._column):
            held = _held(cell)
            old, new = moves.of(held.number)
            if held.token and held.token == old:
                self._pending = True
                held = held.with_kept(new)
            yield held

    def keep(self, moves: Sequence[Move]) -> Kept:
        """Write new tokens into the kept file, all or none.

        Raises:
            KeptFileError: the disk does not take them.
        """
        self._kept_file().write(
            "INSERT INTO move VALUES (?, ?, ?) ON CONFLICT (row) DO UPDATE SET old = excluded.old, new = excluded.new",
            ((each.held.number, each.held.token, each.token) for each in moves),
        )
        self._pending = True
        return Kept(moved=len(moves))

    def settle(self) -> None:
        """Write the file with the new tokens, as a whole; nothing where they stand there already.

        Raises:
            TableError: it cannot be written, or was changed since it was read.
        """
        if not self._pending:
            return
        moves = _Moves(self._file)

        def change(cell: Cell) -> Any:
            held = _held(cell)
            old, new = moves.of(held.number)
            return written(new, cell.value) if held.token and held.token == old else cell.value

        self._write(change)
        self._pending = False

    def moved(self) -> Counter[int]:
        """Count what is kept, by the old token's version."""
        found = Counter[int]()
        for _, old, _ in _pages(self._file):
            found[version_of(old)] += 1
        return found

    def before(self, held: Held) -> bytes:
        """Give the old token of a row whose token the update wrote; empty for another row."""
        if self._file is None:
            return b""
        found = self._file.read("SELECT old FROM move WHERE row = ? AND new = ?", (held.number, held.token))
        return next((bytes(old) for (old,) in found), b"")

    def undo(self, accepted: Container[int]) -> Undone:
        """Write the file with the old tokens, as a whole, and take the kept file away.

        Raises:
            TableError: it cannot be written, or was changed since it was read.
            KeptFileError: there is nothing to undo.
        """
        file, moves = self._required(), _Moves(self._file)
        counts = Counter[str]()

        def change(cell: Cell) -> Any:
            held = _held(cell)
            old, new = moves.of(held.number)
            if not old or held.token == old:
                return cell.value
            what = "elsewhere"
            if held.token == new:
                what = "put_back" if version_of(old) in accepted else "outdated"
            counts[what] += 1
            return written(old, cell.value) if what == "put_back" else cell.value

        self._write(change)
        file.remove()
        self._file = None
        return Undone(put_back=counts["put_back"], outdated=counts["outdated"], elsewhere=counts["elsewhere"])

    def finish(self) -> int:
        """Take the kept file away.

        Raises:
            KeptFileError: there is none, or what it keeps was not written yet.
        """
        file = self._required()
        if any(held.kept for held in self.rows()):
            raise KeptFileError(
                f"the update of {self._path.name} has not ended: new tokens are kept that do not stand in it yet",
                reason="unfinished",
                next_step="run the update once more to its end, or take it back with --undo",
            )
        count = self.moved().total()
        file.remove()
        self._file = None
        return count

    def close(self) -> None:
        """Close the kept file."""
        if self._file is not None:
            self._file.close()

    def _look(self) -> None:
        self._stamp = Stamp.of(self._path)
        self._table = open_table(self._path)
        if self._table.columns.count(self._column) != 1:
            many = "stands twice in" if self._column in self._table.columns else "is not in"
            raise TableError(
                f"the column of --column {many} the header of {self._path.name}",
                reason="column",
                next_step="name the column that has the tokens; the first line must name the columns",
            )
        self._table.count()  # what cannot be read to its end is not begun

    def _kept_file(self) -> KeptFile:
        if self._file is None:
            self._file = KeptFile.open(self._moves_path, _KIND, lambda known: {**known, **self._bound})
        return self._file

    def _required(self) -> KeptFile:
        if self._file is None:
            raise KeptFileError(
                f"no update of {self._path.name} is kept beside it",
                reason="none",
                next_step="name the file as it was updated; after --finish or --undo there is nothing left",
            )
        return self._file

    def _write(self, change: Callable[[Cell], Any]) -> None:
        with replaced(self._path, self._stamp) as out:
            self._table.rewrite(self._column, change, out)
        self._look()


class _Moves:
    """What is kept, asked for row by row with growing numbers."""

    def __init__(self, file: KeptFile | None) -> None:
        self._found = _pages(file)
        self._next = next(self._found, None)

    def of(self, number: int) -> tuple[bytes, bytes]:
        """Give a row's old and new token; empty for none."""
        while self._next is not None and self._next[0] < number:
            self._next = next(self._found, None)
        if self._next is None or self._next[0] != number:
            return b"", b""
        return self._next[1], self._next[2]


def _pages(file: KeptFile | None) -> Iterator[tuple[int, bytes, bytes]]:
    """Read what is kept in the order of the rows, page by page, so that more may be kept meanwhile."""
    if file is None:
        return
    last = 0
    while page := list(
        file.read("SELECT row, old, new FROM move WHERE row > ? ORDER BY row LIMIT ?", (last, _PAGE))
    ):
        for row, old, new in page:
            yield row, bytes(old), bytes(new)
            last = row


def _held(cell: Cell) -> Held:
    return Held.of(cell.number, (), cell.value, fault=cell.fault)
