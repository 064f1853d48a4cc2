"""Both ways in which Verify is served, the lane and grpcio's thread pool, promise the same: one suite asks both."""

from __future__ import annotations

import signal
import threading
import time
import urllib.request
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from padan.channel import AT_ONCE
from padan.v1 import attribute_pb2, verification_pb2, verification_pb2_grpc
from tests.installation import install
from tests.integration.test_verify import refused
from tests.people import BUDI
from tests.service import RunningService, request, running
from tests.terms import Terms

if TYPE_CHECKING:
    from collections.abc import Iterator

MATCH = attribute_pb2.VERDICT_MATCH
VERIFY = "/padan.v1.VerificationService/Verify"
FRONTS = {"lane": "true", "pool": "false"}


@pytest.fixture(scope="module", params=list(FRONTS))
def service(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningService]:
    """A service with one of the two fronts."""
    installation = install(tmp_path_factory.mktemp("installation"), agencies={"tax": Terms()})
    with running(installation, environment={"PADAN_LANE": FRONTS[request.param]}) as started:
        yield started


@pytest.fixture
def channel(service: RunningService) -> Iterator[grpc.Channel]:
    """A channel of the agency tax."""
    with service.channel() as opened:
        yield opened


@pytest.fixture
def stub(channel: grpc.Channel) -> verification_pb2_grpc.VerificationServiceStub:
    """A stub on it."""
    return verification_pb2_grpc.VerificationServiceStub(channel)


def raw(channel: grpc.Channel, method: str = VERIFY) -> grpc.UnaryUnaryMultiCallable[bytes, bytes]:
    """Call a method with bytes."""
    return channel.unary_unary(method)


def poured(channel: grpc.Channel) -> grpc.StreamUnaryMultiCallable[bytes, bytes]:
    """Call Verify with as many messages as an iterator gives."""
    return channel.stream_unary(VERIFY)


def named(number: int) -> verification_pb2.VerifyRequest:
    """Ask about a name, right for even numbers."""
    claims = {attribute_pb2.ATTRIBUTE_NAME: BUDI["NAMA_LGKP"], attribute_pb2.ATTRIBUTE_SEX: "12"[number % 2]}
    return request(claims=claims, request_id=str(uuid.uuid4()))


def test_everyone_gets_the_answer_to_their_own_question(
    stub: verification_pb2_grpc.VerificationServiceStub,
) -> None:
    """Of many calls at once each gets its own answer, with its own id and receipt."""
    asked = [named(0) for _ in range(200)]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda message: stub.Verify(message, timeout=10), asked))
    assert [answer.request_id for answer in answers] == [message.request_id for message in asked]
    assert {answer.outcome for answer in answers} == {MATCH}
    assert len({answer.receipt for answer in answers}) == len(asked)


def test_errors_are_rich(stub: verification_pb2_grpc.VerificationServiceStub) -> None:
    """A refusal names reason, field and rule."""
    message = request(nik="12")
    code, reason, fields = refused(lambda: stub.Verify(message, timeout=5))
    assert (code, reason, list(fields)) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD", ["nik"])
    code, reason, _ = refused(lambda: stub.Verify(request(purpose="unheard"), timeout=5))
    assert (code, reason) == (grpc.StatusCode.PERMISSION_DENIED, "PURPOSE_NOT_GRANTED")


def test_a_deadline_is_demanded_and_kept(stub: verification_pb2_grpc.VerificationServiceStub) -> None:
    """No deadline and too short a one are refused; a caller who gives up hears so at once."""
    assert refused(lambda: stub.Verify(named(0)))[1] == "DEADLINE_REQUIRED"
    began = time.monotonic()
    with pytest.raises(grpc.RpcError) as caught:  # by the server, or by the caller's own clock
        stub.Verify(named(0), timeout=0.003)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert time.monotonic() - began < 2


def test_bytes_that_are_no_message_are_refused(channel: grpc.Channel) -> None:
    """Garbage is a refusal with a reason, and too much of it a refusal by its size."""
    verify = raw(channel)
    assert refused(lambda: verify(b"\xff" * 40, timeout=5))[1] == "MALFORMED_MESSAGE"
    with pytest.raises(grpc.RpcError) as caught:
        verify(bytes(70_000), timeout=5)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_one_message_is_what_the_method_takes(channel: grpc.Channel) -> None:
    """A call that ends without a message is refused; the next call is answered."""
    with pytest.raises(grpc.RpcError) as caught:
        poured(channel)(iter(()), timeout=5)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
    answer = raw(channel)(named(0).SerializeToString(), timeout=5)
    assert verification_pb2.VerifyResponse.FromString(answer).outcome == MATCH


