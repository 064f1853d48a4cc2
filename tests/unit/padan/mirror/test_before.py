"""A copy that the release before has made: read, checked and continued as it is, without the columns that are new."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from padan.audit.mirror import chunks, columns
from padan.audit.mirror.database import Database
from padan.audit.mirror.session import Session
from padan.errors import QueryError
from tests.copies import Auditor, many

if TYPE_CHECKING:
    from pathlib import Path

SQL = "SELECT sequence, kind, agency, claims FROM entries WHERE sequence < 50 ORDER BY sequence"
ISSUED = "SELECT count(*) AS n FROM entries WHERE tokens LIKE '%issue=aid@2%'"


def test_a_copy_of_the_release_before_is_read_and_continued(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is checked as it was trusted, answers but for what it lacks, and goes on without the column."""
    newer = Auditor.begin(tmp_path / "newer", many(300))
    before = newer.twin(tmp_path / "before")
    with monkeypatch.context() as past:
        past.setattr(columns, "NAMES", columns.BEFORE)
        past.setattr(columns, "DDL", columns.ddl(columns.BEFORE))
        past.setattr(chunks, "NAMES", columns.BEFORE)
        before.mirror()
    newer.mirror()
    assert before.verify().holding is not None
    with Session.open(before.copy) as session, Session.open(newer.copy) as other:
        assert session.rows(SQL) == other.rows(SQL)
        assert other.rows(ISSUED).to_pylist()[0]["n"]
        with pytest.raises(QueryError, match="tokens"):
            session.rows(ISSUED)
    before.mirror()
    with Database.open(before.copy.database) as database:
        assert database.names == columns.BEFORE
    assert before.verify().holding is not None
