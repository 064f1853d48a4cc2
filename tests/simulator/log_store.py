"""A log in memory, on a disk that can be told to fail: before a commit, after it, or by hanging."""

from __future__ import annotations

import enum
import sqlite3
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Self

from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateTable

from verifier import schema
from verifier.failure import Failure
from verifier.log.beside import Beside, How
from verifier.log.disputes import DisputeRows
from verifier.log.marks import MarkRows
from verifier.log.store import Head, LeaderLostError, LogStoreError, StoredEntry, StoredReplay

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from types import TracebackType

    from verifier.log.beside import Kept
    from verifier.log.scope import Scope
    from verifier.log.store import BlindRow, EntryRow, ReplayKey, ReplayRow


def _is_within(row: StoredEntry, scope: Scope) -> bool:
    return (
        (scope.agencies is None or row.agency in scope.agencies)
        and (scope.purposes is None or row.purpose in scope.purposes)
        and any(row.kind in kinds for kinds in scope.kinds)
        and row.kind not in scope.hidden
    )


class Fault(enum.Enum):
    """How the next commit fails."""

    NOT_STORED = "failed and not stored"
    STORED = "failed but stored"
    HANGS = "hangs until released"


class MemoryLog:
    """Keeps entries, counters and answers; commits whole groups or nothing."""

    def __init__(self) -> None:
        self.rows: list[StoredEntry] = []
        self.counted: dict[int, dict[bytes, int]] = {}  # by day, as the service's own ledger
        self.kept: dict[ReplayKey, StoredReplay] = {}
        self.tables: dict[Beside, dict[bytes, bytes]] = {where: {} for where in Beside}
        self.settings: dict[str, str] = {}
        self.groups: list[int] = []
        self.faults: list[Fault] = []
        self.released = threading.Event()
        self.seconds: float | None = None
        self.point: Callable[[], object] = lambda: None  # is passed at each step, where a process may die
        self.term = 0
        self.database = sqlite3.connect(":memory:", check_same_thread=False)
        for table in (schema.dispute, schema.resident_mark, schema.modality_lock, schema.generation):
            self.database.execute(str(CreateTable(table).compile(dialect=sqlite.dialect())))

    def transaction(self) -> MemoryTransaction:
        """Make a transaction."""
        return MemoryTransaction(self)

    def require_term(self, term: int) -> None:
        """See that the term is not over."""
        if term != self.term:
            raise LeaderLostError(term)

    def head(self) -> Head:
        """Read the last place and time."""
        return Head(len(self.rows), self.rows[-1].log_time_ms if self.rows else 0)

    def entries(
        self,
        after_sequence: int,
        limit: int,
        *,
        agency: str | None = None,
        purpose: str | None = None,
        outcome: int | None = None,
        from_ms: int | None = None,
        until_ms: int | None = None,
        scope: Scope | None = None,
        through: int | None = None,
    ) -> list[StoredEntry]:
        """List entries."""
        return [
            row
            for row in self.rows[after_sequence:through]
            if agency in {None, row.agency}
            and purpose in {None, row.purpose}
            and outcome in {None, row.outcome}
            and (from_ms is None or row.log_time_ms >= from_ms)
            and (until_ms is None or row.log_time_ms < until_ms)
            and (scope is None or _is_within(row, scope))
        ][:limit]

    def leaves(self, after_sequence: int, limit: int) -> list[bytes]:
        """List leaves."""
        return [row.leaf for row in self.rows[after_sequence:][:limit]]

    def blind_rows(self, after_sequence: int, limit: int) -> list[BlindRow]:
        """List what the tree is made of."""
        rows = enumerate(self.rows[after_sequence:][:limit], after_sequence + 1)
        return [(n, row.log_time_ms, row.leaf, row.salt, row.entry) for n, row in rows]

    def beside(self, where: Beside, names: Sequence[bytes]) -> dict[bytes, bytes]:
        """Read rows beside the log."""
        return {name: self.tables[where][name] for name in names if name in self.tables[where]}

    def expire(self, before_day: int, *, enough: Callable[[], bool] = lambda: False) -> int:
        """Forget counters and answers of earlier days."""
        del enough
        return sum(len(self.counted.pop(day)) for day in [*self.counted] if day < before_day)

    def check(self) -> None:
        """Work."""

    def close(self) -> None:
        """Let go."""


