"""CollectConverted: what was handed in comes out as the other domain's tokens, in no order, and goes then."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from keys.purpose import Purpose
from padan.entry import EntryKind
from tests.simulator.exchange import AGENCIES, JOB, Exchange, merge, refusal, token_row
from tests.simulator.log_store import MemoryTable
from tests.simulator.world import START
from tests.terms import Terms
from tokenizer.conversion import Item, Job, Standing
from verifier.errors import InvalidFieldError, VerifierError
from verifier.leader import Mandate
from verifier.log.beside import Beside
from verifier.log.store import LeaderLostError
from verifier.token import jobs
from verifier.token.lapsing import Lapsing
from verifier.tree import witnessed


@pytest.fixture
def exchange() -> Exchange:
    """An exchange."""
    return Exchange()


def test_the_order_is_another_in_each_job(exchange: Exchange) -> None:
    """The same tokens in the same order come out in orders that have nothing to do with it, nor with each other."""
    orders = set()
    for number in range(12):
        job = str(uuid.UUID(int=100 + number))
        exchange.hand_in(exchange.given, job=job, last=True)
        orders.add(tuple(token for token, _ in exchange.collect(job)))
    assert len(orders) > 8
    assert all(set(order) == set(exchange.wanted) for order in orders)


def test_pages_are_the_same_whenever_they_are_read(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Page after page, again, and from any place: the whole job, each token once."""
    monkeypatch.setattr("verifier.token.collecting.PAGE", 3)
    exchange.hand_in(exchange.given[:5])
    exchange.hand_in(exchange.given[5:], part=2, last=True)
    first = exchange.collect()
    assert sorted(token for token, _ in first) == sorted(exchange.wanted)
    assert exchange.collect() == first
    assert exchange.page().handed_in == 8


@pytest.mark.parametrize(
    ("agency", "terms"),
    [("tax", Terms(token_domain="tax")), ("aid", Terms(token_domain="aid"))],
    ids=["sender", "receiver"],
)
def test_both_agreements_must_still_grant_it_at_the_end(
    exchange: Exchange, agency: str, terms: Terms
) -> None:
    """What was handed in stays where it is once one side grants it no longer, or is suspended."""
    exchange.hand_in(exchange.given, last=True)
    exchange.terms(agency, terms)
    with pytest.raises(VerifierError) as caught:
        exchange.page()
    assert refusal(caught) in {"CONVERSION_NOT_GRANTED", "UNKNOWN_CONVERSION"}
    exchange.terms(agency, AGENCIES[agency])
    exchange.world.agreements.suspended.add(agency)
    with pytest.raises(VerifierError):
        exchange.page()
    exchange.world.agreements.suspended.clear()
    assert len(exchange.collect()) == 8


def test_without_witnesses_specific_data_stays_where_it_is(exchange: Exchange) -> None:
    """Neither side converts specific data while the log is without its witnesses for too long."""
    world = exchange.world
    world.quorum = witnessed.text(world.clocks.wall)
    world.witnesses.look()
    for agency, terms in AGENCIES.items():
        exchange.terms(agency, replace(terms, sensitivity="specific"))
    exchange.hand_in(exchange.given, last=True)
    assert len(exchange.collect()) == 8
    world.clocks.step(1_000)
    for call in (exchange.page, lambda: exchange.hand_in(exchange.given, job=str(uuid.UUID(int=3)))):
        with pytest.raises(VerifierError) as caught:
            call()
        assert refusal(caught) == "LOG_UNWITNESSED"
    world.quorum = witnessed.text(world.clocks.wall)
    world.witnesses.look()
    assert len(exchange.collect()) == 8


def test_a_row_of_another_job_is_not_handed_out(exchange: Exchange) -> None:
    """Names of two jobs may begin alike by chance: what stands between a job's rows and is not its own stays."""
    exchange.hand_in(exchange.given[:3], last=True)
    conversions = exchange.world.domains.current().conversions
    kept = [conversions.open(name, box).row for name, box in exchange.rows().items()]
    job = next(row for row in kept if isinstance(row, Job))
    own = next(row for row in kept if isinstance(row, Item))
    foreign = Item(
        job_id=uuid.UUID(int=99).bytes, part=1, there=True, element=own.element, payload=own.payload
    )
    name, box = conversions.seal(Standing(name=job.item(1, 400), size=job.size, row=foreign))
    exchange.rows()[name] = box
    assert len(exchange.collect()) == 3


