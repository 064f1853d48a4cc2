"""The marks in the directory's database. Without the keys it says how many there are, and of whom nothing."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Final

from sqlalchemy import and_, func, insert, select, update

from verifier import schema
from verifier.resident import origin
from verifier.resident.mark import MODALITIES, MODALITY_LOCKS, NAMES, NEW, Borne, Mark, name_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import ColumnElement
    from sqlalchemy.engine import Connection

    from verifier.directory import Directory
    from verifier.resident.origin import Brought

_LOCKS: Final = schema.modality_lock


class MarkTable:
    """Reads and writes marks; each method is a transaction of its own, and fails with `LogStoreError`."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def generation(self) -> int:
        """Read the number that every write to the directory counts up."""
        return self._directory.generation()

    def by_handle(self) -> dict[bytes, int]:
        """Read everything that is marked: handles to marks."""
        table, found = schema.resident_mark, dict[bytes, int]()
        with self._directory.reading() as connection:
            for handle, name in connection.execute(select(table.c.handle, table.c.mark)):
                found[bytes(handle)] = found.get(bytes(handle), 0) | NAMES[name]
            for handle, modality in connection.execute(select(_LOCKS.c.handle, _LOCKS.c.modality)):
                found[bytes(handle)] = found.get(bytes(handle), 0) | MODALITY_LOCKS[modality]
        return found

    def erased(self) -> frozenset[bytes]:
        """Read the tombstones of everyone who was erased."""
        table = schema.resident_mark
        query = select(table.c.tombstone).where(table.c.mark == "erased")
        with self._directory.reading() as connection:
            return frozenset(bytes(row.tombstone) for row in connection.execute(query))

    def of(self, tombstones: Iterable[bytes]) -> dict[bytes, Mark]:
        """Read the marks on some numbers: tombstones to marks, of those that have any."""
        with self._directory.reading() as connection:
            since = _since_of(connection, tombstones)
        return {tombstone: reduce(or_, marks) for tombstone, marks in since.items()}

    def borne(self, source: str, tombstones: Iterable[bytes]) -> dict[bytes, Borne]:
        """Read what each of some numbers bears, and where it came from; of those that have any of it.

        Args:
            source: whose changes are followed.
            tombstones: the numbers'.
        """
        wanted = set(tombstones)
        with self._directory.reading() as connection:
            since = _since_of(connection, wanted)
            carried = origin.carried_of(connection, source, wanted)
            places = origin.places_of(connection, source, wanted)
        return {
            tombstone: Borne(
                since=since.get(tombstone, {}),
                places=places.get(tombstone, {}),
                carried=carried.get(tombstone, {}),
            )
            for tombstone in since.keys() | carried.keys() | places.keys()
        }

    def bring(self, source: str, brought: Brought, *, now_ms: int) -> None:
        """Write down what changes of a source bring; a mark that is there stays as it is."""
        with self._directory.writing() as connection:
            # Read here, where whoever else writes marks stands in line: an officer may set the same one meanwhile.
            there = _since_of(connection, (marked.tombstone for marked in brought.marks))
            new = [
                (marked, mark, place)
                for marked, marks in brought.marks.items()
                for mark, place in marks.items()
                if mark not in there.get(marked.tombstone, {})
            ]
            rows, locks = list[dict[str, object]](), list[dict[str, object]]()
            for marked, mark, _ in new:
                row = {"tombstone": marked.tombstone, "handle": marked.handle, "since_ms": now_ms}
                if mark in MODALITIES:
                    locks.append({**row, "modality": MODALITIES[mark]})
                else:
                    rows.append({**row, "mark": name_of(mark)})
            for table, values in ((schema.resident_mark, rows), (_LOCKS, locks)):
                if values:
                    connection.execute(insert(table), values)
            origin.put_places(
                connection, source, [(marked.tombstone, mark, place) for marked, mark, place in new]
            )
            carried = {
                key: taken._replace(since_ms=now_ms) if taken.since_ms == NEW else taken
                for key, taken in brought.carried.items()
            }
            origin.put_carried(connection, source, carried)

    def counts(self) -> dict[str, int]:
        """Count the marks by name."""
        table = schema.resident_mark
        query = select(table.c.mark, func.count()).group_by(table.c.mark)
        with self._directory.reading() as connection:
            found = {row[0]: int(row[1]) for row in connection.execute(query)}
            locks = select(_LOCKS.c.modality, func.count()).group_by(_LOCKS.c.modality)
            found |= {name_of(MODALITY_LOCKS[row[0]]): int(row[1]) for row in connection.execute(locks)}
        return {name: found.get(name, 0) for name in NAMES}

    def erased_handles(self) -> frozenset[bytes]:
        """Read the handles of everyone who was erased."""
        return self._handles(schema.resident_mark.c.mark == "erased")

    def newest_erasure(self) -> int:
        """Say when somebody was erased last, milliseconds of the Unix epoch; 0 for never."""
        table = schema.resident_mark
        query = select(func.max(table.c.since_ms)).where(table.c.mark == "erased")
        with self._directory.reading() as connection:
            return int(connection.execute(query).scalar() or 0)

    def unpurged(self) -> frozenset[bytes]:
        """Read the handles of everyone who was erased since the vault was last purged."""
        table = schema.resident_mark
        return self._handles(and_(table.c.mark == "erased", table.c.purged_ms.is_(None)))

    def purged(self, handles: Iterable[bytes], *, since_ms: int, now_ms: int) -> None:
        """Write down whose rows are gone from every epoch.

        Args:
            handles: of those who were erased.
            since_ms: what `newest_erasure` said when the purge began; who was erased after that is to be purged still.
            now_ms: when it ended.
        """
        table, gone = schema.resident_mark, sorted(handles)
        with self._directory.writing() as connection:
            for start in range(0, len(gone), origin.BATCH):
                some = gone[start : start + origin.BATCH]
                key = and_(table.c.mark == "erased", table.c.handle.in_(some), table.c.since_ms <= since_ms)
                connection.execute(update(table).where(key).values(purged_ms=now_ms))

    def _handles(self, which: ColumnElement[bool]) -> frozenset[bytes]:
        query = select(schema.resident_mark.c.handle).where(which)
        with self._directory.reading() as connection:
            return frozenset(bytes(row.handle) for row in connection.execute(query))


def vault_came_back(connection: Connection) -> None:
    """Write down that rows of everyone who was erased may lie in the vault again, so that the next purge looks.

    Args:
        connection: of the log's database, in the transaction of whoever puts an older vault back.
    """
    table = schema.resident_mark
    connection.execute(update(table).where(table.c.purged_ms.is_not(None)).values(purged_ms=None))


def _since_of(connection: Connection, tombstones: Iterable[bytes]) -> dict[bytes, dict[Mark, int]]:
    table, found = schema.resident_mark, dict[bytes, dict[Mark, int]]()
    for some in origin.batches(tombstones):
        query = select(table.c.tombstone, table.c.mark, table.c.since_ms).where(table.c.tombstone.in_(some))
        for tombstone, name, since_ms in connection.execute(query):
            found.setdefault(bytes(tombstone), {})[NAMES[name]] = since_ms
        locks = select(_LOCKS.c.tombstone, _LOCKS.c.modality, _LOCKS.c.since_ms)
        for tombstone, name, since_ms in connection.execute(locks.where(_LOCKS.c.tombstone.in_(some))):
            found.setdefault(bytes(tombstone), {})[MODALITY_LOCKS[name]] = since_ms
    return found
