"""Erasing entries whose time is over: in small steps that a commit of the service hardly notices, each resumable.

A step judges a stretch of the log for one class, in its order; what is over is erased in the transaction that moves
the mark. Of two processes at once the later one finds the mark moved, and stops. Private entry and salt go, and with
them the meaning of the leaf; the leaf stays in its place, and every proof about it holds.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import takewhile
from typing import TYPE_CHECKING, Final

from padan import times
from padan.entry import EntryKind
from verifier import admin_entry
from verifier.retention.classes import DAY_MS, RetentionClass, class_of, is_held
from verifier.retention.state import NAME, State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from verifier.log.store import LogStore, LogTransaction, StoredEntry
    from verifier.retention.classes import Schedule

STEP: Final = 250
"""Entries that one transaction judges: some 180 kB of pages, a few milliseconds."""
_REST: Final = 3.0
"""How long it rests after a step, in that step's own time: three quarters of the time the log is the service's."""


class _OvertakenError(Exception):
    """Another process has moved the state meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What a turn did.

    Attributes:
        erased: class to entries that were erased, and logged with what earlier turns had left unlogged.
        finished: whether nothing was left to judge.
    """

    erased: Mapping[RetentionClass, int]
    finished: bool


class Sweep:
    """Erases entries by class."""

    def __init__(
        self,
        store: LogStore,
        schedule: Schedule,
        *,
        step: int = STEP,
        rest: Callable[[float], object] = time.sleep,
        fence: Callable[[LogTransaction], object] = lambda _transaction: None,
    ) -> None:
        """Prepare.

        Args:
            store: the log.
            schedule: how long each class is kept.
            step: entries that one transaction judges.
            rest: waits some seconds.
            fence: is called first in each transaction that writes; what it raises ends it.
        """
        self._store = store
        self._schedule = schedule
        self._step = step
        self._rest = rest
        self._fence = fence

    def state(self) -> State:
        """Read how far it has come.

        Raises:
            RetentionStateError: it cannot be read.
            LogUnavailableError: the log is away.
        """
        with self._store.transaction() as transaction:
            return State.parse(transaction.setting(NAME))

    def turn(self, now_ms: int, *, enough: Callable[[], bool] = lambda: False) -> Swept:
        """Go on until nothing is over, or `enough` says so; then log what was removed.

        Args:
            now_ms: log time.
            enough: is asked between two steps.

        Raises:
            RetentionStateError: the state cannot be read.
            LogUnavailableError: the log is away; what was erased is logged by a later turn.
        """
        try:
            state = self._take_up()
            finished = True
            for kept in RetentionClass:
                state, done = self._sweep(state, kept, self._schedule.until_ms(kept, now_ms), enough)
                finished = finished and done
            return Swept(erased=self._log(state, now_ms), finished=finished)
        except _OvertakenError:
            return Swept(erased={}, finished=False)

    def note(self, name: str, count: int) -> None:
        """Have the next turn log that other things were removed."""
        if count:
            with self._store.transaction() as transaction:
                state = State.parse(transaction.setting(NAME)).with_counted(name, count)
                transaction.set_setting(NAME, state.text())

    def due(self, now_ms: int) -> dict[RetentionClass, int]:
        """Count what a turn would erase, without erasing it; reads all that no turn has judged yet."""
        state = self.state().held_by(self._schedule.hold)
        counts: dict[RetentionClass, int] = {}
        for kept in RetentionClass:
            place, counts[kept] = state.done.get(kept, 0), 0
            while rows := self._read(place, self._schedule.until_ms(kept, now_ms)):
                counts[kept] += len(self._over(rows, kept))
                place = rows[-1].sequence
        return counts

    def _take_up(self) -> State:
        """Read the state, and write it anew where the holds are others."""
        with self._writing() as transaction:
            text = transaction.setting(NAME)
            state = State.parse(text).held_by(self._schedule.hold)
            if text and state.text() != text:
                transaction.set_setting(NAME, state.text())
        return state

    def _sweep(
        self, state: State, kept: RetentionClass, until_ms: int, enough: Callable[[], bool]
    ) -> tuple[State, bool]:
        saved, place = state, state.done.get(kept, 0)
        while not enough():
            rows = self._read(place, until_ms)
            if not rows:
                return self._save(saved, _judged(saved, kept, place, until_ms), kept, []), True
            place = rows[-1].sequence
            over = self._over(rows, kept)
            if over:
                began = time.monotonic()
                saved = self._save(saved, _judged(saved, kept, place, until_ms), kept, over)
                self._rest(_REST * (time.monotonic() - began))
        return self._save(saved, _judged(saved, kept, place, until_ms), kept, []), False

    def _read(self, place: int, until_ms: int) -> list[StoredEntry]:
        """Read the entries after a place as far as all of them are before a log time: it may step back a little.

        By places alone; to find the place of a time takes thirty statements. The first entry is read for itself: in a
        log of which nothing is over that is all there is to do, each few seconds.
        """
        first = self._store.entries(place, 1)
        if not first or first[0].log_time_ms >= until_ms:
            return []
        found = self._store.entries(place, self._step)
        whole = (row for number, row in enumerate(found, place + 1) if row.sequence == number)
        return list(takewhile(lambda row: row.log_time_ms < until_ms, whole))

    def _over(self, rows: list[StoredEntry], kept: RetentionClass) -> list[int]:
        return [
            row.sequence
            for row in rows
            if row.entry and class_of(row) is kept and not is_held(row, self._schedule.hold)
        ]

    def _save(self, saved: State, moved: State, kept: RetentionClass, over: list[int]) -> State:
        if moved == saved and not over:
            return saved
        with self._writing() as transaction:
            moved = replace(moved, counted=self._unmoved(transaction, saved).counted)
            if over:
                moved = moved.with_erased(kept, transaction.erase(over))
            transaction.set_setting(NAME, moved.text())
        return moved

    def _unmoved(self, transaction: LogTransaction, state: State) -> State:
        """Read the state, which nobody else has moved on; what was noted meanwhile may be more."""
        now = State.parse(transaction.setting(NAME)).held_by(self._schedule.hold)
        if replace(now, counted=state.counted) != state:
            raise _OvertakenError
        return now

    @contextmanager
    def _writing(self) -> Iterator[LogTransaction]:
        with self._store.transaction() as transaction:
            self._fence(transaction)
            yield transaction

    def _log(self, state: State, now_ms: int) -> Mapping[RetentionClass, int]:
        if state.is_logged:
            return {}
        with self._writing() as transaction:
            state = self._unmoved(transaction, state)
            at = max(now_ms, transaction.last_ms())
            row = admin_entry.build(EntryKind.RETENTION_APPLIED, _detail(state), now_ms=at)
            transaction.write({}, at // DAY_MS, [row], [])
            transaction.set_setting(NAME, state.logged().text())
        return state.erased


def _judged(state: State, kept: RetentionClass, place: int, until_ms: int) -> State:
    return state.judged(kept, place, until_ms) if place > state.done.get(kept, 0) else state


def _detail(state: State) -> dict[str, str]:
    """Say what was removed: entries by class and up to which log time, then the rest by name."""
    detail: dict[str, str] = {}
    for kept, count in sorted(state.erased.items()):
        detail[kept.label] = str(count)
        detail[f"{kept.label}_until"] = times.text(
            datetime.fromtimestamp(state.until_ms.get(kept, 0) / 1000, tz=UTC)
        )
    detail |= {name: str(count) for name, count in sorted(state.counted.items())}
    if state.hold:
        detail["held"] = ",".join(sorted(state.hold))
    return detail
