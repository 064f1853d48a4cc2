"""Stored answers of the SQLite log are found wherever memory, journal and table have their places."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.unit.verifier.log.files import make_log, open_quickly
from tests.unit.verifier.log.rows import DAY, answer, request
from verifier.log.answers import Answers
from verifier.log.ledger import Ledger
from verifier.log.store import LogOrderError

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Make an empty log."""
    return make_log(tmp_path / "log.sqlite")


def small() -> Answers:
    """Make answers of which memory holds few places."""
    answers = Answers()
    answers.places = Ledger("replay_place", limit=20)
    return answers


def keep(answers: Answers, connection: sqlite3.Connection, numbers: range, day: int = DAY) -> int:
    """Commit answers to those requests that have none; returns how many."""
    connection.execute("BEGIN IMMEDIATE")
    claimed = answers.claim(connection, [request(number) for number in numbers])
    rows = [answer(number, day=day) for number in numbers if request(number) in claimed]
    answers.write(connection, rows, claimed, day)
    connection.execute("COMMIT")
    answers.places.committed()
    return len(rows)


def read(answers: Answers, connection: sqlite3.Connection, numbers: range) -> dict[int, bytes]:
    """Read answers."""
    connection.execute("BEGIN IMMEDIATE")
    found = answers.read(connection, [request(number) for number in numbers])
    connection.execute("ROLLBACK")
    answers.places.discard()
    return {int.from_bytes(key[1], "big"): stored.body for key, stored in found.items()}


def test_an_answer_is_found_wherever_its_place_is(path: Path) -> None:
    """Past the memory's limit, on two days, from two processes in turn: no request is answered twice."""
    with closing(open_quickly(path)) as one, closing(open_quickly(path)) as other:
        mine, theirs = small(), small()
        for start in range(0, 600, 6):
            day = DAY + start // 300
            writer, connection = (mine, one) if start % 4 else (theirs, other)
            assert keep(writer, connection, range(max(0, start - 3), start + 6), day) == 6
        expected = {number: answer(number).body for number in range(600)}
        for answers, connection in ((mine, one), (theirs, other), (small(), one)):
            assert read(answers, connection, range(605)) == expected
            assert keep(answers, connection, range(600)) == 0
        assert one.execute("SELECT count(*) FROM replay_place").fetchone()[0] > 300
        assert one.execute("SELECT count(*) FROM replay_place_change").fetchone()[0] < 90


def test_expiry_frees_the_request_ids_of_earlier_days(path: Path) -> None:
    """Answers of earlier days go in steps, and their ids are new again."""
    with closing(open_quickly(path)) as connection:
        answers = small()
        for start in range(0, 120, 6):
            keep(answers, connection, range(start, start + 6), DAY + start // 60)
        steps = 0
        while True:
            connection.execute("BEGIN IMMEDIATE")
            deleted = answers.expire(connection, DAY + 1, 10)
            connection.execute("COMMIT")
            answers.places.committed()
            if not deleted:
                break
            steps += 1
        assert steps > 6
        assert sorted(read(answers, connection, range(120))) == list(range(60, 120))
        assert keep(answers, connection, range(120), DAY + 2) == 60
        assert read(small(), connection, range(120)).keys() == set(range(120))


def test_only_what_was_claimed_is_kept(path: Path) -> None:
    """An answer to a request that was not claimed is refused."""
    with closing(open_quickly(path)) as connection:
        answers = small()
        connection.execute("BEGIN IMMEDIATE")
        claimed = answers.claim(connection, [request(1)])
        with pytest.raises(LogOrderError):
            answers.write(connection, [answer(2)], claimed, DAY)
        connection.execute("ROLLBACK")
