"""Auditors over the wire: each reads what its grant names, and nothing without one."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from padan import entry as log_entry
from padan.entry import EntryKind, Field
from padan.v1 import audit_pb2, audit_pb2_grpc, error_pb2, verification_pb2_grpc
from tests.installation import install
from tests.service import request, running
from tests.terms import Terms
from verifier import admin_entry
from verifier.log.open import open_log

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.service import RunningService


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A service with two agencies that have asked, an alert about one, and auditors of several standings."""
    installation = install(tmp_path_factory.mktemp("audited"), agencies={"tax": Terms(), "health": Terms()})
    installation.grant_auditor("whole")
    installation.grant_auditor("taxes", agencies=["tax"], purposes=["service"], areas=["questions"])
    installation.grant_auditor("quiet", areas=["questions"], alerts=False)
    installation.grant_auditor("keeper", agencies=["health"], areas=["keys", "log", "auditors"])
    installation.grant_auditor("late", more="from_time = 2035-01-01T00:00:00Z\n")
    installation.grant_auditor("over", until="2025-01-01T00:00:00Z")
    installation.certify("bare", kind="auditor")
    log = open_log(installation.settings.log_database)
    for agency in ("tax", "health"):
        # As the budgets write it: the row names no agency, the entry does.
        admin_entry.append(
            log, EntryKind.BUDGET_ALERT, {"budget": "prefix"}, fields={Field.AGENCY: agency.encode()}
        )
    # As a fault of ours could write it.
    admin_entry.append(log, EntryKind.BUDGET_ALERT, {"budget": "prefix"}, agency="tax")
    log.close()
    with running(installation) as service:
        for agency, purpose in (("tax", "service"), ("tax", "strict"), ("health", "service")):
            with service.channel(agency) as channel:
                verification_pb2_grpc.VerificationServiceStub(channel).Verify(
                    request(purpose=purpose, request_id=str(uuid.uuid4())), timeout=5
                )
        yield service


_BESIDE = frozenset({"ENTRIES_LISTED", "REFUSED", "FRESHNESS_BROKEN"})


def read(service: RunningService, reader: str, **filters: Any) -> list[tuple[str, str]]:
    """List as a reader, page by page of two; kind and agency of each entry, but for readings and the leader's notes."""
    found: list[tuple[str, str]] = []
    wanted = audit_pb2.ListEntriesRequest(page_size=2, **filters)
    with service.channel(reader, audit=True) as channel:
        stub = audit_pb2_grpc.AuditServiceStub(channel)
        # Each reading is an entry: who sees readings would read on for ever.
        for _ in range(40):
            page = stub.ListEntries(wanted, timeout=5)
            for item in page.entries:
                decoded = log_entry.decode(item.entry)
                found.append((EntryKind(decoded.kind).name, decoded.text(Field.AGENCY)))
            if not page.next_page_token:
                break
            wanted.page_token = page.next_page_token
    return [each for each in found if each[0] not in _BESIDE]


def refusal(service: RunningService, reader: str, **filters: Any) -> str:
    """List as a reader who is refused; the message."""
    with pytest.raises(grpc.RpcError) as refused:
        read(service, reader, **filters)
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
    info = error_details_pb2.ErrorInfo()
    rpc_status.from_call(refused.value).details[0].Unpack(info)
    assert info.reason == "METHOD_NOT_ALLOWED"
    return str(refused.value.details())


TAX, HEALTH = ("VERIFY", "tax"), ("VERIFY", "health")
TAX_ALERT, HEALTH_ALERT = ("BUDGET_ALERT", "tax"), ("BUDGET_ALERT", "health")


def test_each_reads_what_it_was_granted(audited: RunningService) -> None:
    """Different grants show different entries of one log, across pages."""
    whole = read(audited, "whole")
    assert [each for each in whole if each[0] in {"VERIFY", "BUDGET_ALERT"}] == [
        TAX_ALERT,
        HEALTH_ALERT,
        TAX_ALERT,
        TAX,
        TAX,
        HEALTH,
    ]
    assert ("PERIOD_OPENED", "") in whole
    assert read(audited, "taxes") == [TAX_ALERT, TAX_ALERT, TAX]
    assert read(audited, "quiet") == [TAX, TAX, HEALTH]
    kept = read(audited, "keeper")
    assert ("PERIOD_OPENED", "") in kept
    assert {agency for _, agency in kept} == {""}
    assert read(audited, "late") == []


def test_filters_within_the_grant(audited: RunningService) -> None:
    """A filter narrows what the grant shows."""
    assert read(audited, "quiet", agency="health") == [HEALTH]
    assert read(audited, "taxes", purpose="service") == [TAX]


@pytest.mark.parametrize(
    ("reader", "filters", "words"),
    [
        ("taxes", {"agency": "health"}, "not among your agencies"),
        ("taxes", {"purpose": "strict"}, "not among your purposes"),
        ("late", {"from_time": {"seconds": 1_900_000_000}}, "before your from_time"),
        ("late", {"until_time": {"seconds": 1_900_000_000}}, "before your from_time"),
        ("bare", {}, "has no grant"),
        ("over", {}, "has not begun or is over"),
        ("tax", {"agency": "health"}, "not among your agencies"),
    ],
)
def test_what_is_not_granted_is_refused(
    audited: RunningService, reader: str, filters: dict[str, Any], words: str
) -> None:
    """A reading outside the grant is refused with what is missing, not answered with an empty list."""
    assert words in refusal(audited, reader, **filters)


def test_a_refused_reading_is_an_entry(audited: RunningService) -> None:
    """Who tried to read what it may not, and why it was refused, stands in the log; an agency sees its own attempts."""
    refusal(audited, "bare")
    refusal(audited, "taxes", agency="health")
    refusal(audited, "tax", agency="health")
    log = open_log(audited.installation.settings.log_database)
    stored = [log_entry.decode(item.entry) for item in log.entries(0, 10_000)]
    log.close()
    tried = [
        (entry.texts(Field.DETAIL)[1], entry.text(Field.AGENCY), entry.number(Field.REASON))
        for entry in stored
        if entry.kind == EntryKind.REFUSED
    ][-3:]
    reason = error_pb2.ERROR_REASON_METHOD_NOT_ALLOWED
    assert tried == [
        ("reader=auditor/bare", "", reason),
        ("reader=auditor/taxes", "", reason),
        ("reader=agency/tax", "tax", reason),
    ]


def test_no_agency_reads_alerts(audited: RunningService) -> None:
    """An agency reads its own questions, and no alert about it, however its row was written."""
    assert read(audited, "tax") == [TAX, TAX]
    assert read(audited, "health") == [HEALTH]


def test_a_page_token_is_its_readers_own(audited: RunningService) -> None:
    """A token of one auditor does not do for another, nor for other filters."""
    with audited.channel("whole", audit=True) as channel:
        page = audit_pb2_grpc.AuditServiceStub(channel).ListEntries(
            audit_pb2.ListEntriesRequest(page_size=1), timeout=5
        )
    for reader, agency in (("quiet", ""), ("whole", "tax")):
        with audited.channel(reader, audit=True) as channel, pytest.raises(grpc.RpcError) as refused:
            audit_pb2_grpc.AuditServiceStub(channel).ListEntries(
                audit_pb2.ListEntriesRequest(page_token=page.next_page_token, agency=agency), timeout=5
            )
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
