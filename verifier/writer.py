"""The writer: the one process that writes the log of several workers on SQLite. It answers nobody but them.

It holds the keys of receipts and stored answers, and no gRPC object. Where the database or the keyring is missing it
says so, and tries again; workers find nobody to commit for them meanwhile, and answer UNAVAILABLE.
"""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING

from keys import process
from keys.errors import KeysError
from verifier import headkeeper, host_keys, migrations
from verifier.backup import mirroring
from verifier.directory import Directory
from verifier.errors import ServiceError
from verifier.housekeeping import Duty, Housekeeping
from verifier.journal import address
from verifier.journal.server import JournalServer
from verifier.log.open import open_log
from verifier.metrics import Metrics
from verifier.migrations import DatabaseFailedError
from verifier.retention import duty as retention
from verifier.scribe import Scribe
from verifier.tracing.export import open_tracing

if TYPE_CHECKING:
    from verifier.config import Settings

RETRY_SECONDS = 1.0
DRAIN_SECONDS = 10.0
"""How long workers may take to leave: their own calls have five seconds."""

_LOGGER = logging.getLogger("padan.writer")


class Writer:
    """A running writer."""

    def __init__(self, settings: Settings, *, confirm_clock: bool = False) -> None:
        """Prepare; `start` lets workers in.

        Args:
            settings: the settings.
            confirm_clock: two people have confirmed a wall clock far ahead of the log.
        """
        self._settings = settings
        self._confirm_clock = confirm_clock
        self._metrics = Metrics()
        self._server: JournalServer | None = None
        self._opened = contextlib.ExitStack()
        if settings.environment != "development":
            process.harden()

    def start(self) -> None:
        """Be the only writer, and let workers in as soon as the log can be written.

        Raises:
            OperatorError: what is wrong will not mend itself; the message says what.
        """
        socket = self._settings.journal_socket
        address.check_path(socket)
        self._opened.enter_context(address.only_writer(socket))
        self._look_after()
        self._housekeeping = Housekeeping([Duty(name="begin", every=RETRY_SECONDS, act=self._look_after)])
        self._housekeeping.start()

    def stop(self) -> None:
        """Wait until the workers have left, commit what is queued, and let go of everything."""
        self._housekeeping.stop()
        if self._server is not None:
            self._server.drain(DRAIN_SECONDS)
        self._opened.close()
        _LOGGER.info("stopped")

    def _look_after(self) -> None:
        """Begin where that was not possible before."""
        if self._server is not None:
            return
        try:
            self._server = self._begin()
        except (ServiceError, KeysError, DatabaseFailedError) as error:
            _LOGGER.warning("not ready", extra={"reason": str(error)})
            return
        _LOGGER.info("ready")

    def _begin(self) -> JournalServer:
        settings = self._settings
        with contextlib.ExitStack() as opened:
            migrations.require_current(settings.log_database, migrations.Tree.LOG)
            store = open_log(settings.log_database)
            opened.callback(store.close)
            agent = host_keys.unlock(settings)
            opened.callback(agent.close)
            directory = Directory(settings.log_database)
            opened.callback(directory.close)
            head = headkeeper.keep(opened, settings, agent, store, directory)
            mirroring.begin(settings)
            tracing = open_tracing(settings)
            if tracing is not None:
                opened.callback(tracing.close)
            observe = self._metrics.observe_commit
            scribe = Scribe(
                agent=agent,
                store=store,
                receipts=settings.receipts,
                observe=tracing.observing(observe) if tracing is not None else observe,
                on_alerts=self._metrics.budget_alerts.inc,
                on_change=lambda away: self._metrics.show_away("log", away=away),
                confirm_clock=self._confirm_clock,
            )
            server = JournalServer(settings.journal_socket, scribe.committer)
            opened.callback(server.close)  # after the committer has stopped, so that all of it is answered
            scribe.committer.start()
            opened.callback(scribe.committer.stop)
            server.start()
            keeping = Housekeeping(
                [
                    retention.expiry(store, scribe.expire),
                    Duty(name="seals", every=10, act=lambda: self._metrics.replay_seals.set(scribe.sealed)),
                    head,
                ]
            )
            keeping.start()
            opened.callback(keeping.stop)
            self._opened.push(opened.pop_all())
        return server
