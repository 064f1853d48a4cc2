"""SQL over a copy reads the copy, and does nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa
import pytest

from padan.audit import cli
from padan.audit.mirror.session import Session
from padan.errors import CopyError, QueryError
from tests.simulator.terminal import run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.copies import Auditor

NOT_READING = [
    "INSERT INTO entry SELECT * FROM entry",
    "WITH a AS (SELECT * FROM entry) INSERT INTO entry SELECT * FROM a",
    "UPDATE entry SET agency = 'x'",
    "DELETE FROM entry",
    "CREATE TABLE t (a INTEGER)",
    "CREATE TEMP TABLE t AS SELECT 1",
    "CREATE OR REPLACE TEMP VIEW entries AS SELECT 1",
    "DROP TABLE entry",
    "ALTER TABLE entry ADD COLUMN a INTEGER",
    "ATTACH ':memory:' AS other",
    "DETACH entries",
    "USE memory",
    "COPY entry TO 'out.csv'",
    "COPY (SELECT 1) TO 'out.parquet'",
    "EXPORT DATABASE 'out'",
    "IMPORT DATABASE 'out'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "PRAGMA database_list",
    "PRAGMA memory_limit = '1TB'",
    "SET memory_limit = '1TB'",
    "SET VARIABLE a = 1",
    "RESET threads",
    "CALL pragma_version()",
    "CHECKPOINT",
    "VACUUM",
    "BEGIN",
    "PREPARE q AS SELECT 1",
    "EXECUTE q",
    "EXPLAIN ANALYZE SELECT 1",
    "CREATE SECRET s (TYPE s3)",
    "SELECT 1; SELECT 2",
    "SELECT 1; DROP TABLE entry",
    "",
    "not SQL",
]
REACHING = [
    "SELECT * FROM read_csv('{file}')",
    "SELECT * FROM read_csv_auto('{file}')",
    "SELECT * FROM read_parquet('{file}')",
    "SELECT * FROM read_json('{file}')",
    "SELECT * FROM read_text('{file}')",
    "SELECT * FROM read_blob('{file}')",
    "SELECT * FROM sniff_csv('{file}')",
    "SELECT * FROM parquet_metadata('{file}')",
    "SELECT * FROM glob('{folder}/*')",
    "SELECT * FROM '{file}'",
    "SELECT * FROM query_table('{file}')",
    "SELECT * FROM query('SELECT * FROM read_text(''{file}'')')",
    "SELECT * FROM read_csv('http://127.0.0.1:9/x.csv')",
    "SELECT * FROM read_parquet('s3://bucket/x.parquet')",
    "SELECT * FROM outside",
    "SELECT getenv('PATH')",
]


@pytest.fixture(scope="module")
def session(told: Auditor, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """An open session, for tests that change nothing; one process opens a database once."""
    with Session.open(told.twin(tmp_path_factory.mktemp("session")).copy) as opened:
        yield opened


@pytest.mark.parametrize("sql", NOT_READING)
def test_what_does_not_only_read_is_refused(told: Auditor, session: Session, sql: str) -> None:
    """Every statement but one SELECT is refused before it runs, with the next step."""
    before = told.copy.database.read_bytes()
    with pytest.raises(QueryError) as refused:
        session.rows(sql)
    assert "SELECT" in refused.value.next_step
    assert told.copy.database.read_bytes() == before


@pytest.mark.parametrize("sql", REACHING)
def test_nothing_outside_can_be_reached(session: Session, tmp_path: Path, sql: str) -> None:
    """A SELECT reads no file, no folder, no network, no environment and no object of this program."""
    outside = pa.table({"a": [1]})
    path = tmp_path / "outside.csv"
    path.write_text("a\n1\n")
    with pytest.raises(QueryError):
        session.rows(sql.format(file=path, folder=tmp_path))
    assert outside.num_rows == 1


@pytest.mark.parametrize(
    "statement", ["SET enable_external_access = true", "SET memory_limit = '1TB'", "LOAD httpfs"]
)
def test_the_locks_hold_without_our_check(told: Auditor, statement: str) -> None:
    """DuckDB itself refuses to lift a lock, to write and to read files, whatever passes the check of the statement."""
    with Session.open(told.copy) as session:
        connection = session._database.connection
        with pytest.raises(duckdb.Error):
            connection.execute(statement)
        with pytest.raises(duckdb.Error):
            connection.execute("UPDATE entry SET agency = 'x'")
        with pytest.raises(duckdb.Error):
            connection.execute(f"COPY entry TO '{told.root}/out.csv'")


def test_questions_are_answered(told: Auditor) -> None:
    """SELECT, WITH, VALUES, FROM, DESCRIBE and SUMMARIZE are reading, and the view has names for numbers."""
    with Session.open(told.copy) as session:
        for sql in (
            "WITH a AS (FROM entries) SELECT count(*) FROM a",
            "VALUES (1)",
            "FROM entries LIMIT 1",
            "SELECT 1;",
        ):
            assert session.rows(sql).num_rows == 1
        assert session.rows("DESCRIBE entries").num_rows > 20
        (row,) = session.rows(
            "SELECT kind, outcome, reason, claims, legal_basis, lawful_use, clock, officer_bucket, erased FROM entries "
            "WHERE officer = 'owl' LIMIT 1"
        ).to_pylist()
    assert row == {
        "kind": "VERIFY",
        "outcome": "MATCH",
        "reason": None,
        "claims": "name birth_date",
        "legal_basis": "public_task",
        "lawful_use": "public_service",
        "clock": "in step",
        "officer_bucket": "1",
        "erased": False,
    }


def test_memory_is_bounded(told: Auditor) -> None:
    """A query that would take more memory than it may is refused with what to do."""
    with Session.open(told.copy, memory=64) as session, pytest.raises(CopyError, match="memory"):
        session.rows("SELECT list(a.range || b.range) FROM range(30000) a, range(30000) b")


def test_a_long_query_prints_nothing_but_its_answer(told: Auditor) -> None:
    """However long a query takes, no bar of progress stands in what programs read."""
    with Session.open(told.copy) as session:
        assert session.rows("SELECT current_setting('enable_progress_bar') AS bar").to_pylist() == [
            {"bar": False}
        ]


@pytest.mark.parametrize("output", ["", "rows.csv", "rows.parquet"])
def test_a_query_that_fails_when_rows_have_come_is_told(told: Auditor, tmp_path: Path, output: str) -> None:
    """What DuckDB finds out while rows are read is the query's fault, and leaves no half of a file."""
    sql = "SELECT CASE WHEN n < 300000 THEN n ELSE error('at the end') END AS n FROM range(400000) AS r (n)"
    where = ("--output", str(tmp_path / output)) if output else ()
    ended = run(cli.main, "query", str(told.copy.folder), sql, *where)
    assert ended.code == 3, ended.err
    assert "the query cannot be answered: " in ended.err
    assert "at the end" in ended.err
    assert list(tmp_path.iterdir()) == []


def test_the_command_says_what_was_wrong(told: Auditor) -> None:
    """The command line prints the answer, or the cause and the next step with the exit code of bad input."""
    folder = str(told.copy.folder)
    good = run(
        cli.main,
        "query",
        folder,
        "SELECT officer, count(*) AS n FROM entries WHERE kind = 'VERIFY' GROUP BY ALL "
        "ORDER BY n DESC LIMIT 1",
    )
    assert good.out == "officer  n\nbusy     80\n"
    bad = run(cli.main, "query", folder, "DELETE FROM entry")
    assert bad.code == 3
    assert bad.err.startswith(
        "error: the query is not one statement that only reads: DELETE\nnext:  ask with one SELECT"
    )
