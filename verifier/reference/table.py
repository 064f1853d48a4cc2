"""The table of references, for whoever changes it: small transactions, each in every epoch that keeps references.

An epoch keeps references once a slot of it is written down, and each of a rotation's two epochs from its begin to its
end, so that whatever is the first of a slot stands in both. Whoever changes a resident's references does so in all of
these epochs, in one transaction that holds the lock of the active epoch's row in the catalogue, and has seen under that
lock that epochs and slots are those it works with; so does whoever lets another epoch keep them. So no epoch lacks a
change, wherever a process is killed, and nobody has to note any. A feed takes references along in the transaction that
makes its rows visible, which holds the same lock.
"""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, insert, select, text, update

from tokenizer.biometrics.slot import Slot
from verifier import schema, schema_reference
from verifier.database import make_engine
from verifier.parts import count
from verifier.reference.errors import StandingMovedError
from verifier.vault import rotation, session
from verifier.vault.catalogue import Catalogue
from verifier.vault.epoch import EpochState
from verifier.vault.store import NoEpochError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sqlalchemy.engine import Connection

    from verifier.database import Address
    from verifier.vault.epoch import Epoch
    from verifier.vault.store import Row

AT_ONCE: Final = 500
"""Tokens of one statement."""
_KEEPING: Final = frozenset({EpochState.LOADING, EpochState.READY, EpochState.ACTIVE, EpochState.RETIRED})
_PUT: Final = text(
    "INSERT INTO reference (epoch, slot, token, box) VALUES (:epoch, :slot, :token, :box)"
    " ON CONFLICT (epoch, slot, token) DO UPDATE SET box = excluded.box"
)
_KEEP: Final = text(
    "INSERT INTO reference_slot (epoch, slot, sealed) VALUES (:epoch, :slot, 0) ON CONFLICT (epoch, slot) DO NOTHING"
)
_NAME: Final = text(
    "INSERT INTO reference_extractor (digest, name) VALUES (:digest, :name) ON CONFLICT (digest) DO NOTHING"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Which epochs references stand in.

    Attributes:
        active: the epoch in use.
        keeping: the epochs that keep references, by number; the one in use and a rotation's always among them.
        sealed: epoch and slot to the boxes that were sealed under the slot's key.
    """

    active: Epoch
    keeping: Mapping[int, Epoch]
    sealed: Mapping[tuple[int, Slot], int] = field(default_factory=dict)

    def slots(self, number: int) -> list[Slot]:
        """List the slots that an epoch keeps references of."""
        return sorted(slot for epoch, slot in self.sealed if epoch == number)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a file was loaded: rows read, references stored of them, rows rejected; ended or not."""

    rows: int = 0
    stored: int = 0
    rejected: int = 0
    ended: bool = False


class ReferenceTable:
    """Reads and changes the table. Thread-safe; failures of the database are `VaultUnavailableError`.

    Args:
        place: of the catalogue.
    """

    def __init__(self, place: Address) -> None:
        self._engine = make_engine(place, wal=False)
        self._catalogue = Catalogue(place)

    def close(self) -> None:
        """Let go of every connection."""
        self._catalogue.close()
        self._engine.dispose()

    def standing(self) -> Standing:
        """Read which epochs keep references.

        Raises:
            NoEpochError: no epoch is active.
        """
        epochs = {each.number: each for each in self._catalogue.epochs()}
        active = next((each for each in epochs.values() if each.state is EpochState.ACTIVE), None)
        if active is None:
            raise NoEpochError
        with session.reading(self._engine) as connection:
            sealed = _sealed(connection)
            numbers = {active.number} | {number for number, _ in sealed} | _rotating(connection)
        keeping = {
            number: epochs[number]
            for number in sorted(numbers)
            if number in epochs and epochs[number].state in _KEEPING
        }
        return Standing(active=active, keeping=keeping, sealed=sealed)

    def keeps(self, number: int) -> bool:
        """Say whether an epoch keeps references."""
        query = (
            select(schema_reference.reference_slot.c.slot)
            .where(schema_reference.reference_slot.c.epoch == number)
            .limit(1)
        )
        with session.reading(self._engine) as connection:
            return connection.execute(query).first() is not None

    @contextmanager
    def changing(self, standing: Standing) -> Iterator[Changing]:
        """Change references in one transaction.

        Args:
            standing: the epochs that the changes are for.

        Raises:
            StandingMovedError: the epochs are others by now; nothing was changed.
        """
        with session.writing(self._engine) as connection:
            session.hold_references(connection)
            yield self.joined(connection, standing)

    @staticmethod
    def joined(connection: Connection, standing: Standing) -> Changing:
        """Change references in a transaction of the catalogue that holds the lock of the active epoch's row.

        Args:
            connection: in the transaction.
            standing: the epochs that the changes are for.

        Raises:
            StandingMovedError: epochs or slots are others by now.
        """
        number, epoch = standing.active.number, schema.epoch.c
        states = {each: state for each, state in connection.execute(select(epoch.number, epoch.state))}  # noqa: C416 - rows, not tuples, to type checkers
        alive = {each for each, state in states.items() if EpochState(state) in _KEEPING}
        slots = {each for each in _sealed(connection) if each[0] in alive}
        known = {each for each in standing.sealed if each[0] in standing.keeping}
        kept = {each for each, _ in slots} | {number} | (_rotating(connection) & alive)
        if states.get(number) != EpochState.ACTIVE or kept != set(standing.keeping) or slots != known:
            raise StandingMovedError("the epochs changed in the middle of a change of references")
        return Changing(connection)

    def is_used(self) -> bool:
        """Say whether any epoch keeps references."""
        with session.reading(self._engine) as connection:
            return (
                connection.execute(select(schema_reference.reference_slot.c.slot).limit(1)).first()
                is not None
            )

    def page(self, number: int, slot: Slot, after: bytes, limit: int = AT_ONCE) -> list[Row]:
        """Read the next rows of a slot, by token; none at the end."""
        with session.reading(self._engine) as connection:
            return _page(connection, number, slot, after, limit)

    def boxes(self, number: int, slot: Slot, tokens: Sequence[bytes]) -> dict[bytes, bytes]:
        """Read the boxes of those tokens that are held."""
        with session.reading(self._engine) as connection:
            return _boxes(connection, number, slot, tokens)

    def count(self, number: int) -> dict[Slot, int]:
        """Count the rows of an epoch by slot, decoys too."""
        (found,) = self.counts(number)
        return found

    def counts(self, *numbers: int) -> list[dict[Slot, int]]:
        """Count the rows of epochs as `count`, in one state of the table."""
        standing, table = self.standing(), schema_reference.reference.c
        with session.reading(self._engine) as connection:
            return [
                {
                    slot: count(
                        lambda: nullcontext(connection),
                        table.token,
                        table.epoch == number,
                        table.slot == slot.number,
                    )
                    for slot in standing.slots(number)
                }
                for number in numbers
            ]

    def extractors(self) -> dict[bytes, str]:
        """Read the names of extractors, by digest."""
        table = schema_reference.reference_extractor.c
        with session.reading(self._engine) as connection:
            return {
                bytes(digest): name for digest, name in connection.execute(select(table.digest, table.name))
            }

    def progress(self, file: bytes) -> Progress:
        """Read how far a file was loaded."""
        table = schema_reference.reference_load.c
        query = select(table.rows, table.stored, table.rejected, table.ended_ms).where(table.file == file)
        with session.reading(self._engine) as connection:
            row = connection.execute(query).first()
        if row is None:
            return Progress()
        return Progress(
            rows=row.rows, stored=row.stored, rejected=row.rejected, ended=row.ended_ms is not None
        )

    def forget(self, number: int) -> int:
        """Delete everything of an epoch, page by page; returns how many rows."""
        return self._catalogue.forget_references(number)


class Changing:
    """One transaction of changes."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def keep(self, number: int, slots: Iterable[Slot]) -> None:
        """Let an epoch keep references of some slots."""
        rows = [{"epoch": number, "slot": slot.number} for slot in slots]
        if rows:
            self._connection.execute(_KEEP, rows)

    def page(self, number: int, slot: Slot, after: bytes, limit: int = AT_ONCE) -> list[Row]:
        """Read the next rows of a slot, by token."""
        return _page(self._connection, number, slot, after, limit)

    def boxes(self, number: int, slot: Slot, tokens: Sequence[bytes]) -> dict[bytes, bytes]:
        """Read the boxes of those tokens that are held."""
        return _boxes(self._connection, number, slot, tokens)

    def put(self, number: int, slot: Slot, rows: Mapping[bytes, bytes]) -> None:
        """Add rows, token to box, or replace them; the boxes count as sealed."""
        if not rows:
            return
        values = [
            {"epoch": number, "slot": slot.number, "token": token, "box": box}
            for token, box in sorted(rows.items())
        ]
        self._connection.execute(_PUT, values)
        table = schema_reference.reference_slot
        where = table.c.epoch == number, table.c.slot == slot.number
        self._connection.execute(update(table).where(*where).values(sealed=table.c.sealed + len(rows)))

    def drop(self, number: int, slot: Slot, tokens: Iterable[bytes]) -> int:
        """Delete the rows of those tokens that are held; returns how many."""
        table, wanted, gone = schema_reference.reference.c, sorted(set(tokens)), 0
        for start in range(0, len(wanted), AT_ONCE):
            some = wanted[start : start + AT_ONCE]
            query = delete(schema_reference.reference).where(
                table.epoch == number, table.slot == slot.number, table.token.in_(some)
            )
            gone += self._connection.execute(query).rowcount
        return gone

    def name(self, digest: bytes, name: str) -> None:
        """Write down the name of an extractor."""
        self._connection.execute(_NAME, {"digest": digest, "name": name})

    def advance(self, file: bytes, before: Progress, after: Progress, *, now_ms: int) -> bool:
        """Write down how far a file was loaded; False where another process has loaded more of it meanwhile."""
        table = schema_reference.reference_load
        values = {
            "rows": after.rows,
            "stored": after.stored,
            "rejected": after.rejected,
            "ended_ms": now_ms if after.ended else None,
        }
        where = table.c.file == file, table.c.rows == before.rows, table.c.ended_ms.is_(None)
        if self._connection.execute(update(table).where(*where).values(**values)).rowcount:
            return True
        if before.rows or self._connection.execute(select(table.c.rows).where(table.c.file == file)).first():
            return False
        self._connection.execute(insert(table).values(file=file, begun_ms=now_ms, **values))
        return True


def _sealed(connection: Connection) -> dict[tuple[int, Slot], int]:
    table = schema_reference.reference_slot.c
    query = select(table.epoch, table.slot, table.sealed)
    return {(number, Slot.numbered(slot)): sealed for number, slot, sealed in connection.execute(query)}


def _rotating(connection: Connection) -> set[int]:
    """Name the two epochs of a rotation that is under way."""
    there = rotation.live(connection)
    return {there.source, there.target} if there is not None and there.takes_changes else set()


def _page(connection: Connection, number: int, slot: Slot, after: bytes, limit: int) -> list[Row]:
    table = schema_reference.reference.c
    query = (
        select(table.token, table.box)
        .where(table.epoch == number, table.slot == slot.number, table.token > after)
        .order_by(table.token)
        .limit(limit)
    )
    return [(bytes(token), bytes(box)) for token, box in connection.execute(query)]


def _boxes(connection: Connection, number: int, slot: Slot, tokens: Sequence[bytes]) -> dict[bytes, bytes]:
    table, found = schema_reference.reference.c, dict[bytes, bytes]()
    for start in range(0, len(tokens), AT_ONCE):
        query = select(table.token, table.box).where(
            table.epoch == number, table.slot == slot.number, table.token.in_(tokens[start : start + AT_ONCE])
        )
        found.update((bytes(token), bytes(box)) for token, box in connection.execute(query))
    return found
