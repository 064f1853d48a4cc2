"""Rows of erased people that an older vault brings back go with the next ordinary purge, whatever the log says."""

from __future__ import annotations

import json
import shutil
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.integration.feeding import people
from tests.integration.projecting import OLD, made_with, mark, set_marks, standing
from tests.operating import operate
from verifier.backup import mirroring
from verifier.backup.create import create
from verifier.directory import Directory
from verifier.resident.mark import Mark
from verifier.resident.table import MarkTable

if TYPE_CHECKING:
    from pathlib import Path

    from tests.installation import Installation
    from tests.postgres import PostgresServer

GONE, STAYING, *_ = people(2)


def held(made: Installation) -> list[bool]:
    """Say whether rows of the two residents lie in the vault."""
    there = standing(made, OLD, (GONE, STAYING))
    return [there[nik] is not None for nik in (GONE, STAYING)]


def to_purge(made: Installation) -> int:
    """Count whom the next purge looks for."""
    return int(json.loads(operate(made, "resident", "count", "--json"))["to_purge"])


def purge(made: Installation) -> dict[str, int]:
    """Purge as every day; give the rows that went, by epoch."""
    rows: dict[str, int] = json.loads(operate(made, "resident", "purge", "--json"))["rows"]
    return rows


@pytest.mark.parametrize("again", [False, True], ids=["once", "twice"])
def test_the_mirrors_erasure_binds_an_older_vault(tmp_path: Path, *, again: bool) -> None:
    """Erased and purged after the backup, of which log and mirror know: restored, once or twice, the row goes."""
    (tmp_path / "mirror").mkdir()
    made = made_with(tmp_path, extra=f'log_mirror = "{tmp_path / "mirror"}"\n')
    mirroring.begin(made.settings)
    backup = tmp_path / "backup"
    create(made.settings, backup)
    mark(made, {GONE: Mark.ERASED})
    assert (held(made), to_purge(made)) == ([False, True], 0)

    for _ in range(2 if again else 1):
        shutil.rmtree(made.settings.data_dir)
        operate(made, "backup", "restore", backup)
        assert (held(made), to_purge(made)) == ([True, True], 1)
    assert purge(made) == {str(OLD): 1}
    assert (held(made), to_purge(made)) == ([False, True], 0)


def test_a_vault_that_was_copied_before_a_purge(tmp_path: Path, postgres_server: PostgresServer) -> None:
    """A purge between the copy of the vault and that of the log is forgotten with the restore."""
    url, empty = postgres_server.make_database(), postgres_server.make_database()
    made = made_with(tmp_path, url)
    set_marks(made, {GONE: Mark.ERASED})
    now_ms = int(time.time() * 1000)
    with closing(Directory(made.settings.log_database)) as directory:
        marks = MarkTable(directory)
        marks.purged(marks.unpurged(), since_ms=now_ms, now_ms=now_ms)  # what the log's copy says
    backup = tmp_path / "backup"
    create(made.settings, backup)

    made.config_path.write_text(made.config_path.read_text().replace(url, empty))
    operate(made, "backup", "restore", backup)
    assert (held(made), to_purge(made)) == ([True, True], 1)
    assert purge(made) == {str(OLD): 1}
    assert held(made) == [False, True]
    for each in (url, empty):
        postgres_server.drop_database(each)
