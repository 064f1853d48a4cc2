"""The writer: the one process that writes the log of several workers on SQLite. It answers nobody but them.

It holds the keys of receipts and stored answers, and no gRPC object. Where the database or the keyring is missing it
says so, and tries again; workers find nobody to commit for them meanwhile, and answer UNAVAILABLE. What only a person
can mend ends it, whenever it shows.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from typing import TYPE_CHECKING

from keys.errors import KeysError
from verifier import accounting, garbage, headkeeper, host_keys, migrations
from verifier.backup import mirroring
from verifier.directory import Directory
from verifier.errors import OperatorError, ServiceError
from verifier.housekeeping import Duty, Housekeeping
from verifier.journal import address
from verifier.journal.server import JournalServer
from verifier.keywatch import following
from verifier.log.open import open_log
from verifier.metrics import Metrics
from verifier.migrations import DatabaseFailedError
from verifier.readiness import Readiness
from verifier.retention import duty as retention
from verifier.retrying import Retry
from verifier.scribe import Scribe
from verifier.tracing.export import open_tracing

if TYPE_CHECKING:
    from keys.agent import LocalKeyAgent
    from verifier.config import Settings
    from verifier.log.store import LogStore

HAND_OVER_SECONDS = 5.0
"""How long workers may take to hear their last answers: they wait two seconds for each."""
DRAIN_SECONDS = 10.0
"""How long workers may take to leave: their own calls have five seconds."""

_LOOK_SECONDS = 0.2
_LOGGER = logging.getLogger("padan.writer")


class Writer:
    """A running writer."""

    def __init__(self, settings: Settings, *, confirm_clock: bool = False, successor: bool = False) -> None:
        """Prepare; `start` lets workers in.

        Args:
            settings: the settings.
            confirm_clock: two people have confirmed a wall clock far ahead of the log.
            successor: another writes still; stand by until it has let go.
        """
        self._settings = settings
        self._confirm_clock = confirm_clock
        self._successor = successor
        self.readiness = Readiness()
        self._metrics = Metrics()
        self._server: JournalServer | None = None
        self._keeping: Housekeeping | None = None
        self._patience = DRAIN_SECONDS
        self._opened = contextlib.ExitStack()
        self._alone = threading.Event()
        self._beginning = threading.Lock()
        self._retry = Retry()
        self._parts: tuple[LogStore, LocalKeyAgent] | None = None
        host_keys.protect(settings)

    def start(self) -> None:
        """Be the only writer, and let workers in as soon as the log can be written.

        Raises:
            OperatorError: what is wrong will not mend itself; the message says what.
        """
        socket = self._settings.journal_socket
        address.check_path(socket)
        if self._successor:
            self._warm_up()
            threading.Thread(target=self._wait_for_place, name="standby", daemon=True).start()
        else:
            self._opened.enter_context(address.only_writer(socket))
            self._alone.set()
        self._look_after()
        self._housekeeping = Housekeeping([Duty(name="begin", every=_LOOK_SECONDS, act=self._try_again)])
        self._housekeeping.start()

    def hand_over(self, hurry: threading.Event) -> None:
        """Send the workers to the writer that stands by, once each has its answers.

        Args:
            hurry: do not.
        """
        if self._server is not None and not hurry.is_set():
            if self._keeping is not None:
                self._keeping.stop()  # first: from when they are sent away the workers have no writer
            self._server.leave(HAND_OVER_SECONDS)
            self._patience = 0.0  # who has not left by now does not answer; the others wait

    def stop(self) -> None:
        """Wait until the workers have left, commit what is queued, and let go of everything."""
        self._housekeeping.stop()
        if self._server is not None:
            self._server.drain(self._patience)
        self._opened.close()
        _LOGGER.info("stopped")

    def _warm_up(self) -> None:
        """Read what the first commit would have to read: workers wait for it once the other one has let go."""
        try:
            self._open()
        except (ServiceError, KeysError, DatabaseFailedError) as error:
            _LOGGER.warning("not ready", extra={"reason": str(error)})

    def _wait_for_place(self) -> None:
        try:
            self._opened.enter_context(address.only_writer(self._settings.journal_socket, wait=True))
            self._alone.set()
            self._look_after()
        except OperatorError as error:
            _LOGGER.error("the log cannot be taken over", extra={"reason": str(error)})  # noqa: TRY400 - as told
            self.readiness.give_up(error)

    def _try_again(self) -> None:
        if self._retry.is_due():
            self._retry.begin()
            try:
                self._look_after()
            except OperatorError as error:
                _LOGGER.error("not ready", extra={"reason": str(error)})  # noqa: TRY400 - as told
                self.readiness.give_up(error)

    def _look_after(self) -> None:
        """Begin where that was not possible before."""
        with self._beginning:
            if self._server is not None or not self._alone.is_set():
                return
            try:
                self._server = self._begin()
            except (ServiceError, KeysError, DatabaseFailedError) as error:
                if self._retry.is_news(error):
                    _LOGGER.warning("not ready", extra={"reason": str(error)})
                return
        self.readiness.reach()
        _LOGGER.info("ready")

    def _open(self) -> tuple[LogStore, LocalKeyAgent]:
        """Open the log and fetch the keys, once."""
        if self._parts is None:
            settings = self._settings
            migrations.require_current(settings.log_database, migrations.Tree.LOG)
            with contextlib.ExitStack() as opened:
                store = open_log(settings.log_database)
                opened.callback(store.close)
                store.check()
                agent = host_keys.obtain(settings)
                opened.callback(agent.close)
                self._opened.push(opened.pop_all())
            self._parts = store, agent
        return self._parts

    def _begin(self) -> JournalServer:
        settings = self._settings
        store, agent = self._open()
        with contextlib.ExitStack() as opened:
            directory = Directory(settings.log_database)
            opened.callback(directory.close)
            head = headkeeper.keep(opened, settings, agent, store, directory)
            keep_keyring = mirroring.begin(settings)
            tracing = open_tracing(settings)
            if tracing is not None:
                opened.callback(tracing.close)
            accounts, looking = accounting.begin(opened, agent, self._metrics, log=directory)
            observe = self._metrics.observe_commit
            scribe = Scribe(
                agent=agent,
                store=store,
                receipts=settings.receipts,
                observe=tracing.observing(observe) if tracing is not None else observe,
                on_alerts=self._metrics.budget_alerts.inc,
                on_change=lambda away: self._metrics.show_away("log", away=away),
                confirm_clock=self._confirm_clock,
                accounts=accounts,
            )
            server = JournalServer(settings.journal_socket, scribe.committer)
            opened.callback(server.close)  # after the committer has stopped, so that all of it is answered
            scribe.committer.start()
            opened.callback(scribe.committer.stop)
            server.start()
            self._keeping = keeping = Housekeeping(
                [
                    retention.expiry(store, scribe.first_day_kept),
                    Duty(name="seals", every=10, act=lambda: self._metrics.replay_seals.set(scribe.sealed)),
                    head,
                    *looking,
                    following(agent, [keep_keyring, scribe.follow_keyring]),
                    garbage.duty(),
                ]
            )
            keeping.start()
            opened.callback(keeping.stop)
            self._opened.push(opened.pop_all())
        garbage.spare()
        return server
