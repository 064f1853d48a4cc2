"""A vault in memory under the service's own store and changer: epochs, changes in place or as layers, outages."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from verifier.failure import Failure
from verifier.vault.catalogue import PositionError
from verifier.vault.epoch import Epoch, EpochState, Followed, InUse, Layer
from verifier.vault.store import VaultDamagedError, VaultUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from verifier.vault.store import Answer, Query, Row

Table = dict[bytes, bytes]


@dataclass(slots=True)
class MemoryVault:
    """What the database keeps; takes the places of the catalogue and of what changes an epoch.

    Attributes:
        layered: a change makes a new layer, as on SQLite; else it changes the table in place, as on PostgreSQL.
        away: nothing can be read or written.
        point: is passed at each step, where a process may die.
        amended: is told of a change the moment that it is visible.
    """

    layered: bool
    away: bool = False
    epochs: dict[int, Epoch] = field(default_factory=dict)
    tables: dict[int, Table] = field(default_factory=dict)
    positions: dict[tuple[int, str], int] = field(default_factory=dict)
    point: Callable[[], object] = lambda: None
    amended: Callable[[int], object] = lambda _position: None

    def active(self) -> Epoch | None:
        """Read the active epoch."""
        self._touch()
        return next((epoch for epoch in self.epochs.values() if epoch.state is EpochState.ACTIVE), None)

    def in_use(self) -> InUse:
        """Read the active epoch; no rotation is under way."""
        return InUse(self.active())

    def followed(self, number: int, source: str) -> Followed:
        """Read how far an epoch has followed a source."""
        self._touch()
        return Followed(position=self.positions.get((number, source), 0))

    def amend(
        self,
        number: int,
        *,
        source: str,
        before: int,
        after: int,
        as_of_ms: int,
        added: int,
        write: Callable[[Any], object],
        tokens: Sequence[bytes] = (),
        beside: object = None,
        retired: bool = False,
    ) -> None:
        """Make changes visible and move the position, or neither; no rotation is under way here."""
        del retired, tokens, beside
        self._touch()
        if self.positions.get((number, source), 0) != before:
            raise PositionError("another process follows the source too")
        self.point()
        table = dict(self.tables[number]) if self.layered else self.tables[number]
        write(table)
        epoch = self.epochs[number]
        layers = (Layer(len(epoch.layers) + 1, len(table)), *epoch.layers) if self.layered else ()
        self.tables[number] = table
        self.epochs[number] = replace(
            epoch, rows=epoch.rows + added, as_of_ms=max(epoch.as_of_ms, as_of_ms), layers=layers
        )
        self.positions[number, source] = after
        self.amended(after)
        self.point()

    def add(self, epoch: Epoch, table: Table) -> None:
        """Load an epoch and make it the active one."""
        for number, other in self.epochs.items():
            if other.state is EpochState.ACTIVE:
                self.epochs[number] = replace(other, state=EpochState.RETIRED)
        self.epochs[epoch.number] = replace(epoch, state=EpochState.ACTIVE, rows=len(table))
        self.tables[epoch.number] = table

    def drop_retired(self) -> None:
        """Drop the rows of every retired epoch."""
        for number, epoch in self.epochs.items():
            if epoch.state is EpochState.RETIRED:
                self.epochs[number] = replace(epoch, state=EpochState.DROPPED)
                self.tables[number].clear()

    def open(self, epoch: Epoch) -> Reader:
        """Open an epoch as it is described."""
        self._touch()
        return Reader(self, self.tables[epoch.number])

    def require(self, connection: object) -> None:
        """Do nothing: one process of the story changes the vault."""

    def boxes(self, epoch: Epoch, tokens: Sequence[bytes]) -> Table:
        """Read the boxes of those tokens that are held."""
        self._touch()
        table = self.tables[epoch.number]
        return {token: table[token] for token in tokens if token in table}

    def prepare(self, _epoch: Epoch, rows: Sequence[Row], *, whole: bool = False) -> Pending:
        """Prepare rows."""
        del whole
        self._touch()
        return Pending(rows)

    def close(self) -> None:
        """Let go."""

    def _touch(self) -> None:
        self.point()
        if self.away:
            raise VaultUnavailableError(Failure.DISCONNECTED)


@dataclass(frozen=True, slots=True)
class Pending:
    """Rows that are about to become visible."""

    rows: Sequence[Row]

    def write(self, table: Any) -> None:
        """Write them."""
        table.update(self.rows)

    def committed(self) -> None:
        """Nothing is left over."""


@dataclass(frozen=True, slots=True)
class Reader:
    """One table, or one layer of it, as long as somebody holds on to it."""

    vault: MemoryVault
    table: Table

    def lookup_many(self, queries: Sequence[Query]) -> list[Answer]:
        """Look up."""
        self.vault._touch()
        found: list[Answer] = []
        for token, first, second in queries:
            chosen = token if token in self.table else first
            if chosen not in self.table or second not in self.table:
                raise VaultDamagedError("a decoy is missing")
            found.append(((chosen, self.table[chosen]), (second, self.table[second])))
        return found

    def close(self) -> None:
        """Let go."""
