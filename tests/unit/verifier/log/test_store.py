"""The log's store keeps its promises on SQLite and on PostgreSQL alike."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.unit.verifier.log.rows import DAY, answer, entry, key, request
from verifier.directory import Directory
from verifier.log.inserting import SIZES
from verifier.log.open import open_log
from verifier.log.scope import Scope
from verifier.log.store import (
    EntryRow,
    Head,
    LeaderLostError,
    LogOrderError,
    LogStoreError,
    decode_replay_key,
    encode_replay_key,
)
from verifier.resident.mark import Mark, Marked
from verifier.resident.table import MarkTable
from verifier.seat import open_seat

if TYPE_CHECKING:
    from collections.abc import Iterator

    from verifier.log.store import LogStore


@pytest.fixture
def store(log_database: str) -> Iterator[LogStore]:
    """Open the store."""
    with closing(open_log(log_database)) as opened:
        yield opened


def commit(store: LogStore, number: int, *, counter: bytes = key(1), agency: str = "agency-1") -> None:
    """Commit one request."""
    with store.transaction() as transaction:
        claimed = transaction.claim_replays([request(number, agency)])
        used = transaction.counters([counter], DAY)
        transaction.write(
            {counter: used.get(counter, 0) + 1},
            DAY,
            [entry(number, agency=agency)],
            [answer(number, agency=agency)] if claimed else [],
        )


def test_marks_stand_or_fall_with_their_entry(store: LogStore, log_database: str) -> None:
    """A mark is set and lifted in the transaction of its entry, and followers of the directory see that it was."""
    name = Marked(tombstone=bytes(16), handle=bytes(15) + b"h")
    wanted = Mark.LOCKED | Mark.FACE_LOCKED
    with closing(Directory(log_database)) as directory:
        table, before = MarkTable(directory), directory.generation()
        with suppress(ZeroDivisionError), store.transaction() as transaction:
            assert transaction.marks().put(name, Mark.LOCKED, 1, {})
            transaction.write({}, DAY, [entry(1)], [])
            raise ZeroDivisionError
        assert (table.of([name.tombstone]), directory.generation(), store.head()) == ({}, before, Head(0, 0))
        with store.transaction() as transaction:
            assert transaction.marks().put(name, Mark.LOCKED, 1, {})
            assert transaction.marks().put(name, Mark.FACE_LOCKED, 1, {})
            assert not transaction.marks().put(name, Mark.LOCKED, 2, {})
            transaction.write({}, DAY, [entry(1)], [])
        assert (table.of([name.tombstone]), store.head().sequence) == ({name.tombstone: wanted}, 1)
        assert directory.generation() > before
        before = directory.generation()
        with store.transaction() as transaction:
            assert transaction.marks().lift(name.tombstone, Mark.LOCKED)
            assert transaction.marks().lift(name.tombstone, Mark.FACE_LOCKED)
            assert not transaction.marks().lift(name.tombstone, Mark.LOCKED)
            transaction.write({}, DAY, [entry(2)], [])
        assert (table.of([name.tombstone]), directory.generation() > before) == ({}, True)


def test_a_group_is_read_back_as_it_was_written(store: LogStore) -> None:
    """Entries, counters and answers come back byte for byte."""
    with store.transaction() as transaction:
        assert transaction.claim_replays([request(1), request(2)]) == {request(1), request(2)}
        assert transaction.replays([request(1)]) == {}
        assert not any(transaction.counters([key(1), key(2)], DAY).values())
        transaction.write({key(1): 3, key(2): 0}, DAY, [entry(1), entry(2)], [answer(1), answer(2)])
    with store.transaction() as transaction:
        assert transaction.claim_replays([request(1), request(2), request(3)]) == {request(3)}
        stored = transaction.replays([request(1), request(3)])
        assert transaction.counters([key(1), key(2), key(3)], DAY).get(key(1)) == 3
    assert stored.keys() == {request(1)}
    assert (stored[request(1)].digest, stored[request(1)].body) == (answer(1).digest, answer(1).body)
    assert stored[request(1)].day == DAY
    rows = store.entries(0, 10)
    assert [(row.sequence, row.entry, row.salt, row.leaf) for row in rows] == [
        (number, entry(number).entry, entry(number).salt, entry(number).leaf) for number in (1, 2)
    ]


@pytest.mark.parametrize("size", [1, 9, 10, 11, 2 * max(SIZES) + 31])
def test_a_group_of_any_size_is_read_back_in_its_order(store: LogStore, size: int) -> None:
    """Also where several rows go with one statement."""
    requests = [request(number) for number in range(size)]
    written = [
        entry(
            number, kind=1 + number % 3, agency=f"agency-{number}", purpose=f"p-{number}", outcome=number % 2
        )
        for number in range(size)
    ]
    with store.transaction() as transaction:
        transaction.claim_replays(requests)
        transaction.write({}, DAY, written, [answer(number) for number in range(size)])
    rows = store.entries(0, size + 1)
    assert [row.sequence for row in rows] == [*range(1, size + 1)]
    assert [EntryRow(*(getattr(row, name) for name in EntryRow._fields)) for row in rows] == written
    with store.transaction() as transaction:
        kept = transaction.replays(requests)
    assert [kept[key].body for key in requests] == [answer(number).body for number in range(size)]


def test_a_term_that_is_over_is_told(store: LogStore, log_database: str) -> None:
    """What is done outside the log may be done in the leader's term alone."""
    with closing(open_seat(log_database)) as seat:
        store.require_term(0)
        assert seat.take(0, bytes(16)) == 1
        store.require_term(1)
        for over in (0, 2):
            with pytest.raises(LeaderLostError):
                store.require_term(over)


