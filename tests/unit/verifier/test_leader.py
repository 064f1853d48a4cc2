"""Who leads: one at a time, another when it is gone, and never two whose work is committed."""

from __future__ import annotations

import threading
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import pytest
from sqlalchemy.exc import DBAPIError

from verifier.directory import Directory
from verifier.leader import Leader, LeaderDuty, Mandate
from verifier.log.open import open_log
from verifier.log.store import LeaderLostError
from verifier.seat import open_seat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from verifier.seat import Seat

HOLDER = b"h" * 16


def wait_for(what: Callable[[], object], seconds: float = 15) -> None:
    """Wait until something is true."""
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "it did not come true"
        time.sleep(0.05)


@contextmanager
def seats(database: str, count: int = 2) -> Iterator[list[Seat]]:
    """Open seats of one installation."""
    opened = [open_seat(database) for _ in range(count)]
    try:
        yield opened
    finally:
        for seat in opened:
            seat.close()


def test_one_holds_the_lock(log_database: str) -> None:
    """The lock is one process's until it lets go or closes."""
    with seats(log_database) as (first, second):
        assert first.try_lock()
        assert first.try_lock()
        assert not second.try_lock()
        first.release()
        wait_for(second.try_lock)  # a server takes a moment to see that a connection is gone
        assert not first.try_lock()
        second.close()
        wait_for(first.try_lock)


def test_a_term_is_begun_once(log_database: str) -> None:
    """Of two that saw the same row one begins; the heartbeat only moves forward, and only in its term."""
    with seats(log_database) as (first, second):
        lease, _ = first.read()
        assert (lease.term, lease.holder) == (0, b"")
        assert first.take(0, HOLDER) == 1
        assert second.take(0, b"o" * 16) is None
        before, _ = second.read()
        assert (before.term, before.holder) == (1, HOLDER)
        assert first.renew(1)
        after, now_ms = second.read()
        assert before.heartbeat_ms < after.heartbeat_ms <= now_ms + 1
        assert second.take(1, b"o" * 16) == 2
        assert not first.renew(1)
        first.resign(1)
        assert second.read()[0].holder == b"o" * 16
        second.resign(2)
        assert first.read()[0].holder == b""


def test_past_its_term_nothing_is_committed(log_database: str) -> None:
    """A former leader's duty is refused inside its transaction, through the log's store and through the directory."""
    with (
        seats(log_database) as (seat, _),
        closing(open_log(log_database)) as log,
        closing(Directory(log_database)) as directory,
    ):
        assert seat.take(0, HOLDER) == 1
        mandate = Mandate(term=1)
        with log.transaction() as transaction:
            transaction.fence(mandate.term)
        with directory.writing() as connection:
            mandate.require(connection)
        assert seat.take(1, HOLDER) == 2
        generation = directory.generation()
        with pytest.raises(LeaderLostError), log.transaction() as transaction:
            transaction.fence(mandate.term)
        with pytest.raises(LeaderLostError), directory.writing() as connection:
            mandate.require(connection)
        assert directory.generation() == generation


def test_a_term_waits_for_the_duty_of_the_one_before(log_database: str) -> None:
    """While a duty's transaction is open no next term begins; heartbeats of PostgreSQL go on beside it."""
    with seats(log_database) as (first, second), closing(open_log(log_database)) as log:
        assert first.take(0, HOLDER) == 1
        order: list[str] = []

        def take() -> None:
            term = second.take(1, HOLDER)
            order.append(f"term {term}")

        taking = threading.Thread(target=take)
        with log.transaction() as transaction:
            transaction.fence(1)
            if log_database.startswith("postgres"):
                assert first.renew(1)
            taking.start()
            time.sleep(0.3)
            order.append("commit")
        taking.join()
        assert order == ["commit", "term 2"]


def test_a_leader_that_is_gone_is_followed(log_database: str) -> None:
    """One of two leads and works at once; when it resigns, the other does."""
    acted: list[int] = []
    duty = LeaderDuty(name="count", every=0.1, act=lambda mandate: acted.append(mandate.term))
    first, second = (Leader(open_seat(log_database), [duty]) for _ in range(2))
    first.start()
    wait_for(lambda: 1 in acted)
    second.start()
    time.sleep(1.2)
    assert [first.mandate, second.mandate] == [Mandate(term=1), None]
    first.stop()
    wait_for(lambda: 2 in acted)
    assert acted == sorted(acted)
    assert [first.mandate, second.mandate] == [None, Mandate(term=2)]
    second.stop()


def test_a_watcher_never_leads(log_database: str) -> None:
    """One that does not stand shows who leads and takes nothing."""
    shown: list[tuple[bool, int]] = []

    class Gauges:
        """Keeps what is shown."""

        def show_leader(self, *, leading: bool, term: int, heartbeat_age: float) -> None:
            """Take the numbers."""
            assert heartbeat_age >= 0
            shown.append((leading, term))

    watcher = Leader(open_seat(log_database), [], gauges=Gauges(), stands=False)
    watcher.start()
    wait_for(lambda: (False, 0) in shown)
    with seats(log_database, 1) as (seat,):
        seat.take(0, HOLDER)
    wait_for(lambda: (False, 1) in shown)
    assert watcher.mandate is None
    watcher.stop()
    assert not any(leading for leading, _ in shown)


def test_a_leader_whose_term_is_over_steps_down(log_database: str) -> None:
    """A leader from whom the term was taken notices at its next heartbeat, stops its duties and lets go of the lock."""
    leader = Leader(open_seat(log_database), [])
    leader.start()
    wait_for(lambda: leader.mandate)
    with seats(log_database, 1) as (other,):
        assert not other.try_lock()
        assert other.take(1, HOLDER) == 2
        wait_for(lambda: leader.mandate is None)
        wait_for(other.try_lock)
        for _ in range(8):
            other.renew(2)
            time.sleep(0.2)
        assert leader.mandate is None
    leader.stop()


def test_the_row_stays_one(log_database: str) -> None:
    """A second leader's row cannot be written."""
    with (
        closing(Directory(log_database)) as directory,
        directory.reading() as connection,
        pytest.raises(DBAPIError),
    ):
        connection.exec_driver_sql("INSERT INTO leader (id, term, holder, heartbeat_ms) VALUES (2, 9, '', 0)")
