"""The rows behind tokens move to new keys, whole, wherever it is cut off; an old key goes when none stands under it."""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from keys.purpose import Purpose
from padan.cli.console import ExitCode
from padan.entry import EntryKind
from tests.integration import tokens
from tests.integration.feeding import details, people
from tests.integration.hands import Registry
from tests.integration.projecting import COUNT, made_with
from tests.integration.tokens import made
from tests.operating import operate, padan_keys
from verifier.backup import mirroring
from verifier.backup.create import create
from verifier.directory import Directory
from verifier.feed.following import follow
from verifier.log.beside import Beside
from verifier.log.open import open_log
from verifier.projector.progress import Silence
from verifier.rotation.rotator import Rotator
from verifier.token import standing
from verifier.token.errors import RowsStandError
from verifier.token.rekeying import Rekeying
from verifier.token.rowtable import RowTable
from verifier.token.tables import TOKEN_PURPOSES

if TYPE_CHECKING:
    from pathlib import Path

    from tests.installation import Installation
    from verifier.projector.progress import Meter
    from verifier.token.rekeying import Rekeyed

__all__ = ["made"]
EVERY_KEY = (*TOKEN_PURPOSES, Purpose.ROW_SEAL)


def check(made: Installation, registry: Registry, issued: dict[str, bytes]) -> None:
    """See that each token leads where the model says."""
    with tokens.desk(made) as desk:
        found = desk.leads(list(issued.values()), people(2 * COUNT))
    assert dict(zip(issued, found, strict=True)) == {number: registry.leads.get(number) for number in issued}


def rekey(made: Installation, *, meter: Meter | None = None, page: int = 4) -> Rekeyed:
    """Move the rows, without waiting for processes that do not run."""
    with closing(made.agent()) as agent, closing(open_log(made.settings.log_database)) as log:
        work = Rekeying(made.settings, agent, meter=meter, page=page, sleep=lambda _seconds: None)
        done = work.run(log)
    return next(each for each in done if each.table == "token")


class _Killer(Silence):
    """Kills the process when some rows are moved."""

    def advance(self, *, done: int, people: int) -> None:
        """Die."""
        del done, people
        raise KeyboardInterrupt


@pytest.mark.parametrize("seed", range(2))
def test_rows_move_whole_whatever_became_of_their_numbers(made: Installation, seed: int) -> None:
    """Numbers change hands, tokens are issued under older and newer keys, a move is cut off: each still leads right."""
    registry, issued = Registry(made, seed), dict[str, bytes]()
    for turn in range(4):
        with tokens.desk(made) as desk:
            registry.issue(desk, issued, count=10)
        follow(made.settings, "changes", registry.changes())
        tokens.succeed(made, *(EVERY_KEY if turn % 2 else TOKEN_PURPOSES))
        with tokens.desk(made) as desk:
            again = [number for number in issued if number in registry.held | registry.aliases.keys()]
            desk.issue(*again)  # under the new keys, beside what is there
        registry.was_issued(again)
        check(made, registry, issued)
        if turn % 2:
            with pytest.raises(KeyboardInterrupt):
                rekey(made, meter=_Killer())
            follow(made.settings, "changes", registry.changes(6))
        done = rekey(made)
        assert (done.left, standing.read(made.settings).old) == (0, 0)
        check(made, registry, issued)
        assert tokens.count(made) == len(registry.leads)
    assert rekey(made).moved == 0


