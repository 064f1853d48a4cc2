"""The duties that an installation has once, whoever leads: the list of them, and what they work with. No keys.

A duty runs in the leader's process, beside requests where that is a worker, so it works in short steps; each of its
transactions begins with `mandate.require(connection)` or `transaction.fence(mandate.term)`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from verifier.dispute.clock import DisputeClock
from verifier.dispute.forgetting import DisputeForgetting
from verifier.dispute.table import DisputeTable
from verifier.freshness import FreshnessWatch
from verifier.leader import LeaderDuty
from verifier.retention.duty import EVERY, Retention

if TYPE_CHECKING:
    from verifier.agreement.store import AgreementStore
    from verifier.clocks import RunningLogClock
    from verifier.config import Settings
    from verifier.directory import Directory
    from verifier.log.store import LogStore
    from verifier.vault.store import VaultStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What duties work with; open for as long as the process may lead."""

    settings: Settings
    log: LogStore
    vault: VaultStore
    directory: Directory
    agreements: AgreementStore
    clock: RunningLogClock


def standing(means: Means) -> list[LeaderDuty]:
    """List the duties."""
    freshness = FreshnessWatch(
        agreements=means.agreements,
        as_of_ms=lambda: _as_of(means.vault),
        log=means.log,
        now=time.time,
        log_ms=lambda: means.clock().ms,
    )
    retention = Retention(means.settings, means.log)
    disputes = DisputeClock(DisputeTable(means.directory), means.log, now=lambda: means.clock().ms / 1000)
    forgetting = DisputeForgetting(
        DisputeTable(means.directory),
        means.log,
        now_ms=lambda: means.clock().ms,
        days=means.settings.dispute_days,
        hold=means.settings.retention_hold,
    )
    return [
        LeaderDuty(name="freshness", every=600, act=freshness.check),
        LeaderDuty(name="retention", every=EVERY, act=retention.turn),
        LeaderDuty(name="disputes", every=60, act=disputes.check),
        LeaderDuty(name="old disputes", every=600, act=forgetting.forget),
    ]


def _as_of(vault: VaultStore) -> tuple[int, int]:
    """Give the number of the epoch in use, and the registry's state that it shows, milliseconds."""
    epoch = vault.pin().epoch
    return epoch.number, epoch.as_of_ms
