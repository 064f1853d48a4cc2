"""What a sequencer refuses to go on from: a folder, checkpoint or log that is not what was published."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from keys.signing import Signer
from padan.tlog import note
from tests.tree import MANDATE, REALM, SEED, flip
from verifier import schema
from verifier.tree.errors import TreeBehindError, TreeForkedError
from verifier.tree.signing import CheckpointSigner, origin_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.tree import Site


def _remove(site: Site) -> None:
    shutil.rmtree(site.folder.path)


def _yesterday(site: Site) -> None:
    aside = site.folder.path.with_name("aside")
    shutil.copytree(site.folder.path, aside)
    site.publish(300)
    shutil.rmtree(site.folder.path)
    aside.rename(site.folder.path)


def _no_checkpoint_and_less(site: Site) -> None:
    (site.folder.path / "checkpoint").unlink()
    shutil.rmtree(site.folder.path / "tile/0/001.p")


def _flipped_tile(site: Site) -> None:
    flip(site.folder.path / "tile/0/001.p/4")


def _flipped_bundle(site: Site) -> None:
    flip(site.folder.path / "tile/entries/001.p/4")


def _flipped_checkpoint(site: Site) -> None:
    flip(site.folder.path / "checkpoint", at=30)


def _other_origin(site: Site) -> None:
    other = CheckpointSigner("elsewhere/production/log", [Signer(SEED)])
    text = other.text(260, site.stated().root)
    (site.folder.path / "checkpoint").write_bytes(note.join(text, other.sign(text)))


def _stranger(site: Site) -> None:
    other = CheckpointSigner(origin_of(REALM), [Signer(bytes(32))])
    text = other.text(260, site.stated().root)
    (site.folder.path / "checkpoint").write_bytes(note.join(text, other.sign(text)))


def _signed_fork(site: Site) -> None:
    text = site.signer.text(260, bytes(32))
    (site.folder.path / "checkpoint").write_bytes(note.join(text, site.signer.sign(text)))


def _other_log(site: Site) -> None:
    with site.directory.writing() as connection:
        connection.execute(update(schema.entry).where(schema.entry.c.sequence == 259).values(leaf=bytes(33)))


def _shorter_log(site: Site) -> None:
    with site.directory.writing() as connection:
        connection.exec_driver_sql("DELETE FROM entry WHERE sequence > 258")


@pytest.mark.parametrize(
    ("tamper", "error", "said"),
    [
        (_remove, TreeBehindError, "lost, or an older copy"),
        (_yesterday, TreeBehindError, "lost, or an older copy"),
        (_no_checkpoint_and_less, TreeBehindError, "lost, or an older copy"),
        (_flipped_tile, TreeForkedError, "do not come to the root"),
        (_flipped_bundle, TreeForkedError, "another leaf in the log"),
        (_flipped_checkpoint, TreeForkedError, "checkpoint"),
        (_other_origin, TreeForkedError, "checkpoint"),
        (_stranger, TreeForkedError, "no key of the keyring"),
        (_signed_fork, TreeForkedError, "different roots"),
        (_other_log, TreeForkedError, "entry 259 has another leaf"),
        (_shorter_log, TreeForkedError, "older copy"),
    ],
)
def test_a_tree_that_was_changed_is_refused(
    local: Site, tamper: Callable[[Site], None], error: type[Exception], said: str
) -> None:
    """A lost, older, changed, forked or foreign folder, and another log, stop the signing until they are mended."""
    site = local
    site.publish(260)
    tamper(site)
    site.write(1)
    before = site.folder.checkpoint()
    for _ in range(2):
        with pytest.raises(error, match=said):
            site.sequencer().turn(MANDATE)
    assert site.folder.checkpoint() == before
