"""Brings a restored copy of the log up to its mirror: every record after the copy's own last one, in order.

A record that is cut off at the very end was being written when the machine was lost: it was never acknowledged. Damage
anywhere else is refused, since what follows it was acknowledged.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from verifier import database
from verifier.errors import OperatorError
from verifier.log import mirror
from verifier.log import mirror_format as form
from verifier.log.sqlite import SqliteLogStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from verifier.log.mirror import Mark
    from verifier.log.mirror_format import GroupRecord
    from verifier.log.sqlite import SqliteTransaction

_STEP: Final = 10_000
"""Rows that are deleted at once."""


class MirrorReplayError(OperatorError):
    """The mirror does not go on where the backup ends, or is damaged."""


def replay(log: Path, folder: Path) -> int:
    """Apply a mirror to a copy of the log that nobody uses; returns how many records were applied.

    Args:
        log: the copy, of this release's version.
        folder: the mirror.

    Raises:
        MirrorReplayError: it is another log's, does not go on where the copy ends, or is damaged.
        LogStoreError: the copy cannot be written.
    """
    with closing(database.open_sqlite(log)) as connection:
        mark = mirror.read_mark(connection)
    if not mark.name:
        raise MirrorReplayError(f"{folder}: the backup was made before the log had a mirror")
    applied = 0
    with closing(SqliteLogStore(log, replaying=True)) as store:
        for serial, place, payload in _records(folder, mark):
            _apply(store, payload, folder)
            mark = replace(mark, serial=serial, place=place)
            applied += 1
        with store.transaction() as transaction:
            mirror.write_mark(transaction.connection, replace(mark, folder=str(folder)))
    with closing(database.open_sqlite(log)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return applied


def _records(folder: Path, mark: Mark) -> Iterator[tuple[int, int, bytes]]:
    """Read serial, end and payload of each record after the mark."""
    there = mirror.segments(folder)
    expected = mark.serial + 1
    wanted = [number for number in there if number >= form.segment_of(mark.serial)]
    if not wanted:
        raise MirrorReplayError(f"{folder}: lacks {form.file_name(form.segment_of(mark.serial))}")
    for number in wanted:
        path = folder / form.file_name(number)
        for serial, place, payload in _segment(path, mark.name, is_last=number == wanted[-1]):
            if serial < expected:
                continue
            if serial != expected:
                raise MirrorReplayError(
                    f"{path}: begins with record {serial}, and the backup ends before {expected}: what lies between"
                    " was never mirrored; restore a later backup"
                )
            yield serial, place, payload
            expected = serial + 1


def _segment(path: Path, name: bytes, *, is_last: bool) -> Iterator[tuple[int, int, bytes]]:
    data = memoryview(path.read_bytes())
    try:
        if form.decode_header(bytes(data[: form.HEADER_SIZE])) != name:
            raise MirrorReplayError(f"{path}: the mirror of another log")
    except form.MirrorFormatError as error:
        if is_last and len(data) < form.HEADER_SIZE:
            return
        raise MirrorReplayError(f"{path}: {error}") from error
    place = form.HEADER_SIZE
    while place < len(data):
        try:
            serial, payload, size = form.decode_record(data[place:])
        except form.MirrorFormatError as error:
            if not is_last or _goes_on(data[place + 1 :]):
                raise MirrorReplayError(f"{path}: damaged at byte {place}, and goes on after it") from error
            return
        place += size
        yield serial, place, payload


def _goes_on(data: memoryview) -> bool:
    """Say whether a whole record follows somewhere."""
    text = bytes(data)
    place = text.find(form.RECORD_MAGIC)
    while place >= 0:
        try:
            form.decode_record(data[place:])
        except form.MirrorFormatError:
            place = text.find(form.RECORD_MAGIC, place + 1)
        else:
            return True
    return False


def _apply(store: SqliteLogStore, payload: bytes, folder: Path) -> None:
    try:
        record = form.decode_payload(payload)
    except form.MirrorFormatError as error:
        raise MirrorReplayError(f"{folder}: a record is {error}") from error
    if isinstance(record, form.StatementsRecord):
        with store.transaction() as transaction:
            for text, rows in record.statements:
                transaction.connection.executemany(text, rows)
        return
    _apply_group(store, record, folder)


def _apply_group(store: SqliteLogStore, record: GroupRecord, folder: Path) -> None:
    with store.transaction() as transaction:
        (last,) = transaction.connection.execute("SELECT coalesce(max(sequence), 0) FROM entry").fetchone()
        if record.entries and record.first != last + 1:
            raise MirrorReplayError(f"{folder}: entry {last + 1} is missing: it was never mirrored")
        for text, rows in record.statements:
            transaction.connection.executemany(text, rows)
        if not _claim(store, transaction, record):
            raise MirrorReplayError(f"{folder}: an answer is kept twice: it is not this log's mirror")
        if record.counters:
            transaction.counters(record.counters.keys(), record.day)
        transaction.write(record.counters, record.day, record.entries, record.replays)


def _claim(store: SqliteLogStore, transaction: SqliteTransaction, record: GroupRecord) -> bool:
    """Claim the requests of a group; False where one of them has an answer of the same day.

    That the log let go of the answers of a day is not in the mirror. A request that it answered again shows it, so the
    copy lets go of that day, and of those before it, now.
    """
    keys = sorted(answer.key for answer in record.replays)
    answers, connection = store.answers, transaction.connection
    if not keys or transaction.claim_replays(keys) == set(keys):
        return True
    for day in sorted(day for day in answers.places.days(connection) if day < record.day):
        while answers.expire(connection, day + 1, _STEP):
            pass
        if transaction.claim_replays(keys) == set(keys):
            return True
    return False
