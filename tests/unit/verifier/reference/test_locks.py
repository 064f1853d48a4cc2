"""Locks of a modality among the other marks, on both engines."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.marks import lift
from verifier.directory import Directory
from verifier.log.open import open_log
from verifier.resident.mark import MODALITY_LOCKS, Mark, Marked, is_locked, is_withheld
from verifier.resident.origin import Brought
from verifier.resident.table import MarkTable
from verifier.vault.epoch import Followed

if TYPE_CHECKING:
    from tests.installation import Installation


@pytest.mark.parametrize("modality", MODALITY_LOCKS)
def test_a_lock_is_of_one_modality(made: Installation, modality: str) -> None:
    """A lock binds its modality and no other, withholds nothing else, and stands beside other marks."""
    name = Marked(tombstone=modality.encode().ljust(16, b"t"), handle=modality.encode().ljust(16, b"h"))
    lock = MODALITY_LOCKS[modality]
    with closing(Directory(made.settings.log_database)) as directory:
        table = MarkTable(directory)
        before = table.generation()
        for both in (lock | Mark.RESTRICTED, lock):  # the second one is there
            brought = Brought(marks={name: dict.fromkeys(both, Followed(1, 1))})
            table.bring("registry", brought, now_ms=1)
        assert table.generation() > before
        assert table.of([name.tombstone]) == {name.tombstone: lock | Mark.RESTRICTED}
        assert lift(made.settings.log_database, name.tombstone, Mark.RESTRICTED)
        marks = table.by_handle()[name.handle]
        assert marks == lock
        assert [each for each in MODALITY_LOCKS if is_locked(marks, each)] == [modality]
        assert not is_withheld(marks)
        assert not is_locked(marks | Mark.ERASED, modality)  # answered as a number that nobody has
        assert lift(made.settings.log_database, name.tombstone, lock)
        assert not lift(made.settings.log_database, name.tombstone, lock)
        assert table.of([name.tombstone]) == {}


def test_a_mark_that_somebody_else_sets_meanwhile_stays(made: Installation) -> None:
    """Whoever adds the same marks waits for who is at it, and finds them there."""
    name = Marked(tombstone=b"m" * 16, handle=b"m" * 16)
    url = made.settings.log_database
    with (
        closing(Directory(url)) as directory,
        closing(open_log(url)) as log,
        ThreadPoolExecutor(1) as feed,
    ):
        table = MarkTable(directory)
        with log.transaction() as transaction:
            transaction.marks().put(name, Mark.LOCKED, 1, {})
            both = dict.fromkeys((Mark.LOCKED, Mark.FACE_LOCKED), Followed(1, 1))
            adding = feed.submit(table.bring, "registry", Brought(marks={name: both}), now_ms=2)
            wait([adding], timeout=0.5)  # time to read what is there, where that is done too soon
            assert not adding.done()
        adding.result(10)
        assert table.of([name.tombstone]) == {name.tombstone: Mark.LOCKED | Mark.FACE_LOCKED}
        for mark in (Mark.LOCKED, Mark.FACE_LOCKED):
            assert lift(url, name.tombstone, mark)
