"""The whole check of a published tree, and its rebuilding from the log."""

from __future__ import annotations

import dataclasses
import shutil
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from tests.tree import MANDATE, flip
from verifier import schema
from verifier.tree.check import check_tree, rebuild_tree
from verifier.tree.errors import LeafMismatchError, TreeBehindError, TreeError, TreeForkedError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.tree import Site
    from verifier.headfile import Extent
    from verifier.tree.folder import TreeFolder


@pytest.fixture
def site(local: Site) -> Site:
    """A log with 600 published entries, and 3 that are not."""
    for count in (250, 7, 343):
        local.publish(count)
    local.write(3)
    return local


def check(site: Site) -> Extent:
    """Check the whole tree."""
    return check_tree(site.head.read(), folder=site.folder, signer=site.signer, log=site.log)


def rebuild(site: Site) -> Path | None:
    """Build it anew."""
    head = site.head.read()
    assert head is not None
    return rebuild_tree(head, folder=site.folder, signer=site.signer, log=site.log).aside


def contents(folder: TreeFolder) -> dict[str, bytes]:
    """Read what is published."""
    names = [*folder.names(), "checkpoint"]
    return {name: (folder.path / name).read_bytes() for name in names}


def test_a_whole_tree_passes(site: Site) -> None:
    """What the sequencer has written is what the check expects, at every moment of its growth."""
    assert check(site).entries == 600
    site.publish(0)
    assert check(site) == (603, site.stated().root)


def edit(site: Site, place: int, **values: bytes) -> None:
    """Change an entry in the database."""
    with site.directory.writing() as connection:
        connection.execute(update(schema.entry).where(schema.entry.c.sequence == place).values(**values))


CHANGES: dict[str, tuple[Callable[[Site], object], type[TreeError], str]] = {
    "a full tile": (lambda s: flip(s.folder.path / "tile/0/000", at=9), TreeForkedError, "tile/0/000 is not"),
    "a full bundle": (
        lambda s: flip(s.folder.path / "tile/entries/001"),
        TreeForkedError,
        "entries/001 is not",
    ),
    "an upper tile": (
        lambda s: flip(s.folder.path / "tile/1/000.p/1"),
        TreeForkedError,
        "tile/1/000.p/1 is not",
    ),
    "a missing tile": (
        lambda s: (s.folder.path / "tile/0/001").unlink(),
        TreeBehindError,
        "0/001 is missing",
    ),
    "a missing edge": (lambda s: (s.folder.path / "tile/0/002.p/88").unlink(), TreeBehindError, "is missing"),
    "another file": (
        lambda s: (s.folder.path / "tile/0/009").write_bytes(b""),
        TreeForkedError,
        "belongs to no",
    ),
    "another width": (
        lambda s: (s.folder.path / "tile/0/002.p/99").write_bytes(bytes(99 * 32)),
        TreeForkedError,
        "002.p/99 is not",
    ),
    "an entry": (lambda s: edit(s, 5, entry=b"other"), LeafMismatchError, "entry 5 is not"),
    "a salt": (lambda s: edit(s, 5, salt=b""), LeafMismatchError, "entry 5 is not"),
    "a leaf": (lambda s: edit(s, 5, leaf=bytes(33), salt=b"", entry=b""), TreeForkedError, "is not what"),
    "the checkpoint": (lambda s: flip(s.folder.path / "checkpoint", at=40), TreeForkedError, "checkpoint"),
    "no checkpoint": (lambda s: (s.folder.path / "checkpoint").unlink(), TreeBehindError, "the head 600"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_found_and_named(site: Site, name: str) -> None:
    """Files, entries, leaves and the checkpoint: each has its error, with the place."""
    change, error, said = CHANGES[name]
    change(site)
    with pytest.raises(error, match=said):
        check(site)


def test_a_lost_folder_is_built_anew(site: Site) -> None:
    """The same tiles, the same checkpoint, and the sequencer goes on; what was there lies aside."""
    before = contents(site.folder)
    shutil.rmtree(site.folder.path / "tile")
    aside = rebuild(site)
    assert aside is not None
    assert (aside / "checkpoint").is_file()
    after = contents(site.folder)
    assert after.items() <= before.items()
    assert all(name in after or ".p/" in name for name in before)
    shutil.rmtree(site.folder.path)
    assert rebuild(site) is None
    assert contents(site.folder) == after
    assert check(site).entries == 600
    assert site.sequencer().turn(MANDATE)
    assert check(site).entries == 603


def test_another_log_builds_no_tree(site: Site) -> None:
    """Leaves that do not come to the published root change nothing, and what was there stays."""
    edit(site, 5, leaf=bytes(33), salt=b"", entry=b"")
    before = contents(site.folder)
    with pytest.raises(TreeForkedError, match="another log"):
        rebuild(site)
    assert contents(site.folder) == before


def test_an_accepted_loss_lays_the_old_tree_aside(site: Site) -> None:
    """Once two officers have accepted it the head has published nothing, and a tree begins from the log as it is."""
    with site.directory.writing() as connection:
        connection.exec_driver_sql("DELETE FROM entry WHERE sequence > 500")
    before = site.head.read()
    assert before is not None
    site.head.swap(
        before, dataclasses.replace(before, tree=site.keeper().tree_at(500), checkpoints=(), published=None)
    )
    with pytest.raises(TreeForkedError):
        site.sequencer().turn(MANDATE)
    assert rebuild(site) is not None
    assert site.sequencer().turn(MANDATE)
    assert check(site).entries == 500
