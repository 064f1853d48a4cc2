"""Copies of a log: whole or as before, whatever the source shows."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING

import pytest

from padan.audit.mirror import belief, fetching, trusted
from padan.audit.mirror.source import open_source
from padan.errors import (
    CopyError,
    DamageError,
    ForkError,
    LogFormatError,
    OriginError,
    PadanError,
    QuorumError,
    RollbackError,
    SourceError,
    StaleError,
)
from padan.tlog import merkle, tile
from padan.tlog.checkpoint import Checkpoint
from tests.copies import Auditor
from tests.publishing import Key, Log, blind_leaves

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def auditor(tmp_path: Path) -> Auditor:
    """An auditor of a log of 700 leaves that are no entries; nothing is copied yet."""
    made = Auditor.begin(tmp_path)
    made.log.publish(blind_leaves(700), at=int(time.time()))
    return made


def grow(auditor: Auditor, count: int) -> None:
    """Add leaves."""
    auditor.log.publish(blind_leaves(count, first=len(auditor.log.leaves)), at=int(time.time()))


def files(folder: Path) -> dict[str, bytes]:
    """Read every file below the log's prefix."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "lock"
    }


@pytest.mark.parametrize("sizes", [(1,), (255, 256), (256, 257, 511), (700, 66_000), (65_536, 65_537)])
def test_a_copy_is_the_log_and_grows_with_it(tmp_path: Path, sizes: tuple[int, ...]) -> None:
    """At each size the copy has the log's own files of that size and no other, and checks out."""
    auditor = Auditor.begin(tmp_path)
    for size in sizes:
        grow(auditor, size - len(auditor.log.leaves))
        done = auditor.mirror(entries=False)
        assert done.believed.checkpoint.size == size
        own = {each.path for each in tile.tiles(0, size)} | {
            each.bundle_path for each in tile.tiles(0, size) if each.level == 0
        }
        copied = files(auditor.copy.folder)
        assert set(copied) == own | {"checkpoint"}
        assert all(copied[name] == (auditor.log.folder / name).read_bytes() for name in copied)
        assert auditor.verify().checkpoint.size == size


def test_an_empty_log_can_be_copied(tmp_path: Path) -> None:
    """A log without leaves has a copy, which grows."""
    auditor = Auditor.begin(tmp_path)
    assert auditor.mirror(entries=False).believed.checkpoint.size == 0
    grow(auditor, 3)
    assert auditor.mirror(entries=False).believed.checkpoint.size == 3
    assert auditor.verify().trusted.size == 3


def test_only_what_is_new_is_fetched(auditor: Auditor) -> None:
    """A second run fetches the bundles behind the trusted tree, and nothing where there is nothing new."""
    assert auditor.mirror(entries=False).fetched == 3
    grow(auditor, 400)
    done = auditor.mirror(entries=False)
    assert (done.before, done.fetched, done.kept) == (700, 3, 0)
    assert auditor.mirror(entries=False).fetched == 0


def test_partial_files_that_are_gone_are_cut_from_full_ones(auditor: Auditor) -> None:
    """A log that has grown since may have thrown away the partial files of the checkpoint that is copied."""
    old = auditor.log.publish(at=int(time.time()))
    grow(auditor, 400)
    for path in [
        *auditor.log.folder.glob("tile/0/002.p/188"),
        *auditor.log.folder.glob("tile/entries/002.p/188"),
    ]:
        path.unlink()
    (auditor.log.folder / "checkpoint").write_bytes(old)
    assert auditor.mirror(entries=False).believed.checkpoint.size == 700
    auditor.verify()


def test_an_interrupted_run_goes_on(auditor: Auditor) -> None:
    """What was fetched before the source went away is kept, checked and not fetched again; the copy is not finished."""
    away = auditor.log.folder / "tile/entries/001"
    body = away.read_bytes()
    away.unlink()
    with pytest.raises(DamageError, match="tile/entries/001 is missing"):
        auditor.mirror(entries=False)
    assert auditor.copy.checkpoint is None
    with pytest.raises(CopyError, match="no finished copy"):
        auditor.copy.require_checkpoint()
    away.write_bytes(body)
    done = auditor.mirror(entries=False)
    assert (done.fetched, done.kept) == (1, 2) or (done.fetched, done.kept) == (2, 1)
    auditor.verify()


