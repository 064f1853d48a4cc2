"""The scribe: everything that a process needs to commit, from log time to the keys of receipts and stored answers.

A service of one process has one; of several workers on PostgreSQL each has its own; on SQLite the writer alone has it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from keys.purpose import Purpose
from verifier.clocks import RunningLogClock
from verifier.committer import Committer
from verifier.group_writer import GroupWriter
from verifier.receipts import ReceiptSigner
from verifier.settlement import Settlement

if TYPE_CHECKING:
    from collections.abc import Callable

    from keys.keyagent import KeyAgent
    from keys.seal import RingSeal
    from verifier.accounts import Accounts
    from verifier.log.store import LogStore
    from verifier.settlement import ReplaySeal

KEPT_DAYS = 1
"""Whole days of log time for which counters and stored answers are kept beside today's: a replay window of 24 h."""


class Scribe:
    """Commits, and forgets what need not be kept.

    Attributes:
        clock: log time.
        committer: commits.
    """

    def __init__(
        self,
        *,
        agent: KeyAgent,
        store: LogStore,
        receipts: bool,
        observe: Callable[[int, float], None],
        on_alerts: Callable[[int], object] = lambda _count: None,
        on_change: Callable[[bool], object] = lambda _away: None,
        confirm_clock: bool = False,
        accounts: Accounts | None = None,
    ) -> None:
        """Continue the log; `committer` is yet to be started.

        Args:
            agent: holds the keys of receipts and stored answers.
            store: the log.
            receipts: sign a receipt for each answer.
            observe: is told the size and the seconds of each commit.
            on_alerts: is told how many alert entries a commit wrote.
            on_change: is told when callers are turned away because the log is away (True), and when no longer.
            confirm_clock: two people have confirmed a wall clock far ahead of the log.
            accounts: what keys of this process are used for.

        Raises:
            ClockAheadError: the wall clock is more than 24 hours ahead, unconfirmed.
            LogUnavailableError: the log cannot be read.
        """
        self._agent = agent
        self._store = store
        self.clock = RunningLogClock(store, confirmed_ahead=confirm_clock)
        self._seals: dict[int, RingSeal] = {}
        self._receipts = receipts
        self._settlement = Settlement(signer=self._signer(), replay_seal=self._replay_seal)
        self.committer = Committer(
            writer=GroupWriter(
                store=store,
                settlement=self._settlement,
                clock=self.clock,
                on_alerts=on_alerts,
                accounts=accounts,
            ),
            observe=observe,
            on_change=on_change,
        )

    def follow_keyring(self) -> None:
        """Sign and seal with the keys that the keyring names now; what was sealed before is read as before.

        Raises:
            KeysError: there is no key to sign or seal with; the ones before stay.
        """
        signer = self._signer()
        seals: dict[int, RingSeal] = {}
        for day, before in list(self._seals.items()):
            made = self._agent.replay_seal(day)
            same = made.key_id == before.key_id
            seals[day] = self._agent.replay_seal(day, sealed=before.sealed) if same else made
        self._seals, self._settlement.signer = seals, signer

    def _signer(self) -> ReceiptSigner | None:
        return ReceiptSigner(self._agent.signer(Purpose.RECEIPT_SIGNING)) if self._receipts else None

    def first_day_kept(self) -> int:
        """Give the first day whose counters and stored answers stay."""
        return self.clock().day - KEPT_DAYS

    @property
    def sealed(self) -> int:
        """Answers that this process has sealed under the newest day's key."""
        return self._seals[max(self._seals)].sealed if self._seals else 0

    def _replay_seal(self, day: int) -> ReplaySeal:
        seal = self._seals.get(day)
        if seal is None:
            for old in [known for known in self._seals if known < day - KEPT_DAYS]:
                del self._seals[old]
            seal = self._seals[day] = self._agent.replay_seal(day)
        return seal