@pytest.mark.parametrize("agency", ["tax", "bank", "shop"])
def test_nobody_but_the_other_agency_collects(exchange: Exchange, agency: str) -> None:
    """Neither who handed in nor anybody else is told that there is such a job."""
    exchange.hand_in(exchange.given, last=True)
    with pytest.raises(VerifierError) as caught:
        exchange.page(agency=agency)
    assert refusal(caught) == "UNKNOWN_CONVERSION"


def test_a_merged_resident_comes_out_as_the_survivor(exchange: Exchange) -> None:
    """Merged before it was handed in or after it: the other agency gets the one token that its matches bring."""
    exchange.hand_in(exchange.given[:1], job=str(uuid.UUID(int=5)), last=True)
    merge(exchange, exchange.given[0], exchange.given[1])
    exchange.hand_in(exchange.given[:2], last=True)
    assert [token for token, _ in exchange.collect()] == [exchange.wanted[1]] * 2
    assert [token for token, _ in exchange.collect(str(uuid.UUID(int=5)))] == [exchange.wanted[1]]


def test_who_was_forgotten_meanwhile_is_left_out(exchange: Exchange) -> None:
    """A row behind a token that went between the two sides' calls takes its resident along."""
    exchange.hand_in(exchange.given, last=True)
    exchange.world.log.tables[Beside.TOKEN].pop(token_row(exchange, exchange.given[3]))
    assert {token for token, _ in exchange.collect()} == set(exchange.wanted) - {exchange.wanted[3]}


def test_each_page_that_leaves_is_an_entry(exchange: Exchange) -> None:
    """With the job, where it came from, and how many."""
    exchange.hand_in(exchange.given, last=True)
    exchange.page()
    row = exchange.world.log.rows[-1]
    assert (row.kind, row.agency) == (EntryKind.CONVERSION_COLLECTED, "aid")
    for part in (f"job={JOB}".encode(), b"from=tax", b"handed_in=8", b"tokens=8"):
        assert part in row.entry


