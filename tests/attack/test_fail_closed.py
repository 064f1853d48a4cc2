"""Attack 14: the log's disk fails, fills up, turns read-only or hangs under the running service, and comes back.

The faults are made below the very SQLite that the service uses, by a shim that is preloaded into its process.
"""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from padan.v1 import attribute_pb2 as vocabulary
from padan.v1 import verification_pb2, verification_pb2_grpc
from tests.installation import install
from tests.service import request, running
from verifier.log.open import open_log

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.service import RunningService

pytestmark = pytest.mark.attack

SOURCE = Path(__file__).parent / "disk" / "faults.c"


class Disk:
    """The disk under the log, and what it does."""

    def __init__(self, mode: Path) -> None:
        self._mode = mode

    def do(self, mode: str) -> None:
        """Fail from now on as `mode` says; obey again where it is empty."""
        self._mode.write_text(mode)


@pytest.fixture(scope="module", params=[1, 2], ids=["one process", "workers and a writer"])
def failing(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[RunningService, Disk]]:
    """A running service on a disk that obeys the test."""
    root = tmp_path_factory.mktemp("failing")
    shim, mode = root / "faults.so", root / "mode"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", shim, SOURCE, "-ldl"], check=True)
    installation = install(root / "installation", extra=f"workers = {request.param}\n")
    environment = {
        "LD_PRELOAD": str(shim),
        "PADAN_FAULT_MODE": str(mode),
        "PADAN_FAULT_FILES": "log.sqlite",
    }
    with running(installation, environment=environment) as service:
        yield service, Disk(mode)
        mode.write_text("")


@pytest.mark.parametrize("mode", ["eio", "enospc", "erofs", "hang"])
def test_no_answer_without_a_durable_entry(failing: tuple[RunningService, Disk], mode: str) -> None:
    """While the disk fails there is no verdict, UNAVAILABLE comes within 2 s, and 5 s after repair all is well."""
    service, disk = failing
    with service.channel() as channel:
        stub = verification_pb2_grpc.VerificationServiceStub(channel)
        # Of several workers this one may have found out last that the disk is well after the test before.
        assert ask_until(stub, request(), time.monotonic() + 5) == vocabulary.VERDICT_MATCH
        disk.do(mode)
        unanswered = [request() for _ in range(8)]
        began = time.monotonic()
        calls = [stub.Verify.future(message, timeout=5) for message in unanswered]
        for call in calls:
            assert call.code() is grpc.StatusCode.UNAVAILABLE
        assert time.monotonic() - began < 2.3, "slower than two seconds and what scheduling costs"
        while ready(channel):
            assert time.monotonic() - began < 5, "still ready on a failing disk"
            time.sleep(0.05)
        disk.do("")
        repaired = time.monotonic()
        again = [ask_until(stub, message, repaired + 5) for message in unanswered]
    assert again == [vocabulary.VERDICT_MATCH] * len(unanswered)
    log = open_log(service.installation.settings.log_database)
    ids = [entry.entry for entry in log.entries(0, 10_000, outcome=vocabulary.VERDICT_MATCH)]
    log.close()
    for message in unanswered:
        request_id = bytes.fromhex(message.request_id.replace("-", ""))
        assert sum(request_id in entry for entry in ids) == 1, "a request has not exactly one verdict entry"


def answers(stub: verification_pb2_grpc.VerificationServiceStub) -> bool:
    """Say whether a question is answered."""
    try:
        stub.Verify(request(), timeout=3)
    except grpc.RpcError:
        return False
    return True


def ask_until(
    stub: verification_pb2_grpc.VerificationServiceStub, message: verification_pb2.VerifyRequest, end: float
) -> int:
    """Repeat a question, as a client does, until it is answered; what a trial finds out late may refuse one more."""
    while True:
        try:
            return stub.Verify(message, timeout=5).outcome
        except grpc.RpcError:
            assert time.monotonic() < end, "not back 5 s after repair"
            time.sleep(0.05)


def ready(channel: grpc.Channel) -> bool:
    """Ask the service's health."""
    answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=3)
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def test_without_a_population_the_service_says_so(tmp_path: Path) -> None:
    """A vault without an active epoch: the service runs, is not ready, and answers UNAVAILABLE, never NO."""
    installation = install(tmp_path / "empty")
    for file in (installation.root / "data" / "vault").iterdir():
        if file.name.startswith("epoch"):
            file.unlink()
    with running(installation, ready=False) as service, service.channel() as channel:
        grpc.channel_ready_future(channel).result(timeout=20)
        stub = verification_pb2_grpc.VerificationServiceStub(channel)
        with pytest.raises(grpc.RpcError) as refused:
            stub.Verify(request(), timeout=5)
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
        assert not ready(channel)
    assert "not ready" in service.messages()