def test_the_head_is_the_last_entry(store: LogStore) -> None:
    """An empty log has the head zero; then it is the last entry's place and time."""
    assert store.head() == Head(0, 0)
    commit(store, 7)
    assert store.head() == Head(1, entry(7).log_time_ms)


def test_an_exception_rolls_everything_back(store: LogStore) -> None:
    """Nothing of a transaction that ended by an exception is there, and the next one works."""

    def fail() -> None:
        with store.transaction() as transaction:
            transaction.claim_replays([request(1)])
            transaction.counters([key(1)], DAY)
            transaction.write({key(1): 5}, DAY, [entry(1)], [answer(1)])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert store.head() == Head(0, 0)
    with store.transaction() as transaction:
        assert transaction.claim_replays([request(1)]) == {request(1)}
        assert transaction.counters([key(1)], DAY).get(key(1), 0) == 0


def test_a_claim_without_an_answer_is_free_again(store: LogStore) -> None:
    """A claimed request whose answer is not final can be asked again, written or not."""
    for _ in range(2):
        with store.transaction() as transaction:
            assert transaction.claim_replays([request(1), request(2)]) == {request(1), request(2)}
            transaction.write({}, DAY, [entry(1)], [])
    with store.transaction() as transaction:
        assert transaction.claim_replays([request(1)]) == {request(1)}
    with store.transaction() as transaction:
        assert transaction.claim_replays([request(1)]) == {request(1)}
        assert transaction.replays([request(1)]) == {}


def test_request_ids_of_two_agencies_do_not_meet(store: LogStore) -> None:
    """The same request_id of another agency is another request."""
    commit(store, 1, agency="agency-1")
    with store.transaction() as transaction:
        assert transaction.claim_replays([request(1, "agency-1"), request(1, "agency-12")]) == {
            request(1, "agency-12")
        }


def test_counters_of_two_days_do_not_meet(store: LogStore) -> None:
    """A new day begins at zero."""
    commit(store, 1)
    with store.transaction() as transaction:
        assert transaction.counters([key(1)], DAY + 1).get(key(1), 0) == 0


@pytest.mark.parametrize("fault", ["counter", "day", "answer", "twice"])
def test_a_transaction_out_of_order_is_refused(store: LogStore, fault: str) -> None:
    """What was not read or claimed before is not written, and writing is once."""

    def misuse() -> None:
        with store.transaction() as transaction:
            transaction.claim_replays([request(1)])
            transaction.counters([key(1)], DAY)
            if fault == "counter":
                transaction.write({key(2): 1}, DAY, [], [])
            elif fault == "day":
                transaction.write({key(1): 1}, DAY + 1, [], [])
            elif fault == "answer":
                transaction.write({}, DAY, [], [answer(2)])
            else:
                transaction.write({}, DAY, [], [])
                transaction.write({}, DAY, [], [])

    with pytest.raises(LogOrderError):
        misuse()
    assert store.head() == Head(0, 0)


def test_parallel_guesses_cannot_outrun_a_counter(log_database: str) -> None:
    """Two stores, as two processes have them, count every one of many parallel charges, new counters among them."""
    with closing(open_log(log_database)) as first, closing(open_log(log_database)) as second:

        def charge(number: int) -> None:
            store = first if number % 2 else second
            commit(store, number, counter=key(number % 5))

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(charge, range(100)))
        with first.transaction() as transaction:
            used = transaction.counters([key(number) for number in range(5)], DAY)
    assert used == {key(number): 20 for number in range(5)}


