"""The leader as a process of its own (`padan-server lead`): it opens what the duties work with.

Of keys it keeps one, which signs the log's checkpoints. Where a database or the keyring is missing it says so, and
tries again.
"""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from keys.errors import KeysError
from keys.realm import Realm
from verifier import duties, host_keys, metrics_listener, migrations
from verifier.agreement.store import AgreementStore
from verifier.clocks import RunningLogClock
from verifier.directory import Directory
from verifier.errors import OperatorError, ServiceError
from verifier.housekeeping import Duty, Housekeeping
from verifier.leader import Leader
from verifier.log.open import open_log
from verifier.metrics import LeaderMetrics
from verifier.migrations import DatabaseFailedError
from verifier.readiness import Readiness
from verifier.seat import open_seat
from verifier.tree import cosigning
from verifier.tree.signing import CheckpointSigner
from verifier.vault.open import open_vault

if TYPE_CHECKING:
    import threading

    from verifier.config import Settings

RETRY_SECONDS = 1.0

_LOGGER = logging.getLogger("padan.leading")


class Leading:
    """A running candidate."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._opened = contextlib.ExitStack()
        self._registry = CollectorRegistry()
        self._metrics = LeaderMetrics(self._registry)
        self._began = False
        self.readiness = Readiness()

    def start(self) -> None:
        """Contend as soon as the databases can be opened.

        Raises:
            OperatorError: what is wrong will not mend itself; the message says what.
        """
        shown = metrics_listener.listening(
            self._settings.leader_metrics_listen, self._registry, setting="leader_metrics_listen"
        )
        with (
            contextlib.ExitStack() as opened
        ):  # closed at once where the first look fails, as in verifier.service
            opened.enter_context(shown)
            self._look_after()
            self._opened.push(opened.pop_all())
        self._housekeeping = Housekeeping([Duty(name="begin", every=RETRY_SECONDS, act=self._look_after)])
        self._housekeeping.start()

    def hand_over(self, hurry: threading.Event) -> None:
        """Have nothing to say to a successor."""

    def stop(self) -> None:
        """Finish the duty under way, leave the seat to another, and let go of everything."""
        self._housekeeping.stop()
        self._opened.close()
        _LOGGER.info("stopped")

    def _look_after(self) -> None:
        if self._began:
            return
        try:
            self._begin()
        except (OperatorError, ServiceError, KeysError, DatabaseFailedError) as error:
            _LOGGER.warning("not ready", extra={"reason": str(error)})
            return
        self._began = True
        self.readiness.reach()
        _LOGGER.info("ready")

    def _begin(self) -> None:
        settings = self._settings
        with contextlib.ExitStack() as opened:
            migrations.require_current(settings.log_database, migrations.Tree.LOG)
            migrations.require_current(settings.vault_database, migrations.Tree.VAULT)
            log = open_log(settings.log_database)
            opened.callback(log.close)
            vault = open_vault(settings.vault_database)
            opened.callback(vault.close)
            directory = Directory(settings.log_database)
            opened.callback(directory.close)
            agreements = AgreementStore(
                directory,
                realm=Realm(registry_id=settings.registry_id, environment=settings.environment),
                signers=settings.agreement_signers,
            )
            agreements.snapshot.start()
            opened.callback(agreements.snapshot.stop)
            with contextlib.closing(host_keys.obtain(settings)) as agent:
                signer = CheckpointSigner.of(agent)
            witnesses = cosigning.of_settings(settings, log)
            if witnesses is not None:
                opened.callback(witnesses.close)
            means = duties.Means(
                settings=settings,
                log=log,
                vault=vault,
                directory=directory,
                agreements=agreements,
                clock=RunningLogClock(log, is_beside=True),
                signer=signer,
                gauges=self._metrics,
                witnesses=witnesses,
            )
            leader = Leader(open_seat(settings.log_database), duties.standing(means), gauges=self._metrics)
            leader.start()
            opened.callback(leader.stop)
            self._opened.push(opened.pop_all())
