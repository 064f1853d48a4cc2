"""The PostgreSQL log answers in time whatever the server does, and goes on when the server is back."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.postgres import PostgresServer, rows_read, rows_read_in_the_end
from tests.unit.verifier.log.rows import DAY, answer, entry, key, request
from verifier import migrations
from verifier.failure import Failure
from verifier.log.postgres import PostgresLogStore
from verifier.log.store import LogStoreError

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def url(postgres_url: str) -> str:
    """Make an empty log."""
    migrations.upgrade(postgres_url)
    return postgres_url


def commit(store: PostgresLogStore, number: int, *, pause: float = 0) -> None:
    """Commit one request."""
    with store.transaction() as transaction:
        transaction.claim_replays([request(number)])
        used = transaction.counters([key(1)], DAY)
        time.sleep(pause)
        transaction.write({key(1): used[key(1)] + 1}, DAY, [entry(number)], [answer(number)])


def failure(store: PostgresLogStore, number: int) -> Failure:
    """Name the failure of a commit, which comes within two seconds."""
    started = time.monotonic()
    with pytest.raises(LogStoreError) as caught:
        commit(store, number)
    assert time.monotonic() - started < 2.5  # two, and room for a busy machine
    return caught.value.failure


@pytest.mark.parametrize("known", ["nothing", "yesterday"])
def test_a_commit_reads_no_more_on_a_full_day(url: str, known: str) -> None:
    """However many counters a day has, and whatever the server's statistics know of it, a commit reads its own rows."""
    many = 20_000
    fill = "INSERT INTO counter (day, key, value) SELECT %s, sha256(n::text::bytea), 1 FROM generate_series(1, %s) n"
    with closing(PostgresLogStore(url)) as store, psycopg.connect(url, autocommit=True) as server:
        if known == "yesterday":
            server.execute(fill, (DAY - 1, many))
            server.execute("VACUUM ANALYZE counter")
        commit(store, 1)  # what is prepared is prepared now
        server.execute(fill, (DAY, many))
        before = rows_read(server)
        for number in range(2, 12):
            commit(store, number)
        store.close()  # a session tells what it has read when it ends
        read = rows_read_in_the_end(server)
        assert before < read < before + many // 10


def test_a_day_that_was_gone_through_is_not_read_again(url: str) -> None:
    """The table of answers is read once a day, and the step of an outage is done again."""
    many = 20_000
    fill = (
        "INSERT INTO replay (key, day, digest, body)"
        " SELECT sha256(n::text::bytea), %s, '', '' FROM generate_series(1, %s) n"
    )
    with closing(PostgresLogStore(url)) as store, psycopg.connect(url, autocommit=True) as server:
        server.execute(fill, (DAY, many))
        with psycopg.connect(url) as other:
            other.execute("LOCK TABLE replay IN ACCESS EXCLUSIVE MODE")
            with pytest.raises(LogStoreError):
                store.expire(DAY + 1)
        assert store.expire(DAY + 1) == many
        server.execute(fill, (DAY + 1, many))
        for _ in range(3):
            assert store.expire(DAY + 1) == 0
        store.close()
        assert rows_read_in_the_end(server, "replay") < 2 * many
    with closing(PostgresLogStore(url)) as store:
        assert store.expire(DAY + 2) == many


def test_a_locked_table_fails_within_the_limit(url: str) -> None:
    """A lock that somebody keeps makes the commit fail in time; once it is gone, the store goes on."""
    with closing(PostgresLogStore(url)) as store, psycopg.connect(url) as other:
        commit(store, 1)
        other.execute("LOCK TABLE counter IN ACCESS EXCLUSIVE MODE")
        assert failure(store, 2) is Failure.TIMEOUT
        other.rollback()
        commit(store, 2)
        assert store.head().sequence == 2


def test_a_transaction_that_stands_still_is_ended(url: str) -> None:
    """A worker that stops inside a transaction does not hold the others up for longer than the limit."""
    with closing(PostgresLogStore(url)) as store, closing(PostgresLogStore(url)) as other:
        with pytest.raises(LogStoreError):
            commit(store, 1, pause=2.2)
        commit(other, 1)
        commit(store, 2)
        assert store.head().sequence == 2


def test_a_killed_connection_is_replaced(url: str) -> None:
    """A connection that died while it was idle costs no commit."""
    with closing(PostgresLogStore(url)) as store:
        commit(store, 1)
        with psycopg.connect(url, autocommit=True) as other:
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'padan'"
            )
        time.sleep(0.1)
        commit(store, 2)
        assert store.head().sequence == 2


def test_the_clock_is_the_servers(url: str) -> None:
    """Workers on several hosts take log time from one clock."""
    with closing(PostgresLogStore(url)) as store, store.transaction() as transaction:
        assert abs((transaction.clock() or 0) - time.time()) < 5


def test_many_workers_never_deadlock(url: str) -> None:
    """Groups that lock overlapping counters in clashing orders all commit, and every charge counts."""
    stores = [PostgresLogStore(url) for _ in range(4)]

    def work(turn: int) -> None:
        keys = [key((turn * 7 + step * (3 if turn % 2 else 5)) % 23) for step in range(12)]
        with stores[turn % 4].transaction() as transaction:
            transaction.claim_replays(
                [request(1_000 + (turn * 5) % 40 + step) for step in range(5)][:: -1 if turn % 2 else 1]
            )
            used = transaction.counters(keys, DAY)
            transaction.write({each: used[each] + 1 for each in set(keys)}, DAY, [entry(turn)], [])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(80)))
    with stores[0].transaction() as transaction:
        used = transaction.counters([key(number) for number in range(23)], DAY)
    for store in stores:
        store.close()
    expected = [
        len({(turn * 7 + step * (3 if turn % 2 else 5)) % 23 for step in range(12)}) for turn in range(80)
    ]
    assert sum(used.values()) == sum(expected)


@pytest.fixture(scope="module")
def own_server() -> Iterator[PostgresServer]:
    """Start a server that a test may stop."""
    with PostgresServer() as server:
        yield server


def test_an_outage_is_told_in_time_and_survived(own_server: PostgresServer) -> None:
    """While the server is away every commit fails at once; when it is back the same store commits."""
    database = own_server.make_database()
    migrations.upgrade(database)
    with closing(PostgresLogStore(database)) as store:
        commit(store, 1)
        own_server.stop()
        assert failure(store, 2) is Failure.DISCONNECTED
        assert failure(store, 2) is Failure.DISCONNECTED
        own_server.start()
        commit(store, 2)
        assert store.head().sequence == 2


def test_a_server_that_stands_still_is_told_in_time(own_server: PostgresServer) -> None:
    """A server that accepts and says nothing makes commits fail within two seconds, connected or not."""
    database = own_server.make_database()
    migrations.upgrade(database)
    with closing(PostgresLogStore(database)) as store:
        commit(store, 1)
        assert store._link._connection is not None
        stopped = [store._link._connection.info.backend_pid, own_server.postmaster]
        for process in stopped:
            os.kill(process, signal.SIGSTOP)
        try:
            assert failure(store, 2) is Failure.DISCONNECTED
            assert failure(store, 2) is Failure.DISCONNECTED
        finally:
            for process in stopped:
                os.kill(process, signal.SIGCONT)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                commit(store, 3)
                break
            except LogStoreError:
                time.sleep(0.1)
        assert store.head().sequence >= 2
