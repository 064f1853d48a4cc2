"""Attack 16: whatever stands in a field or a header, one request is one entry, and a message is one line of JSON."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import grpc
import pytest

from bench import frames
from padan import entry as log_entry
from padan.entry import Area, EntryKind, Field
from padan.v1 import attribute_pb2 as vocabulary
from padan.v1 import audit_pb2, audit_pb2_grpc, verification_pb2
from tests.attack import traps
from tests.attack.network.target import Caller
from tests.attack.network.wire import VERIFY, Wire
from tests.installation import install
from tests.service import request, running
from tests.terms import Terms
from verifier.log.open import open_log
from verifier.logs import ALLOWED_KEYS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.service import RunningService
    from verifier.log.store import LogStore, StoredEntry

pytestmark = pytest.mark.attack

_REFUSED = {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.PERMISSION_DENIED}
_ENTRY_TEXTS = (Field.AGENCY, Field.OFFICER, Field.PURPOSE, Field.ON_BEHALF_OF, Field.CONSENT_RECEIPT)
_HARMLESS = re.compile(r"[A-Za-z0-9._:/-]*")
_IN_FLIGHT = 16


@pytest.fixture(scope="module")
def loud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A service that says all that it has to say."""
    installation = install(
        tmp_path_factory.mktemp("loud"),
        agencies={"tax": Terms(subject=10**6, prefix=10**6)},
        extra='log_level = "debug"\njoint_subject_budget = 1000000\njoint_prefix_budget = 1000000\n',
    )
    installation.grant_auditor("auditor-1")
    with running(installation) as service:
        yield service


@pytest.fixture(scope="module")
def log(loud: RunningService) -> Iterator[LogStore]:
    """The log, read beside the service."""
    store = open_log(loud.installation.settings.log_database)
    yield store
    store.close()


@pytest.fixture(scope="module")
def verify(loud: RunningService) -> Iterator[grpc.UnaryUnaryMultiCallable[bytes, bytes]]:
    """Verify, bytes to bytes."""
    with loud.channel() as channel:
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(VERIFY)
        yield call


class Ask:
    """Sends requests, some at once, and names the status of each."""

    def __init__(self, call: grpc.UnaryUnaryMultiCallable[bytes, bytes]) -> None:
        self._call = call

    def __call__(
        self, requests: Sequence[bytes], metadata: Sequence[tuple[str, str | bytes]] = ()
    ) -> list[grpc.StatusCode]:
        """Send."""
        statuses = []
        for at in range(0, len(requests), _IN_FLIGHT):
            calls = [
                self._call.future(raw, timeout=10, metadata=tuple(metadata))
                for raw in requests[at : at + _IN_FLIGHT]
            ]
            statuses += [call.code() for call in calls]
        return statuses


def entries_after(log: LogStore, sequence: int) -> list[StoredEntry]:
    """Read the entries about requests since a place, which must each be one of the agency's, with harmless texts."""
    found = [row for row in log.entries(sequence, 10_000) if row.kind in Area.QUESTIONS.kinds]
    for row in found:
        decoded = log_entry.decode(row.entry)
        assert row.kind in {EntryKind.VERIFY, EntryKind.REFUSED}
        assert (row.agency, decoded.text(Field.AGENCY)) == ("tax", "tax")
        assert _HARMLESS.fullmatch(row.purpose)
        for field in _ENTRY_TEXTS:
            assert _HARMLESS.fullmatch(decoded.text(field))
    return found


@pytest.mark.parametrize("name", [*traps.TRAPS, *traps.NO_UTF8])
def test_one_request_is_one_entry(
    verify: grpc.UnaryUnaryMultiCallable[bytes, bytes], log: LogStore, name: str
) -> None:
    """In any field the trap is refused as the caller's fault, or is a claim like others; one entry either way."""
    trap = traps.TRAPS.get(name) or traps.NO_UTF8[name]
    carried = list(traps.carriers(trap))
    before = log.head().sequence
    for (field, _), status in zip(carried, Ask(verify)([raw for _, raw in carried]), strict=True):
        readable = name in traps.TRAPS and field in {"claim of 1", "officer", "client_version"}
        assert status in _REFUSED or (readable and status is grpc.StatusCode.OK), (field, status)
    assert len(entries_after(log, before)) == len(carried)


def test_too_large_is_no_request(verify: grpc.UnaryUnaryMultiCallable[bytes, bytes], log: LogStore) -> None:
    """What is larger than a message may be does not reach the service: no entry, and no answer."""
    before = log.head().sequence
    raw = request(client_version="x" * 70_000).SerializeToString()
    assert Ask(verify)([raw]) == [grpc.StatusCode.RESOURCE_EXHAUSTED]
    assert entries_after(log, before) == []


