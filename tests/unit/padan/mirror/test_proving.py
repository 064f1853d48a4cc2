"""Bundles: what another party can check without a network, and what it finds when somebody changed one."""

from __future__ import annotations

import json
import random
import shutil
import zipfile
from typing import TYPE_CHECKING

import pytest

from padan.audit import cli
from padan.audit.mirror import bundle as bundles
from padan.audit.mirror import proving
from padan.errors import CopyError, PadanError
from tests.publishing import Key, Log
from tests.simulator.terminal import run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.copies import Auditor
    from tests.simulator.terminal import Ended

SQL = "SELECT sequence, officer FROM entries WHERE officer = 'owl' ORDER BY sequence"


def query(told: Auditor, sql: str, bundle: Path) -> Ended:
    """Ask and prove."""
    return run(
        cli.main,
        "query",
        str(told.copy.folder),
        sql,
        "--prove",
        str(bundle),
        "--policy",
        str(told.policy_file),
    )


@pytest.fixture(params=["bundle", "bundle.zip"])
def bundle(request: pytest.FixtureRequest, tmp_path: Path, told: Auditor) -> Path:
    """A bundle of 24 entries, as a folder and as a zip."""
    path = tmp_path / str(request.param)
    ended = query(told, SQL, path)
    assert (ended.code, "24 entries with their proofs; the rows follow from them" in ended.err) == (
        0,
        True,
    ), ended.err
    return path


def test_a_bundle_checks_out(bundle: Path, told: Auditor) -> None:
    """Whoever has the policy checks a bundle alone; entries, salts and proofs are in it."""
    ended = run(cli.main, "prove", "check", str(bundle), "--policy", str(told.policy_file), "--json")
    assert json.loads(ended.out) == {
        "origin": "log.example/test",
        "size": len(told.rows),
        "entries": 24,
        "rows": 24,
        "rows_follow": True,
    }
    members = bundles.read(bundle)
    assert {"answer.json", "checkpoint"} <= set(members)
    assert len(members) == 2 + 3 * 24


def test_any_change_of_a_bundle_is_found(bundle: Path, told: Auditor, tmp_path: Path) -> None:
    """A byte that is turned in any member, a member that is gone, or another row makes the check fail."""
    members = bundles.read(bundle)
    source = random.Random(1)
    for number, name in enumerate([*sorted(members)[2:8], "answer.json", "checkpoint"]):
        changed = dict(members)
        body = bytearray(members[name])
        if name == "answer.json":
            body = bytearray(members[name].replace(b'"owl"', b'"desk-1"', 1))
        else:
            body[source.randrange(len(body))] ^= 1
        changed[name] = bytes(body)
        other = tmp_path / f"changed-{number}"
        bundles.write(other, changed)
        with pytest.raises(PadanError):
            proving.check(other, told.policy)
        del changed[name]
        shutil.rmtree(other)
        bundles.write(other, changed)
        with pytest.raises(PadanError):
            proving.check(other, told.policy)


def test_another_log_proves_nothing(bundle: Path, told: Auditor, tmp_path: Path) -> None:
    """A bundle of a log that the policy does not know is refused."""
    other = tmp_path / "policy"
    other.write_text(Log(folder=tmp_path, key=Key.make("log.example/other")).policy())
    ended = run(cli.main, "prove", "check", str(bundle), "--policy", str(other))
    assert ended.code == 1
    assert "which the policy does not name" in ended.err
    assert told.copy.checkpoint is not None


def test_counts_are_proven_with_their_entries(told: Auditor, tmp_path: Path) -> None:
    """A count is proven by a list of places beside it, and a report by the entries that it rests on."""
    sql = (
        "SELECT officer, count(*) AS n, list(sequence) AS sequences FROM entries WHERE agency = 'tax' "
        "GROUP BY ALL ORDER BY officer"
    )
    assert query(told, sql, tmp_path / "count.zip").code == 0
    assert proving.check(tmp_path / "count.zip", told.policy).complete
    for name in ("unusual", "agreements", "enumeration"):
        path = tmp_path / f"{name}.zip"
        ended = run(
            cli.main,
            "report",
            name,
            str(told.copy.folder),
            "--prove",
            str(path),
            "--policy",
            str(told.policy_file),
        )
        assert ended.code == 0, ended.err
        assert proving.check(path, told.policy).complete


def test_what_does_not_follow_is_said(told: Auditor, tmp_path: Path) -> None:
    """An answer that needs more of the log than its entries is proven entry by entry, and says so."""
    sql = "SELECT sequence, (SELECT count(*) FROM entries) AS all_entries FROM entries WHERE officer = 'owl' ORDER BY 1"
    ended = query(told, sql, tmp_path / "part")
    assert "the rows need more of the log than them" in ended.err
    assert not proving.check(tmp_path / "part", told.policy).complete


def test_what_cannot_be_proven_is_refused(told: Auditor, tmp_path: Path) -> None:
    """An answer without places, --prove without a policy, and a target that is taken are refused with the next step."""
    without = query(told, "SELECT count(*) FROM entries", tmp_path / "b")
    assert (without.code, "list(sequence) AS sequences" in without.err) == (3, True)
    bare = run(cli.main, "query", str(told.copy.folder), SQL, "--prove", str(tmp_path / "b"))
    assert (bare.code, "give --policy FILE" in bare.err) == (2, True)
    assert query(told, SQL, tmp_path).code == 3


def test_what_is_no_bundle_is_refused(told: Auditor, tmp_path: Path) -> None:
    """A file that is no zip, an empty folder, and a zip without an answer are no bundles."""
    (tmp_path / "text").write_text("text")
    (tmp_path / "empty").mkdir()
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as other:
        other.writestr("a", "b")
    for name in ("text", "empty", "other.zip", "none"):
        with pytest.raises(CopyError, match="is no bundle"):
            proving.check(tmp_path / name, told.policy)


def test_too_many_entries_are_refused(told: Auditor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bundle has a bound; beyond it the message says how to narrow the question."""
    monkeypatch.setattr(proving, "MOST", 10)
    ended = query(told, SQL, tmp_path / "many")
    assert (ended.code, "narrow the report" in ended.err) == (3, True)


def test_a_changed_copy_proves_nothing(told: Auditor, tmp_path: Path) -> None:
    """A copy in which a leaf was changed gives no bundle."""
    changed = told.twin(tmp_path)
    (path,) = (changed.copy.folder / "tile/entries").rglob("*.p/*")
    body = bytearray(path.read_bytes())
    body[3000] ^= 1
    path.write_bytes(bytes(body))
    ended = query(changed, SQL, tmp_path / "b")
    assert (ended.code, "is not what the signed tree says" in ended.err) == (1, True)
