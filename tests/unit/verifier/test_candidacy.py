"""When a process may begin to lead, and how long it may go on."""

from __future__ import annotations

from verifier.candidacy import (
    GRACE_SECONDS,
    PATIENCE_SECONDS,
    Lease,
    is_renewal_due,
    look,
    may_act,
    may_take,
    must_let_go,
)

LED = Lease(term=4, holder=b"h" * 16, heartbeat_ms=1_000)
BEAT = Lease(term=4, holder=b"h" * 16, heartbeat_ms=3_000)


def test_a_seat_that_was_left_is_taken_at_once_with_the_lock() -> None:
    """Where nobody leads, the lock is enough, and without it nobody begins."""
    view = look(None, Lease(term=4, holder=b"", heartbeat_ms=1_000), 10.0)
    assert may_take(view, locked=True, now=10.0)
    assert not may_take(view, locked=False, now=1_000.0)


def test_a_heartbeat_that_stands_still_ends_a_term() -> None:
    """With the lock after a moment, without it after some renewals; a heartbeat that moves begins the wait anew."""
    view = look(None, LED, 10.0)
    assert not may_take(view, locked=True, now=10.0 + GRACE_SECONDS)
    assert may_take(view, locked=True, now=10.1 + GRACE_SECONDS)
    assert not may_take(view, locked=False, now=10.0 + PATIENCE_SECONDS)
    assert may_take(view, locked=False, now=10.1 + PATIENCE_SECONDS)
    assert look(view, LED, 15.0) is view
    moved = look(view, BEAT, 15.0)
    assert not may_take(moved, locked=False, now=10.1 + PATIENCE_SECONDS)


def test_a_watcher_leaves_the_lock_to_a_leader_that_lives() -> None:
    """Whoever holds the lock and sees the term's heartbeat move lets go; a first look and another term say nothing."""
    view = look(None, LED, 10.0)
    assert must_let_go(view, look(view, BEAT, 11.0))
    assert not must_let_go(view, look(view, LED, 11.0))
    assert not must_let_go(None, view)
    assert not must_let_go(view, look(view, Lease(term=5, holder=b"", heartbeat_ms=2_000), 11.0))


def test_a_leader_acts_only_while_nobody_can_have_taken_over() -> None:
    """A leader that has not renewed for as long as others wait begins no duty; it renews several times before."""
    assert may_act(10.0, 10.0 + PATIENCE_SECONDS - 0.1)
    assert not may_act(10.0, 10.0 + PATIENCE_SECONDS)
    assert not is_renewal_due(10.0, 11.0)
    assert is_renewal_due(10.0, 10.0 + PATIENCE_SECONDS / 4)
