"""The vault on PostgreSQL uses its index, and answers in time whatever the server does."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import psycopg
import pytest

from tests.postgres import PostgresServer
from tests.unit.verifier.vault.epochs import box, load, tokens
from verifier import migrations
from verifier.failure import Failure
from verifier.vault.open import open_vault, open_writer
from verifier.vault.postgres import CONNECTIONS
from verifier.vault.store import VaultUnavailableError


def test_boxes_lie_in_line_and_are_found_by_the_index(postgres_url: str) -> None:
    """The box is stored plain beside its token, and a lookup reads no whole table."""
    migrations.upgrade(postgres_url, migrations.Tree.VAULT)
    held = tokens(3_000)
    with closing(open_writer(postgres_url)) as writer:
        load(writer, 1, held, activate=True)
    with closing(open_vault(postgres_url)) as vault, psycopg.connect(postgres_url) as connection:
        for _ in range(8):
            vault.lookup_many([(held[0], held[1], held[2])] * 50)
        storage = connection.execute(
            "SELECT attstorage FROM pg_attribute WHERE attrelid = 'epoch_000001'::regclass AND attname = 'box'"
        ).fetchone()
        vault.close()
        connection.execute("SELECT pg_stat_force_next_flush(), pg_sleep(0.3)")
        connection.rollback()
        scans = connection.execute(
            "SELECT seq_scan, idx_scan FROM pg_stat_user_tables WHERE relid = 'epoch_000001'::regclass"
        ).fetchone()
    assert storage in {(b"p",), ("p",)}
    assert scans is not None
    assert scans[1] >= 8 * 150
    assert scans[0] <= 3


def test_many_threads_share_few_connections(postgres_url: str) -> None:
    """Questions of 32 threads at once are all answered, over no more connections than a process may have."""
    migrations.upgrade(postgres_url, migrations.Tree.VAULT)
    held = tokens(200)
    with closing(open_writer(postgres_url)) as writer:
        load(writer, 1, held, activate=True)
    with closing(open_vault(postgres_url)) as vault, psycopg.connect(postgres_url) as connection:
        before = connections(connection)

        def work(number: int) -> bool:
            answers = vault.lookup_many([(held[number], held[0], held[1])])
            return answers == [((held[number], box(held[number])), (held[1], box(held[1])))]

        with ThreadPoolExecutor(32) as pool:
            assert all(pool.map(work, range(200)))
        assert connections(connection) - before <= CONNECTIONS


def connections(connection: psycopg.Connection) -> int:
    """Count our connections to the server."""
    row = connection.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'padan'"
    ).fetchone()
    assert row is not None
    return int(row[0])


def test_an_outage_is_told_in_time_and_survived() -> None:
    """A locked table, a killed connection and a stopped server: failures in time, and the same vault goes on."""
    with PostgresServer() as server:
        database = server.make_database()
        migrations.upgrade(database, migrations.Tree.VAULT)
        held = tokens(20)
        with closing(open_writer(database)) as writer:
            load(writer, 1, held, activate=True)
        query = (held[0], held[1], held[2])
        expected = [((held[0], box(held[0])), (held[2], box(held[2])))]
        with closing(open_vault(database)) as vault:
            assert vault.lookup_many([query]) == expected
            with psycopg.connect(database) as other:
                other.execute("LOCK TABLE epoch_000001 IN ACCESS EXCLUSIVE MODE")
                assert failure(vault.pin().lookup_many, [query]) is Failure.TIMEOUT
            assert vault.lookup_many([query]) == expected
            with psycopg.connect(database, autocommit=True) as other:
                other.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'padan'"
                )
            time.sleep(0.1)
            assert vault.pin().lookup_many([query]) == expected
            server.stop()
            assert failure(vault.lookup_many, [query]) is Failure.DISCONNECTED
            assert failure(vault.check) is Failure.DISCONNECTED
            server.start()
            assert vault.check().number == 1
            assert vault.lookup_many([query]) == expected


def failure(call: object, *values: object) -> Failure:
    """Name the failure of a call, which comes within two seconds."""
    assert callable(call)
    started = time.monotonic()
    with pytest.raises(VaultUnavailableError) as caught:
        call(*values)
    assert time.monotonic() - started < 2.5  # two, and room for a busy machine
    return caught.value.failure
