"""One group's transaction: replays first, then counters in key order, disputes, outcomes, then everything else at once.

The order is the locks' order on PostgreSQL, where every worker commits for itself. What was returned is durable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from verifier.accounts import Accounts
from verifier.settlement import Group

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from verifier.intent import Intent, Settled
    from verifier.log.store import LogStore, LogTransaction
    from verifier.logtime import LogTime
    from verifier.settlement import Outcome, Settlement

PROBE = bytes(16)
"""The counter that an empty group writes, to try the disk; no MAC gives it."""


class GroupWriter:
    """Writes groups."""

    def __init__(
        self,
        *,
        store: LogStore,
        settlement: Settlement,
        clock: Callable[[float | None, int], LogTime],
        on_alerts: Callable[[int], object] = lambda _count: None,
        accounts: Accounts | None = None,
    ) -> None:
        """Bring together what a commit needs.

        Args:
            store: the log.
            settlement: fixes the outcomes inside the commit.
            clock: log time; is given the database's wall clock in seconds where the database has one, and log time of
                the last entry, milliseconds.
            on_alerts: is told how many alert entries a group that is durable has.
            accounts: what keys of this process are used for.
        """
        self._store = store
        self._settlement = settlement
        self._clock = clock
        self._on_alerts = on_alerts
        self._accounts = Accounts() if accounts is None else accounts

    def write(self, intents: Sequence[Intent]) -> list[Settled]:
        """Write one group, or where it is empty a probe.

        Raises:
            LogUnavailableError: it is not durable; whether it became so later is not known.
        """
        self._accounts.begin()
        try:
            outcome = self._write(intents)
        except BaseException:
            self._accounts.fail()
            raise
        self._accounts.commit(
            receipts=outcome.receipts, answers=len(outcome.replays), repetitions=outcome.reopened
        )
        if alerts := len(outcome.entries) - len(
            intents
        ):  # each intent has one entry; what is more are alerts
            self._on_alerts(alerts)
        return outcome.settled

    def _write(self, intents: Sequence[Intent]) -> Outcome:
        questions = [intent.question for intent in intents if intent.question is not None]
        with self._store.transaction() as transaction:
            keys = {question.replay for question in questions}
            fresh = transaction.claim_replays(sorted(keys)) if keys else set()
            stored = transaction.replays(sorted(keys - fresh)) if keys - fresh else {}
            now = self._clock(transaction.clock(), transaction.last_ms())
            counters = {key for question in questions for key in question.counters.all()}
            if not intents:
                counters = {PROBE}
            used = transaction.counters(counters, now.day) if counters else {}
            before = dict(used)
            disputes = self._open_disputes(transaction, intents, now.ms)
            outcome = self._settlement.settle(
                Group(
                    intents=intents,
                    fresh=frozenset(fresh),
                    stored=stored,
                    used=used,
                    time=now,
                    disputes=disputes,
                )
            )
            if not intents:
                used[PROBE] = used.get(PROBE, 0) + 1
            changed = {key: count for key, count in used.items() if before.get(key, 0) != count}
            if outcome.kept:
                transaction.keep(outcome.kept)
            transaction.write(changed, now.day, outcome.entries, outcome.replays)
        return outcome

    @staticmethod
    def _open_disputes(transaction: LogTransaction, intents: Sequence[Intent], now_ms: int) -> list[str]:
        """Open what disputes a group has, and say for each what became of it."""
        wanted = [(intent.agency, intent.opening) for intent in intents if intent.opening is not None]
        if not wanted:
            return []
        rows = transaction.disputes()
        return [rows.open(agency, opening, now_ms) for agency, opening in wanted]
