"""A simulator of the service: the contract over mutual TLS, with answers and failures as a test scripts them."""

from __future__ import annotations

import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self

import grpc

from padan.v1 import attribute_pb2, audit_pb2, verification_pb2
from tests.simulator.biometrics import Biometrics
from tests.simulator.disputes import Disputes
from tests.simulator.refusal import refuse

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from tests.simulator.pki import Pki

    Step = Callable[[verification_pb2.VerifyRequest, grpc.ServicerContext], verification_pb2.VerifyResponse]

AS_OF = datetime(2026, 11, 1, 12, 30, tzinfo=UTC)


def match(
    request: verification_pb2.VerifyRequest, _: grpc.ServicerContext
) -> verification_pb2.VerifyResponse:
    """Confirm every claim."""
    response = verification_pb2.VerifyResponse(
        request_id=request.request_id,
        outcome=attribute_pb2.VERDICT_MATCH,
        contest="CONTEST1",
        receipt="a.b.c",
    )
    response.as_of.FromDatetime(AS_OF)
    for claim in request.claims:
        response.verdicts.add(attribute=claim.attribute, verdict=attribute_pb2.VERDICT_MATCH)
    return response


def refusing(code: grpc.StatusCode, reason: str, *, delay: float | None = None) -> Step:
    """Make a step that refuses."""

    def step(
        _: verification_pb2.VerifyRequest, context: grpc.ServicerContext
    ) -> verification_pb2.VerifyResponse:
        refuse(context, code, reason, delay=delay)

    return step


class Slow:
    """A step that takes a while, and counts how many calls are under way at once.

    Attributes:
        most: of them.
    """

    def __init__(self) -> None:
        self.most = 0
        self._now = 0
        self._lock = threading.Lock()

    def __call__(
        self, message: verification_pb2.VerifyRequest, context: grpc.ServicerContext
    ) -> verification_pb2.VerifyResponse:
        """Answer."""
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        time.sleep(0.1)
        with self._lock:
            self._now -= 1
        return match(message, context)


class Service:
    """The simulator; a context manager.

    Attributes:
        steps: what the next calls of Verify do, in turn; `match` when none is left.
        bodies: the bytes of every VerifyRequest, as received.
        remaining: seconds to the deadline that each call brought, None where it brought none.
        info: the answer of GetServiceInfo, or the step that refuses it.
        pages: answers of ListEntries, in turn.
        listed: requests of ListEntries, as received.
        disputes: what DisputeService does.
        biometrics: what VerifyBiometric does.
    """

    def __init__(self, pki: Pki) -> None:
        self.steps: deque[Step] = deque()
        self.bodies: list[bytes] = []
        self.remaining: list[float | None] = []
        self.info = information()
        self.info_step: Callable[[grpc.ServicerContext], None] | None = None
        self.pages: deque[audit_pb2.ListEntriesResponse] = deque()
        self.listed: list[audit_pb2.ListEntriesRequest] = []
        self.disputes = Disputes()
        self.biometrics = Biometrics()
        self._pool = ThreadPoolExecutor(max_workers=64)
        self._server = grpc.server(self._pool, options=[("grpc.so_reuseport", 0)])
        self._server.add_generic_rpc_handlers((self._verification(), self._audit(), self.disputes.handler()))
        credentials = grpc.ssl_server_credentials(
            [(Path(pki.server.key).read_bytes(), Path(pki.server.cert).read_bytes())],
            root_certificates=Path(pki.ca).read_bytes(),
            require_client_auth=True,
        )
        self.port = self._server.add_secure_port("127.0.0.1:0", credentials)
        self.address = f"127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stop(0).wait()
        self._pool.shutdown()

    def _verification(self) -> grpc.GenericRpcHandler:
        return grpc.method_handlers_generic_handler(
            "padan.v1.VerificationService",
            {
                "Verify": grpc.unary_unary_rpc_method_handler(
                    self._verify,
                    response_serializer=verification_pb2.VerifyResponse.SerializeToString,
                ),
                "VerifyBiometric": grpc.unary_unary_rpc_method_handler(
                    self.biometrics.verify,
                    response_serializer=verification_pb2.VerifyBiometricResponse.SerializeToString,
                ),
                "GetServiceInfo": grpc.unary_unary_rpc_method_handler(
                    self._get_service_info,
                    response_serializer=verification_pb2.GetServiceInfoResponse.SerializeToString,
                ),
            },
        )

    def _audit(self) -> grpc.GenericRpcHandler:
        return grpc.method_handlers_generic_handler(
            "padan.v1.AuditService",
            {
                "ListEntries": grpc.unary_unary_rpc_method_handler(
                    self._list_entries,
                    request_deserializer=audit_pb2.ListEntriesRequest.FromString,
                    response_serializer=audit_pb2.ListEntriesResponse.SerializeToString,
                )
            },
        )

    def _verify(self, body: bytes, context: grpc.ServicerContext) -> verification_pb2.VerifyResponse:
        self.bodies.append(body)
        self.remaining.append(context.time_remaining())
        step = self.steps.popleft() if self.steps else match
        return step(verification_pb2.VerifyRequest.FromString(body), context)

    def _get_service_info(
        self, _: bytes, context: grpc.ServicerContext
    ) -> verification_pb2.GetServiceInfoResponse:
        self.remaining.append(context.time_remaining())
        if self.info_step is not None:
            self.info_step(context)
        answer = verification_pb2.GetServiceInfoResponse()
        answer.CopyFrom(self.info)
        if not answer.HasField("time"):
            answer.time.GetCurrentTime()
        return answer

    def _list_entries(
        self, request: audit_pb2.ListEntriesRequest, _: grpc.ServicerContext
    ) -> audit_pb2.ListEntriesResponse:
        self.listed.append(request)
        return self.pages.popleft() if self.pages else audit_pb2.ListEntriesResponse()


