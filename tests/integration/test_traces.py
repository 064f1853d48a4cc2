"""Traces reach a collector, say how long each step took, and hold nothing of what was asked."""

from __future__ import annotations

import contextlib
import sys
import time
import uuid
from concurrent import futures
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from padan.v1 import attribute_pb2, verification_pb2_grpc
from tests.installation import free_ports, install
from tests.people import BUDI
from tests.service import request, running, wait_until_ready
from verifier.tracing import export
from verifier.tracing.span import Attribute, Name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.installation import Installation

CANARIES = {
    "officer": "canary-officer",
    "purpose": "canary-purpose",
    "name": "CANARY NAMA",
    "legal": "canary-legal",
}
BAD_NIK = "3171999901019001"
RESOURCE = {"service.name", "service.version", "deployment.environment.name"}
STEPS = [
    Name.IDENTIFY,
    Name.VALIDATE,
    Name.FIND_AGREEMENT,
    Name.TOKENISE,
    Name.FETCH,
    Name.DECIDE,
    Name.COMMIT,
    Name.ANSWER,
]


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """Takes what is exported, as bytes too."""

    def __init__(self) -> None:
        self.taken: list[trace_service_pb2.ExportTraceServiceRequest] = []

    def Export(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802 - the service's own name
        """Take one export."""
        del context
        self.taken.append(request)
        return trace_service_pb2.ExportTraceServiceResponse()

    def spans(self) -> list[Any]:
        """List all spans."""
        return [
            span
            for taken in self.taken
            for resource in taken.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


@contextlib.contextmanager
def collecting() -> Iterator[tuple[Collector, str]]:
    """Run a collector; gives it and its endpoint."""
    collector = Collector()
    server = grpc.server(futures.ThreadPoolExecutor(2))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(collector, server)  # type: ignore[no-untyped-call]  # has none
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield collector, f"http://127.0.0.1:{port}"
    finally:
        server.stop(1).wait()


def ask(channel: grpc.Channel) -> list[str]:
    """Ask what is answered, repeated, refused and malformed; gives the ids that were sent."""
    stub = verification_pb2_grpc.VerificationServiceStub(channel)
    ids = [str(uuid.uuid4()) for _ in range(4)]
    match = request(request_id=ids[0])
    match.officer = CANARIES["officer"]
    for message in (match, match):
        stub.Verify(message, timeout=5)
    stub.Verify(
        request(request_id=ids[1], claims={attribute_pb2.ATTRIBUTE_NAME: CANARIES["name"]}), timeout=5
    )
    refused = request(request_id=ids[2], purpose=CANARIES["purpose"])
    bad = request(request_id=ids[3], nik=BAD_NIK)
    for message in (refused, bad):
        with pytest.raises(grpc.RpcError):
            stub.Verify(message, timeout=5)
    raw: Any = channel.unary_unary("/padan.v1.VerificationService/Verify")
    with pytest.raises(grpc.RpcError):
        raw(CANARIES["legal"].encode(), timeout=5)
    return ids


def secrets(installation: Installation, ids: list[str]) -> list[bytes]:
    """Spell everything that a trace must not hold."""
    texts = [
        *CANARIES.values(),
        BUDI["NIK"],
        BUDI["NAMA_LGKP"],
        BAD_NIK,
        "tax",
        "service-purpose",
        *ids,
    ]
    identity = installation.identities["tax"]
    return [
        *(text.encode() for text in texts),
        *(uuid.UUID(each).bytes for each in ids),
        *(uuid.UUID(each).hex.encode() for each in ids),
        identity.certificate.read_bytes()[60:120],
        b"127.0.0.1",
    ]


def test_a_trace_says_how_long_and_nothing_else(tmp_path: Path) -> None:
    """Every span and attribute is on the list, every value a count, and nothing of a request is in the bytes."""
    with collecting() as (collector, endpoint):
        installation = install(
            tmp_path, extra=f'otlp_endpoint = "{endpoint}"\ntrace_share = 1.0\nworkers = 2\n'
        )
        with running(installation, ready=False) as service:
            wait_until_ready(installation, service.process, 60)
            with service.channel() as channel:
                ids = ask(channel)
        spans = collector.spans()
        exported = b"".join(taken.SerializeToString() for taken in collector.taken)
    for secret in secrets(installation, ids):
        assert secret not in exported
    assert {span.name for span in spans} == {*map(str, Name)} - {Name.BIOMETRIC_BATCH}
    for span in spans:
        assert {each.key for each in span.attributes} <= {*map(str, Attribute)}
        assert all(each.value.WhichOneof("value") == "int_value" for each in span.attributes)
        assert not any((span.events, span.links, span.trace_state, span.status.message))
        assert span.start_time_unix_nano > 0
        assert span.start_time_unix_nano <= span.end_time_unix_nano
    resources = [resource.resource for taken in collector.taken for resource in taken.resource_spans]
    assert {each.key for resource in resources for each in resource.attributes} == RESOURCE
    counts = _totals(spans)
    assert counts == {
        Attribute.SIZE: 6,
        Attribute.ANSWERED: 2,
        Attribute.REPLAYED: 1,
        Attribute.REFUSED: 3,
        Attribute.GROUP_SIZE: counts[Attribute.GROUP_SIZE],
    }
    assert counts[Attribute.GROUP_SIZE] >= 6
    _steps_follow_each_other(spans)


def _totals(spans: list[Any]) -> dict[str, int]:
    found: dict[str, int] = {}
    for span in spans:
        for each in span.attributes:
            found[each.key] = found.get(each.key, 0) + each.value.int_value
    return found


def _steps_follow_each_other(spans: list[Any]) -> None:
    """Each batch has its eight steps in order, each beginning where the one before has ended."""
    for batch in (span for span in spans if span.name == Name.BATCH):
        steps = sorted(
            (span for span in spans if span.parent_span_id == batch.span_id),
            key=lambda span: (span.end_time_unix_nano, span.start_time_unix_nano),
        )
        assert [span.name for span in steps] == STEPS
        edges = [batch.start_time_unix_nano, *(span.end_time_unix_nano for span in steps)]
        assert [span.start_time_unix_nano for span in steps] == edges[:-1]
        assert batch.end_time_unix_nano == edges[-1]
        assert {span.trace_id for span in steps} == {batch.trace_id}


def test_a_collector_that_is_away_costs_nothing_but_its_traces(tmp_path: Path) -> None:
    """Answers come as ever, the service stops in time, and its messages hold nothing of what was asked."""
    endpoint = f"http://127.0.0.1:{free_ports(1)[0]}"
    installation = install(tmp_path, extra=f'otlp_endpoint = "{endpoint}"\ntrace_share = 1.0\n')
    with running(installation, ready=False) as service:
        wait_until_ready(installation, service.process, 60)
        with service.channel() as channel:
            ids = ask(channel)
        began = time.monotonic()
    assert time.monotonic() - began < 10
    assert service.process.returncode == 0
    told = service.messages().encode()
    assert not [secret for secret in secrets(installation, ids)[:-1] if secret in told]


def test_without_the_extra_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where OpenTelemetry is not installed the setting is refused, and without the setting nothing of it is loaded."""
    installation = install(tmp_path)
    assert export.open_tracing(installation.settings) is None
    asked = installation.settings.model_copy(update={"otlp_endpoint": "http://127.0.0.1:4317"})
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(export.TracingUnavailableError, match="not installed"):
        export.open_tracing(asked)