class MemoryTable:
    """A table beside the log, as `verifier.token.rowtable.RowTable` reads and deletes it."""

    def __init__(self, log: MemoryLog, where: Beside) -> None:
        self._rows = log.tables[where]

    def read(self, names: Sequence[bytes]) -> dict[bytes, bytes]:
        """Read rows by name."""
        return {name: self._rows[name] for name in names if name in self._rows}

    def between(self, after: bytes, until: bytes, limit: int) -> list[tuple[bytes, bytes]]:
        """Read the first rows whose names follow one name, up to and with another one."""
        return [each for each in sorted(self._rows.items()) if after < each[0] <= until][:limit]

    def drop(self, names: Iterable[bytes]) -> None:
        """Delete rows."""
        for name in list(names):
            self._rows.pop(name, None)


class MemoryTransaction:
    """One group."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log
        self._claimed: set[ReplayKey] = set()
        self._written: tuple[Mapping[bytes, int], int, Sequence[EntryRow], Sequence[ReplayRow]] | None = None
        self._kept: Sequence[Kept] = ()
        self._settings: dict[str, str] = {}
        self._erased: list[int] = []

    def fence(self, term: int) -> None:
        """See that the term is not over."""
        if term != self._log.term:
            raise LeaderLostError(term)

    def claim_replays(self, keys: Sequence[ReplayKey]) -> set[ReplayKey]:
        """Claim request ids."""
        self._log.point()
        self._claimed = {key for key in keys if key not in self._log.kept}
        return set(self._claimed)

    def replays(self, keys: Sequence[ReplayKey]) -> dict[ReplayKey, StoredReplay]:
        """Read kept answers."""
        return {key: self._log.kept[key] for key in keys if key in self._log.kept}

    def counters(self, keys: Collection[bytes], day: int) -> dict[bytes, int]:
        """Read counters; an absent one is zero, and costs what others do."""
        self._log.point()
        counted = self._log.counted.get(day, {})
        return {key: counted.get(key, 0) for key in keys}

    def disputes(self) -> DisputeRows:
        """Give the disputes, which are kept in a database in memory."""
        return DisputeRows(self._log.database.execute)

    def marks(self) -> MarkRows:
        """Give the marks, which are kept there too."""
        return MarkRows(self._log.database.execute)

    def keep(self, rows: Sequence[Kept]) -> None:
        """Write rows beside the log."""
        self._kept = rows

    def clock(self) -> float | None:
        """Read the database's clock."""
        return self._log.seconds

    def last_ms(self) -> int:
        """Read log time of the last entry."""
        return self._log.head().log_time_ms

    def write(
        self,
        counters: Mapping[bytes, int],
        day: int,
        entries: Sequence[EntryRow],
        replays: Sequence[ReplayRow],
    ) -> None:
        """Write the group."""
        self._written = (counters, day, entries, replays)

    def setting(self, name: str) -> str:
        """Read a setting."""
        return self._log.settings.get(name, "")

    def set_setting(self, name: str, value: str) -> None:
        """Set a setting."""
        self._settings[name] = value

    def erase(self, places: Sequence[int]) -> int:
        """Erase entries."""
        there = [place for place in places if self._log.rows[place - 1].entry]
        self._erased += there
        return len(there)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None or (self._written is None and not self._settings and not self._erased):
            self._log.database.rollback()
            return
        fault = self._log.faults.pop(0) if self._log.faults else None
        if fault is Fault.NOT_STORED:
            self._log.database.rollback()
            raise LogStoreError(Failure.INPUT_OUTPUT)
        if fault is Fault.HANGS:
            self._log.released.wait(10)
        self._log.point()
        self._log.settings |= self._settings
        for place in self._erased:
            row = self._log.rows[place - 1]
            self._log.rows[place - 1] = replace(row, entry=b"", salt=b"", purpose="", outcome=0)
        for kept in self._kept:
            table = self._log.tables[kept.beside]
            if kept.how is How.DELETE:
                table.pop(kept.name, None)
            elif kept.how is How.PUT or kept.name not in table:
                table[kept.name] = kept.box
        if self._written is not None:
            self._store(*self._written)
        self._log.database.commit()
        self._log.point()
        if fault is Fault.STORED:
            raise LogStoreError(Failure.DISCONNECTED)

    def _store(
        self,
        counters: Mapping[bytes, int],
        day: int,
        entries: Sequence[EntryRow],
        replays: Sequence[ReplayRow],
    ) -> None:
        log = self._log
        log.counted.setdefault(day, {}).update(counters)
        for kept in replays:
            assert kept.key in self._claimed
            log.kept[kept.key] = StoredReplay(digest=kept.digest, body=kept.body, day=kept.day)
        for row in entries:
            log.rows.append(
                StoredEntry(
                    sequence=len(log.rows) + 1,
                    kind=row.kind,
                    agency=row.agency,
                    purpose=row.purpose,
                    outcome=row.outcome,
                    log_time_ms=row.log_time_ms,
                    entry=row.entry,
                    salt=row.salt,
                    leaf=row.leaf,
                )
            )
        log.groups.append(len(entries))
