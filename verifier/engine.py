"""The engine: everything behind the listeners, built once all that it needs is there.

The order of building is the order of what may fail: databases, keys, clocks, what may be asked, the core. What fails is
named by its error, and nothing stays half open.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import logging
import os
import time
from typing import TYPE_CHECKING, Any, Literal

from tokenizer.codes import CodeLists
from tokenizer.normalise import VERSION as NORMALISER_VERSION
from verifier import accounting, clocks, desks, duties, garbage, headkeeper, host_keys, migrations
from verifier.agreement.store import AgreementStore
from verifier.audit import Audit
from verifier.auditor.store import GrantStore
from verifier.auditor.table import GrantTable
from verifier.backup import mirroring
from verifier.biometric import means, probekeys
from verifier.biometric.devices import Devices
from verifier.biometric.devicetable import DeviceTable
from verifier.ceremony_table import CeremonyTable
from verifier.directory import Directory
from verifier.draft import Drafter
from verifier.epoch import EpochHolder
from verifier.housekeeping import Duty, Housekeeping
from verifier.identity import PeerGate, PeerReader
from verifier.journal.client import JournalClient
from verifier.keyring_events import log_pending
from verifier.keywatch import following
from verifier.leader import Leader
from verifier.limiter import RateLimiter
from verifier.log.open import open_log
from verifier.period import RENEW_SECONDS, AuditPeriod
from verifier.resident.store import MarkStore
from verifier.resident.table import MarkTable
from verifier.retention import duty as retention
from verifier.revocation import register_snapshot
from verifier.rotation import watch
from verifier.scribe import Scribe
from verifier.seat import open_seat
from verifier.service_info import ServiceInfo, public_keys_of
from verifier.slow_gauges import SlowGauges
from verifier.token.domains import TokenDomains
from verifier.token.subjects import Subjects
from verifier.tracing.export import open_tracing
from verifier.tracing.traced import main_paths
from verifier.trail import Trails
from verifier.tree import cosigning, witnessed
from verifier.tree.folder import TreeFolder
from verifier.tree.proofs import Proofs
from verifier.tree.signing import CheckpointSigner
from verifier.tree.witnessed import Witnessed
from verifier.vault.open import open_vault

if TYPE_CHECKING:
    from collections.abc import Callable

    from verifier.committer import Committer
    from verifier.config import Settings
    from verifier.metrics import Metrics

_LOGGER = logging.getLogger("padan.engine")


class Engine:
    """Answers questions and lists entries; owns databases, keys and threads."""

    def __init__(
        self,
        settings: Settings,
        *,
        metrics: Metrics,
        confirm_clock: bool = False,
        on_away: Callable[[], object] = lambda: None,
    ) -> None:
        """Build everything and start its threads.

        Args:
            settings: the settings.
            metrics: counts.
            confirm_clock: two people have confirmed a wall clock far ahead of the log.
            on_away: is told when requests are turned away because a store is away, until a `check` passes.

        Raises:
            OperatorError: something must be mended first; the message says what.
            ServiceError: a database is away.
            keys.errors.KeysError: the keyring cannot be unlocked.
        """
        self._settings = settings
        self._metrics = metrics
        self._on_away = on_away
        with contextlib.ExitStack() as opened:
            self._open_databases(opened)
            self._agent = host_keys.obtain(settings)
            opened.callback(self._agent.close)
            own_log = None if settings.has_writer else self._directory
            self._accounts, looking = accounting.begin(opened, self._agent, metrics, log=own_log)
            self._open_tracing(opened)
            self._duties: list[Duty] = [*looking]
            self._key_followers: list[Callable[[], object]] = []
            if not settings.has_writer:
                self._duties.append(
                    headkeeper.keep(opened, settings, self._agent, self._log, self._directory)
                )
                self._key_followers.append(mirroring.begin(settings))
            self._journal = self._open_journal(opened, confirm_clock=confirm_clock)
            self._log_beginnings(opened)
            self._open_directory(opened)
            self._open_witnesses(opened)
            self._build_core(opened)
            self._build_audit()
            self._build_desks()
            self._start(opened)
            self._opened = opened.pop_all()

    def close(self) -> None:
        """Commit what is queued, then let go of everything, in the reverse order of building."""
        self._opened.close()

    def check(self) -> None:
        """Say whether a question could be answered now: epoch active, log writable.

        Raises:
            ServiceError: it could not; the message says why.
        """
        epoch = self._epochs.probe()
        self._metrics.epoch.set(epoch.number)
        self._metrics.feed_age.set(time.time() - epoch.as_of.seconds)
        self._metrics.row_seals.set(epoch.rows.epoch.sealed_rows)
        self._journal.probe()

    def _open_tracing(self, opened: contextlib.ExitStack) -> None:
        self._tracing = open_tracing(self._settings)
        self._observe_commit: Callable[[int, float], None] = self._metrics.observe_commit
        if self._tracing is not None:
            opened.callback(self._tracing.close)
            self._observe_commit = self._tracing.observing(self._observe_commit)

    def _show_away(self, store: Literal["log", "vault"], *, away: bool) -> None:
        self._metrics.show_away(store, away=away)
        if away:
            _LOGGER.warning("a store is away: requests are turned away", extra={"reason": store})
            self._on_away()

    def _open_databases(self, opened: contextlib.ExitStack) -> None:
        migrations.require_current(self._settings.log_database, migrations.Tree.LOG)
        migrations.require_current(self._settings.vault_database, migrations.Tree.VAULT)
        self._log = open_log(self._settings.log_database)
        opened.callback(self._log.close)
        self._vault = open_vault(
            self._settings.vault_database, on_change=lambda away: self._show_away("vault", away=away)
        )
        opened.callback(self._vault.close)
        self._directory = Directory(self._settings.log_database)
        opened.callback(self._directory.close)

    def _open_journal(
        self, opened: contextlib.ExitStack, *, confirm_clock: bool
    ) -> Committer | JournalClient:
        """Commit in this process, or by way of the writer where that is another one."""
        settings = self._settings
        if settings.has_writer:
            journal: Committer | JournalClient = JournalClient(settings.journal_socket)
            self._log_clock = clocks.RunningLogClock(self._log, is_beside=True)
        else:
            scribe = Scribe(
                agent=self._agent,
                store=self._log,
                receipts=settings.receipts,
                observe=self._observe_commit,
                on_alerts=self._metrics.budget_alerts.inc,
                on_change=lambda away: self._show_away("log", away=away),
                confirm_clock=confirm_clock,
                accounts=self._accounts,
            )
            self._duties.append(
                Duty(name="seals", every=10, act=lambda: self._metrics.replay_seals.set(scribe.sealed))
            )
            if not settings.is_log_shared:
                self._duties.append(retention.expiry(self._log, scribe.first_day_kept))
            journal, self._log_clock = scribe.committer, scribe.clock
            self._key_followers.append(scribe.follow_keyring)
        journal.start()
        opened.callback(journal.stop)
        return journal

    def _log_beginnings(self, opened: contextlib.ExitStack) -> None:
        """Log what custodians did meanwhile, and the period that entries name their subjects under; hold probe keys."""
        self._log_keyring()
        self._periods = AuditPeriod(agent=self._agent, journal=self._journal)
        opened.callback(self._periods.close)
        self._periods.renew()
        self._probe_keys, renewing = probekeys.begin(opened, self._agent)
        self._duties += [Duty(name="period", every=RENEW_SECONDS, act=self._periods.renew), renewing]
        self._key_followers.append(self._probe_keys.renew)  # another key may sign them now

    def _open_directory(self, opened: contextlib.ExitStack) -> None:
        settings = self._settings
        self._register = register_snapshot(self._directory)
        self._gate = PeerGate(PeerReader(settings.trust_domain), self._register)
        self._agreements = AgreementStore(
            self._directory,
            realm=self._agent.realm,
            signers=settings.agreement_signers,
            on_fault=lambda agency, version, _fault: _LOGGER.error(
                "an agreement in the database grants nothing", extra={"agency": agency, "version": version}
            ),
        )
        self._grants = GrantStore(
            GrantTable(self._directory),
            realm=self._agent.realm,
            signers=settings.agreement_signers,
            on_fault=lambda auditor, version, _fault: _LOGGER.error(
                "a grant in the database grants nothing", extra={"auditor": auditor, "version": version}
            ),
        )
        self._marks = MarkStore(MarkTable(self._directory))
        self._devices = Devices(DeviceTable(self._directory))
        for snapshot in (
            self._register,
            self._agreements.snapshot,
            self._grants.snapshot,
            self._marks.snapshot,
            self._devices.snapshot,
        ):
            snapshot.start()
            opened.callback(snapshot.stop)

    def _open_witnesses(self, opened: contextlib.ExitStack) -> None:
        settings = self._settings
        self._cosigning = cosigning.of_settings(settings, self._log)
        self._witnesses = Witnessed(
            lambda: self._directory.setting(witnessed.NAME),
            seconds=settings.witness_minutes * 60,
            required=self._cosigning is not None and self._cosigning.required,
        )
        if self._cosigning is None:
            return
        opened.callback(self._cosigning.close)
        self._witnesses.look()
        self._duties.append(witnessed.duty(self._witnesses, self._metrics.witness_age.set))

    def _build_core(self, opened: contextlib.ExitStack) -> None:
        settings = self._settings
        codes = CodeLists.load()
        self._epochs = EpochHolder(
            agent=self._agent, vault=self._vault, codes=codes, on_damage=self._metrics.damaged_rows.inc
        )
        self._domains = TokenDomains(self._agent, grace_days=settings.token_grace_days)
        self._rates = RateLimiter(share=1 / settings.workers)
        ground: dict[str, Any] = {
            "gate": self._gate,
            "agreements": self._agreements,
            "epochs": self._epochs,
            "tokens": Subjects(self._domains, self._log),
            "marks": self._marks,
            "journal": self._journal,
            "drafts": Drafter(
                periods=self._periods,
                random=os.urandom,
                joint_subject=settings.joint_subject_budget,
                joint_prefix=settings.joint_prefix_budget,
                receipts=settings.receipts,
            ),
            "rates": self._rates,
            "witnesses": self._witnesses,
            "now": clocks.now,
            "opened": self._accounts.rows,
        }
        captures = means.begin(
            opened, settings, self._agent, probe_keys=self._probe_keys, devices=self._devices
        )
        self.core, self.biometric = main_paths(ground, captures, settings=settings, tracing=self._tracing)
        self.info = ServiceInfo(
            settings=settings,
            version=importlib.metadata.version("padan-server"),
            normaliser=NORMALISER_VERSION,
            gate=self._gate,
            agreements=self._agreements,
            epochs=self._epochs,
            codes=codes,
            keys=lambda: public_keys_of(self._agent),
            tokens=self._domains,
            probe=self._probe_keys.published,
            now=clocks.now,
        )

    def _build_audit(self) -> None:
        settings = self._settings
        self.trails = Trails(
            gate=self._gate,
            grants=self._grants,
            epochs=self._epochs,
            periods=self._periods,
            journal=self._journal,
            ceremonies=CeremonyTable(self._directory),
            realm=self._agent.realm,
            key=host_keys.threshold_key(settings),
            rates=RateLimiter(share=1 / settings.workers),
            observe=self._metrics.observe_trail,
            now=clocks.now,
        )
        self.audit = Audit(
            gate=self._gate, grants=self._grants, store=self._log, journal=self._journal, now=clocks.now
        )
        self.proofs = Proofs(
            gate=self._gate,
            journal=self._journal,
            rates=RateLimiter(share=1 / settings.workers),
            folder=TreeFolder(settings.tree_folder),
            now=clocks.now,
        )

    def _log_keyring(self) -> None:
        """Log what custodians did since this was last done."""
        log_pending(
            keyring=self._settings.keyring,
            ring=self._agent.keyring,
            directory=self._directory,
            journal=self._journal,
        )

    def _build_desks(self) -> None:
        ground = desks.Ground(
            settings=self._settings,
            gate=self._gate,
            agreements=self._agreements,
            questions=self._rates,
            domains=self._domains,
            log=self._log,
            directory=self._directory,
            epochs=self._epochs,
            marks=self._marks,
            opened=self._accounts.rows,
            periods=self._periods,
            witnesses=self._witnesses,
            journal=self._journal,
        )
        self.disputes = desks.disputes(ground)
        self.tokens = desks.tokens(ground)
        self.enrolments = desks.enrolments(ground)

    def _start(self, opened: contextlib.ExitStack) -> None:
        self._gauges = SlowGauges(
            self._settings, log=self._log, directory=self._directory, agent=self._agent, metrics=self._metrics
        )
        self._checkpoints = CheckpointSigner.of(self._agent)
        self._key_followers += [
            self._log_keyring,
            lambda: self._checkpoints.follow(self._agent),
            self._gauges.show_expiry,
            self._domains.follow,
        ]
        self._duties += [
            following(self._agent, self._key_followers, self._metrics.seal, self._settings.keyring),
            Duty(name="standing", every=10, act=self._gauges.show_standing),
            Duty(name="expiry", every=600, act=self._gauges.show_expiry),
            watch.duty(self._vault, self._metrics),
            garbage.duty(),
        ]
        self._gauges.show_standing()
        self._gauges.show_expiry()
        # The vault's in a thread of its own, since the others may take longer than it may wait.
        for kept in (self._duties, [Duty(name="vault", every=0.0, act=self._vault.refresh)]):
            housekeeping = Housekeeping(kept)
            housekeeping.start()
            opened.callback(housekeeping.stop)
        means = duties.Means(
            settings=self._settings,
            log=self._log,
            vault=self._vault,
            directory=self._directory,
            agreements=self._agreements,
            clock=self._log_clock,
            signer=self._checkpoints,
            gauges=self._metrics.leader,
            witnesses=self._cosigning,
        )
        leader = Leader(
            open_seat(self._settings.log_database),
            duties.standing(means),
            gauges=self._metrics.leader,
            stands=self._settings.leader == "service",
        )
        leader.start()
        opened.callback(leader.stop)