def test_what_an_interrupted_run_left_is_checked_again(auditor: Auditor) -> None:
    """A file that was left half written or changed is fetched anew."""
    auditor.mirror(entries=False)
    shutil.rmtree(auditor.copy.folder / "tile/2", ignore_errors=True)
    (auditor.copy.folder / "checkpoint").unlink()
    auditor.record.unlink()
    (auditor.copy.folder / "tile/entries/000").write_bytes(b"half")
    assert auditor.mirror(entries=False).fetched == 1
    auditor.verify()


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("tile/0/000", "tile/0/000 is not what the leaves in tile/entries/000 hash to"),
        ("tile/0/002.p/188", "cut off"),
        ("tile/1/000.p/2", "cut off"),
        ("tile/entries/001", "tile/entries/001"),
        ("tile/entries/002.p/188", "tile/entries/002.p/188"),
    ],
)
def test_a_truncated_file_is_named(auditor: Auditor, path: str, words: str) -> None:
    """A tile or bundle that is cut off is refused by its name, and no checkpoint is taken."""
    victim = auditor.log.folder / path
    victim.write_bytes(victim.read_bytes()[:-1])
    with pytest.raises(DamageError, match=words) as refused:
        auditor.mirror(entries=False)
    assert refused.value.next_step
    assert auditor.copy.checkpoint is None
    assert not auditor.record.exists()


@pytest.mark.parametrize("path", ["tile/0/001", "tile/0/002.p/188", "tile/1/000.p/2", "tile/entries/000"])
def test_a_changed_byte_is_refused(auditor: Auditor, path: str) -> None:
    """One bit that is turned in any file of the source is found."""
    victim = auditor.log.folder / path
    body = bytearray(victim.read_bytes())
    body[40] ^= 1
    victim.write_bytes(bytes(body))
    with pytest.raises(DamageError, match="tile/"):
        auditor.mirror(entries=False)
    assert auditor.copy.checkpoint is None


def test_a_tile_of_a_higher_level_is_named(tmp_path: Path) -> None:
    """In a tree of three levels a full tile that does not fit the one above it is named."""
    auditor = Auditor.begin(tmp_path)
    grow(auditor, 65_536 + 300)
    victim = auditor.log.folder / "tile/1/000"
    body = bytearray(victim.read_bytes())
    body[0] ^= 1
    victim.write_bytes(bytes(body))
    with pytest.raises(DamageError, match="tile/1/000 does not lead to the hash that stands for it"):
        auditor.mirror(entries=False)


def test_a_rollback_is_refused_and_kept_as_evidence(auditor: Auditor) -> None:
    """A source that is behind what was trusted changes nothing; what it showed is kept."""
    old = auditor.log.publish(at=int(time.time()))
    grow(auditor, 300)
    auditor.mirror(entries=False)
    before = files(auditor.copy.folder)
    (auditor.log.folder / "checkpoint").write_bytes(old)
    with pytest.raises(RollbackError, match=r"at 700 leaves, behind the 1,000 that were trusted") as refused:
        auditor.mirror(entries=False)
    kept = {name: body for name, body in files(auditor.copy.folder).items() if name not in before}
    assert list(kept.values()) == [old]
    assert "refused/" in refused.value.next_step
    assert auditor.verify().checkpoint.size == 1_000


@pytest.mark.parametrize("size", [700, 900, 650])
def test_a_fork_is_refused(auditor: Auditor, size: int) -> None:
    """Another history of the same size, a larger or a smaller one, signed by the log itself and cosigned, is a fork."""
    auditor.mirror(entries=False)
    leaves = auditor.log.leaves[:600] + blind_leaves(size - 600, first=9_000)
    other = Log(folder=auditor.root / "other", witnesses=auditor.log.witnesses, leaves=[])
    other.publish(leaves, at=int(time.time()))
    with pytest.raises(ForkError, match="two histories"):
        auditor.mirror(entries=False, source=other.folder)
    assert auditor.verify().checkpoint.size == 700
    shutil.rmtree(auditor.copy.folder)
    if size >= 700:
        with pytest.raises(ForkError):
            auditor.mirror(entries=False, source=other.folder)  # the record outside suffices


def test_a_fork_is_one_where_partial_files_are_gone(auditor: Auditor) -> None:
    """A forked log that has grown since, and has thrown its partial files away, is called a fork and its note kept."""
    auditor.mirror(entries=False)
    leaves = auditor.log.leaves[:600] + blind_leaves(150, first=9_000)
    other = Log(folder=auditor.root / "other", witnesses=auditor.log.witnesses, leaves=[])
    forked = other.publish(leaves, at=int(time.time()))
    other.publish(blind_leaves(300, first=20_000), at=int(time.time()))
    for path in other.folder.glob("tile/*/002.p/238"):
        path.unlink()
    (other.folder / "checkpoint").write_bytes(forked)
    with pytest.raises(ForkError, match="two histories"):
        auditor.mirror(entries=False, source=other.folder)
    assert [path.read_bytes() for path in (auditor.copy.folder / "refused").iterdir()] == [forked]


def test_a_damaged_copy_makes_no_fork(auditor: Auditor) -> None:
    """Where a tile of the copy is damaged, a source that is behind is behind, and not another history."""
    old = auditor.log.publish(at=int(time.time()))
    grow(auditor, 300)
    auditor.mirror(entries=False)
    (auditor.log.folder / "checkpoint").write_bytes(old)
    for path in ("tile/0/002", "tile/1/000.p/3"):
        victim = auditor.copy.folder / path
        body = bytearray(victim.read_bytes())
        body[40] ^= 1
        victim.write_bytes(bytes(body))
        with pytest.raises(RollbackError):
            auditor.mirror(entries=False)


