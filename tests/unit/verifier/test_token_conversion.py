"""ConvertTokens: a job of tokens is handed in, in parts, under the agreements of both domains alone."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

import pytest

from keys.purpose import TokenDomain
from padan import canonical
from padan import entry as log_entry
from padan.entry import EntryKind, Field
from padan.nik import Nik
from padan.v1 import error_pb2
from tests.simulator.exchange import JOB, NIKS, Exchange, kinds, refusal, token_row
from tests.simulator.log_store import Fault
from tests.simulator.world import START, Periods
from tests.terms import Terms
from verifier.errors import InvalidFieldError, LogUnavailableError, RequestIdReusedError, VerifierError
from verifier.log.beside import Beside
from verifier.resident.mark import Mark


@pytest.fixture
def exchange() -> Exchange:
    """An exchange."""
    return Exchange()


def test_what_is_collected_is_what_a_match_would_bring(exchange: Exchange) -> None:
    """Each resident's token of the other domain comes out, with the payload that went in beside it."""
    answer = exchange.hand_in(exchange.given, last=True)
    assert (answer.job_id, answer.taken, answer.closed) == (JOB, 8, True)
    assert dict(exchange.collect()) == {
        token: bytes((1, place)) for place, token in enumerate(exchange.wanted)
    }


def test_a_part_that_comes_again_changes_nothing(exchange: Exchange) -> None:
    """It is answered as before, with its refusals, and no resident has a second entry; other tokens are refused."""
    strange = [*exchange.given[:3], exchange.issue("bank")[0], b"", exchange.given[4]]
    first = exchange.hand_in(strange)
    rows, entries = dict(exchange.rows()), kinds(exchange)
    again = exchange.hand_in(strange, payloads=[b"zz"] * 6)
    assert (again.taken, list(again.faults)) == (first.taken, list(first.faults))
    assert exchange.rows() == rows
    assert kinds(exchange)[EntryKind.TOKEN_CONVERTED] == entries[EntryKind.TOKEN_CONVERTED] == 4
    with pytest.raises(RequestIdReusedError):
        exchange.hand_in(exchange.given)


def test_bad_tokens_are_told_by_their_places_and_the_others_go_on(exchange: Exchange) -> None:
    """Foreign, changed and outdated ones are refused alone."""
    strange = [
        exchange.given[0],
        exchange.issue("bank")[1],
        exchange.given[1][:-1] + b"\0",
        exchange.given[2],
    ]
    answer = exchange.hand_in(strange, last=True)
    assert [(fault.place, fault.reason) for fault in answer.faults] == [
        (1, error_pb2.ERROR_REASON_TOKEN_REFUSED),
        (2, error_pb2.ERROR_REASON_TOKEN_REFUSED),
    ]
    assert {token for token, _ in exchange.collect()} == {exchange.wanted[0], exchange.wanted[2]}


def test_tokens_of_a_version_that_is_over_are_refused(exchange: Exchange) -> None:
    """After the cut-off they are told apart from strange ones; before it they are converted."""
    exchange.world.token_agent.rotate(TokenDomain("tax"), at=datetime.fromtimestamp(START, tz=UTC))
    exchange.world.domains.follow()
    exchange.hand_in(exchange.given[:1], job=str(uuid.UUID(int=8)), last=True)
    assert exchange.collect(str(uuid.UUID(int=8)))[0][0] == exchange.wanted[0]
    exchange.world.clocks.step(91 * 86_400)
    answer = exchange.hand_in(exchange.given)
    assert {fault.reason for fault in answer.faults} == {error_pb2.ERROR_REASON_TOKEN_OUTDATED}
    assert len(answer.faults) == 8


@pytest.mark.parametrize(
    ("agency", "domain"),
    [("tax", "shop"), ("tax", "nowhere"), ("tax", "tax"), ("bank", "aid"), ("aid", "tax")],
)
def test_a_conversion_needs_both_agreements(exchange: Exchange, agency: str, domain: str) -> None:
    """Without the grant of either side, or to a domain that there is not, nothing is taken and an entry says so."""
    with pytest.raises(VerifierError) as caught:
        exchange.hand_in(exchange.given, agency=agency, domain=domain)
    assert refusal(caught) == "CONVERSION_NOT_GRANTED"
    assert exchange.world.log.rows[-1].kind == EntryKind.REFUSED
    assert not exchange.rows()


