"""The catalogue of epochs, by SQLAlchemy: which there are, which is active. A flip is one transaction."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import case, delete, func, insert, select, update

from verifier.database import make_engine
from verifier.errors import OperatorError
from verifier.parts import count, parts
from verifier.reference.errors import ReferencesLeftError
from verifier.schema import epoch as table
from verifier.schema import epoch_layer, feed_position
from verifier.schema_reference import reference, reference_slot
from verifier.schema_rotation import rotation_change, rotation_pair
from verifier.vault import rotation, session
from verifier.vault.epoch import Epoch, EpochState, Followed, InUse, Layer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import ColumnElement
    from sqlalchemy.engine import Connection, Row

    from verifier.database import Address
    from verifier.vault.pairs import Beside
    from verifier.vault.rotation import Rotation

CARRIED: Final = "+carried"
"""The source under which rows that a rotation brings from its other epoch are counted."""
REPLACED: Final = "+replaced"
"""The source under which replacements of rows are counted; no source of changes has such a name."""


class EpochStateError(OperatorError):
    """The epoch's state does not allow this step."""


class PositionError(OperatorError):
    """Somebody else follows the same source."""


class Catalogue:
    """Reads and writes the catalogue. Thread-safe; failures of the database are `VaultUnavailableError`."""

    def __init__(self, address: Address) -> None:
        """Prepare access.

        Args:
            address: the catalogue's file, or the PostgreSQL database.
        """
        self._engine = make_engine(address, wal=False)

    def close(self) -> None:
        """Let go of every connection."""
        self._engine.dispose()

    def epochs(self) -> list[Epoch]:
        """List the epochs by number."""
        with session.reading(self._engine) as connection:
            rows = connection.execute(select(table).order_by(table.c.number)).all()
            return [_epoch(row, _layers(connection, row.number)) for row in rows]

    def active(self) -> Epoch | None:
        """Read the active epoch."""
        with session.reading(self._engine) as connection:
            return _found(connection, table.c.state == "active")

    def in_use(self) -> InUse:
        """Read the active epoch, and the one that takes its changes in an inner rotation."""
        with session.reading(self._engine) as connection:
            active = _found(connection, table.c.state == "active")
            there = rotation.live(connection)
            if active is None or there is None or not there.is_inner or not there.takes_changes:
                return InUse(active)
            return InUse(active, _found(connection, table.c.number == there.other))

    def next_number(self) -> int:
        """Name the number that the next epoch gets."""
        with session.reading(self._engine) as connection:
            return (connection.execute(select(func.max(table.c.number))).scalar() or 0) + 1

    def begin(self, epoch: Epoch) -> None:
        """Write an epoch down as loading; one that was loading under the number begins anew.

        Raises:
            EpochStateError: the number is used, or not the next one.
        """
        with session.writing(self._engine) as connection:
            self._begin(connection, epoch)

    def finish(self, number: int, rows: int) -> None:
        """Write down that a loading epoch is ready.

        Raises:
            EpochStateError: it is not loading.
        """
        with session.writing(self._engine) as connection:
            self._require(connection, number, EpochState.LOADING)
            connection.execute(update(table).where(table.c.number == number).values(state="ready", rows=rows))

    def activate(self, number: int) -> Epoch | None:
        """Make an epoch the active one; returns the one that was active, which is retired now.

        Raises:
            EpochStateError: it is neither ready nor retired.
            RotationStateError: a rotation is under way.
            ReferencesLeftError: the active one keeps biometric references that the other does not.
        """
        with session.writing(self._engine) as connection:
            # Where the other one keeps no reference of a slot, the first of it have come since references were brought,
            # and would be left behind.
            session.hold_references(connection)
            rotation.require_free(connection, f"epoch {number} cannot be activated now")
            if _slots_of_active(connection) - _slots(connection, number):
                raise ReferencesLeftError(f"epoch {number} lacks references of the epoch in use")
            return self._activate(connection, number)

    def _activate(self, connection: Connection, number: int) -> Epoch | None:
        state = self._require(connection, number, EpochState.READY, EpochState.RETIRED, EpochState.ACTIVE)
        before = connection.execute(select(table).where(table.c.state == "active")).first()
        if state is not EpochState.ACTIVE:
            connection.execute(update(table).where(table.c.state == "active").values(state="retired"))
            connection.execute(update(table).where(table.c.number == number).values(state="active"))
        if before is None or before.number == number:
            return None
        return _epoch(before, _layers(connection, before.number))

    def drop(self, number: int) -> None:
        """Write down that an epoch's rows go, or go on with one of which that is written.

        Raises:
            EpochStateError: it is active, or there is none.
            RotationStateError: a rotation needs it.
        """
        with session.writing(self._engine) as connection:
            session.hold_references(
                connection
            )  # a change that has begun ends first, and the next one sees no such epoch
            under_way = rotation.live(connection)
            if under_way is not None and number in {under_way.source, under_way.target}:
                rotation.require_free(connection, f"epoch {number} cannot be dropped now")
            going = (EpochState.LOADING, EpochState.READY, EpochState.RETIRED, EpochState.DROPPED)
            self._require(connection, number, *going)
            connection.execute(update(table).where(table.c.number == number).values(state="dropped"))

    def forget_references(self, number: int) -> int:
        """Delete the biometric references of an epoch, part by part; returns how many rows.

        Slot after slot; then from the front again, until under the lock of who changes references there is none.
        """
        columns, gone, floor = reference.c, 0, 0
        first = (
            select(columns.slot).where(columns.epoch == number).order_by(columns.slot, columns.token).limit(1)
        )
        while True:
            with session.writing(self._engine) as connection:
                session.hold_references(connection)
                slot = connection.execute(first.where(columns.slot >= floor)).scalar()
                if slot is None and not floor:
                    connection.execute(delete(reference_slot).where(reference_slot.c.epoch == number))
                    return gone
            floor = 0 if slot is None else slot + 1
            own = columns.epoch == number, columns.slot == slot
            for part in parts(partial(session.reading, self._engine), columns.token, *own):
                with session.writing(self._engine) as connection:
                    gone += connection.execute(delete(reference).where(part)).rowcount

    def has_references(self, number: int) -> bool:
        """Say whether an epoch has references, whoever keeps them."""
        query = select(reference.c.epoch).where(reference.c.epoch == number)
        with session.reading(self._engine) as connection:
            found = connection.execute(query.order_by(reference.c.slot, reference.c.token).limit(1)).first()
        return found is not None

    def followed(self, number: int, source: str) -> Followed:
        """Read how far an epoch has followed a source of changes."""
        with session.reading(self._engine) as connection:
            return _followed(connection, number, source)

    def sources(self, number: int) -> dict[str, Followed]:
        """Read how far an epoch has followed each source of changes."""
        query = select(feed_position.c.source, feed_position.c.position, feed_position.c.as_of_ms).where(
            feed_position.c.epoch == number, feed_position.c.source.not_in((REPLACED, CARRIED))
        )
        with session.reading(self._engine) as connection:
            return {source: Followed(*followed) for source, *followed in connection.execute(query)}

    def positions(self, number: int) -> dict[str, int]:
        """Read up to which change an epoch has followed each source."""
        return {source: followed.position for source, followed in self.sources(number).items()}

    def amend(
        self,
        number: int,
        *,
        source: str,
        before: int,
        after: int,
        as_of_ms: int,
        added: int,
        write: Callable[[Connection], object],
        tokens: Sequence[bytes] = (),
        beside: Beside | None = None,
        retired: bool = False,
    ) -> None:
        """Make changes visible and move the position, in one transaction.

        Args:
            number: of the epoch.
            source: whose changes they are.
            before: the position that the changes follow.
            after: the position after them.
            as_of_ms: the registry's state that the epoch shows then; never moves back, so that 0 leaves it.
            added: rows that were not there before.
            write: writes what the changes themselves need, in the transaction that it is given.
            tokens: of the rows that are changed; a rotation that is under way brings them into its other epoch.
            beside: the changes for the other epoch of an inner rotation; None where none is known of.
            retired: the epoch may be retired too.

        Raises:
            EpochStateError: the epoch is neither ready nor active.
            PositionError: somebody else has moved the position meanwhile.
            RotationBegunError: an inner rotation is under way, and nothing is beside.
        """
        with session.writing(self._engine) as connection:
            # First, so that whoever changes an epoch that a rotation is about to leave waits here; and so does the
            # second of two who follow one source, where one has lost its lock, and then finds that it is late.
            connection.execute(
                update(table)
                .where(table.c.number == number)
                .values(
                    rows=table.c.rows + added,
                    as_of_ms=case((table.c.as_of_ms > as_of_ms, table.c.as_of_ms), else_=as_of_ms),
                )
            )
            also = (EpochState.RETIRED,) if retired else ()
            self._require(connection, number, EpochState.READY, EpochState.ACTIVE, *also)
            rotation.note(connection, number, tokens, beside)
            followed = _followed(connection, number, source)
            if followed.position != before:
                raise PositionError(f"another process follows {source} too; its changes are in")
            write(connection)
            key = feed_position.c.epoch == number, feed_position.c.source == source
            there = {"position": after, "as_of_ms": max(as_of_ms, followed.as_of_ms)}
            moved = connection.execute(update(feed_position).where(*key).values(**there))
            if moved.rowcount == 0:
                connection.execute(insert(feed_position).values(epoch=number, source=source, **there))

    def rotation(self) -> Rotation | None:
        """Read the rotation that is under way."""
        with session.reading(self._engine) as connection:
            return rotation.live(connection)

    def newest_rotation(self) -> Rotation | None:
        """Read the last rotation that began."""
        with session.reading(self._engine) as connection:
            return rotation.newest(connection)

    def pending(self, there: Rotation | None) -> int:
        """Count the changes that the other epoch of a rotation has yet to take; millions take seconds."""
        if there is None or not there.takes_changes:
            return 0
        reading = partial(session.reading, self._engine)
        notes, pairs = rotation_change.c, rotation_pair.c
        noted = count(reading, notes.token, notes.epoch == there.in_use)
        return noted + count(reading, pairs.target, pairs.box.is_not(None))

    def _begin(self, connection: Connection, epoch: Epoch) -> None:
        values = {
            "state": EpochState.LOADING.value,
            "format": epoch.format,
            "registry": epoch.registry,
            "as_of_ms": epoch.as_of_ms,
            "key_ids": json.dumps(dict(epoch.key_ids), sort_keys=True),
            "normaliser": epoch.normaliser,
            "suite": epoch.suite,
            "decoys": epoch.decoys,
            "rows": 0,
            "box_size": epoch.box_size,
        }
        state = self._state(connection, epoch.number)
        if state is EpochState.LOADING:
            connection.execute(update(table).where(table.c.number == epoch.number).values(**values))
            return
        newest = connection.execute(select(func.max(table.c.number))).scalar() or 0
        if state is not None or epoch.number != newest + 1:
            raise EpochStateError(f"epoch {epoch.number} cannot begin: the next number is {newest + 1}")
        connection.execute(insert(table).values(number=epoch.number, **values))

    @staticmethod
    def _state(connection: Connection, number: int) -> EpochState | None:
        state = connection.execute(select(table.c.state).where(table.c.number == number)).scalar()
        return None if state is None else EpochState(state)

    def _require(self, connection: Connection, number: int, *states: EpochState) -> EpochState:
        state = self._state(connection, number)
        if state is None:
            raise EpochStateError(f"there is no epoch {number}")
        if state not in states:
            raise EpochStateError(f"epoch {number} is {state.value}")
        return state


