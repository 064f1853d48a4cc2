"""A copy behind what was trusted, by a power cut or because it was put back: named, and brought up to date soundly."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from padan.audit import cli
from padan.errors import ForkError, RollbackError
from tests.copies import Auditor, many
from tests.publishing import Log, blind_leaves
from tests.simulator.terminal import Ended, run


@pytest.fixture
def auditor(tmp_path: Path) -> Auditor:
    """An auditor whose copy, of 300 entries, was put back to what it was before the last 100."""
    made = Auditor.begin(tmp_path, many(200))
    made.mirror()
    shutil.copytree(made.copy.folder, made.root / "yesterday")
    made.add(many(100, seed=2))
    made.mirror()
    shutil.rmtree(made.copy.folder)
    (made.root / "yesterday").rename(made.copy.folder)
    return made


def mirror(auditor: Auditor, source: Path) -> Ended:
    """Run the command, without private entries."""
    words = ("mirror", str(source), str(auditor.copy.folder), "--policy", str(auditor.policy_file))
    return run(cli.main, *words)


def test_a_copy_behind_its_record_is_named(auditor: Auditor) -> None:
    """No command takes an older copy for today's; what it says leads on."""
    with pytest.raises(
        RollbackError, match="the copy is at 200 leaves, behind the 300 that were trusted"
    ) as refused:
        auditor.verify()
    assert "run `padan-audit mirror`" in refused.value.next_step
    assert "fetch from the log itself" not in refused.value.next_step


def test_a_copy_behind_its_record_goes_on(auditor: Auditor) -> None:
    """It is brought up to what was trusted, and beyond, from where it was; that it was behind is said."""
    auditor.add(many(400, seed=3))
    ended = mirror(auditor, auditor.log.folder)
    assert (ended.code, "700 leaves, 500 of them new" in ended.out) == (0, True), ended.err
    assert "note: the copy was at 200 leaves, behind the 300 that were trusted" in ended.err
    again = mirror(auditor, auditor.log.folder)
    assert (again.code, again.err) == (0, "")
    auditor.fetch()
    holding = auditor.verify().holding
    assert holding is not None
    assert (holding.through, holding.held) == (700, 700)


def test_a_source_at_what_was_trusted_is_enough(auditor: Auditor) -> None:
    """The log stands still: the copy comes up to the very checkpoint of the record, and each bundle was checked."""
    done = auditor.mirror()
    assert (done.believed.checkpoint.size, done.trusted, done.before) == (300, 300, 200)
    assert done.fetched == 2
    assert auditor.verify(anew=True).holding is not None


def test_a_source_behind_what_was_trusted_is_not(auditor: Auditor) -> None:
    """That the copy is old does not let an old source in."""
    old = auditor.copy.require_checkpoint()
    behind = auditor.root / "behind"
    Log(folder=behind, key=auditor.log.key, witnesses=auditor.log.witnesses, leaves=[]).publish(
        auditor.log.leaves[:250], at=int(time.time())
    )
    with pytest.raises(RollbackError, match="at 250 leaves, behind the 300 that were trusted"):
        auditor.mirror(source=behind)
    assert auditor.copy.require_checkpoint() == old


@pytest.mark.parametrize("size", [300, 500])
def test_a_fork_of_what_was_trusted_is_refused(auditor: Auditor, size: int) -> None:
    """A tree that goes on from the old copy, and not from what was trusted since, is another history."""
    old = auditor.copy.require_checkpoint()
    forked = auditor.root / "forked"
    leaves = auditor.log.leaves[:200] + blind_leaves(size - 200, first=9_000)
    Log(folder=forked, key=auditor.log.key, witnesses=auditor.log.witnesses, leaves=[]).publish(
        leaves, at=int(time.time())
    )
    with pytest.raises(ForkError, match="two histories"):
        auditor.mirror(source=forked)
    assert auditor.copy.require_checkpoint() == old
    assert list((auditor.copy.folder / "refused").iterdir())


def test_a_copy_of_another_history_is_refused(auditor: Auditor) -> None:
    """A copy that is smaller than the record and no beginning of it is signed evidence, and is not written over."""
    other = Log(
        folder=auditor.root / "other", key=auditor.log.key, witnesses=auditor.log.witnesses, leaves=[]
    )
    forged = other.publish(blind_leaves(200, first=9_000), at=int(time.time()))
    shutil.rmtree(auditor.copy.folder / "tile")
    shutil.copytree(other.folder / "tile", auditor.copy.folder / "tile")
    (auditor.copy.folder / "checkpoint").write_bytes(forged)
    with pytest.raises(ForkError, match="two histories"):
        auditor.mirror()
    assert auditor.copy.require_checkpoint() == forged


def test_an_empty_checkpoint_is_none(auditor: Auditor) -> None:
    """What a power cut may have left of a checkpoint ends no copy: everything there is checked again."""
    (auditor.copy.folder / "checkpoint").write_bytes(b"")
    done = auditor.mirror()
    assert (done.before, done.trusted, done.fetched, done.kept) == (0, 300, 2, 0)
    assert auditor.verify().checkpoint.size == 300


def test_the_checkpoint_is_durable_before_the_record(
    auditor: Auditor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Copy and record may lie on two disks: the record never speaks of a checkpoint that a power cut takes back."""
    synced: list[str] = []
    fsync = os.fsync

    def watched(handle: int) -> None:
        synced.append(Path(f"/proc/self/fd/{handle}").readlink().relative_to(auditor.root).as_posix())
        fsync(handle)

    monkeypatch.setattr(os, "fsync", watched)
    for _ in range(2):  # with a larger tree, and with the same one
        synced.clear()
        auditor.mirror(entries=False)
        assert synced == ["copy/checkpoint.new", "copy", "copy.trusted.new", "."]