def test_a_job_is_collected_only_once_it_is_closed(exchange: Exchange) -> None:
    """Until then there is nothing to see, and afterwards nothing is added."""
    exchange.hand_in(exchange.given[:4])
    with pytest.raises(VerifierError) as caught:
        exchange.page()
    assert refusal(caught) == "CONVERSION_OPEN"
    exchange.hand_in([], part=1, last=True)
    assert len(exchange.collect()) == 4
    with pytest.raises(VerifierError) as caught:
        exchange.hand_in(exchange.given[4:], part=2)
    assert refusal(caught) == "CONVERSION_CLOSED"
    assert exchange.hand_in(exchange.given[:4]).taken == 4
    assert exchange.hand_in([], part=1, last=True).closed
    with pytest.raises(VerifierError) as caught:
        exchange.hand_in([], part=2, last=True)
    assert refusal(caught) == "CONVERSION_CLOSED"


def test_a_job_with_a_missing_part_is_not_closed(exchange: Exchange) -> None:
    """The message names the parts, and once they are there it goes on."""
    exchange.hand_in(exchange.given[:2])
    with pytest.raises(VerifierError, match="parts are missing: 2, 3") as caught:
        exchange.hand_in(exchange.given[6:], part=4, last=True)
    assert refusal(caught) == "CONVERSION_INCOMPLETE"
    exchange.hand_in(exchange.given[2:4], part=2)
    exchange.hand_in(exchange.given[4:6], part=3)
    assert exchange.hand_in(exchange.given[6:], part=4, last=True).taken == 8
    assert len(exchange.collect()) == 8


def test_a_part_that_was_on_its_way_when_the_job_was_closed_is_of_none(exchange: Exchange) -> None:
    """Whatever a race leaves behind a closed job's last part is not collected."""
    exchange.hand_in(exchange.given[:4])
    exchange.hand_in(exchange.given[4:], part=2)
    exchange.hand_in([], part=1, last=True)
    assert {token for token, _ in exchange.collect()} == set(exchange.wanted[:4])


def test_an_empty_job_can_be_closed_and_collected(exchange: Exchange) -> None:
    """Nothing comes out."""
    assert exchange.hand_in([], part=0, last=True).taken == 0
    assert exchange.collect() == []


def test_who_is_not_to_be_told_is_left_out_and_the_sender_sees_nothing_of_it(exchange: Exchange) -> None:
    """Erased, restricted, locked, forgotten and unknown residents: the same answer, entries and rows, and no token."""
    usual = exchange.hand_in(exchange.given, job=str(uuid.UUID(int=1)), last=True)
    before, kept = len(exchange.world.log.rows), len(exchange.rows())
    exchange.mark(NIKS[0], Mark.ERASED)
    exchange.mark(NIKS[1], Mark.RESTRICTED)
    exchange.mark(NIKS[2], Mark.LOCKED)
    exchange.world.log.tables[Beside.TOKEN].pop(token_row(exchange, exchange.given[3]))
    gone = exchange.world.epoch
    exchange.world.rows.rows.pop(gone.outer.token(gone.inner.record_id(Nik(NIKS[4]))))
    answer = exchange.hand_in(exchange.given, last=True)
    assert (answer.taken, answer.faults, answer.closed) == (usual.taken, usual.faults, usual.closed)
    assert len(exchange.world.log.rows) - before == 8 + 3
    assert len(exchange.rows()) - kept == kept
    assert {len(box) for box in exchange.rows().values()} == {208 + 2 + 41}
    assert {token for token, _ in exchange.collect()} == set(exchange.wanted[5:])


def test_an_exempt_purpose_is_told_of_restricted_residents(exchange: Exchange) -> None:
    """As with questions; who was erased is left out under every purpose."""
    exchange.terms("tax", Terms(token_domain="tax", conversions=("aid",), exempt_article="15(1)b"))
    exchange.mark(NIKS[0], Mark.ERASED)
    exchange.mark(NIKS[1], Mark.RESTRICTED)
    exchange.hand_in(exchange.given, last=True)
    assert {token for token, _ in exchange.collect()} == set(exchange.wanted[1:])


