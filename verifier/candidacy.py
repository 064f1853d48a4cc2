"""When a process may begin to lead, and how long it may go on. Pure.

The database's row is the truth: a term, counted up by whoever begins to lead, and a heartbeat that the leader of that
term moves. The lock says at once that a leader has died; where one lives and stands still (stopped, or cut off from
its database) it keeps its lock, and the heartbeat that no longer moves says so, by the watcher's own monotonic clock:
no two clocks are ever compared. Two that lead at once do no harm, because each duty's transaction asks for the term.
"""

from __future__ import annotations

from dataclasses import dataclass

RENEW_SECONDS = 2.0
"""How often a leader moves its heartbeat."""
GRACE_SECONDS = 3.0
"""How long a heartbeat has stood still where its leader is dead: somewhat more than a renewal."""
PATIENCE_SECONDS = 8.0
"""How long a heartbeat may stand still before another takes over from one that keeps the lock; several renewals, so
that a slow disk is no death."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The row.

    Attributes:
        term: counted up by each new leader; 0 before the first.
        holder: 16 random bytes of the leader's; empty after it has resigned.
        heartbeat_ms: when it last said that it lives, milliseconds of the Unix epoch; never goes back.
    """

    term: int
    holder: bytes
    heartbeat_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What a watcher knows: the row, and the monotonic second at which it last saw it change."""

    lease: Lease
    changed: float


def look(before: View | None, lease: Lease, now: float) -> View:
    """Take up what was read.

    Args:
        before: what was known; None at the first look.
        lease: the row.
        now: monotonic seconds.
    """
    if before is not None and before.lease == lease:
        return before
    return View(lease=lease, changed=now)


def may_take(view: View, *, locked: bool, now: float) -> bool:
    """Whether to begin the next term: nobody leads, or the leader is dead, or has stood still for too long.

    Args:
        view: what is known.
        locked: the lock is this watcher's, so nobody leads with it.
        now: monotonic seconds.
    """
    if not view.lease.holder:
        return locked
    return now - view.changed > (GRACE_SECONDS if locked else PATIENCE_SECONDS)


def must_let_go(before: View | None, view: View) -> bool:
    """Whether a watcher that holds the lock leaves it to a leader that lives without: the heartbeat has moved."""
    return before is not None and before.lease.term == view.lease.term and before.changed != view.changed


def may_act(renewed: float, now: float) -> bool:
    """Whether a leader may begin a duty: it has moved its heartbeat a short while ago, so that no other has begun.

    Args:
        renewed: monotonic second before the last renewal that succeeded.
        now: monotonic seconds.
    """
    return now - renewed < PATIENCE_SECONDS


def is_renewal_due(renewed: float, now: float) -> bool:
    """Whether to move the heartbeat."""
    return now - renewed >= RENEW_SECONDS