def test_another_origin_is_refused(auditor: Auditor, tmp_path: Path) -> None:
    """A source of a log that the policy does not name, and a copy of another log, are each refused."""
    auditor.mirror(entries=False)
    stated = Checkpoint("log.example/other", 0, merkle.EMPTY_ROOT)
    foreign = Log(folder=tmp_path / "foreign", key=Key.make("log.example/other"))
    foreign.folder.mkdir()
    (foreign.folder / "checkpoint").write_bytes(foreign.sign(stated))
    with pytest.raises(OriginError, match=r"which the policy does not name"):
        auditor.mirror(entries=False, source=foreign.folder)
    both = auditor.policy_file.read_text() + f"log {foreign.key.public}\n"
    auditor.policy_file.write_text(both.replace("quorum all-of-them", "quorum none"))
    with pytest.raises(OriginError, match=r"trusted is 'log\.example/test'"):
        auditor.mirror(entries=False, source=foreign.folder)


def test_a_copy_of_another_log_is_refused(auditor: Auditor) -> None:
    """A copy that stands for another log than the policy names is not brought up to date."""
    auditor.copy.folder.mkdir()
    foreign = Log(folder=auditor.root / "foreign", key=Key.make("log.example/other"))
    auditor.copy.write("checkpoint", foreign.sign(Checkpoint("log.example/other", 0, merkle.EMPTY_ROOT)))
    with pytest.raises(OriginError, match=r"the copy has a checkpoint of the log 'log\.example/other'"):
        auditor.mirror(entries=False)


def test_a_stale_source_is_refused(auditor: Auditor) -> None:
    """A checkpoint that no witness has cosigned lately is refused, and taken where its age is allowed."""
    auditor.log.publish(at=int(time.time()) - 90_000)
    with pytest.raises(StaleError, match="cosigned last at"):
        auditor.mirror(entries=False)
    with auditor.copy.locked():
        fetching.mirror(
            open_source(str(auditor.log.folder)),
            auditor.copy,
            auditor.policy,
            record=auditor.record,
            now=time.time(),
            max_age=100_000,
        )


def test_a_missing_quorum_is_refused(auditor: Auditor) -> None:
    """A checkpoint that too few witnesses have cosigned is not believed."""
    lines = auditor.log.folder.joinpath("checkpoint").read_text().splitlines(keepends=True)
    auditor.log.folder.joinpath("checkpoint").write_text("".join(lines[:-1]))
    with pytest.raises(QuorumError, match="not the quorum") as refused:
        auditor.mirror(entries=False)
    assert "run it again later" in refused.value.next_step


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no quorum"),
        ("quorum nobody\n", "line 1 of the policy"),
        ("log mistyped\nquorum none\n", "line 1"),
    ],
)
def test_a_policy_that_is_none_is_refused(tmp_path: Path, text: str, words: str) -> None:
    """A policy without a quorum, or with a line that is wrong, says so."""
    path = tmp_path / "policy"
    path.write_text(text)
    with pytest.raises(LogFormatError, match=words) as refused:
        belief.load_policy(path)
    assert refused.value.next_step
    with pytest.raises(CopyError):
        belief.load_policy(tmp_path / "none")


def test_two_runs_at_once_are_refused(auditor: Auditor) -> None:
    """While one run works on a copy no other does."""
    with auditor.copy.locked(), pytest.raises(CopyError, match="another"), auditor.copy.locked():
        pass


@pytest.mark.parametrize("place", ["nowhere", "ftp://log.example/", "https:///x"])
def test_a_source_that_is_none_is_refused(place: str) -> None:
    """A place that is neither a folder nor an address is refused with the next step."""
    with pytest.raises(SourceError) as refused:
        open_source(place)
    assert refused.value.next_step


def test_a_folder_without_a_log_is_refused(auditor: Auditor, tmp_path: Path) -> None:
    """A folder that has no checkpoint is no log."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="it is no log"):
        auditor.mirror(entries=False, source=tmp_path / "empty")


@pytest.mark.parametrize(
    "data", [b"{", b'{"format": 9, "checkpoint": ""}', b"text", b"c2sp.org/tlog-proof@v1\n"]
)
def test_a_record_that_is_none_is_refused(auditor: Auditor, data: bytes) -> None:
    """What was trusted is never guessed from a damaged file."""
    auditor.mirror(entries=False)
    auditor.record.write_bytes(data)
    with pytest.raises(PadanError):
        trusted.read(auditor.record, auditor.policy)
    with pytest.raises(PadanError):
        auditor.mirror(entries=False)
