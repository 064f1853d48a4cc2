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
from typing import TYPE_CHECKING

from keys.agent import LocalKeyAgent
from keys.envelope import parse_key
from keys.purpose import Purpose
from tokenizer.codes import CodeLists
from tokenizer.normalise import VERSION as NORMALISER_VERSION
from verifier import clocks, keyring_events, migrations
from verifier.agreement.store import AgreementStore
from verifier.audit import Audit
from verifier.committer import Committer
from verifier.core import Verifier
from verifier.directory import Directory
from verifier.epoch import EpochHolder
from verifier.errors import OperatorError
from verifier.group_writer import GroupWriter
from verifier.housekeeping import Duty, Housekeeping
from verifier.identity import PeerGate, PeerReader
from verifier.limiter import RateLimiter
from verifier.log.open import open_log
from verifier.period import AuditPeriod
from verifier.receipts import ReceiptSigner
from verifier.revocation import register_snapshot
from verifier.service_info import ServiceInfo
from verifier.settlement import Settlement
from verifier.vault.open import open_vault

if TYPE_CHECKING:
    from verifier.config import Settings
    from verifier.metrics import Metrics
    from verifier.settlement import ReplaySeal

KEPT_DAYS = 1
"""Whole days of log time for which counters and stored answers are kept beside today's: a replay window of 24 h."""

_LOGGER = logging.getLogger("padan.engine")


class Engine:
    """Answers questions and lists entries; owns databases, keys and threads."""

    def __init__(self, settings: Settings, *, metrics: Metrics, confirm_clock: bool = False) -> None:
        """Build everything and start its threads.

        Args:
            settings: the settings.
            metrics: counts.
            confirm_clock: two people have confirmed a wall clock far ahead of the log.

        Raises:
            OperatorError: something must be mended first; the message says what.
            ServiceError: a database is away.
            keys.errors.KeysError: the keyring cannot be unlocked.
        """
        self._settings = settings
        self._metrics = metrics
        with contextlib.ExitStack() as opened:
            self._open_databases(opened)
            self._unlock_keys(opened)
            self._log_clock = clocks.RunningLogClock(self._log, confirmed_ahead=confirm_clock)
            self._periods = AuditPeriod(agent=self._agent, store=self._log)
            self._periods.renew()
            self._open_directory(opened)
            self._build_core()
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
        epoch = self._epochs.pin()
        self._metrics.epoch.set(epoch.number)
        self._metrics.feed_age.set(time.time() - epoch.as_of.seconds)
        self._committer.probe()

    def _open_databases(self, opened: contextlib.ExitStack) -> None:
        migrations.require_current(self._settings.log_database, migrations.Tree.LOG)
        migrations.require_current(self._settings.vault_database, migrations.Tree.VAULT)
        self._log = open_log(self._settings.log_database)
        opened.callback(self._log.close)
        self._vault = open_vault(self._settings.vault_database)
        opened.callback(self._vault.close)
        self._directory = Directory(self._settings.log_database)
        opened.callback(self._directory.close)

    def _unlock_keys(self, opened: contextlib.ExitStack) -> None:
        settings = self._settings
        auditors_key = parse_key(settings.auditors_key.read_text()) if settings.auditors_key else None
        self._agent = LocalKeyAgent.unlock(settings.keyring, settings.kek, auditors_key=auditors_key)
        opened.callback(self._agent.close)
        realm = self._agent.realm
        if (realm.registry_id, realm.environment) != (settings.registry_id, settings.environment):
            raise OperatorError(
                f"{settings.keyring}: made for {realm.registry_id} in {realm.environment}, but the settings say "
                f"{settings.registry_id} in {settings.environment}"
            )
        keyring_events.log_pending(
            keyring=settings.keyring, ring=self._agent.keyring, directory=self._directory, store=self._log
        )

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

        for snapshot in (self._register, self._agreements.snapshot):
            snapshot.start()
            opened.callback(snapshot.stop)

    def _build_core(self) -> None:
        settings = self._settings
        codes = CodeLists.load()
        self._epochs = EpochHolder(
            agent=self._agent, vault=self._vault, codes=codes, on_damage=self._metrics.damaged_rows.inc
        )
        signer = self._agent.signer(Purpose.RECEIPT_SIGNING)
        self._replay_seals: dict[int, ReplaySeal] = {}
        self._committer = Committer(
            writer=GroupWriter(
                store=self._log,
                settlement=Settlement(
                    signer=ReceiptSigner(signer) if settings.receipts else None, replay_seal=self._replay_seal
                ),
                clock=self._log_clock,
            ),
            observe=self._metrics.observe_commit,
        )
        self.core = Verifier(
            gate=self._gate,
            agreements=self._agreements,
            epochs=self._epochs,
            journal=self._committer,
            periods=self._periods,
            rates=RateLimiter(share=1 / settings.workers),
            now=clocks.now,
            random=os.urandom,
            slot=settings.slot_ms / 1000,
            joint_subject=settings.joint_subject_budget,
            joint_prefix=settings.joint_prefix_budget,
            receipts=settings.receipts,
        )
        self.info = ServiceInfo(
            settings=settings,
            version=importlib.metadata.version("padan-server"),
            normaliser=NORMALISER_VERSION,
            gate=self._gate,
            agreements=self._agreements,
            epochs=self._epochs,
            codes=codes,
            signers=[("receipt-signing", signer), ("log-signing", self._agent.signer(Purpose.LOG_SIGNING))],
            now=clocks.now,
        )

        self.audit = Audit(gate=self._gate, store=self._log, now=clocks.now)

    def _start(self, opened: contextlib.ExitStack) -> None:
        housekeeping = Housekeeping(
            [
                Duty(name="period", every=60, act=self._periods.renew),
                Duty(name="expire", every=600, act=self._expire),
            ]
        )
        self._committer.start()
        opened.callback(self._committer.stop)
        housekeeping.start()
        opened.callback(housekeeping.stop)

    def _expire(self) -> None:
        self._log.expire(self._log_clock(None).day - KEPT_DAYS)

    def _replay_seal(self, day: int) -> ReplaySeal:
        seal = self._replay_seals.get(day)
        if seal is None:
            for old in [known for known in self._replay_seals if known < day - KEPT_DAYS]:
                del self._replay_seals[old]
            seal = self._replay_seals[day] = self._agent.replay_seal(day)
        return seal
