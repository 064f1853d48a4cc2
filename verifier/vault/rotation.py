"""A rotation as the catalogue knows it, and the changes that its other epoch has yet to take.

While it is under way, a row that is changed in the epoch in use is written down by its token, in the transaction that
makes the change visible: no change is in one epoch alone without a note of it, wherever a process is killed. A note
goes in the transaction that makes the other epoch's row visible, and stays if the row was changed once more meanwhile.
Of an inner rotation nobody can tell one epoch's token from the other's without the number, so that whoever has it, a
feed, hands over the other epoch's rows instead (verifier.vault.pairs).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import delete, select, text, update

from verifier.errors import OperatorError
from verifier.schema_rotation import rotation as table
from verifier.schema_rotation import rotation_change
from verifier.vault import pairs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.engine import Connection, Row

    from verifier.vault.pairs import Beside

LIVE: Final = 1
_NOTE: Final = text(
    "INSERT INTO rotation_change (epoch, token, serial) VALUES (:epoch, :token, 1)"
    " ON CONFLICT (epoch, token) DO UPDATE SET serial = rotation_change.serial + 1"
)


class RotationStateError(OperatorError):
    """The rotation, or its absence, does not allow this step."""


class RotationBegunError(OperatorError):
    """A rotation began in the middle of changes that do not heed it."""


class RotationKind(enum.StrEnum):
    """What a rotation replaces."""

    OUTER = "outer"
    """What rows stand under and are sealed by; they are moved."""
    INNER = "inner"
    """What people become; they are projected from the registry anew."""


class RotationState(enum.StrEnum):
    """Where a rotation stands."""

    MOVING = "moving"
    READY = "ready"
    """Everything is in the new epoch, but for changes that are noted."""
    FLIPPED = "flipped"
    """The new epoch answers; the old one takes its changes, and can take its place again."""
    FINISHING = "finishing"
    """Past the cut-off: the old epoch and its keys go."""
    FINISHED = "finished"
    ABANDONED = "abandoned"


class Change(NamedTuple):
    """A note: the stored token of a row that was changed, and how often."""

    token: bytes
    serial: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """A rotation. Times are milliseconds of the Unix epoch, None where it has not come to that.

    Attributes:
        target: number of the new epoch.
        source: number of the old one.
        state: where it stands.
        operator: the account that began it.
        parts: ranges of stored tokens that are moved one by one.
        total: rows of the old epoch when it began.
        done: rows that were moved.
        rate: rows a second that were moved of late; 0 where that is not known.
        begun_ms: when it began.
        moved_ms: when everything was in the new epoch.
        sampled_ms: when a sample last agreed.
        flipped_ms: when the new epoch began to answer.
        until_ms: until when it is kept reversible.
        ended_ms: when it was finished, or abandoned.
        kind: what it replaces.
        missing: numbers of the old epoch that nothing has brought into the new one; None where nobody has counted.
        untaken: changes since the flip that the old epoch cannot take, because its normaliser or suite is another.
    """

    target: int
    source: int
    state: RotationState
    operator: str
    parts: int
    total: int
    done: int
    rate: int
    begun_ms: int
    moved_ms: int | None = None
    sampled_ms: int | None = None
    flipped_ms: int | None = None
    until_ms: int | None = None
    ended_ms: int | None = None
    kind: RotationKind = RotationKind.OUTER
    missing: int | None = None
    untaken: int = 0

    @property
    def is_inner(self) -> bool:
        """Whether people are projected anew."""
        return self.kind is RotationKind.INNER

    @property
    def in_use(self) -> int:
        """The epoch that answers, and whose changes are noted."""
        return self.target if self.state is RotationState.FLIPPED else self.source

    @property
    def other(self) -> int:
        """The epoch that takes the changes."""
        return self.source if self.state is RotationState.FLIPPED else self.target

    @property
    def takes_changes(self) -> bool:
        """Whether there is another epoch that the changes go to."""
        return self.state in {RotationState.MOVING, RotationState.READY, RotationState.FLIPPED}

    @property
    def left_seconds(self) -> float | None:
        """Say how long moving will take still, at the rate of a moment ago; None where that is not known."""
        if self.state is not RotationState.MOVING or not self.rate:
            return None
        return max(0, self.total - self.done) / self.rate

    @property
    def name(self) -> str:
        """Name it for people."""
        return f"the {'inner ' if self.is_inner else ''}rotation of epoch {self.source} to {self.target}"


def live(connection: Connection) -> Rotation | None:
    """Read the rotation that is under way."""
    row = connection.execute(select(table).where(table.c.live == LIVE)).first()
    return None if row is None else of_row(row)


def newest(connection: Connection) -> Rotation | None:
    """Read the last rotation that began; it may be over."""
    row = connection.execute(select(table).order_by(table.c.target.desc()).limit(1)).first()
    return None if row is None else of_row(row)


def of_row(row: Row[Any]) -> Rotation:
    """Read a row of the table."""
    values = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name
    values.pop("live")
    values |= {"state": RotationState(values["state"]), "kind": RotationKind(values["kind"])}
    return Rotation(**values)


def note(connection: Connection, number: int, tokens: Sequence[bytes], beside: Beside | None = None) -> None:
    """Note rows that the transaction changes in an epoch; it must hold the lock of the epoch's row in the catalogue.

    Args:
        connection: in the transaction.
        number: of the epoch.
        tokens: of the rows.
        beside: the same changes for the other epoch of an inner rotation; None where whoever changes knows of none.

    Raises:
        RotationBegunError: an inner rotation is under way, and nothing is beside for its other epoch.
    """
    if not tokens:
        return
    under_way = live(connection)
    if under_way is None or not under_way.takes_changes or under_way.in_use != number:
        return
    if not under_way.is_inner:
        connection.execute(_NOTE, [{"epoch": number, "token": token} for token in tokens])
        return
    if beside is None or beside.epoch not in {0, under_way.other}:
        raise RotationBegunError(f"{under_way.name} has begun in the middle of the changes")
    pairs.put(connection, beside.pairs, from_source=number == under_way.source)
    if beside.untaken:
        untaken = table.c.untaken + beside.untaken
        connection.execute(update(table).where(table.c.live == LIVE).values(untaken=untaken))


def noted(connection: Connection, number: int, limit: int) -> list[Change]:
    """Read notes of an epoch's changes, by token."""
    query = select(rotation_change.c.token, rotation_change.c.serial)
    query = query.where(rotation_change.c.epoch == number).order_by(rotation_change.c.token).limit(limit)
    return [Change(bytes(token), serial) for token, serial in connection.execute(query)]


def is_behind(connection: Connection, number: int) -> bool:
    """Say whether the other epoch has yet to take any change of an epoch."""
    return bool(noted(connection, number, 1)) or pairs.are_waiting(connection)


def forget(connection: Connection, number: int, changes: Sequence[Change]) -> None:
    """Remove notes whose rows the transaction brings into the other epoch, unless they were changed once more."""
    columns = rotation_change.c
    for change in changes:
        connection.execute(
            delete(rotation_change).where(
                columns.epoch == number, columns.token == change.token, columns.serial == change.serial
            )
        )


def require_free(connection: Connection, what: str) -> None:
    """See that no rotation is under way.

    Raises:
        RotationStateError: one is.
    """
    under_way = live(connection)
    if under_way is not None:
        raise RotationStateError(f"{what}: {under_way.name} is {under_way.state.value}")
