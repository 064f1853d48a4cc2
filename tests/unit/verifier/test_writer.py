"""The writer on a real installation, in this process."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import delete

from padan import entry as log_entry
from padan.entry import EntryKind, Field
from tests.installation import install, serving_keys
from verifier import admin_entry, schema
from verifier.directory import Directory
from verifier.errors import LogUnavailableError
from verifier.headkeeper import RolledBackError
from verifier.journal.address import JournalAddressError
from verifier.journal.client import JournalClient
from verifier.journal.server import JournalServer
from verifier.log.open import open_log
from verifier.writer import DRAIN_SECONDS, HAND_OVER_SECONDS, Writer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from keys.agent_server import KeyAgentServer
    from verifier.config import Settings

SECONDS = 30.0
"""How long a busy machine may take for what is done at once."""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """An installation of two workers."""
    return install(tmp_path / "installation", extra="workers = 2\n").settings


def commit(settings: Settings) -> None:
    """Commit an entry as a worker does, as soon as there is a writer; after one that hung its health asks first."""
    client = JournalClient(settings.journal_socket)
    client.start()
    until = time.monotonic() + SECONDS
    try:
        while True:
            try:
                client.commit([admin_entry.intend(EntryKind.ENTRIES_LISTED, {"reader": "auditor/a"})])
            except LogUnavailableError:
                assert time.monotonic() < until
                time.sleep(0.05)
                with contextlib.suppress(LogUnavailableError):
                    client.probe()
            else:
                return
    finally:
        client.stop()


@pytest.fixture
def key_agent(settings: Settings) -> Iterator[KeyAgentServer]:
    """A key agent for it."""
    with serving_keys(settings) as server:
        yield server


@pytest.mark.usefixtures("key_agent")
def test_a_worker_commits_by_way_of_the_writer(settings: Settings) -> None:
    """What the worker hears is durable is in the log, with log time; the socket is gone with the writer."""
    writer = Writer(settings)
    writer.start()
    commit(settings)
    writer.stop()
    assert not settings.journal_socket.exists()
    log = open_log(settings.log_database)
    (row,) = log.entries(0, 10)
    log.close()
    entry = log_entry.decode(row.entry)
    assert (row.kind, entry.texts(Field.DETAIL)) == (EntryKind.ENTRIES_LISTED, ["reader=auditor/a"])
    assert abs(entry.number(Field.LOG_TIME) / 1000 - time.time()) < SECONDS


@pytest.mark.usefixtures("key_agent")
def test_a_second_writer_is_refused(settings: Settings) -> None:
    """Two services on one folder would write one log."""
    writer = Writer(settings)
    writer.start()
    with pytest.raises(JournalAddressError, match="another service"):
        Writer(settings).start()
    commit(settings)
    writer.stop()


@pytest.mark.usefixtures("key_agent")
def test_the_writer_refuses_an_older_log(settings: Settings) -> None:
    """It moves the head on, and writes nothing to a log that lacks what the head has seen."""
    writer = Writer(settings)
    writer.start()
    commit(settings)
    writer.stop()
    with closing(Directory(settings.log_database)) as directory, directory.writing() as connection:
        connection.execute(delete(schema.entry))
    again = Writer(settings)
    with pytest.raises(RolledBackError, match="1 are missing"):
        again.start()
    again._opened.close()


def test_the_writer_begins_when_the_keys_are_there(settings: Settings) -> None:
    """Without a key agent it says so and waits, and takes workers in when one comes."""
    writer = Writer(settings)
    writer.start()
    assert not settings.journal_socket.exists()
    with serving_keys(settings):
        commit(settings)
    writer.stop()


@pytest.mark.usefixtures("key_agent")
def test_a_successor_takes_over_without_a_lost_commit(settings: Settings) -> None:
    """While intents keep coming, a writer hands over to one that stands by: each succeeds, and is in the log once."""
    first, second = Writer(settings), Writer(settings, successor=True)
    first.start()
    second.start()
    client = JournalClient(settings.journal_socket)
    client.start()
    done, failed, stopping = itertools.count(), [], threading.Event()

    def keep_committing() -> None:
        while not stopping.is_set():
            try:
                client.commit([admin_entry.intend(EntryKind.ENTRIES_LISTED, {"reader": "auditor/a"})])
            except LogUnavailableError as error:
                failed.append(error)
            next(done)

    threads = [threading.Thread(target=keep_committing) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    assert not second_is_at_work(second)
    first.hand_over(threading.Event())
    first.stop()
    time.sleep(0.5)
    stopping.set()
    for thread in threads:
        thread.join()
    client.stop()
    assert second_is_at_work(second)
    second.stop()
    log = open_log(settings.log_database)
    rows = log.entries(0, 1_000_000)
    log.close()
    assert not failed
    assert len(rows) == next(done) > 20


@pytest.mark.usefixtures("key_agent")
def test_a_writer_has_ended_its_own_work_when_it_sends_workers_away(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From then on they have no writer, so that nothing of its own may hold up the successor."""
    working: list[bool] = []
    leave = JournalServer.leave

    def noting(server: JournalServer, seconds: float) -> None:
        assert writer._keeping is not None
        working.append(writer._keeping._thread.is_alive())
        leave(server, seconds)

    monkeypatch.setattr(JournalServer, "leave", noting)
    writer = Writer(settings)
    writer.start()
    writer.hand_over(threading.Event())
    writer.stop()
    assert working == [False]


@pytest.mark.usefixtures("key_agent")
def test_who_does_not_leave_holds_up_nobody_for_long(settings: Settings) -> None:
    """A worker that hangs is waited for once, as all are, and hung up on then; a successor is at work."""
    first, second = Writer(settings), Writer(settings, successor=True)
    first.start()
    second.start()
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as hanging:
        hanging.connect(str(settings.journal_socket))
        time.sleep(0.3)
        began = time.monotonic()
        first.hand_over(threading.Event())
        first.stop()
        took = time.monotonic() - began
    until = time.monotonic() + 20
    while not second_is_at_work(second):
        assert time.monotonic() < until
        time.sleep(0.1)
    second.stop()
    assert took < HAND_OVER_SECONDS + DRAIN_SECONDS / 2


def second_is_at_work(writer: Writer) -> bool:
    """Whether a writer is ready."""
    ready = threading.Event()
    writer.readiness.when(ready.set)
    return ready.is_set()


def test_an_entry_by_the_journal_is_the_one_by_hand() -> None:
    """Kind, agency, detail and further fields are spelled alike whichever way an entry goes."""
    given = {"agency": "clinic", "fields": {int(Field.PERIOD): bytes(16)}}
    intent = admin_entry.intend(EntryKind.PERIOD_OPENED, {"a": "b"}, **given)  # type: ignore[arg-type]  # as named
    row = admin_entry.build(EntryKind.PERIOD_OPENED, {"a": "b"}, now_ms=7, **given)  # type: ignore[arg-type]  # as named
    by_journal = log_entry.encode(
        intent.head, {Field.LOG_TIME: (7).to_bytes(8, "big"), Field.CLOCK_FLAG: b"\0"}
    )
    assert by_journal == row.entry
    assert (intent.kind, intent.agency, intent.question) == (row.kind, row.agency, None)
