"""The log's mirror on SQLite: every transaction is durable in a second place before it is committed in the first.

The database itself says where its mirror is and how far it goes (table `mirror`), so that every process that writes,
also a command beside the service, writes there too, under the write lock and in the transactions' order. What cannot be
mirrored is not committed. A record whose transaction was then not committed is overwritten by the next one.

 1 read where the mirror is, in the transaction  2 see that it ends where the log says  3 write the record and make it
   durable  4 note in the same transaction where it ends now; the commit follows
"""

from __future__ import annotations

import os
import secrets
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from keys.ringfile import sync_folder
from verifier import database
from verifier.errors import LogUnavailableError, OperatorError
from verifier.log import mirror_format as form

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

_READ: Final = "SELECT folder, name, serial, place FROM mirror"
_MOVE: Final = "UPDATE mirror SET serial = ?, place = ?"
_PUT: Final = "INSERT OR REPLACE INTO mirror (id, folder, name, serial, place) VALUES (1, ?, ?, ?, ?)"


class MirrorUnavailableError(LogUnavailableError):
    """The mirror cannot be written, so nothing is committed."""


class MirrorPlaceError(OperatorError):
    """The mirror's folder is missing, or not the one that the log has written to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Where a log's mirror is.

    Attributes:
        folder: its folder; empty for none.
        name: 16 random bytes; whose mirror it is.
        serial: of the last record.
        place: where it ends in its segment.
    """

    folder: str
    name: bytes
    serial: int
    place: int


def read_mark(connection: sqlite3.Connection) -> Mark:
    """Read where the mirror is.

    Raises:
        sqlite3.Error: as SQLite says.
    """
    row = connection.execute(_READ).fetchone()
    if row is None:
        return Mark(folder="", name=b"", serial=0, place=0)
    return Mark(folder=row[0], name=row[1], serial=row[2], place=row[3])


def write_mark(connection: sqlite3.Connection, mark: Mark) -> None:
    """Write where the mirror is."""
    connection.execute(_PUT, (mark.folder, mark.name, mark.serial, mark.place))


def segments(folder: Path) -> list[int]:
    """List the segments in a folder."""
    return sorted(int(path.stem) for path in folder.glob("*.mirror") if path.stem.isdigit())


class MirrorWriter:
    """Mirrors one database's transactions; used under its write lock."""

    def __init__(self) -> None:
        self._descriptor = -1
        self._open: tuple[str, int] = ("", -1)

    def append(self, connection: sqlite3.Connection, payload: Callable[[], bytes]) -> None:
        """Mirror a transaction, as the last thing before its commit; does nothing where there is no mirror.

        Raises:
            MirrorUnavailableError: it is not durable there; the transaction must be rolled back.
            sqlite3.Error: as SQLite says.
        """
        row = connection.execute(_READ).fetchone()  # 1
        if row is None or not row[0]:
            return
        folder, name, last, place = row
        serial = last + 1
        if form.segment_of(serial) != form.segment_of(last):
            place = 0
        record = form.encode_record(serial, payload())
        try:
            self._prepare(Path(folder), name, serial, place)  # 2
            place = place or form.HEADER_SIZE
            _write(self._descriptor, record, place)
            os.fdatasync(self._descriptor)  # 3
        except OSError as error:
            self.close()
            raise MirrorUnavailableError(f"log mirror: {folder}: {os.strerror(error.errno or 0)}") from error
        except BaseException:
            self.close()
            raise
        connection.execute(_MOVE, (serial, place + len(record)))  # 4

    def close(self) -> None:
        """Let go of the segment."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor, self._open = -1, ("", -1)

    def _prepare(self, folder: Path, name: bytes, serial: int, place: int) -> None:
        """Have the segment open, and cut to where the log says that it ends."""
        segment = form.segment_of(serial)
        path = folder / form.file_name(segment)
        if self._open != (str(folder), segment):
            self.close()
            flags = os.O_RDWR | os.O_NOFOLLOW | (0 if place else os.O_CREAT)
            self._descriptor = os.open(path, flags, 0o600)
            self._open = (str(folder), segment)
            if (folder / form.file_name(segment + 1)).exists():
                raise _ahead(path)
            if place and form.decode_header(os.pread(self._descriptor, form.HEADER_SIZE, 0)) != name:
                raise MirrorUnavailableError(f"log mirror: {path}: of another log")
        size = os.fstat(self._descriptor).st_size
        if size < place:
            raise MirrorUnavailableError(f"log mirror: {path}: shorter than the log says; it was changed")
        if size > place:
            self._cut(path, place or form.HEADER_SIZE, size)
        if not place:
            os.ftruncate(self._descriptor, 0)
            _write(self._descriptor, form.encode_header(name), 0)
            sync_folder(folder)

    def _cut(self, path: Path, place: int, size: int) -> None:
        """Cut off the one record that was written and not committed; more than one means that the log is older."""
        tail = os.pread(self._descriptor, max(0, size - place), place)
        try:
            _, _, length = form.decode_record(tail)
        except form.MirrorFormatError:
            length = len(tail)
        if length < len(tail):
            raise _ahead(path)
        os.ftruncate(self._descriptor, place)


def _ahead(path: Path) -> MirrorUnavailableError:
    return MirrorUnavailableError(
        f"log mirror: {path}: holds more than the log: the log is an older copy; restore it with its mirror"
    )


def _write(descriptor: int, data: bytes, place: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(descriptor, view, place)
        view, place = view[written:], place + written


def adopt(log: Path, folder: Path | None) -> bool:
    """Let a log be mirrored as the settings say; returns whether anything changed, after which a backup is due.

    Args:
        log: the log's file.
        folder: the mirror's folder, which must be there, so that a disk that is not mounted is no mirror; None for no
            mirror.

    Raises:
        MirrorPlaceError: the folder is missing, or lacks the segment that the log has written to.
        sqlite3.Error: as SQLite says.
    """
    if folder is not None and not folder.is_dir():
        raise MirrorPlaceError(
            f"{folder}: there is no such folder for the log's mirror; is its disk mounted?"
        )
    with closing(database.open_sqlite(log)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        try:
            before = read_mark(connection)
            after = _without(before) if folder is None else _within(before, folder)
            if after != before:
                write_mark(connection, after)
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
    return after != before


def _without(mark: Mark) -> Mark:
    return Mark(folder="", name=mark.name, serial=mark.serial, place=mark.place)


def _within(mark: Mark, folder: Path) -> Mark:
    """Go on in the folder, or begin there with a segment of its own, so that a gap shows."""
    there = segments(folder)
    last = form.segment_of(mark.serial)
    if mark.folder == str(folder) and there:
        if mark.place and last not in there:
            raise MirrorPlaceError(f"{folder}: lacks {form.file_name(last)}, to which the log has written")
        return mark
    segment = max([last, *there]) + 1
    return Mark(
        folder=str(folder),
        name=mark.name or secrets.token_bytes(form.NAME_SIZE),
        serial=form.first_serial(segment) - 1,
        place=0,
    )