def test_the_command_moves_counts_and_logs(made: Installation) -> None:
    """New keys are made once, rows are moved at a rate, what may go is named, and the log says how many moved."""
    with tokens.desk(made) as desk:
        desk.issue(*list(people(5)))
    first = json.loads(operate(made, "token", "rekey", "--new-keys", "--rate", 1_000, "--json"))
    assert first["made"] == [str(purpose) for purpose in TOKEN_PURPOSES]
    assert (first["tables"]["token"]["moved"], first["tables"]["token"]["left"]) == (5, 0)
    again = json.loads(operate(made, "token", "rekey", "--new-keys", "--json"))
    assert (again["made"], again["tables"]["token"]["moved"]) == ([], 0)
    status = json.loads(operate(made, "token", "status", "--json"))
    assert status["old_rows"] == 0
    assert [(each["rows"], each["present"]) for each in status["tables"]["token"]["keys"]] == [(5, True)]
    assert len(status["unused_keys"]) == len(TOKEN_PURPOSES)
    told = details(made, EntryKind.TOKEN_ROWS_REKEYED)
    moved = [(each["rows"], each["left"]) for each in told if each["table"] == "token"]
    assert moved == [("5", "0"), ("0", "0")]
    assert f"match {status['tables']['token']['keys'][0]['match_id']}" in operate(made, "token", "status")


def test_a_key_does_not_go_while_rows_stand_under_it(made: Installation) -> None:
    """A rotation of the outer keys ends when the rows stand under the new row-seal key, and not before."""
    numbers = list(people(3))
    with tokens.desk(made) as desk:
        given = desk.issue(*numbers)
    rotator = Rotator(made.settings)
    rotator.begin(make_keys=True)
    rotator.flip()
    with pytest.raises(RowsStandError, match="3 rows of token_row stand under the row-seal key"):
        rotator.finish(now=True)
    told = json.loads(operate(made, "rotation", "status", "--json"))
    assert told["next"][0] == {"when": "next", "command": "padan-server token rekey"}
    assert rekey(made).moved == 3
    rotator.finish(now=True)
    with tokens.desk(made) as desk:
        assert desk.leads(given, numbers) == numbers


def test_custodians_are_told_of_rows_under_a_key(made: Installation) -> None:
    """The command that destroys a key names what stands under it, and the next step."""
    with tokens.desk(made) as desk:
        desk.issue(*list(people(2)))
    old = made.agent().key_id(Purpose.TOKEN_INDEX)
    tokens.succeed(made, *TOKEN_PURPOSES)
    tokens.custody(made).deactivate(Purpose.TOKEN_INDEX, old)
    words = ("destroy", "token-index", old, "--yes")
    told = _custodian(made, *words, code=ExitCode.STATE)
    assert f"2 rows of token_row stand under the token-index key {old}" in told
    assert "padan-server token rekey" in told
    rekey(made)
    _custodian(made, *words)


def test_rows_come_back_from_the_mirror(tmp_path: Path) -> None:
    """With the data folder lost, backup and mirror bring every row as the feed and the move to new keys left it."""
    (tmp_path / "mirror").mkdir()
    found = made_with(tmp_path, extra=f'log_mirror = "{tmp_path / "mirror"}"\n')
    tokens.begin(found)
    mirroring.begin(found.settings)
    create(found.settings, tmp_path / "backup")
    registry, issued = Registry(found, 5), dict[str, bytes]()
    with tokens.desk(found) as desk:
        registry.issue(desk, issued, count=10)
    changes = registry.changes()
    follow(found.settings, "changes", changes)
    tokens.succeed(found, *TOKEN_PURPOSES)
    rekey(found)
    mirroring.begin(found.settings)
    before = _rows(found)
    shutil.rmtree(found.settings.data_dir)
    operate(found, "backup", "restore", tmp_path / "backup", "--json")
    assert _rows(found) == before
    follow(found.settings, "changes", changes)  # the vault is that of the backup
    check(found, registry, issued)


def _rows(made: Installation) -> list[list[tuple[bytes, bytes]]]:
    with closing(Directory(made.settings.log_database)) as directory:
        return list(RowTable(directory, Beside.TOKEN).pages())


def _custodian(made: Installation, *words: object, code: int = 0) -> str:
    """Run padan-keys; give what it printed."""
    done = padan_keys("--config", made.config_path, *words)
    assert done.code == code, (done.code, done.out, done.err)
    return done.out + done.err