def test_each_resident_has_an_entry_that_says_for_whom(exchange: Exchange) -> None:
    """Who gave, to whom, under what and why; the subject as in every other entry, and nothing of the token."""
    exchange.hand_in(exchange.given[:2], last=True)
    rows = [row for row in exchange.world.log.rows if row.kind == EntryKind.TOKEN_CONVERTED]
    assert len(rows) == 2
    entry = log_entry.decode(rows[0].entry)
    assert (entry.text(Field.AGENCY), entry.text(Field.ON_BEHALF_OF)) == ("tax", "aid")
    assert (rows[0].agency, rows[0].purpose, entry.text(Field.CLAUSE)) == ("tax", "service", "PKS Art. 4(2)a")
    assert canonical.decode_list(entry.fields[Field.TOKENS]) == [b"subject=tax@1"]
    assert entry.fields.keys() >= {Field.SUBJECT, Field.NONCE, Field.PERIOD, Field.EPOCH}
    assert entry.fields[Field.REQUEST_ID] == uuid.UUID(JOB).bytes
    handle = exchange.world.epoch.inner.handles(Nik(NIKS[0])).log
    assert entry.fields[Field.SUBJECT] == Periods().reference(handle, entry.fields[Field.NONCE])[0]
    assert not any(token[7:39] in row.entry for row in rows for token in exchange.given)


def test_without_its_entry_nothing_leaves_and_nothing_is_taken(exchange: Exchange) -> None:
    """A disk that fails is an outage to both sides, and the same call later is answered."""
    exchange.hand_in(exchange.given[:1])
    rows = dict(exchange.rows())
    exchange.world.log.faults.append(Fault.NOT_STORED)
    with pytest.raises(LogUnavailableError):
        exchange.hand_in(exchange.given[1:], part=2)
    assert exchange.rows() == rows
    assert exchange.world.opened.failed == 14
    exchange.hand_in(exchange.given[1:], part=2, last=True)
    exchange.world.log.faults.append(Fault.NOT_STORED)
    with pytest.raises(LogUnavailableError):
        exchange.page()
    assert len(exchange.collect()) == 8


BAD: list[tuple[str, dict[str, object]]] = [
    ("items", {"tokens": 0}),
    ("items", {"tokens": 501}),
    ("part", {"part": 0}),
    ("part", {"part": 30_001}),
    ("items.payload", {"payloads": [b"a", b"bb"]}),
    ("items.payload", {"payloads": [b"a" * 1_025] * 2}),
]


@pytest.mark.parametrize(("field", "how"), BAD)
def test_a_malformed_part_is_refused(exchange: Exchange, field: str, how: dict[str, object]) -> None:
    """The field and the rule are named, and nothing is kept."""
    tokens = [b"x"] * int(str(how.pop("tokens", 2)))
    with pytest.raises(InvalidFieldError) as caught:
        exchange.hand_in(tokens, **how)  # type: ignore[arg-type] # what varies
    assert caught.value.field == field
    assert not exchange.rows()


def test_a_job_keeps_to_its_size_and_its_domain(exchange: Exchange) -> None:
    """Payloads of another length, or another domain under the same id, are refused."""
    exchange.hand_in(exchange.given[:2])
    with pytest.raises(InvalidFieldError, match="payloads of 2 bytes"):
        exchange.hand_in(exchange.given[2:4], part=2, payloads=[b"", b""])
    exchange.terms("tax", Terms(token_domain="tax", conversions=("aid", "shop")))
    with pytest.raises(RequestIdReusedError):
        exchange.hand_in(exchange.given[2:4], part=2, domain="shop")


def test_two_agencies_may_choose_one_id(exchange: Exchange) -> None:
    """A job is its domain's: another domain's job of the same id has nothing to do with it."""
    exchange.terms("aid", Terms(token_domain="aid", converted_from=("tax", "bank")))
    exchange.hand_in(exchange.given[:2], last=True)
    exchange.hand_in(exchange.issue("bank")[4:], agency="bank", last=True)
    found = {token for token, _ in exchange.collect()}
    assert found in (set(exchange.wanted[:2]), set(exchange.wanted[4:]))
