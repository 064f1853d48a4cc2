"""The composition root: listeners, health and metrics around an engine that is built as soon as it can be.

Nothing else in the package opens a socket. Where a database, the keyring or the disk is missing, the service listens,
says which, is not ready, answers UNAVAILABLE, and tries again; what only a person can mend ends it at once, also where
it shows at a later try.
"""

from __future__ import annotations

import contextlib
import logging
import time
from typing import TYPE_CHECKING

from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from keys.errors import KeyAgentSealedError, KeysError
from verifier import garbage, host_keys, listening, metrics_listener, transport
from verifier.engine import Engine
from verifier.errors import OperatorError, RegistryUnavailableError, ServiceError
from verifier.housekeeping import Duty, Housekeeping
from verifier.lane import Lane, LaneUnavailableError
from verifier.metrics import Metrics
from verifier.migrations import DatabaseFailedError
from verifier.readiness import Readiness
from verifier.retrying import Retry
from verifier.tls import credentials_of

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence

    from verifier.call import Call, Reply
    from verifier.config import Settings
    from verifier.ticket import Ticket

VERIFICATION = "padan.v1.VerificationService"
DISPUTE = "padan.v1.DisputeService"
TOKEN = "padan.v1.TokenService"  # noqa: S105 - the name of a service
AUDIT = "padan.v1.AuditService"
DRAIN_SECONDS = 5.0
_HEALTH_SECONDS = 0.4
SUCCESSOR_SECONDS = 25.0
"""How long a worker that is to take another's place may take to become able; its parent waits a little longer."""
_SUCCESSOR_PAUSE = 0.1
_AGE_SPREAD = 1.1
"""gRPC lets each connection live up to a tenth longer or shorter than it is told (gRFC A9)."""
LEAVE_SECONDS = 5.0
"""How long a connection whose time is up may take to go: it answers what is under way."""

_LOGGER = logging.getLogger("padan.service")
_SERVING = health_pb2.HealthCheckResponse.ServingStatus


