"""The steps of a rotation in the catalogue: begun, moved, flipped, reverted, finished, abandoned.

Each is one transaction; what was noted for an epoch that is no more goes afterwards, in many.

A flip is the one pointer that every process follows, moved together with the positions of all sources, and only while
no change is noted that the other epoch does not have.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, insert, select, update

from verifier.parts import parts
from verifier.schema import epoch as epoch_table
from verifier.schema import feed_position
from verifier.schema_rotation import rotation as table
from verifier.schema_rotation import rotation_change, rotation_pair
from verifier.vault import pairs, rotation, session
from verifier.vault.catalogue import CARRIED, REPLACED, Catalogue, PositionError
from verifier.vault.epoch import EpochState
from verifier.vault.rotation import Change, Rotation, RotationState, RotationStateError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Delete
    from sqlalchemy.engine import Connection

    from verifier.vault.epoch import Epoch
    from verifier.vault.pairs import Behind, Pair


class Rotations(Catalogue):
    """The catalogue of epochs, as a rotation works with it."""

    def begin_rotation(
        self, new: Rotation, target: Epoch, *, behind: Mapping[str, Behind] | None = None
    ) -> None:
        """Write a rotation down, with its new epoch; from here on changes are noted.

        Args:
            new: the rotation.
            target: the new epoch.
            behind: what that lacks of the sources that the old one has followed.

        Raises:
            RotationStateError: one is under way, or the old epoch is not the active one.
            EpochStateError: the new epoch's number is used.
        """
        if self.rotation() is None:
            self.forget_notes()  # those of one that was killed while it was abandoned
        with session.writing(self._engine) as connection:
            session.hold_references(connection)
            rotation.require_free(connection, "no second rotation can begin")
            if self._state(connection, new.source) is not EpochState.ACTIVE:
                raise RotationStateError(f"epoch {new.source} is not the active one any more: begin again")
            self._begin(connection, target)
            connection.execute(
                insert(table).values(
                    target=new.target,
                    source=new.source,
                    live=rotation.LIVE,
                    state=new.state.value,
                    operator=new.operator,
                    parts=new.parts,
                    total=new.total,
                    done=0,
                    rate=new.rate,
                    begun_ms=new.begun_ms,
                    kind=new.kind.value,
                )
            )
            pairs.set_behind(connection, behind or {})

    def show_done(self, target: int, done: int, *, rate: int) -> None:
        """Write down how many rows were moved, and how many a second are."""
        with session.writing(self._engine) as connection:
            connection.execute(update(table).where(table.c.target == target).values(done=done, rate=rate))

    def moved(self, target: int, *, now_ms: int) -> None:
        """Write down that everything is in the new epoch.

        Raises:
            EpochStateError: it is not ready.
            RotationStateError: the rotation does not stand there.
        """
        with session.writing(self._engine) as connection:
            self._at(connection, target, RotationState.MOVING)
            self._require(connection, target, EpochState.READY)
            self._set(connection, target, state=RotationState.READY.value, moved_ms=now_ms)

    def sampled(self, target: int, *, now_ms: int) -> None:
        """Write down that a sample agreed."""
        with session.writing(self._engine) as connection:
            self._set(connection, target, sampled_ms=now_ms)

    def noted(self, number: int, limit: int) -> list[Change]:
        """Read notes of changes in an epoch, by token."""
        with session.reading(self._engine) as connection:
            return rotation.noted(connection, number, limit)

    def is_behind(self, number: int) -> bool:
        """Say whether the other epoch has yet to take any change of an epoch."""
        with session.reading(self._engine) as connection:
            return rotation.is_behind(connection, number)

    def waiting(self, there: Rotation, limit: int) -> list[Pair]:
        """Read rows that the other epoch of an inner rotation has yet to take."""
        with session.reading(self._engine) as connection:
            return pairs.waiting(connection, limit, from_source=there.in_use == there.source)

    def boxes(self, tokens: Sequence[bytes]) -> dict[bytes, bytes]:
        """Read the rows under some tokens of the new epoch that it has yet to take."""
        with session.reading(self._engine) as connection:
            return pairs.boxes(connection, tokens)

    def taken(self, there: Rotation, batch: Sequence[Pair]) -> None:
        """Let rows go that the other epoch has, or has newer ones of."""
        with session.writing(self._engine) as connection:
            pairs.taken(connection, batch, from_source=there.in_use == there.source)

    def named(self, tokens: Sequence[bytes]) -> set[bytes]:
        """Say which of some tokens of the old epoch are those of a number that a feed named during the rotation."""
        with session.reading(self._engine) as connection:
            return pairs.of_source(connection, tokens)

    def drawn(self, first: bytes, limit: int) -> list[tuple[bytes, bytes]]:
        """Read numbers that a feed named, by old and new token, from a new one on."""
        with session.reading(self._engine) as connection:
            return pairs.drawn(connection, first, limit)

    def behind(self) -> dict[str, Behind]:
        """Read what the new epoch holds and lacks of the sources that the old one has followed."""
        with session.reading(self._engine) as connection:
            return pairs.behind(connection)

    def replayed(
        self, there: Rotation, rows: Sequence[Pair], *, source: str, before: int, after: int
    ) -> None:
        """Keep rows of a source's older changes for the new epoch, and how far it was replayed.

        Raises:
            PositionError: somebody else replays it too.
            RotationStateError: the rotation does not stand there.
        """
        with session.writing(self._engine) as connection:
            session.hold_references(connection)
            self._at(connection, there.target, RotationState.READY)
            lacks = pairs.behind(connection).get(source)
            if lacks is not None and lacks.position != before:
                raise PositionError(f"another process replays {source} too")
            pairs.put(connection, rows, from_source=True)
            pairs.replayed(connection, source, after)

    def missing(self, target: int, count: int) -> None:
        """Write down how many numbers of the old epoch nothing has brought into the new one."""
        with session.writing(self._engine) as connection:
            self._set(connection, target, missing=count)

    def flip(self, target: int, *, now_ms: int, until_ms: int) -> bool:
        """Answer from the new epoch; False, and nothing is changed, while a change is noted.

        Raises:
            RotationStateError: the rotation does not stand there.
        """
        with session.writing(self._engine) as connection:
            there = self._at(connection, target, RotationState.READY)
            if not self._exchange(connection, there.source, there.target):
                return False
            self._set(
                connection, target, state=RotationState.FLIPPED.value, flipped_ms=now_ms, until_ms=until_ms
            )
            return True

    def revert(self, target: int) -> bool:
        """Answer from the old epoch again; False, and nothing is changed, while a change is noted.

        Raises:
            RotationStateError: the rotation does not stand there.
        """
        with session.writing(self._engine) as connection:
            there = self._at(connection, target, RotationState.FLIPPED)
            if not self._exchange(connection, there.target, there.source):
                return False
            self._set(connection, target, state=RotationState.READY.value, flipped_ms=None, until_ms=None)
            return True

    def cut_off(self, target: int) -> None:
        """Let the old epoch's rows go: from here on there is no way back.

        Raises:
            RotationStateError: the rotation does not stand there.
        """
        with session.writing(self._engine) as connection:
            # Changes that have begun end first, and so does a revert, which is seen then.
            session.hold_references(connection)
            there = self._at(connection, target, RotationState.FLIPPED, RotationState.FINISHING)
            pairs.forget_behind(connection)
            self._set(connection, target, state=RotationState.FINISHING.value)
            self._set_epoch(connection, there.source, EpochState.DROPPED)
        self.forget_notes()

    def finished(self, target: int, *, now_ms: int) -> None:
        """Write down that the old epoch and its keys are gone."""
        with session.writing(self._engine) as connection:
            self._at(connection, target, RotationState.FINISHING)
            self._set(connection, target, state=RotationState.FINISHED.value, live=None, ended_ms=now_ms)

    def abandon(self, target: int, *, now_ms: int) -> None:
        """Let the new epoch's rows go, and go on with the old one.

        Raises:
            RotationStateError: the rotation does not stand there.
        """
        with session.writing(self._engine) as connection:
            session.hold_references(connection)  # as above, and a flip
            there = self._at(connection, target, RotationState.MOVING, RotationState.READY)
            pairs.forget_behind(connection)
            self._set(connection, target, state=RotationState.ABANDONED.value, live=None, ended_ms=now_ms)
            self._set_epoch(connection, there.target, EpochState.DROPPED)

    def forget_notes(self) -> None:
        """Remove what was noted where there is no other epoch, in small transactions: a rotation's may be millions."""
        reading = partial(session.reading, self._engine)
        notes, numbers = rotation_change, rotation_pair
        while (number := self._noting()) is not None:
            for part in parts(reading, notes.c.token, notes.c.epoch == number):
                if not self._forget(delete(notes).where(part)):
                    return
        for part in parts(reading, numbers.c.target):
            if not self._forget(delete(numbers).where(part)):
                return

    def _noting(self) -> int | None:
        """Give the number of an epoch of which changes are noted."""
        query = select(rotation_change.c.epoch).order_by(rotation_change.c.epoch, rotation_change.c.token)
        with session.reading(self._engine) as connection:
            return connection.execute(query.limit(1)).scalar()

    def _forget(self, statement: Delete) -> bool:
        """Remove some notes; False where a rotation has begun meanwhile, whose notes they may be."""
        with session.writing(self._engine) as connection:
            session.hold_references(connection)
            there = rotation.live(connection)
            if there is not None and there.takes_changes:
                return False
            connection.execute(statement)
            return True

    def _exchange(self, connection: Connection, before: int, after: int) -> bool:
        """Activate another epoch, which shows the registry as the one before does."""
        session.hold_references(connection)
        if rotation.is_behind(connection, before):
            return False
        if self._state(connection, before) is not EpochState.ACTIVE:
            raise RotationStateError(f"epoch {before} is not the active one any more: abandon the rotation")
        self._activate(connection, after)
        own = (REPLACED, CARRIED)
        positions = feed_position.c
        connection.execute(
            delete(feed_position).where(positions.epoch == after, positions.source.not_in(own))
        )
        query = select(positions.source, positions.position, positions.as_of_ms)
        rows = connection.execute(query.where(positions.epoch == before, positions.source.not_in(own))).all()
        if rows:
            connection.execute(insert(feed_position), [{"epoch": after, **row._mapping} for row in rows])  # noqa: SLF001 - SQLAlchemy's public name
        as_of = select(func.max(epoch_table.c.as_of_ms)).where(epoch_table.c.number == before)
        connection.execute(
            update(epoch_table).where(epoch_table.c.number == after).values(as_of_ms=as_of.scalar_subquery())
        )
        return True

    @staticmethod
    def _at(connection: Connection, target: int, *states: RotationState) -> Rotation:
        there = rotation.live(connection)
        if there is None or there.target != target:
            raise RotationStateError("this rotation is over")
        if there.state not in states:
            raise RotationStateError(f"{there.name} is {there.state.value}")
        return there

    @staticmethod
    def _set(connection: Connection, target: int, **values: object) -> None:
        connection.execute(update(table).where(table.c.target == target).values(**values))

    @staticmethod
    def _set_epoch(connection: Connection, number: int, state: EpochState) -> None:
        connection.execute(
            update(epoch_table).where(epoch_table.c.number == number).values(state=state.value)
        )