def information() -> verification_pb2.GetServiceInfoResponse:
    """Make an answer of GetServiceInfo with an agreement of one purpose; the time is filled in at each call."""
    answer = verification_pb2.GetServiceInfoResponse(
        service_version="0.1.0",
        registry_id="registry.test",
        environment="development",
        role="authoritative",
        profiles=[attribute_pb2.PROFILE_STRICT, attribute_pb2.PROFILE_TOLERANT],
        normaliser_version="1",
    )
    answer.epochs.add(number=3, active=True).as_of.FromDatetime(AS_OF)
    answer.feed_age.FromMilliseconds(93_720_500)
    answer.keys.add(purpose="receipt-signing", key_id="kid", algorithm="Ed25519", public_key=bytes(range(32)))
    answer.keys.add(purpose="probe", key_id="other", algorithm="X25519", public_key=bytes(32))
    answer.limits.max_claims = 24
    answer.agreement.agreement_id = "clinic-2026"
    answer.agreement.version = 2
    answer.agreement.daily_quota = 1000
    answer.agreement.valid_until.FromDatetime(datetime(2027, 1, 1, tzinfo=UTC))
    answer.agreement.purposes.add(
        code="treatment",
        lawful_use=attribute_pb2.LAWFUL_USE_PUBLIC_SERVICE,
        attributes=[attribute_pb2.ATTRIBUTE_NAME, attribute_pb2.ATTRIBUTE_ALIVE],
        anchors=[attribute_pb2.ATTRIBUTE_NAME],
        profile=attribute_pb2.PROFILE_TOLERANT,
        answer_form=attribute_pb2.ANSWER_FORM_PER_CLAIM,
        legal_bases=[attribute_pb2.LEGAL_BASIS_PUBLIC_TASK],
        ages=[17, 21],
        region_levels=[2, 4],
        subject_budget=5,
    )
    codes = answer.code_lists.add(list="sex", version="1", attribute=attribute_pb2.ATTRIBUTE_SEX)
    codes.codes.add(code="1", label="LAKI-LAKI", aliases=["L"])
    return answer