def test_places_have_no_gaps_and_follow_the_commits(log_database: str) -> None:
    """Whoever reads while others commit never finds a place filled that was missing before."""
    with closing(open_log(log_database)) as first, closing(open_log(log_database)) as second:
        done = threading.Event()
        seen: list[int] = []

        def read() -> None:
            while not done.is_set():
                seen.extend(row.sequence for row in first.entries(len(seen), 1_000))

        reader = threading.Thread(target=read)
        reader.start()
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda number: commit(second if number % 2 else first, number), range(80)))
        done.set()
        reader.join()
        seen.extend(row.sequence for row in first.entries(len(seen), 1_000))
    assert seen == list(range(1, 81))


def test_two_workers_that_claim_the_same_request_do_it_once(log_database: str) -> None:
    """Of two simultaneous claims of one request_id one succeeds; the other finds the stored answer."""
    with closing(open_log(log_database)) as first, closing(open_log(log_database)) as second:
        barrier = threading.Barrier(2)

        def claim(store: LogStore) -> int:
            barrier.wait()
            with store.transaction() as transaction:
                claimed = transaction.claim_replays([request(1)])
                if not claimed:
                    assert transaction.replays([request(1)])[request(1)].body == answer(1).body
                transaction.write({}, DAY, [entry(1)], [answer(1)] if claimed else [])
                return len(claimed)

        with ThreadPoolExecutor(2) as pool:
            assert sum(pool.map(claim, [first, second])) == 1


def test_entries_are_filtered(store: LogStore) -> None:
    """Agency, purpose, outcome and a span of log time choose entries; pages go on after a place."""
    rows = [
        entry(number, agency=f"agency-{number % 2}", purpose=f"purpose-{number % 3}", outcome=number % 4)
        for number in range(24)
    ]
    with store.transaction() as transaction:
        transaction.write({}, DAY, rows, [])
    assert [row.entry for row in store.entries(0, 100, agency="agency-1")] == [
        row.entry for row in rows[1::2]
    ]
    assert [row.entry for row in store.entries(0, 100, purpose="purpose-2")] == [
        row.entry for row in rows[2::3]
    ]
    assert [row.entry for row in store.entries(0, 100, outcome=3)] == [row.entry for row in rows[3::4]]
    assert [row.sequence for row in store.entries(5, 3)] == [6, 7, 8]
    span = store.entries(0, 100, from_ms=rows[4].log_time_ms, until_ms=rows[9].log_time_ms)
    assert [row.sequence for row in span] == [5, 6, 7, 8, 9]
    assert store.entries(0, 100, agency="agency-1", outcome=2) == []


def test_entries_are_bounded_by_a_scope(store: LogStore) -> None:
    """Agencies, purposes and kinds of a scope bound the list; a scope without kinds shows nothing."""
    rows = [
        entry(number, kind=number % 5, agency=f"agency-{number % 3}" if number % 7 else "", purpose="")
        for number in range(60)
    ]
    with store.transaction() as transaction:
        transaction.write({}, DAY, rows, [])
    bounded = Scope(
        agencies=frozenset({"agency-1", ""}),
        purposes=frozenset({""}),
        kinds=[range(1, 3), range(4, 9)],
        hidden=[2],
    )
    expected = [row for row in rows if row.agency in {"agency-1", ""} and row.kind in {1, 4}]
    assert [row.entry for row in store.entries(0, 100, scope=bounded)] == [row.entry for row in expected]
    for nothing in (
        replace(bounded, kinds=[]),
        replace(bounded, agencies=frozenset()),
        replace(bounded, purposes=frozenset({"other"})),
    ):
        assert store.entries(0, 100, scope=nothing) == []
    pages = [
        row for at in range(0, 60, 7) for row in store.entries(at, 7, scope=bounded) if row.sequence <= at + 7
    ]
    assert [row.entry for row in pages] == [row.entry for row in expected]
    assert store.entries(0, 100, agency="agency-2", scope=bounded) == []
    one = store.entries(0, 100, agency="agency-1", scope=bounded)
    assert [row.entry for row in one] == [row.entry for row in expected if row.agency == "agency-1"]
    many = replace(bounded, agencies=frozenset(f"agency-{number}" for number in range(200)) | {""})
    assert len(store.entries(0, 100, scope=many)) == sum(row.kind in {1, 4} for row in rows)
    everything = Scope(agencies=None, purposes=None, kinds=[range(100)], hidden=())
    assert len(store.entries(0, 100, scope=everything)) == 60


