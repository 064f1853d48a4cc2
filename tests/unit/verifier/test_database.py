"""Addresses of databases are read or refused."""

from __future__ import annotations

import gc
import sqlite3
import threading
import time
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from verifier.database import (
    BUSY_SECONDS,
    Address,
    DatabaseAddressError,
    begin_immediate,
    make_engine,
    open_sqlite,
    parse_address,
)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("postgresql://a@h/b", Address(url="postgresql://a@h/b")),
        ("postgres://a@h/b", Address(url="postgresql://a@h/b")),
        ("postgresql+psycopg://a@h/b", Address(url="postgresql://a@h/b")),
        ("sqlite:///data/log.sqlite", Address(path=Path("data/log.sqlite"))),
        ("sqlite:////srv/log.sqlite", Address(path=Path("/srv/log.sqlite"))),
        ("/srv/log.sqlite", Address(path=Path("/srv/log.sqlite"))),
    ],
)
def test_an_address_is_read(text: str, address: Address) -> None:
    """URLs and paths name the same databases however they are spelt."""
    assert parse_address(text) == address
    assert address.is_sqlite == (address.path is not None)


@pytest.mark.parametrize("text", ["", "mysql://h/b", "http://h"])
def test_another_database_is_refused(text: str) -> None:
    """What is neither PostgreSQL nor a file is refused, with what would be right."""
    with pytest.raises(DatabaseAddressError, match="postgresql:// URL or the path"):
        parse_address(text)


def test_the_lock_of_a_busy_writer(tmp_path: Path) -> None:
    """Beside a process that holds the write lock nearly all the time, another one gets it too, again and again."""
    path = tmp_path / "busy.sqlite"
    over = threading.Event()
    with closing(open_sqlite(path, create=True)) as first:
        first.execute("CREATE TABLE t (n INTEGER)")

    def write() -> None:
        with closing(open_sqlite(path)) as connection:
            while not over.is_set():
                begin_immediate(connection)
                connection.execute("INSERT INTO t VALUES (1)")
                time.sleep(0.04)
                connection.execute("COMMIT")
                time.sleep(0.001)

    thread = threading.Thread(target=write)
    thread.start()
    engine = make_engine(Address(path=path))
    try:
        for _ in range(20):
            with engine.begin() as connection:
                connection.exec_driver_sql("INSERT INTO t VALUES (2)")
    finally:
        over.set()
        thread.join()
        engine.dispose()


def test_a_lock_that_is_never_let_go(tmp_path: Path) -> None:
    """Whoever waits for a lock that is held gives up in time, on a connection and on an engine."""
    path = tmp_path / "held.sqlite"
    with closing(open_sqlite(path, create=True)) as holder, closing(open_sqlite(path)) as other:
        holder.execute("BEGIN IMMEDIATE")
        engine = make_engine(Address(path=path))
        began = time.monotonic()
        with pytest.raises(sqlite3.OperationalError):
            begin_immediate(other)
        with pytest.raises(OperationalError), engine.begin():
            pass
        assert time.monotonic() - began < 4 * BUSY_SECONDS
        holder.execute("ROLLBACK")
        with engine.begin():
            pass
        engine.dispose()


def test_who_waits_for_a_lock_leaves_nothing_behind(tmp_path: Path) -> None:
    """A leader waits for the writer again and again: what a second of looking would leave is megabytes."""
    path = tmp_path / "held.sqlite"
    with closing(open_sqlite(path, create=True)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        engine = make_engine(Address(path=path))
        gc.collect()
        gc.disable()
        try:
            with pytest.raises(OperationalError), engine.begin():
                pass
            assert gc.collect() < 1_000
        finally:
            gc.enable()
        engine.dispose()


def test_one_connection_stays_open(tmp_path: Path) -> None:
    """Those who come at the same moment get connections of their own, and one of them stays."""
    path = tmp_path / "log.sqlite"
    engine = make_engine(Address(path=path), create=True)

    def opened() -> int:
        # SQLite keeps the file's own descriptor for the next that opens it, while a lock of this process is on it.
        return sum(each.resolve().name == "log.sqlite-wal" for each in Path("/proc/self/fd").iterdir())

    with ExitStack() as held:
        for _ in range(5):
            reader = engine.connect().execution_options(reads_only=True)
            held.enter_context(reader).exec_driver_sql("SELECT count(*) FROM sqlite_master")
        assert opened() == 5
    assert opened() == 1
    engine.dispose()