def _headers() -> Iterator[tuple[str, str | bytes]]:
    """List headers that gRPC can carry."""
    for name, trap in traps.TRAPS.items():
        if len(trap) < 1_000:
            yield "x-trap-bin", trap
            text = trap.decode()
            if text.isascii() and text.isprintable():
                yield "x-trap", text
                yield "x-" + re.sub("[^a-z0-9]", "-", name.lower()), text
    for raw in traps.NO_UTF8.values():
        yield "x-trap-bin", raw
    yield "x-request-id", '{"event":"ready"}'
    yield "x-forwarded-for", "203.0.113.7"
    yield "baggage", "agency=other"
    yield "traceparent", "00-" + "a" * 32 + "-" + "b" * 16 + "-01"


def test_headers_change_nothing(verify: grpc.UnaryUnaryMultiCallable[bytes, bytes], log: LogStore) -> None:
    """A good request under any header is answered, and is one entry as without it."""
    ask = Ask(verify)
    headers = list(_headers())
    before = log.head().sequence
    assert {ask([request().SerializeToString()], [header])[0] for header in headers} == {grpc.StatusCode.OK}
    found = entries_after(log, before)
    assert len(found) == len(headers)
    assert {row.kind for row in found} == {EntryKind.VERIFY}


@pytest.mark.parametrize("where", ["name", "value", "path", "authority", "user agent", "timeout"])
def test_headers_of_no_client(loud: RunningService, log: LogStore, where: str) -> None:
    """Headers that no library sends: what is answered is one entry, and what is not is none."""
    identity = loud.installation.identities["tax"]
    caller = Caller(
        port=loud.installation.port,
        server_name="localhost",
        ca=str(loud.installation.ca),
        certificate=str(identity.certificate),
        key=str(identity.key),
    )
    for trap in ("\r\nx-agency: other", "\n", "\x00", "\x1b[2J", "\u202e", "%0d%0a", '"}\n{"event":"x"}'):
        before = log.head().sequence
        body = request().SerializeToString()
        wire = Wire(caller)
        try:
            wire.settle()
            fields = {
                ":method": "POST",
                ":scheme": "https",
                ":path": VERIFY + trap * (where == "path"),
                ":authority": wire.authority + trap * (where == "authority"),
                "te": "trailers",
                "content-type": "application/grpc",
                "user-agent": "padan" + trap * (where == "user agent"),
                "grpc-timeout": "5S" + trap * (where == "timeout"),
                "x-trap" + trap * (where == "name"): "a" + trap * (where == "value"),
            }
            stream = wire.begin(list(fields.items()))
            wire.send(frames.data(stream, frames.message(body)))
            answer = wire.finish(stream, seconds=8)
        except OSError:
            status = -1
        else:
            status = answer.status
        finally:
            wire.close()
        assert len(entries_after(log, before)) == (status == 0)


def test_filters_of_listings(loud: RunningService, log: LogStore) -> None:
    """A trap in a filter or a page token of ListEntries is refused; the auditor's words do not reach its entry."""
    before = log.head().sequence
    with loud.channel("auditor-1", audit=True) as channel:
        stub = audit_pb2_grpc.AuditServiceStub(channel)
        for trap in traps.TRAPS.values():
            text = trap.decode()
            for asked in (
                audit_pb2.ListEntriesRequest(agency=text),
                audit_pb2.ListEntriesRequest(purpose=text),
                audit_pb2.ListEntriesRequest(page_token=text),
            ):
                with pytest.raises(grpc.RpcError) as refused:
                    stub.ListEntries(asked, timeout=10)
                assert refused.value.code() in {
                    grpc.StatusCode.INVALID_ARGUMENT,
                    grpc.StatusCode.RESOURCE_EXHAUSTED,
                }
    refusals = log.entries(before, 10_000)
    assert refusals
    for row in refusals:
        entry = log_entry.decode(row.entry)
        assert (row.kind, row.agency, row.purpose) == (EntryKind.REFUSED, "", "")
        assert entry.texts(Field.DETAIL) == ["method=ListEntries", "reader=auditor/auditor-1"]


def test_messages_are_single_lines(loud: RunningService) -> None:
    """After all that, each line that the service wrote is one JSON object with known keys, in printable ASCII."""
    lines = loud.log.read_bytes().split(b"\n")
    assert lines.pop() == b""
    assert lines
    for line in lines:
        assert line.isascii()
        assert line.decode().isprintable(), line
        message = json.loads(line)
        assert isinstance(message, dict)
        assert message.keys() <= ALLOWED_KEYS, message.keys()


def test_it_answers_as_before(verify: grpc.UnaryUnaryMultiCallable[bytes, bytes]) -> None:
    """The same process still answers."""
    answer = verification_pb2.VerifyResponse.FromString(verify(request().SerializeToString(), timeout=10))
    assert answer.outcome == vocabulary.VERDICT_MATCH
