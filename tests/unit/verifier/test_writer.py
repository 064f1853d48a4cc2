"""The writer on a real installation, in this process."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import delete

from padan import entry as log_entry
from padan.entry import EntryKind, Field
from tests.installation import install
from verifier import admin_entry, schema
from verifier.directory import Directory
from verifier.errors import LogUnavailableError
from verifier.headkeeper import RolledBackError
from verifier.journal.address import JournalAddressError
from verifier.journal.client import JournalClient
from verifier.log.open import open_log
from verifier.writer import Writer

if TYPE_CHECKING:
    from pathlib import Path

    from verifier.config import Settings

SECONDS = 30.0
"""How long a busy machine may take for what is done at once."""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """An installation of two workers."""
    return install(tmp_path / "installation", extra="workers = 2\n").settings


def commit(settings: Settings) -> None:
    """Commit an entry as a worker does, as soon as there is a writer."""
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
            else:
                return
    finally:
        client.stop()


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


def test_a_second_writer_is_refused(settings: Settings) -> None:
    """Two services on one folder would write one log."""
    writer = Writer(settings)
    writer.start()
    with pytest.raises(JournalAddressError, match="another service"):
        Writer(settings).start()
    commit(settings)
    writer.stop()


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
    """Without a keyring it says so and waits, and takes workers in when it comes."""
    aside = settings.keyring.rename(settings.keyring.with_name("aside"))
    writer = Writer(settings)
    writer.start()
    assert not settings.journal_socket.exists()
    aside.rename(settings.keyring)
    commit(settings)
    writer.stop()


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
