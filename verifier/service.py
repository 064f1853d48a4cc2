"""The composition root: reads the settings, builds every object once, starts the listeners, and stops them again.

Nothing else in the package reads configuration or opens a socket. The order of the start is the order of what may
fail: process, databases, keys, clocks, what may be asked, then the listeners. Without a vault or with a failing disk
the service starts, says which, is not ready, and answers UNAVAILABLE.
"""

from __future__ import annotations

import importlib.metadata
import logging
import os
import time
from typing import TYPE_CHECKING

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from prometheus_client import start_http_server

from keys import process
from keys.agent import LocalKeyAgent
from keys.envelope import parse_key
from keys.purpose import Purpose
from tokenizer.codes import CodeLists
from tokenizer.normalise import VERSION as NORMALISER_VERSION
from verifier import clocks, keyring_events, migrations, transport
from verifier.agreement.store import AgreementStore
from verifier.audit import Audit
from verifier.committer import Committer
from verifier.core import Verifier
from verifier.directory import Directory
from verifier.epoch import EpochHolder
from verifier.errors import OperatorError, ServiceError
from verifier.housekeeping import Duty, Housekeeping
from verifier.identity import PeerGate, PeerReader
from verifier.limiter import RateLimiter
from verifier.log.open import open_log
from verifier.metrics import Metrics
from verifier.period import AuditPeriod
from verifier.receipts import ReceiptSigner
from verifier.revocation import register_snapshot
from verifier.service_info import ServiceInfo
from verifier.settlement import Settlement
from verifier.tls import TlsFiles, server_credentials
from verifier.vault.open import open_vault

if TYPE_CHECKING:
    from verifier.config import Settings
    from verifier.settlement import ReplaySeal

VERIFICATION = "padan.v1.VerificationService"
AUDIT = "padan.v1.AuditService"
KEPT_DAYS = 1
"""Whole days of log time for which counters and stored answers are kept beside today's: a replay window of 24 h."""
DRAIN_SECONDS = 5.0

_LOGGER = logging.getLogger("padan.service")


class ListenError(OperatorError):
    """An address cannot be listened on."""


