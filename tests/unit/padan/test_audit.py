"""The auditor's list: every entry checked against its leaf, names instead of numbers."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer.main

from padan import entry as log_entry
from padan.audit import cli, render
from padan.audit.listing import AuditClient, Filter
from padan.entry import Entry, EntryKind, Field
from padan.errors import AuditError
from padan.v1 import audit_pb2
from padan.vocabulary import Verdict
from tests.simulator.terminal import run

if TYPE_CHECKING:
    from tests.simulator.service import Service

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "entry.json").read_text(encoding="utf-8"))[
    "vectors"
]
SALT = bytes(range(32))


def item(sequence: int, body: bytes, *, leaf: bytes | None = None) -> audit_pb2.LogEntry:
    """Make an entry of a page."""
    good = log_entry.leaf(SALT, body)
    return audit_pb2.LogEntry(sequence=sequence, entry=body, salt=SALT, leaf=good if leaf is None else leaf)


QUESTION, REFUSAL = (bytes.fromhex(vector["entry"]) for vector in VECTORS)


@pytest.fixture
def auditor(service: Service, files: dict[str, Any]) -> Any:
    """An open client."""
    with AuditClient.from_files(service.address, **files) as client:
        yield client


def test_pages_follow_each_other(service: Service, auditor: AuditClient) -> None:
    """The list goes on with the token of the page before, under the same filters, until there is none."""
    service.pages += [
        audit_pb2.ListEntriesResponse(entries=[item(1, QUESTION), item(4, REFUSAL)], next_page_token="next"),
        audit_pb2.ListEntriesResponse(entries=[item(9, QUESTION)]),
    ]
    wanted = Filter(
        agency="clinic",
        purpose="treatment",
        outcome=Verdict.NO_MATCH,
        from_time=datetime(2026, 11, 1, tzinfo=UTC),
        until_time=datetime(2026, 12, 1, tzinfo=UTC),
    )
    assert [listed.sequence for listed in auditor.entries(wanted)] == [1, 4, 9]
    first, second = service.listed
    assert (first.agency, first.purpose, first.outcome) == ("clinic", "treatment", 2)
    assert (first.page_token, second.page_token) == ("", "next")
    assert first.until_time.ToDatetime(tzinfo=UTC) == wanted.until_time
    assert second.agency == "clinic"


def test_limit_ends_the_list(service: Service, auditor: AuditClient) -> None:
    """No more entries are asked for than are wanted."""
    service.pages.append(audit_pb2.ListEntriesResponse(entries=[item(1, QUESTION)], next_page_token="next"))
    assert len(list(auditor.entries(Filter(), limit=1))) == 1
    assert [request.page_size for request in service.listed] == [1]


@pytest.mark.parametrize("part", ["entry", "salt", "leaf"])
def test_changed_entry_is_an_alarm(service: Service, auditor: AuditClient, part: str) -> None:
    """An entry whose bytes, salt or leaf was changed is not given on."""
    changed = item(1, QUESTION)
    value = bytearray(getattr(changed, part))
    value[-1] ^= 1
    setattr(changed, part, bytes(value))
    service.pages.append(audit_pb2.ListEntriesResponse(entries=[changed]))
    with pytest.raises(AuditError, match="entry 1 does not fit its leaf"):
        list(auditor.entries(Filter()))


def test_an_erased_entry_is_given_on_as_such(service: Service, auditor: AuditClient) -> None:
    """Of an entry whose time was over there is the leaf; one that kept its salt or half a leaf is an alarm."""
    leaf = log_entry.leaf(SALT, QUESTION)
    erased = audit_pb2.LogEntry(sequence=3, leaf=leaf)
    service.pages.append(audit_pb2.ListEntriesResponse(entries=[item(1, QUESTION), erased]))
    first, second = auditor.entries(Filter())
    assert first.entry is not None
    assert (second.sequence, second.entry, second.leaf) == (3, None, leaf)
    assert render.document(3, second.entry, leaf) == {"sequence": 3, "leaf": leaf.hex(), "erased": True}
    assert render.row(3, None) == ("3", "", "(erased)", "", "", "", "", "")
    for broken in (
        audit_pb2.LogEntry(sequence=4, salt=SALT, leaf=leaf),
        audit_pb2.LogEntry(sequence=4, leaf=leaf[:-1]),
    ):
        service.pages.append(audit_pb2.ListEntriesResponse(entries=[broken]))
        with pytest.raises(AuditError, match="entry 4"):
            list(auditor.entries(Filter()))


def test_unreadable_entry_and_broken_order(service: Service, auditor: AuditClient) -> None:
    """An entry of another format, and positions that do not ascend, are told."""
    service.pages.append(audit_pb2.ListEntriesResponse(entries=[item(1, b"\x09new")]))
    with pytest.raises(AuditError, match="newer release"):
        list(auditor.entries(Filter()))
    service.pages.append(audit_pb2.ListEntriesResponse(entries=[item(2, QUESTION), item(2, QUESTION)]))
    with pytest.raises(AuditError, match="out of order"):
        list(auditor.entries(Filter()))


def test_document_names_everything() -> None:
    """Every field has its name, and numbers of the contract are words."""
    shown = render.document(7, log_entry.decode(QUESTION), b"\x01")
    assert shown["kind"] == "VERIFY"
    assert shown["claims"] == ["name", "birth_date"]
    assert (shown["outcome"], shown["verdicts"]) == ("NO_MATCH", ["NO_MATCH", "NO_MATCH"])
    assert (shown["lawful_use"], shown["legal_basis"]) == ("public_service", "public_task")
    assert shown["request_id"] == "0b5fd3a4-6ea5-4b4e-9b0d-3f1c2a7d9e10"
    assert shown["log_time"] == "2026-11-18T11:06:40Z"
    assert (shown["agency_bucket"], shown["officer_bucket"]) == ("3-5", "1")
    assert shown["key_versions"] == ["index:1", "outer-token:7"]
    assert len(shown) == 2 + len(log_entry.decode(QUESTION).fields)


def test_refusal_shows_its_reason() -> None:
    """A refused request shows the reason in place of an outcome."""
    decoded = log_entry.decode(REFUSAL)
    assert render.row(3, decoded)[6] == "PURPOSE_NOT_GRANTED"
    assert render.document(3, decoded, b"")["reason"] == "PURPOSE_NOT_GRANTED"


def test_what_is_newer_keeps_its_number() -> None:
    """Unknown kinds, fields and reasons are shown by number, not dropped."""
    newer = Entry(fields={1: (777).to_bytes(2, "big"), 26: (999).to_bytes(2, "big"), 60: b"\xab"})
    shown = render.document(1, newer, b"")
    assert (shown["kind"], shown["reason"], shown["field_60"]) == ("KIND_777", "REASON_999", "ab")


def test_every_field_can_be_shown() -> None:
    """There is a writer for each field, and each kind has its name."""
    fields = {
        int(field): bytes(2)
        for field in Field
        if field not in {Field.KEY_VERSIONS, Field.POLICY_VERSIONS, Field.DETAIL, Field.TOKENS}
    }
    shown = render.document(1, Entry(fields=fields), b"")
    assert len(shown) == 2 + len(fields)
    assert {render.kind_name(int(kind)) for kind in EntryKind} == {kind.name for kind in EntryKind}
    assert len(render.row(1, Entry(fields=fields))) == len(render.COLUMNS)


@pytest.fixture
def arguments(service: Service, files: dict[str, Any]) -> list[str]:
    """The options that lead to the simulator."""
    return [
        "list",
        "--address",
        service.address,
        "--ca",
        files["ca"],
        "--cert",
        files["cert"],
        "--key",
        files["key"],
    ]


def test_list_prints_a_table(service: Service, arguments: list[str]) -> None:
    """A table with a heading, and the word that every leaf fits."""
    service.pages.append(audit_pb2.ListEntriesResponse(entries=[item(1, QUESTION), item(4, REFUSAL)]))
    ended = run(cli.main, *arguments, "--outcome", "no_match", "--from", "2026-11-01")
    heading, first, second = ended.out.splitlines()
    assert heading.split() == list(render.COLUMNS)
    assert first.split()[:3] == ["1", "2026-11-18T11:06:40Z", "VERIFY"]
    assert "PURPOSE_NOT_GRANTED" in second
    assert "2 entries; each fits its leaf" in ended.err
    assert ended.code == 0
    assert service.listed[0].from_time.ToDatetime(tzinfo=UTC) == datetime(2026, 11, 1, tzinfo=UTC)


def test_list_prints_documents(service: Service, arguments: list[str]) -> None:
    """With --json one document a line, each saying that its leaf was checked."""
    service.pages.append(audit_pb2.ListEntriesResponse(entries=[item(1, QUESTION)]))
    document = json.loads(run(cli.main, *arguments, "--json").out)
    assert (document["sequence"], document["leaf_checked"]) == (1, True)


def test_list_ends_with_one_on_a_changed_entry(service: Service, arguments: list[str]) -> None:
    """A changed entry is an error with exit code 1."""
    service.pages.append(audit_pb2.ListEntriesResponse(entries=[item(1, QUESTION, leaf=bytes(33))]))
    ended = run(cli.main, *arguments)
    assert ended.code == 1
    assert "does not fit its leaf" in ended.err


def test_empty_list_and_bad_filter(arguments: list[str]) -> None:
    """No entries is an empty table; an unknown outcome is told."""
    assert run(cli.main, *arguments).out.split() == list(render.COLUMNS)
    assert "unknown verdict" in run(cli.main, *arguments, "--outcome", "maybe").err


def test_help_is_complete() -> None:
    """Every command and option has a help text."""
    group = typer.main.get_command(cli.build())
    for command in (group, *group.commands.values()):  # type: ignore[attr-defined]  # it is a group
        assert command.help
        assert all(getattr(parameter, "help", None) for parameter in command.params)
    assert "Usage" in run(cli.main, "list", "--help").out