def test_a_span_of_time_finds_entries_whose_time_steps_back(store: LogStore) -> None:
    """Groups of two workers may take their time apart; the span is exact all the same."""
    times = [1_000_000 * number - (4_000 if number % 3 == 0 else 0) for number in range(1, 60)]
    with store.transaction() as transaction:
        transaction.write({}, DAY, [entry(number, log_time_ms=time) for number, time in enumerate(times)], [])
    found = store.entries(0, 100, from_ms=9_996_000, until_ms=30_000_000)
    assert [row.log_time_ms for row in found] == [time for time in times if 9_996_000 <= time < 30_000_000]


def test_expiry_takes_earlier_days_only(store: LogStore) -> None:
    """Counters and answers of earlier days go, those of the day and all entries stay."""
    for number, day in enumerate((DAY - 2, DAY - 1, DAY)):
        with store.transaction() as transaction:
            transaction.claim_replays([request(number)])
            transaction.counters([key(number)], day)
            transaction.write({key(number): 9}, day, [entry(number)], [answer(number, day=day)])
    assert store.expire(DAY) >= 3
    assert store.expire(DAY) == 0
    with store.transaction() as transaction:
        assert transaction.claim_replays([request(number) for number in range(3)]) == {request(0), request(1)}
        assert transaction.counters([key(0), key(2)], DAY).get(key(2)) == 9
    with store.transaction() as transaction:
        assert transaction.counters([key(1)], DAY - 1).get(key(1), 0) == 0
    assert store.head().sequence == 3


def test_expiry_goes_on_where_a_turn_ended(store: LogStore) -> None:
    """Turns of one step each delete what one long turn does, and then nothing; another day begins anew."""
    counted, answered = [key(number) for number in range(10)], range(3_000)
    with store.transaction() as transaction:
        transaction.claim_replays([request(number) for number in answered])
        transaction.counters(counted, DAY)
        transaction.write(dict.fromkeys(counted, 1), DAY, [], [answer(number) for number in answered])
    assert store.expire(DAY, enough=lambda: True) == 0
    gone = [store.expire(DAY + 1, enough=lambda: True) for _ in range(20)]
    assert sum(gone) >= len(answered)
    assert max(gone) < sum(gone), "not all in one turn"
    assert gone[-1] == 0
    commit(store, len(answered))
    assert store.expire(DAY + 2) >= 2


def test_nothing_that_a_request_carries_makes_a_statement_fail(store: LogStore) -> None:
    """The largest numbers, empty bytes and odd texts are stored as they are."""
    rows = [
        entry(1, agency="", purpose="", outcome=255, log_time_ms=2**62, kind=65_535),
        entry(2, agency="agency-'\"%s\u2028é", purpose="\x7f", outcome=0),
    ]
    with store.transaction() as transaction:
        transaction.claim_replays([request(1, "a"), request(1, "a")])
        transaction.counters([bytes(16), b"\xff" * 16], DAY)
        transaction.write(
            {bytes(16): 2**31 - 1, b"\xff" * 16: 1}, DAY, rows, [answer(1, agency="a", body=b"")]
        )
    assert [(row.agency, row.purpose, row.outcome) for row in store.entries(0, 9)] == [
        ("", "", 255),
        ("agency-'\"%s\u2028é", "\x7f", 0),
    ]
    with store.transaction() as transaction:
        assert transaction.counters([bytes(16)], DAY)[bytes(16)] == 2**31 - 1


def test_a_database_without_tables_says_what_to_do(empty_log_database: str) -> None:
    """A database that was never migrated is unavailable, with the command that mends it."""
    with closing(open_log(empty_log_database)) as store, pytest.raises(LogStoreError) as caught:
        store.check()
    assert "padan-server database upgrade" in str(caught.value) or "opened" in str(caught.value)


def test_the_store_checks_itself(store: LogStore) -> None:
    """A working store passes its check."""
    store.check()


def test_replay_keys_are_read_back() -> None:
    """A key's spelling keeps request_id and agency apart; a short request_id is refused."""
    assert decode_replay_key(encode_replay_key(("ä-1", bytes(16)))) == ("ä-1", bytes(16))
    with pytest.raises(LogOrderError):
        encode_replay_key(("agency", bytes(15)))
