"""What the service counts for its operators (Prometheus). No label ever comes from a request's subject or claims.

Of several processes counters and histograms add up; a gauge's mode says what is made of theirs.

The agency's id is a label because agreements bound how many there are; officers, purposes and reasons typed by callers
are not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from padan.v1 import attribute_pb2
from verifier.accounts import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from keys.meter import Used
    from verifier.call import Reply

VERDICTS: dict[int, str] = {
    int(number): name.removeprefix("VERDICT_") for name, number in attribute_pb2.Verdict.items()
}


def process_ends(registry: CollectorRegistry) -> Counter:
    """Make the counter of a parent, which has no other metrics of its own."""
    return Counter(
        "padan_process_ends",
        "Processes of the service that ended by themselves or were told to; with one process there is none.",
        registry=registry,
    )


def _gauge(
    registry: CollectorRegistry, name: str, text: str, *, mode: Literal["livemax", "livemin", "livesum"]
) -> Gauge:
    """Make a gauge without labels; the mode says what is made of those of several processes."""
    return Gauge(name, text, registry=registry, multiprocess_mode=mode)


class SealGauges:
    """Whether keys wait for custodians' shares, as the process that takes these says, and those that wait for it."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._sealed = _gauge(
            registry,
            "padan_sealed",
            "1 while the key agent waits for custodians' shares; workers that have keys go on for a day.",
            mode="livemax",
        )
        self._here = _gauge(
            registry,
            "padan_shares_here",
            "Custodians' shares that are here and wait for others.",
            mode="livemax",
        )
        self._needed = _gauge(
            registry,
            "padan_shares_needed",
            "Custodians' shares that it takes to unseal the keys; 0 where no custodians hold them.",
            mode="livemax",
        )

        self._behind = _gauge(
            registry,
            "padan_keyring_behind",
            "1 while the keyring has changed and the service holds it as it was.",
            mode="livemax",
        )

    def show(self, *, sealed: bool) -> None:
        """Show whether the key agent is sealed."""
        self._sealed.set(int(sealed))

    def show_behind(self, *, behind: bool) -> None:
        """Show whether the keyring has changed since it was taken up."""
        self._behind.set(int(behind))

    def show_shares(self, here: int, needed: int) -> None:
        """Show how many shares are here, of how many it takes."""
        self._here.set(here)
        self._needed.set(needed)


