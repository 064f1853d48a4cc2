"""The grants in the database, on both engines."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.unit.verifier.auditor.documents import change, row
from verifier.auditor.table import GrantTable
from verifier.directory import AgreementStatus, AlreadyThereError, Directory, NotThereError

if TYPE_CHECKING:
    from collections.abc import Iterator

ACTIVE, SUSPENDED, ENDED = AgreementStatus.ACTIVE, AgreementStatus.SUSPENDED, AgreementStatus.ENDED
NEWER = row(change(version="2"), version=2)
OTHER = row(change(auditor='"budi"'), auditor="budi")


@pytest.fixture
def table(log_database: str) -> Iterator[GrantTable]:
    """Open a table without grants."""
    with closing(Directory(log_database)) as directory:
        yield GrantTable(directory)


def test_a_newer_version_ends_the_one_before(table: GrantTable) -> None:
    """One version of an auditor is in force, and other auditors keep theirs; each write counts the generation up."""
    for number, each in enumerate((row(), OTHER, NEWER), start=1):
        table.put(each)
        assert table.generation() == number
    assert table.rows() == [replace(row(), status=ENDED), NEWER, OTHER]
    assert table.rows(ACTIVE) == [NEWER, OTHER]
    assert table.rows(ACTIVE, auditor="ana") == [NEWER]


def test_suspended_and_activated_again(table: GrantTable) -> None:
    """The same document goes on after a suspension; what is not active cannot be suspended."""
    table.put(row())
    table.suspend("ana", 1)
    assert table.rows() == [replace(row(), status=SUSPENDED)]
    with pytest.raises(NotThereError):
        table.suspend("ana", 1)
    table.put(replace(row(), activated_ms=2))
    assert table.rows() == [replace(row(), activated_ms=2)]


def test_a_version_keeps_its_text(table: GrantTable) -> None:
    """Another document under the same version is refused, and what was in force stays so."""
    table.put(row())
    with pytest.raises(AlreadyThereError):
        table.put(row(change(alerts="false")))
    assert table.rows() == [row()]
