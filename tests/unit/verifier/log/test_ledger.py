"""The numbers of a ledger are what was committed, wherever memory, journal and table have them."""

from __future__ import annotations

import random
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.verifier.log.files import make_log, open_quickly
from tests.unit.verifier.log.rows import DAY
from verifier.log.ledger import Ledger

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping
    from pathlib import Path

KEYS = [random.Random(number).randbytes(16) for number in range(400)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Make an empty log."""
    return make_log(tmp_path / "log.sqlite")


def write(book: Ledger, connection: sqlite3.Connection, changes: Mapping[bytes, int], day: int = DAY) -> None:
    """Commit changes."""
    connection.execute("BEGIN IMMEDIATE")
    book.write(connection, changes, day)
    connection.execute("COMMIT")
    book.committed()


def read(book: Ledger, connection: sqlite3.Connection, day: int = DAY) -> dict[bytes, int]:
    """Read every counter that is not zero."""
    connection.execute("BEGIN IMMEDIATE")
    values = book.read(connection, KEYS, day)
    connection.execute("ROLLBACK")
    book.discard()
    return {key: value for key, value in values.items() if value}


def rows(connection: sqlite3.Connection, table: str) -> int:
    """Count a table's rows."""
    return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608 - our own names


def test_full_memory_moves_into_the_table_and_the_journal_is_trimmed(path: Path) -> None:
    """Past the limit counters move, old journal rows go, and every value stays what was written last."""
    source = random.Random(1)
    expected: dict[bytes, int] = {}
    book = Ledger("counter", limit=50)
    with closing(open_quickly(path)) as connection:
        for _ in range(600):
            changes = {key: source.randrange(1, 99) for key in source.sample(KEYS, 3)}
            expected.update(changes)
            write(book, connection, changes)
        assert read(book, connection) == expected
        assert rows(connection, "counter") > 200
        assert rows(connection, "counter_change") < 550
        assert read(Ledger("counter"), connection) == expected


def test_a_journal_of_few_numbers_is_trimmed_too(path: Path) -> None:
    """Numbers that all fit into memory change for a whole day: the journal stays short, also over a restart."""
    source = random.Random(3)
    expected: dict[bytes, int] = {}
    longest = 0
    with closing(open_quickly(path)) as connection:
        for _ in range(2):
            book = Ledger("counter", limit=50)
            for _ in range(2_000):
                changes = {key: source.randrange(1, 99) for key in source.sample(KEYS[:20], 4)}
                expected.update(changes)
                write(book, connection, changes)
                longest = max(longest, rows(connection, "counter_change"))
            assert read(book, connection) == expected
        assert longest < 500
        assert read(Ledger("counter"), connection) == expected


def test_the_numbers_of_yesterday_leave_no_memory_behind(path: Path) -> None:
    """Once they have moved, nothing is kept for them, though their day is not over for as long as it is asked for."""
    source = random.Random(4)
    book = Ledger("counter", limit=3_000)
    with closing(open_quickly(path)) as connection:
        for day in (DAY, DAY + 1):
            for _ in range(25):
                write(book, connection, {source.randbytes(16): 1 for _ in range(100)}, day)
    assert {sys.getsizeof(bucket) for bucket in book._recent[DAY]} == {sys.getsizeof({})}
    assert sum(map(len, book._recent[DAY + 1])) > 1_000, "those of today are still in memory"


def test_two_books_follow_each_other(path: Path) -> None:
    """Two processes that write in turn see each other's changes, also when one moved and trimmed meanwhile."""
    source = random.Random(2)
    expected: dict[bytes, int] = {}
    books = [Ledger("counter", limit=40), Ledger("counter", limit=60)]
    with closing(open_quickly(path)) as one, closing(open_quickly(path)) as other:
        for _ in range(120):
            turn = source.randrange(2)
            for _ in range(source.randrange(8)):
                changes = {key: source.randrange(1, 99) for key in source.sample(KEYS, 2)}
                expected.update(changes)
                write(books[turn], (one, other)[turn], changes)
            assert read(books[0], one) == expected
            assert read(books[1], other) == expected


def test_what_was_rolled_back_was_never_there(path: Path) -> None:
    """A transaction that did not commit leaves memory and file as they were."""
    book = Ledger("counter", limit=1)
    with closing(open_quickly(path)) as connection:
        write(book, connection, {KEYS[0]: 1, KEYS[1]: 2})
        for _ in range(3):
            connection.execute("BEGIN IMMEDIATE")
            book.write(connection, {KEYS[0]: 7, KEYS[2]: 7}, DAY)
            connection.execute("ROLLBACK")
            book.discard()
            assert read(book, connection) == {KEYS[0]: 1, KEYS[1]: 2}
        assert read(Ledger("counter"), connection) == {KEYS[0]: 1, KEYS[1]: 2}


@settings(max_examples=40, deadline=None)
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["write", "fail", "crash", "other", "day"]),
            st.dictionaries(st.sampled_from(KEYS[:40]), st.integers(0, 2**63 - 1), max_size=6),
        ),
        max_size=60,
    )
)
def test_any_history_reads_back(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, dict[bytes, int]]]
) -> None:
    """Whatever order of commits, failures, crashes, days and foreign writes: counters are what was committed."""
    path = make_log(tmp_path_factory.mktemp("ledger") / "log.sqlite")
    expected: dict[int, dict[bytes, int]] = {DAY: {}, DAY + 1: {}}
    book, foreign, day = Ledger("counter", limit=5), Ledger("counter", limit=7), DAY
    with closing(open_quickly(path)) as one, closing(open_quickly(path)) as other:
        for step, changes in steps:
            if step == "fail":
                one.execute("BEGIN IMMEDIATE")
                book.write(one, changes, day)
                one.execute("ROLLBACK")
                book.discard()
                continue
            if step == "crash":
                book = Ledger("counter", limit=5)
            if step == "day":
                day = DAY + 1
            chosen, connection = (foreign, other) if step == "other" else (book, one)
            write(chosen, connection, changes, day)
            expected[day].update(changes)
        for each in (DAY, DAY + 1):
            wanted = {key: value for key, value in expected[each].items() if value}
            assert read(book, one, each) == wanted
            assert read(Ledger("counter"), other, each) == wanted