class LeaderMetrics:
    """Who leads, and how the tree fares that the leader publishes: of a worker, or of the leader's own process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._leading = _gauge(
            registry, "padan_leading", "Processes that lead; one is right.", mode="livesum"
        )
        self._term = _gauge(registry, "padan_leader_term", "Term of the leader.", mode="livemax")
        self._heartbeat_age = _gauge(
            registry,
            "padan_leader_heartbeat_age_seconds",
            "Time for which the leader has given no sign of life, in seconds.",
            mode="livemin",
        )
        self._tree_fault = _gauge(
            registry,
            "padan_tree_fault",
            "1 while tree, head and log are at odds, so that no checkpoint is signed.",
            mode="livemax",
        )
        self._merge_seconds = Histogram(
            "padan_tree_merge_seconds",
            "Time from an entry's commit to the published checkpoint that holds it, in seconds; the oldest of each.",
            buckets=(0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300),
            registry=registry,
        )

    def show_leader(self, *, leading: bool, term: int, heartbeat_age: float) -> None:
        """Show what this process knows of the leader."""
        self._leading.set(int(leading))
        self._term.set(term)
        self._heartbeat_age.set(heartbeat_age)

    def show_merge(self, delay: float) -> None:
        """Count a checkpoint by the delay of its oldest new entry, in seconds."""
        self._merge_seconds.observe(delay)

    def show_tree_fault(self, *, faulty: bool) -> None:
        """Show whether the tree is at odds with head or log."""
        self._tree_fault.set(int(faulty))


class Metrics:
    """The service's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._answers = Counter(
            "padan_answers", "Answers given, by outcome.", ["agency", "outcome"], registry=self.registry
        )
        self._refusals = Counter(
            "padan_refusals", "Requests refused, by reason.", ["reason"], registry=self.registry
        )
        self._replays = Counter("padan_replays", "Stored answers given again.", registry=self.registry)
        self._trails = Counter(
            "padan_trails",
            "Trails of a resident that auditors asked for, by result.",
            ["result"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "padan_verify_seconds",
            "Time from arrival to answer, in seconds.",
            buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
            registry=self.registry,
        )
        self._commit_seconds = Histogram(
            "padan_commit_seconds",
            "Time of a group's commit, in seconds.",
            buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 2),
            registry=self.registry,
        )
        self._group_size = Histogram(
            "padan_commit_group",
            "Requests in one commit.",
            buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256),
            registry=self.registry,
        )
        self.damaged_rows = Counter(
            "padan_damaged_rows", "Rows that did not open; each is an alarm.", registry=self.registry
        )
        self.epoch = self._gauge("padan_epoch", "Number of the active epoch.", mode="livemax")
        self.feed_age = self._gauge(
            "padan_feed_age_seconds", "Age of the registry's data in use, in seconds.", mode="livemax"
        )
        self.ready = self._gauge("padan_ready", "Worker processes that answer.", mode="livesum")
        self.workers = self._gauge(
            "padan_workers", "Worker processes that the settings ask for.", mode="livemax"
        )
        self.seal = SealGauges(self.registry)
        self.leader = LeaderMetrics(self.registry)
        self._add_standing()
        self._add_uses()
        self._add_rotation()
        self._add_tree()
        self._answer_children: dict[tuple[str, int], Counter] = {}
        self._refusal_children: dict[str, Counter] = {}

    def _gauge(self, name: str, text: str, *, mode: Literal["livemax", "livemin", "livesum"]) -> Gauge:
        return _gauge(self.registry, name, text, mode=mode)

    def _add_standing(self) -> None:
        """Add what changes slowly: how the installation stands, and what ends."""
        self.budget_alerts = Counter(
            "padan_budget_alerts",
            "Alert entries: somebody spent the budget of a prefix. Who, auditors read.",
            registry=self.registry,
        )
        self.row_seals = self._gauge(
            "padan_row_seals", "Rows sealed under the keys of the active epoch.", mode="livemax"
        )
        self.replay_seals = self._gauge(
            "padan_replay_seals",
            "Answers sealed under the day's key since the processes began.",
            mode="livesum",
        )
        self.log_entries = self._gauge("padan_log_entries", "Entries of the log.", mode="livemax")
        self.witness_age = self._gauge(
            "padan_witness_age_seconds",
            "Time since the quorum of witnesses was last there, in seconds; 0 where none is asked for.",
            mode="livemax",
        )
        self.disputes_open = self._gauge(
            "padan_disputes_open", "Disputes that are not resolved.", mode="livemax"
        )
        self.disputes_overdue = self._gauge(
            "padan_disputes_overdue", "Disputes that are not resolved and should be by now.", mode="livemax"
        )
        self.disk_free = self._gauge(
            "padan_disk_free_bytes", "Free bytes of the file system that holds data_dir.", mode="livemin"
        )
        self._expiry = Gauge(
            "padan_expiry_seconds",
            "Seconds until the first of a kind ends: certificates, agreements, grants, keys.",
            ["kind"],
            registry=self.registry,
            multiprocess_mode="livemin",
        )
        self._away = Gauge(
            "padan_store_away",
            "1 while requests are turned away at once because a store is away.",
            ["store"],
            registry=self.registry,
            multiprocess_mode="livemax",
        )
        for store in ("log", "vault"):
            self.show_away(store, away=False)

    def _add_uses(self) -> None:
        """Add what keys were used for."""
        self._uses = Counter(
            "padan_key_uses",
            "Uses of each key, by what was done with it: mac, token, seal, open, sign.",
            ["key", "act"],
            registry=self.registry,
        )
        self._uses_failed = Counter(
            "padan_key_uses_failed",
            "Uses of keys for requests whose entry could not be written; nobody got an answer.",
            ["use"],
            registry=self.registry,
        )
        self._uses_unlogged = Counter(
            "padan_key_uses_unlogged",
            "Uses of keys beside the log: no entry tells of them, and no request failed with them.",
            ["use"],
            registry=self.registry,
        )
        for kind in Kind:
            self._uses_unlogged.labels(kind.value)
        self.key_holders = self._gauge(
            "padan_key_holders",
            "Processes that have keys from the key agent and run, as the agent counts them; 0 where there is no agent.",
            mode="livemax",
        )
        self._uses_shown: dict[Used, int] = {}
        self._failed_shown: dict[str, int] = {}

    def _add_rotation(self) -> None:
        """Add how far a rotation of the outer keys is."""
        self._rotation_rows_left = self._gauge(
            "padan_rotation_rows_left", "Rows that a rotation has yet to move.", mode="livemax"
        )
        self._rotation_seconds_left = self._gauge(
            "padan_rotation_seconds_left",
            "Time that moving them takes at the rate of a moment ago, in seconds.",
            mode="livemax",
        )
        self._rotation_pending = self._gauge(
            "padan_rotation_pending_changes",
            "Changes that a rotation's other epoch has yet to take.",
            mode="livemax",
        )
        self._rotation_restart_due = self._gauge(
            "padan_rotation_restart_due",
            "Processes that may hold a destroyed key, for they began before the rotation was finished.",
            mode="livesum",
        )

    def _add_tree(self) -> None:
        """Add how the published tree keeps up with the log."""
        self.tree_size = self._gauge("padan_tree_size", "Leaves of the published checkpoint.", mode="livemax")
        self.tree_unmerged = self._gauge(
            "padan_tree_unmerged_seconds",
            "Age of the oldest entry that is in no published checkpoint, in seconds; 0 where all are.",
            mode="livemax",
        )

    def observe_reply(self, reply: Reply, seconds: float) -> None:
        """Count one reply; the label children are kept, so that a call costs two additions."""
        self._seconds.observe(seconds)
        if reply.error is not None:
            reason = getattr(reply.error, "reason", "INTERNAL")
            refusals = self._refusal_children.get(reason)
            if refusals is None:
                refusals = self._refusal_children[reason] = self._refusals.labels(reason)
            refusals.inc()
            return
        if reply.replayed:
            self._replays.inc()
            return
        key = (reply.agency, reply.outcome)
        answers = self._answer_children.get(key)
        if answers is None:
            answers = self._answer_children[key] = self._answers.labels(
                reply.agency, VERDICTS.get(reply.outcome, "OTHER")
            )
        answers.inc()

    def show_uses(self, counts: Mapping[Used, int], failed: Mapping[str, int]) -> None:
        """Show how often each key was used since the process began, and for how many requests that failed."""
        for used, count in counts.items():
            if more := count - self._uses_shown.get(used, 0):
                self._uses_shown[used] = count
                self._uses.labels(f"{used.purpose}:{used.key_id}", used.act.value).inc(more)
        for kind, count in failed.items():
            if more := count - self._failed_shown.get(kind, 0):
                self._failed_shown[kind] = count
                self._uses_failed.labels(kind).inc(more)

    def count_unlogged(self, kind: str, more: int) -> None:
        """Count uses beside the log."""
        self._uses_unlogged.labels(kind).inc(more)

    def observe_trail(self, result: str) -> None:
        """Count a trail that was asked for: "opened" or "refused"."""
        self._trails.labels(result).inc()

    def show_expiry(self, seconds: Mapping[str, float]) -> None:
        """Show when the first of each kind ends, in seconds from now; infinity where nothing does."""
        for kind, left in seconds.items():
            self._expiry.labels(kind).set(left)

    def show_away(self, store: Literal["log", "vault"], *, away: bool) -> None:
        """Show whether requests are turned away because a store is away."""
        self._away.labels(store).set(int(away))

    def show_rotation(self, *, left: float, seconds: float, pending: float, restart_due: bool) -> None:
        """Show how far a rotation is, and whether this process is to be restarted after it."""
        self._rotation_rows_left.set(left)
        self._rotation_seconds_left.set(seconds)
        self._rotation_pending.set(pending)
        self._rotation_restart_due.set(int(restart_due))

    def observe_commit(self, size: int, seconds: float) -> None:
        """Count one group."""
        self._group_size.observe(size)
        self._commit_seconds.observe(seconds)