class Service:
    """A running service: one worker process."""

    def __init__(self, settings: Settings, *, confirm_clock: bool = False) -> None:
        """Build everything; nothing listens yet.

        Args:
            settings: the settings.
            confirm_clock: two people have confirmed a wall clock far ahead of the log.

        Raises:
            OperatorError: something must be mended first; the message says what.
            LogUnavailableError: the log's database is away.
            keys.errors.KeysError: the keyring cannot be unlocked.
        """
        self._settings = settings
        self.metrics = Metrics()
        if settings.environment != "development":
            process.harden()
        self._open_databases()
        self._unlock_keys()
        self._log_clock = clocks.RunningLogClock(self._log, confirmed_ahead=confirm_clock)
        self._periods = AuditPeriod(agent=self._agent, store=self._log)
        self._periods.renew()
        self._open_directory()
        self._build_core()
        self._build_listeners()
        self._housekeeping = Housekeeping(
            [
                Duty(name="health", every=0.5, act=self._update_health),
                Duty(name="period", every=60, act=self._periods.renew),
                Duty(name="expire", every=600, act=self._expire),
            ]
        )

    def _open_databases(self) -> None:
        migrations.require_current(self._settings.log_database, migrations.Tree.LOG)
        migrations.require_current(self._settings.vault_database, migrations.Tree.VAULT)
        self._log = open_log(self._settings.log_database)
        self._vault = open_vault(self._settings.vault_database)
        self._directory = Directory(self._settings.log_database)

    def _unlock_keys(self) -> None:
        settings = self._settings
        auditors_key = parse_key(settings.auditors_key.read_text()) if settings.auditors_key else None
        self._agent = LocalKeyAgent.unlock(settings.keyring, settings.kek, auditors_key=auditors_key)
        realm = self._agent.realm
        if (realm.registry_id, realm.environment) != (settings.registry_id, settings.environment):
            raise OperatorError(
                f"{settings.keyring}: made for {realm.registry_id} in {realm.environment}, but the settings say "
                f"{settings.registry_id} in {settings.environment}"
            )
        keyring_events.log_pending(
            keyring=settings.keyring, ring=self._agent.keyring, directory=self._directory, store=self._log
        )

    def _open_directory(self) -> None:
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

    def _build_core(self) -> None:
        settings = self._settings
        codes = CodeLists.load()
        self._epochs = EpochHolder(
            agent=self._agent, vault=self._vault, codes=codes, on_damage=self.metrics.damaged_rows.inc
        )
        signer = self._agent.signer(Purpose.RECEIPT_SIGNING)
        self._replay_seals: dict[int, ReplaySeal] = {}
        self._committer = Committer(
            store=self._log,
            settlement=Settlement(
                signer=ReceiptSigner(signer) if settings.receipts else None, replay_seal=self._replay_seal
            ),
            clock=self._log_clock,
            observe=self.metrics.observe_commit,
        )
        self._core = Verifier(
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
        self._info = ServiceInfo(
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

    def _replay_seal(self, day: int) -> ReplaySeal:
        seal = self._replay_seals.get(day)
        if seal is None:
            for old in [known for known in self._replay_seals if known < day - KEPT_DAYS]:
                del self._replay_seals[old]
            seal = self._replay_seals[day] = self._agent.replay_seal(day)
        return seal

    def _build_listeners(self) -> None:
        settings = self._settings
        self._health = health.HealthServicer()
        front = transport.VerificationFront(
            core=self._core, info=self._info.answer, observe=self.metrics.observe_reply
        )
        audit = transport.AuditFront(
            list_entries=Audit(gate=self._gate, store=self._log, now=clocks.now).list_entries
        )
        self._server = transport.new_server([front.handler()], threads=settings.threads)
        self._audit_server = transport.new_server(
            [audit.handler()], threads=4, extra_options=transport.AUDIT_OPTIONS
        )
        for server, name in ((self._server, VERIFICATION), (self._audit_server, AUDIT)):
            health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
            if settings.environment == "development":
                reflection.enable_server_reflection((name, health.SERVICE_NAME, reflection.SERVICE_NAME), server)
        self.port = _listen(self._server, settings.listen, self._credentials())
        self.audit_port = _listen(self._audit_server, settings.audit_listen, self._credentials())

    def _credentials(self) -> grpc.ServerCredentials:
        """Make a listener's credentials; each needs its own, since the first one to ask gets the initial files."""
        settings = self._settings
        return server_credentials(
            TlsFiles(certificate=settings.tls_cert, key=settings.tls_key, client_cas=[settings.client_ca]),
            on_fault=lambda _fault: _LOGGER.error("changed TLS files cannot be used; the last good ones stay"),
        )

    def start(self) -> None:
        """Start answering."""
        self._register.start()
        self._agreements.snapshot.start()
        self._committer.start()
        if self._settings.metrics_listen:
            host, _, port = self._settings.metrics_listen.rpartition(":")
            try:
                self._metrics_server, _ = start_http_server(
                    int(port), addr=host.strip("[]"), registry=self.metrics.registry
                )
            except OSError as error:
                raise ListenError(f"metrics_listen: {self._settings.metrics_listen} cannot be used") from error
        self._server.start()
        self._audit_server.start()
        self._update_health()
        self._housekeeping.start()
        _LOGGER.info("started", extra={"address": self._settings.listen})

    def stop(self) -> None:
        """Stop: not ready first, then no new calls, then what is under way, then the log and the keys."""
        self._health.enter_graceful_shutdown()
        self.metrics.ready.set(0)
        stopped = [server.stop(DRAIN_SECONDS) for server in (self._server, self._audit_server)]
        for event in stopped:
            event.wait(DRAIN_SECONDS + 1)
        self._housekeeping.stop()
        self._committer.stop()
        self._register.stop()
        self._agreements.snapshot.stop()
        if self._settings.metrics_listen:
            self._metrics_server.shutdown()
            self._metrics_server.server_close()
        self._vault.close()
        self._log.close()
        self._directory.close()
        self._agent.close()
        _LOGGER.info("stopped")

    def _update_health(self) -> None:
        """Say ready only while a question could be answered: log writable, epoch active."""
        try:
            epoch = self._epochs.pin()
            self._log.check()
            ready = self._committer.healthy
            self.metrics.epoch.set(epoch.number)
            self.metrics.feed_age.set(time.time() - epoch.as_of.seconds)
        except ServiceError as error:
            ready = False
            _LOGGER.warning("not ready", extra={"reason": str(error)})
        self.metrics.ready.set(int(ready))
        serving = health_pb2.HealthCheckResponse.ServingStatus
        for name in ("", VERIFICATION, AUDIT):
            self._health.set(name, serving.SERVING if ready else serving.NOT_SERVING)

    def _expire(self) -> None:
        today = self._log_clock(None).day
        self._log.expire(today - KEPT_DAYS)


def _listen(server: grpc.Server, address: str, credentials: grpc.ServerCredentials) -> int:
    try:
        return server.add_secure_port(address, credentials)
    except RuntimeError as error:
        raise ListenError(f"{address}: cannot be listened on; is another service there?") from error