def test_who_asks_for_no_number_reads_none(path: Path) -> None:
    """A process that appends entries only, as the leader does, does not take the day's numbers into its memory."""
    with closing(open_quickly(path)) as one, closing(open_quickly(path)) as other:
        write(Ledger("counter"), one, dict.fromkeys(KEYS, 1))
        book, statements = Ledger("counter"), list[str]()
        other.set_trace_callback(statements.append)
        write(book, other, {})
        assert not [text for text in statements if "counter" in text]
        other.set_trace_callback(None)
        write(book, other, {KEYS[0]: 2})
        assert read(book, other) == dict.fromkeys(KEYS, 1) | {KEYS[0]: 2}


def test_looking_for_what_is_over_costs_the_same_in_a_long_log(path: Path) -> None:
    """It is looked for among the oldest rows, so that nobody waits for the write lock meanwhile."""
    book = Ledger("counter")
    work = [0, 0, 0]

    def count() -> int:
        work[-1] += 1
        return 0

    with closing(open_quickly(path)) as connection:
        for turn, count_of_rows in enumerate((600, 3_000)):
            for number in range(count_of_rows):
                write(book, connection, {KEYS[number % 400]: number + 1})
            work[-1] = 0
            connection.set_progress_handler(count, 10)
            connection.execute("BEGIN IMMEDIATE")
            assert book.expire(connection, DAY, 500) == 0
            connection.execute("COMMIT")
            connection.set_progress_handler(None, 0)
            work[turn] = work[-1]
    assert work[1] <= 1.2 * work[0]
