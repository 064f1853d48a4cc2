"""The leader: of all processes of an installation the one that carries the duties that it has once.

Each candidate tries to take the seat; who has it begins a term and is given a mandate for it, and its duties run until
the term is over. Another takes over within a second of a leader's death, and within ten where one stands still. What
wakes up after that believes for a moment that it still leads, so every duty asks for its term in the transaction in
which it acts (`Mandate.require`, or `LogTransaction.fence`): past its term nothing is committed.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from sqlalchemy import select, text

from verifier import candidacy, schema
from verifier.errors import ServiceError
from verifier.housekeeping import Duty, Housekeeping
from verifier.log.store import LeaderLostError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy.engine import Connection

    from verifier.candidacy import Lease, View
    from verifier.seat import Seat

POLL_SECONDS = 0.5
_HOLDER_SIZE = 16
_IDLE_MS = 5_000
"""How long a duty's transaction may stand still on PostgreSQL: a stopped process must not hold its term's row."""

_LOGGER = logging.getLogger("padan.leader")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mandate:
    """The right to act in one term."""

    term: int

    def require(self, connection: Connection) -> None:
        """See, as the first step of a transaction, that the term is not over; no other begins before its end.

        Args:
            connection: to the log's database, in a transaction that writes. For a `LogTransaction` there is `fence`.

        Raises:
            LeaderLostError: another leads.
        """
        table = schema.leader
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SET LOCAL idle_in_transaction_session_timeout = {_IDLE_MS}"))
        row = connection.execute(
            select(table.c.term).where(table.c.term == self.term).with_for_update(read=True, key_share=True)
        ).first()
        if row is None:
            raise LeaderLostError(self.term)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaderDuty:
    """What the leader does: when its term begins, and then every so many seconds; `alone` if in a thread of its own."""

    name: str
    every: float
    act: Callable[[Mandate], object]
    alone: bool = False
    steady: bool = False
    """As a `Duty`'s."""

    def acting(self, act: Callable[[], object]) -> Duty:
        """Give the duty at its own pace, as it is done in one term.

        Args:
            act: takes a turn in that term.
        """
        return Duty(name=self.name, every=self.every, act=act, steady=self.steady)


class Gauges(Protocol):
    """Where a candidate shows what it knows; verifier.metrics has one."""

    def show_leader(self, *, leading: bool, term: int, heartbeat_age: float) -> None:
        """Take the numbers."""
        ...


class Leader:
    """A candidate, and the leader while it is one; or only a watcher."""

    def __init__(
        self, seat: Seat, duties: Sequence[LeaderDuty], *, gauges: Gauges | None = None, stands: bool = True
    ) -> None:
        """Prepare.

        Args:
            seat: what candidates contend for; closed by `stop`.
            duties: what the leader carries.
            gauges: is shown who leads.
            stands: contend; False to watch only.
        """
        self._seat = seat
        self._duties = duties
        self._gauges = gauges
        self._stands = stands
        self._holder = os.urandom(_HOLDER_SIZE)
        self._view: View | None = None
        self._mandate: Mandate | None = None
        self._renewed = 0.0
        self._working: list[Housekeeping] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="leader", daemon=True)

    @property
    def mandate(self) -> Mandate | None:
        """The term in which this process may act now; None where another leads, or nobody."""
        mandate = self._mandate
        if mandate is None or not candidacy.may_act(self._renewed, time.monotonic()):
            return None
        return mandate

    def start(self) -> None:
        """Begin to contend."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the duty under way, and leave the seat to another."""
        self._stopping.set()
        self._thread.join(timeout=5)
        mandate = self._mandate
        self._step_down()
        try:
            if mandate is not None:
                self._seat.resign(mandate.term)
        except ServiceError as error:
            _LOGGER.warning("the leader could not resign", extra={"reason": str(error)})
        finally:
            self._seat.close()

    def _run(self) -> None:
        while True:
            try:
                self._take_turn()
            except ServiceError as error:
                _LOGGER.warning("the leader's row cannot be used", extra={"reason": str(error)})
            except Exception:  # a fault of ours must not leave the installation without a candidate
                _LOGGER.exception("a candidate failed")
            self._show()
            if self._stopping.wait(POLL_SECONDS):
                return

    def _take_turn(self) -> None:
        now = time.monotonic()
        if self._mandate is not None:
            if candidacy.is_renewal_due(self._renewed, now):
                self._renew(self._mandate, now)
            return
        locked = self._stands and self._seat.try_lock()
        lease, _ = self._seat.read()
        before, self._view = self._view, candidacy.look(self._view, lease, now)
        if locked and candidacy.must_let_go(before, self._view):
            self._seat.release()
        elif self._stands and candidacy.may_take(self._view, locked=locked, now=now):
            self._begin(lease, now)

    def _renew(self, mandate: Mandate, now: float) -> None:
        if self._seat.renew(mandate.term):
            self._renewed = now
            self._seat.try_lock()  # one that stood still may have kept it, and has let go since
            return
        _LOGGER.warning("another process leads now", extra={"count": mandate.term})
        self._step_down()
        self._seat.release()

    def _begin(self, seen: Lease, now: float) -> None:
        term = self._seat.take(seen.term, self._holder)
        if term is None:
            return
        self._renewed = now
        self._mandate = mandate = Mandate(term=term)
        shared = [duty for duty in self._duties if not duty.alone]
        for duties in (shared, *([duty] for duty in self._duties if duty.alone)):
            working = Housekeeping(
                [duty.acting(self._fenced(duty, mandate)) for duty in duties],
                at_once=True,
            )
            self._working.append(working)
            working.start()
        _LOGGER.info("this process leads", extra={"count": term})

    def _fenced(self, duty: LeaderDuty, mandate: Mandate) -> Callable[[], None]:
        def act() -> None:
            if self.mandate is not mandate:
                return
            try:
                duty.act(mandate)
            except LeaderLostError:
                _LOGGER.warning("a duty was left to another process", extra={"reason": duty.name})

        return act

    def _step_down(self) -> None:
        self._mandate, self._view = None, None
        ended, self._working = self._working, []
        for working in ended:
            working.stop()

    def _show(self) -> None:
        if self._gauges is None:
            return
        now, mandate = time.monotonic(), self._mandate
        if mandate is not None:
            self._gauges.show_leader(
                leading=self.mandate is not None, term=mandate.term, heartbeat_age=now - self._renewed
            )
        elif self._view is not None:
            self._gauges.show_leader(
                leading=False, term=self._view.lease.term, heartbeat_age=now - self._view.changed
            )