class Service:
    """A running service: one worker process."""

    def __init__(self, settings: Settings, *, confirm_clock: bool = False, successor: bool = False) -> None:
        """Build the servers; `start` opens their listeners.

        Args:
            settings: the settings.
            confirm_clock: two people have confirmed a wall clock far ahead of the log.
            successor: another answers still, so take no call before this one can answer.
        """
        self.readiness = Readiness()
        self._successor = successor
        self._is_listening = False
        self._settings = settings
        self._confirm_clock = confirm_clock
        self.metrics = Metrics()
        self.metrics.workers.set(settings.workers)
        self._engine: Engine | None = None
        self._retry = Retry()
        self._metrics_listener = contextlib.ExitStack()
        host_keys.protect(settings)
        self._build_servers()
        self._housekeeping = Housekeeping([Duty(name="health", every=_HEALTH_SECONDS, act=self._look_again)])

    def verify_many(self, calls: Sequence[Call]) -> list[Reply]:
        """Answer calls, once there is an engine.

        Raises:
            RegistryUnavailableError: there is none yet.
        """
        return self._ready_engine().core.verify_many(calls)

    def verify_biometric(self, calls: Sequence[Call]) -> list[Reply]:
        """Answer calls with captures, once there is an engine.

        Raises:
            RegistryUnavailableError: there is none yet.
        """
        return self._ready_engine().biometric.verify_many(calls)

    def begin(self, calls: Sequence[Call], answered: Callable[[list[Reply]], object]) -> Ticket | None:
        """Begin to answer calls, once there is an engine.

        Raises:
            RegistryUnavailableError: there is none yet.
        """
        return self._ready_engine().core.begin(calls, answered)

    def _late(self, pick: Callable[[Engine], Callable[[Call], bytes]]) -> Callable[[Call], bytes]:
        """Make what answers a call with the engine, once there is one."""

        def answer(call: Call) -> bytes:
            return pick(self._ready_engine())(call)

        return answer

    def _ready_engine(self) -> Engine:
        if self._engine is None:
            raise RegistryUnavailableError("the service is not ready")
        return self._engine

    def _build_servers(self) -> None:
        settings = self._settings
        self._health = health.HealthServicer()
        front = transport.VerificationFront(
            core=self,
            captures=self.verify_biometric,
            info=self._late(lambda engine: engine.info.answer),
            observe=self.metrics.observe_reply,
        )
        disputes = transport.unary(
            DISPUTE,
            {
                "OpenDispute": self._late(lambda engine: engine.disputes.open_dispute),
                "GetDispute": self._late(lambda engine: engine.disputes.get_dispute),
                "ListDisputes": self._late(lambda engine: engine.disputes.list_disputes),
            },
        )
        tokens = transport.unary(
            TOKEN,
            {
                "UpdateTokens": self._late(lambda engine: engine.tokens.update_tokens),
                "ConvertTokens": self._late(lambda engine: engine.tokens.convert_tokens),
                "CollectConverted": self._late(lambda engine: engine.tokens.collect_converted),
                "Enrol": self._late(lambda engine: engine.enrolments.enrol),
                "Withdraw": self._late(lambda engine: engine.enrolments.withdraw),
                "CheckEnrolment": self._late(lambda engine: engine.enrolments.check_enrolment),
                "ListEnrolmentQuestions": self._late(
                    lambda engine: engine.enrolments.list_enrolment_questions
                ),
            },
        )
        lists = transport.stream(
            TOKEN,
            {"StreamCheckEnrolment": self._late(lambda engine: engine.enrolments.check_many)},
            at_once=max(1, settings.threads // 16),
        )
        audit = transport.unary(
            AUDIT,
            {
                "ListEntries": self._late(lambda engine: engine.audit.list_entries),
                "GetInclusionProof": self._late(lambda engine: engine.proofs.get_inclusion_proof),
                "GetConsistencyProof": self._late(lambda engine: engine.proofs.get_consistency_proof),
                "GetCheckpoint": self._late(lambda engine: engine.proofs.get_checkpoint),
                "OpenTrail": self._late(lambda engine: engine.trails.open_trail),
            },
        )
        age = (("grpc.max_connection_age_ms", settings.connection_seconds * 1000),)
        self._server = transport.new_server(
            [front.handler(), disputes, tokens, lists], threads=settings.threads, extra_options=age
        )
        self._lane = self._open_lane() if settings.lane else None
        self._audit_server = transport.new_server(
            [audit], threads=4, extra_options=(*transport.AUDIT_OPTIONS, *age)
        )
        for server, names in ((self._server, (VERIFICATION, DISPUTE, TOKEN)), (self._audit_server, (AUDIT,))):
            health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
            if settings.environment == "development":
                reflection.enable_server_reflection(
                    (*names, health.SERVICE_NAME, reflection.SERVICE_NAME), server
                )
        self._set_ready(ready=False)

    def _open_lane(self) -> Lane | None:
        try:
            return Lane(
                self._server, f"/{VERIFICATION}/Verify", core=self, observe=self.metrics.observe_reply
            )
        except LaneUnavailableError:
            _LOGGER.warning(
                "this release of grpcio has no lane; its thread pool serves Verify", exc_info=True
            )
            return None

    def _listen(self) -> None:
        settings = self._settings
        self.port = transport.listen(self._server, settings.listen, credentials_of(settings))
        self.audit_port = transport.listen(
            self._audit_server, settings.audit_listen, credentials_of(settings)
        )
        self._server.start()
        if self._lane is not None:
            self._lane.start()
        self._audit_server.start()

    def start(self) -> None:
        """Open the listeners and answer as soon as an engine can be built.

        Raises:
            OperatorError: TLS files or an address cannot be used, or something else will not mend itself; the message
                says what.
        """
        self._metrics_listener.enter_context(
            metrics_listener.listening(self._settings.metrics_listen, self.metrics.registry)
        )
        try:
            self._begin_to_answer()
        except BaseException:
            # Else the interpreter ends it at its own end, when the thread that it waits for is gone.
            self._metrics_listener.close()
            raise

    def _begin_to_answer(self) -> None:
        self._look_after()  # others may answer meanwhile: take calls once this one can, or has tried
        if self._successor:
            self._wait_until_able()
        self._listen()
        self._is_listening = True
        self._look_after()
        self._housekeeping.start()
        _LOGGER.info("listening", extra={"address": self._settings.listen})

    def _wait_until_able(self) -> None:
        until = time.monotonic() + SUCCESSOR_SECONDS
        while self._engine is None:
            if time.monotonic() > until:
                raise RegistryUnavailableError("this process did not become able to answer; another does")
            time.sleep(_SUCCESSOR_PAUSE)
            self._look_after()

    def hand_over(self, hurry: threading.Event) -> None:
        """Take no new connections, and wait until those that there are have come of age: a successor answers already.

        A server that is told to stop cancels the calls that are on their way to it; one that nobody is connected to has
        none. Clients that are told of a connection's age make another one and lose nothing.

        Args:
            hurry: do not wait any longer.
        """
        ports = {self.port, self.audit_port}
        listening.stop(ports, pause=hurry.wait)
        until = time.monotonic() + self._settings.connection_seconds * _AGE_SPREAD + LEAVE_SECONDS
        while listening.connections(ports) and time.monotonic() < until:
            if hurry.wait(_SUCCESSOR_PAUSE):
                return

    def stop(self) -> None:
        """Stop: not ready first, then no new calls, then what is under way, then the log and the keys."""
        self._housekeeping.stop()
        self._health.enter_graceful_shutdown()
        self.metrics.ready.set(0)
        for event in [server.stop(DRAIN_SECONDS) for server in (self._server, self._audit_server)]:
            event.wait(DRAIN_SECONDS + 1)
        if self._lane is not None:
            self._lane.stop(1)
        if self._engine is not None:
            self._engine.close()
        self._metrics_listener.close()
        _LOGGER.info("stopped")

    def _look_after(self) -> None:
        """Build the engine where there is none; say ready only while a question could be answered."""
        try:
            if self._engine is None:
                if not self._retry.is_due():
                    return
                self._retry.begin()
                self._engine = Engine(
                    self._settings,
                    metrics=self.metrics,
                    confirm_clock=self._confirm_clock,
                    on_away=lambda: self._set_ready(ready=False),
                )
                self.metrics.seal.show(sealed=False)
                garbage.spare()
                _LOGGER.info("ready")
            self._engine.check()
        except (ServiceError, KeysError, DatabaseFailedError) as error:
            if self._retry.is_news(error):
                _LOGGER.warning("not ready", extra={"reason": str(error)})
            if self._engine is None:
                self.metrics.seal.show(sealed=isinstance(error, KeyAgentSealedError))
            self._set_ready(ready=False)
            return
        self._set_ready(ready=True)
        if self._is_listening:
            self.readiness.reach()

    def _look_again(self) -> None:
        """Look after it; what only a person can mend ends a process that has never been able to answer."""
        try:
            self._look_after()
        except OperatorError as error:
            if self._engine is not None:
                raise
            _LOGGER.error("not ready", extra={"reason": str(error)})  # noqa: TRY400 - as told
            self.readiness.give_up(error)

    def _set_ready(self, *, ready: bool) -> None:
        self.metrics.ready.set(int(ready))
        for name in ("", VERIFICATION, DISPUTE, AUDIT):
            self._health.set(name, _SERVING.SERVING if ready else _SERVING.NOT_SERVING)
