"""Attacks 11 and 16 on disputes: whatever stands in a field, one call is one entry, and nobody hears of another's."""

from __future__ import annotations

import base64
import os
import time
from typing import TYPE_CHECKING

import grpc
import pytest

from padan import entry as log_entry
from padan.entry import EntryKind, Field
from padan.sealing import Recipient
from padan.v1 import dispute_pb2
from tests.attack import traps
from tests.installation import install
from tests.service import running
from tests.terms import Terms
from verifier.log.open import open_log

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.service import RunningService
    from verifier.log.store import LogStore

pytestmark = pytest.mark.attack

_SERVICE = "/padan.v1.DisputeService/"


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A service that takes disputes."""
    public = base64.b64encode(Recipient(os.urandom(32)).public_key).decode()
    installation = install(
        tmp_path_factory.mktemp("target"),
        agencies={"tax": Terms()},
        extra=f'dispute_key = "{public}"\nlog_level = "debug"\n',
    )
    with running(installation) as service:
        yield service


@pytest.fixture(scope="module")
def log(target: RunningService) -> Iterator[LogStore]:
    """The log, read beside the service."""
    store = open_log(target.installation.settings.log_database)
    yield store
    store.close()


def calls(trap: bytes) -> Iterator[tuple[str, bytes]]:
    """Put a trap into every field that can carry it, of every method."""
    text = trap.decode()
    for field in ("request_id", "contest", "officer", "key_id"):
        yield "OpenDispute", traps.disputing(field, text)
    yield "OpenDispute", dispute_pb2.OpenDisputeRequest(statement=trap, box=trap).SerializeToString()
    yield "GetDispute", dispute_pb2.GetDisputeRequest(dispute_id=text).SerializeToString()
    yield "ListDisputes", dispute_pb2.ListDisputesRequest(page_token=text).SerializeToString()
    yield "OpenDispute", traps.text_field(900, trap)
    yield "GetDispute", trap


def test_one_call_is_one_entry(target: RunningService, log: LogStore) -> None:
    """Every trap is refused as the caller's fault and is one entry, in which nothing of it stands."""
    before, sent = log.head().sequence, 0
    with target.channel() as channel:
        for trap in list(traps.TRAPS.values())[::6]:
            for method, body in calls(trap):
                call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(_SERVICE + method)
                with pytest.raises(grpc.RpcError) as refused:
                    call(body, timeout=10)
                sent += 1
                code = refused.value.code()
                assert code in {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.RESOURCE_EXHAUSTED}
                if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
                    time.sleep(0.2)
    # The leader's duties write beside it.
    rows = [row for row in log.entries(before, 10_000) if row.kind == EntryKind.REFUSED]
    assert len(rows) == sent
    for row in rows:
        entry = log_entry.decode(row.entry)
        method, reader = entry.texts(Field.DETAIL)
        assert (row.agency, row.purpose) == ("tax", "")
        assert method.removeprefix("method=") in {"OpenDispute", "GetDispute", "ListDisputes"}
        assert reader == "reader=agency/tax"
        assert entry.text(Field.OFFICER) == ""
    for line in target.messages().splitlines():
        assert line.startswith("{")


def test_what_there_is_not(target: RunningService) -> None:
    """Other methods of the service are UNIMPLEMENTED, and the auditors' listener has none of it."""
    with target.channel() as channel, target.channel(audit=True) as audit:
        for link, method in ((channel, "CloseDispute"), (channel, "Opendispute"), (audit, "GetDispute")):
            call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = link.unary_unary(_SERVICE + method)
            with pytest.raises(grpc.RpcError) as refused:
                call(b"", timeout=10)
            assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_a_call_without_a_deadline(target: RunningService) -> None:
    """Is refused, as every other is."""
    with target.channel() as channel:
        for method in ("OpenDispute", "GetDispute", "ListDisputes"):
            call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(_SERVICE + method)
            with pytest.raises(grpc.RpcError) as refused:
                call(b"")
            assert "deadline" in str(refused.value.details())
