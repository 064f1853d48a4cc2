"""The duties that an installation has once, whoever leads: the list of them, and what they work with.

Of keys there is one, which signs the log's checkpoints.

A duty runs in the leader's process, beside requests where that is a worker, so it works in short steps; each of its
transactions begins with `mandate.require(connection)` or `transaction.fence(mandate.term)`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from keys.realm import Realm
from verifier import clocks
from verifier.dispute.clock import DisputeClock
from verifier.dispute.forgetting import DisputeForgetting
from verifier.dispute.table import DisputeTable
from verifier.freshness import FreshnessWatch
from verifier.headfile import HeadFile
from verifier.leader import LeaderDuty
from verifier.log.beside import Beside
from verifier.retention.duty import EVERY, Expiry, Retention
from verifier.scribe import KEPT_DAYS
from verifier.token.asked import EVERY as EVERY_ASKED
from verifier.token.asked import AskedKeeping
from verifier.token.lapsing import Lapsing
from verifier.token.rowtable import RowTable
from verifier.tree import cosigning, sequencer
from verifier.tree.folder import TreeFolder
from verifier.tree.sequencer import Sequencer

if TYPE_CHECKING:
    from verifier.agreement.store import AgreementStore
    from verifier.clocks import RunningLogClock
    from verifier.config import Settings
    from verifier.directory import Directory
    from verifier.log.store import LogStore
    from verifier.tree.cosigning import Cosigning
    from verifier.tree.sequencer import Gauges
    from verifier.tree.signing import CheckpointSigner
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
    signer: CheckpointSigner
    gauges: Gauges | None = None
    witnesses: Cosigning | None = None


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
    lapsing = Lapsing(
        RowTable(means.directory, Beside.CONVERSION),
        means.log,
        now_ms=lambda: means.clock().ms,
        days=means.settings.conversion_days,
    )
    realm = Realm(registry_id=means.settings.registry_id, environment=means.settings.environment)
    tree = Sequencer(
        log=means.log,
        head=HeadFile(means.settings.head_file, realm),
        folder=TreeFolder(means.settings.tree_folder),
        signer=means.signer,
        require=means.log.require_term,
        cosign=means.witnesses,
        gauges=means.gauges,
    )
    expiry = (
        [Expiry(means.log, lambda: means.clock().day - KEPT_DAYS)] if means.settings.is_log_shared else []
    )
    witnesses = [] if means.witnesses is None else [means.witnesses]
    asked = AskedKeeping(
        means.directory, days=means.settings.enrolment_questions_days, today=lambda: clocks.now().today
    )
    return [
        sequencer.duty(tree),
        *(
            LeaderDuty(name="witnesses", every=cosigning.EVERY, act=each.turn, alone=True)
            for each in witnesses
        ),
        LeaderDuty(name="freshness", every=600, act=freshness.check),
        LeaderDuty(name="retention", every=EVERY, act=retention.turn),
        *(LeaderDuty(name="expire", every=EVERY, act=each.turn) for each in expiry),
        LeaderDuty(name="disputes", every=60, act=disputes.check),
        LeaderDuty(name="old disputes", every=600, act=forgetting.forget),
        LeaderDuty(name="enrolment questions", every=EVERY_ASKED, act=asked.turn),
        LeaderDuty(name="old conversions", every=600, act=lapsing.turn),
    ]


def _as_of(vault: VaultStore) -> tuple[int, int]:
    """Give the number of the epoch in use, and the registry's state that it shows, milliseconds."""
    epoch = vault.pin().epoch
    return epoch.number, epoch.as_of_ms