def test_callers_who_cancel_or_say_nothing_hold_nobody_up(channel: grpc.Channel) -> None:
    """While some calls wait for a message that does not come, and others are cancelled, others are answered."""
    done = threading.Event()

    def say_nothing() -> Iterator[bytes]:
        done.wait(10)
        yield from ()

    silent = [poured(channel).future(say_nothing(), timeout=10) for _ in range(8)]
    verify = raw(channel)
    for _ in range(20):
        verify.future(named(0).SerializeToString(), timeout=10).cancel()
    began = time.monotonic()
    verify(named(0).SerializeToString(), timeout=10)
    assert time.monotonic() - began < 4
    done.set()
    assert all(call.exception(timeout=10) is not None for call in silent)


def test_other_methods_are_served_beside_it(
    channel: grpc.Channel, stub: verification_pb2_grpc.VerificationServiceStub
) -> None:
    """Health and GetServiceInfo are answered, what there is not is UNIMPLEMENTED."""
    serving = health_pb2.HealthCheckResponse.SERVING
    asked = health_pb2.HealthCheckRequest(service="padan.v1.VerificationService")
    assert health_pb2_grpc.HealthStub(channel).Check(asked, timeout=5).status == serving
    assert stub.GetServiceInfo(verification_pb2.GetServiceInfoRequest(), timeout=5).role
    with pytest.raises(grpc.RpcError) as caught:
        raw(channel, "/padan.v1.VerificationService/Guess")(b"", timeout=5)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_answers_and_refusals_are_counted(
    service: RunningService, stub: verification_pb2_grpc.VerificationServiceStub
) -> None:
    """The metrics tell what was answered."""

    def counted() -> tuple[float, float]:
        address = f"http://127.0.0.1:{service.installation.metrics_port}/metrics"
        with urllib.request.urlopen(address, timeout=5) as page:
            lines = page.read().decode().splitlines()
        values = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        return (
            float(values.get('padan_answers_total{agency="tax",outcome="MATCH"}', 0)),
            float(values.get('padan_refusals_total{reason="PURPOSE_NOT_GRANTED"}', 0)),
        )

    before = counted()
    stub.Verify(named(0), timeout=5)
    refused(lambda: stub.Verify(request(purpose="unheard"), timeout=5))
    after = counted()
    assert [late - early for early, late in zip(before, after, strict=True)] == [1, 1]


@pytest.mark.parametrize("front", list(FRONTS))
def test_a_stop_answers_what_is_under_way(front: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whoever was asking when the service is told to stop gets an answer or asks again, and the process ends well."""
    installation = install(
        tmp_path_factory.mktemp("installation"), agencies={"tax": Terms()}, extra="slot_ms = 100\n"
    )
    with (
        running(installation, environment={"PADAN_LANE": FRONTS[front]}) as service,
        service.channel() as channel,
        ThreadPoolExecutor(24) as pool,
    ):
        stub = verification_pb2_grpc.VerificationServiceStub(channel)
        stub.Verify(named(0), timeout=10)
        waiting = [pool.submit(stub.Verify, named(0), timeout=10) for _ in range(24)]
        time.sleep(0.05)
        service.process.send_signal(signal.SIGTERM)
        outcomes = [item.exception() for item in waiting]
        assert service.process.wait(15) == 0
    codes = {error.code() for error in outcomes if isinstance(error, grpc.RpcError)}
    # gRPC cancels what it had accepted and not handed on yet; to a client both mean: the same bytes again.
    assert codes <= {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}
    assert None in outcomes
    assert "fell over" not in service.messages()


def test_many_at_once_on_one_connection(channel: grpc.Channel) -> None:
    """As many at once as our client has, each followed by the next as soon as it is answered: no stream is refused."""
    ask = raw(channel)
    bodies = [
        request(claims={attribute_pb2.ATTRIBUTE_NAME: BUDI["NAMA_LGKP"]}, request_id=str(uuid.uuid4()))
        for _ in range(3_000)
    ]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(lambda body: ask(body.SerializeToString(), timeout=20), bodies))
    assert len(answers) == len(bodies)


def test_more_threads_than_one_connection_takes(service: RunningService) -> None:
    """A program with a hundred threads on one client gets all its answers at once: those beyond wait for their turn."""
    message = request()
    with service.client("tax") as client, ThreadPoolExecutor(100) as pool:
        answers = pool.map(
            lambda _: client.verify(
                nik=BUDI["NIK"], claims={"name": BUDI["NAMA_LGKP"]}, purpose=message.purpose, officer="desk-1",
                legal_basis="public_task", timeout=30,
            ),
            range(600),
        )  # fmt: skip
        assert all(answer.confirmed for answer in answers)