def _epoch(row: Row[Any], layers: tuple[Layer, ...]) -> Epoch:
    values = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name
    values |= {"state": EpochState(values["state"]), "key_ids": json.loads(values["key_ids"])}
    return Epoch(**values, layers=layers)


def _found(connection: Connection, which: ColumnElement[bool]) -> Epoch | None:
    row = connection.execute(select(table).where(which)).first()
    return None if row is None else _epoch(row, _layers(connection, row.number))


def _layers(connection: Connection, number: int) -> tuple[Layer, ...]:
    query = select(epoch_layer.c.number, epoch_layer.c.rows).where(epoch_layer.c.epoch == number)
    return tuple(Layer(*row) for row in connection.execute(query.order_by(epoch_layer.c.number.desc())))


def _slots(connection: Connection, number: int) -> set[int]:
    query = select(reference_slot.c.slot).where(reference_slot.c.epoch == number)
    return set(connection.execute(query).scalars())


def _slots_of_active(connection: Connection) -> set[int]:
    number = connection.execute(select(table.c.number).where(table.c.state == "active")).scalar()
    return set() if number is None else _slots(connection, number)


def _followed(connection: Connection, number: int, source: str) -> Followed:
    query = select(feed_position.c.position, feed_position.c.as_of_ms).where(
        feed_position.c.epoch == number, feed_position.c.source == source
    )
    row = connection.execute(query).first()
    return Followed() if row is None else Followed(*row)