def test_what_was_collected_goes_when_it_is_safe(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    """Page by page, in calls that can be repeated, until nothing of the job is left; then there is no such job."""
    monkeypatch.setattr(jobs, "PAGE", 2)
    monkeypatch.setattr("verifier.token.collecting._DELETED_AT_ONCE", 2)
    exchange.hand_in(exchange.given, last=True)
    exchange.hand_in(exchange.given[:1], job=str(uuid.UUID(int=9)), last=True)
    calls = 1
    while exchange.page(delete=True).next:
        calls += 1
    # The row that closes it is passed over, wherever it stands, and goes with the last ones.
    assert 3 <= calls <= 6
    assert exchange.world.log.rows[-1].kind == EntryKind.CONVERSION_DELETED
    with pytest.raises(VerifierError) as caught:
        exchange.page(delete=True)
    assert refusal(caught) == "UNKNOWN_CONVERSION"
    assert len(exchange.rows()) == 4
    assert len(exchange.collect(str(uuid.UUID(int=9)))) == 1


def test_a_job_lapses(exchange: Exchange) -> None:
    """After the days that it is kept it is not found any more, and the leader deletes its rows and says so."""
    exchange.hand_in(exchange.given, last=True)
    exchange.world.clocks.step(29 * 86_400)
    exchange.hand_in(exchange.given[:1], job=str(uuid.UUID(int=9)), last=True)
    exchange.world.clocks.step(2 * 86_400)
    with pytest.raises(VerifierError) as caught:
        exchange.page()
    assert refusal(caught) == "UNKNOWN_CONVERSION"
    log = exchange.world.log
    lapsing = Lapsing(
        MemoryTable(log, Beside.CONVERSION),
        log,
        now_ms=lambda: int(exchange.world.clocks.wall * 1000),
        days=30,
    )
    kept = len(exchange.rows())
    with pytest.raises(LeaderLostError):
        lapsing.turn(Mandate(term=7))
    assert len(exchange.rows()) == kept
    assert lapsing.turn(Mandate(term=0)) == 11
    assert b"conversion_rows=11" in log.rows[-1].entry
    assert log.rows[-1].kind == EntryKind.RETENTION_APPLIED
    assert lapsing.turn(Mandate(term=0)) == 0
    assert len(exchange.collect(str(uuid.UUID(int=9)))) == 1


def test_new_keys_change_nothing_in_the_middle_of_a_job(exchange: Exchange) -> None:
    """Match, index and row keys are replaced between two parts: every token comes out, in one order."""
    exchange.hand_in(exchange.given[:4])
    for purpose in (Purpose.MATCH_DOMAIN, Purpose.TOKEN_INDEX, Purpose.ROW_SEAL):
        exchange.world.token_agent.rotate(purpose, at=datetime.fromtimestamp(START, tz=UTC))
    exchange.world.domains.follow()
    assert exchange.hand_in(exchange.given[:4]).taken == 4
    exchange.hand_in(exchange.given[4:], part=2, last=True)
    before = exchange.collect()
    assert sorted(token for token, _ in before) == sorted(exchange.wanted)
    sealed = exchange.world.domains.current().conversions
    rows = exchange.rows()
    for name, box in list(rows.items()):
        row = sealed.open(name, box)
        del rows[name]
        renamed, moved = sealed.seal(row)
        assert sealed.is_current(moved)
        rows[renamed] = moved
    assert exchange.collect() == before


@pytest.mark.parametrize(("job", "after", "field"), [("x", b"", "job_id"), (JOB, b"12345678", "after")])
def test_a_malformed_collection_is_refused(exchange: Exchange, job: str, after: bytes, field: str) -> None:
    """The field is named."""
    with pytest.raises(InvalidFieldError) as caught:
        exchange.page(job=job, after=after)
    assert caught.value.field == field


def test_a_row_that_does_not_open_is_an_outage(exchange: Exchange) -> None:
    """Changed bytes, and a row in another one's place."""
    exchange.hand_in(exchange.given, last=True)
    rows, sealed = exchange.rows(), exchange.world.domains.current().conversions
    one, other = [name for name, box in rows.items() if isinstance(sealed.open(name, box).row, Item)][:2]
    rows[one], rows[other] = rows[other], rows[one]
    with pytest.raises(VerifierError) as caught:
        exchange.page()
    assert refusal(caught) == "TOKENS_UNAVAILABLE"


def test_the_database_shows_neither_residents_nor_payloads(exchange: Exchange) -> None:
    """No element, payload or id of a job stands in a row in the clear, and all rows of a job are of one size."""
    exchange.hand_in(exchange.given, payloads=[b"payload-%d" % place for place in range(8)], last=True)
    everything = b"".join(name + box for name, box in exchange.rows().items())
    assert b"payload" not in everything
    assert uuid.UUID(JOB).bytes not in everything
    assert len({len(box) for box in exchange.rows().values()}) == 1


def test_a_domain_that_was_ended_gets_no_tokens(exchange: Exchange) -> None:
    """Nothing is issued to it any more; who hands in tokens of an ended domain reads that their time is over."""
    exchange.hand_in(exchange.given, last=True)
    exchange.world.token_agent.end("aid")
    exchange.world.domains.follow()
    with pytest.raises(VerifierError) as caught:
        exchange.page()
    assert refusal(caught) == "FEATURE_NOT_GRANTED"
    exchange.world.token_agent.end("tax")
    exchange.world.domains.follow()
    answer = exchange.hand_in(exchange.given, job=str(uuid.UUID(int=3)))
    assert (answer.taken, len(answer.faults)) == (0, 8)


@pytest.mark.parametrize("purpose", [Purpose.TOKEN_INDEX, Purpose.ROW_SEAL, Purpose.MATCH_DOMAIN])
def test_keys_whose_time_is_over_make_nothing_new(exchange: Exchange, purpose: Purpose) -> None:
    """Neither rows nor tokens: both sides hear of an outage until there are new ones, and nothing is lost."""
    exchange.hand_in(exchange.given, last=True)
    exchange.world.token_agent.over.add(str(purpose))
    exchange.world.domains.follow()
    for call in (exchange.page, lambda: exchange.hand_in(exchange.given, job=str(uuid.UUID(int=3)))):
        with pytest.raises(VerifierError) as caught:
            call()
        assert refusal(caught) == "TOKENS_UNAVAILABLE"
    exchange.world.token_agent.over.clear()
    exchange.world.domains.follow()
    assert len(exchange.collect()) == 8
