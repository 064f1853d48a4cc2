"""What somebody may do to a copy of a log, or to the log that is copied, drawn at random: each is to be flagged."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import duckdb

from padan.audit.mirror import columns
from padan.tlog import merkle, tile
from tests.publishing import Key, Log, random_leaf, witness

if TYPE_CHECKING:
    import random
    from collections.abc import Callable
    from pathlib import Path

    from tests.copies import Auditor


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a mutation may touch.

    Attributes:
        auditor: with a copy that is trusted.
        yesterday: the same some entries earlier.
        source: draws.
    """

    auditor: Auditor
    yesterday: Auditor
    source: random.Random

    @property
    def copy(self) -> Path:
        """The copy's folder."""
        return self.auditor.copy.folder

    def file(self, folder: Path) -> Path:
        """Draw a file of a log."""
        tiles = list(tile.tiles(0, len(self.auditor.log.leaves)))
        names = [each.path for each in tiles] + [each.bundle_path for each in tiles if each.level == 0]
        return folder / self.source.choice(names)

    def place(self) -> int:
        """Draw a place of the log."""
        return self.source.randrange(1, len(self.auditor.rows) + 1)

    def change(self, statement: str) -> None:
        """Change the copy's database."""
        with duckdb.connect(str(self.auditor.copy.database)) as connection:
            connection.execute(statement)


def flip(scene: Scene, folder: Path) -> None:
    """Turn a bit of a tile or bundle."""
    path = scene.file(folder)
    body = bytearray(path.read_bytes())
    body[scene.source.randrange(len(body))] ^= 1 << scene.source.randrange(8)
    path.write_bytes(bytes(body))


def drop(scene: Scene, folder: Path) -> None:
    """Remove a tile or bundle."""
    scene.file(folder).unlink()


def truncate(scene: Scene, folder: Path) -> None:
    """Cut a tile or bundle off."""
    path = scene.file(folder)
    body = path.read_bytes()
    path.write_bytes(body[: scene.source.randrange(len(body))])


def swap_files(scene: Scene, folder: Path) -> None:
    """Exchange two tiles, or two bundles."""
    kind = scene.source.choice(["0", "entries"])
    one, other = scene.source.sample(sorted((folder / "tile" / kind).glob("0*")), 2)
    if one.is_dir() or other.is_dir():
        one, other = sorted((folder / "tile" / kind).glob("00[01]"))
    body = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(body)


def rebuild(
    scene: Scene, folder: Path, change: Callable[[list[bytes]], None], key: Key | None = None
) -> None:
    """Change the leaves, compute every tile anew and sign the result as the log, or as somebody else."""
    log = scene.auditor.log
    leaves = list(log.leaves)
    change(leaves)
    shutil.rmtree(folder / "tile")
    Log(folder=folder, key=key or log.key, witnesses=log.witnesses).publish(leaves, at=int(time.time()))


def swap_leaves(scene: Scene, folder: Path) -> None:
    """Exchange two leaves in a bundle, with the tile over it."""
    number = scene.source.randrange(len(scene.auditor.rows) // tile.WIDTH)
    path = folder / tile.Tile(0, number, tile.WIDTH).bundle_path
    leaves = tile.decode_bundle(path.read_bytes(), tile.WIDTH)
    one, other = scene.source.sample(range(tile.WIDTH), 2)
    leaves[one], leaves[other] = leaves[other], leaves[one]
    path.write_bytes(tile.encode_bundle(leaves))
    above = [merkle.leaf_hash(leaf) for leaf in leaves]
    (folder / tile.Tile(0, number, tile.WIDTH).path).write_bytes(b"".join(above))


def fork(scene: Scene, folder: Path) -> None:
    """Replace a leaf in a tree that the log itself signs and its witnesses cosign."""
    rebuild(scene, folder, lambda leaves: leaves.__setitem__(scene.place() - 1, random_leaf()))


def fork_ahead(scene: Scene, folder: Path) -> None:
    """Replace a leaf and add some, signed and cosigned."""

    def change(leaves: list[bytes]) -> None:
        leaves[scene.place() - 1] = random_leaf()
        leaves.extend(random_leaf() for _ in range(scene.source.randrange(1, 400)))

    rebuild(scene, folder, change)


def cut_out(scene: Scene, folder: Path) -> None:
    """Take a leaf out and sign what is left."""
    rebuild(scene, folder, lambda leaves: leaves.__delitem__(scene.place() - 1))


def sign_again(scene: Scene, folder: Path) -> None:
    """Sign the same tree, or another, with a key that is not the log's but has its name."""
    stranger = Key.make("stranger")
    public = replace(stranger.public, name=scene.auditor.log.key.public.name)
    named = Key(public=public, private=stranger.private)
    if scene.source.random() < 0.5:
        rebuild(scene, folder, lambda _: None, named)
    else:
        rebuild(scene, folder, lambda leaves: leaves.__setitem__(scene.place() - 1, random_leaf()), named)


def other_witnesses(scene: Scene, folder: Path) -> None:
    """Have witnesses cosign that the policy does not name."""
    log = scene.auditor.log
    shutil.rmtree(folder / "tile")
    Log(folder=folder, key=log.key, witnesses=(witness("stranger.example"),)).publish(log.leaves)


def yesterday(scene: Scene, folder: Path) -> None:
    """Put checkpoint and tiles back to yesterday's."""
    shutil.rmtree(folder / "tile")
    shutil.copytree(scene.yesterday.log.folder / "tile", folder / "tile")
    shutil.copy(scene.yesterday.log.folder / "checkpoint", folder / "checkpoint")


def edit_checkpoint(scene: Scene, folder: Path) -> None:
    """Change a letter of the checkpoint's text."""
    path = folder / "checkpoint"
    text = bytearray(path.read_bytes())
    text[scene.source.randrange(text.index(b"\n\n"))] ^= 1
    path.write_bytes(bytes(text))


def edit_entry(scene: Scene, _: Path) -> None:
    """Change a private entry's bytes or its salt."""
    part = scene.source.choice(["raw", "salt"])
    place = scene.place()
    old = scene.auditor.rows[place - 1][part == "salt"]
    body = bytearray(old)
    body[scene.source.randrange(len(body))] ^= 1 << scene.source.randrange(8)
    scene.change(f"UPDATE entry SET {part} = from_hex('{body.hex()}') WHERE sequence = {place}")  # noqa: S608


def edit_column(scene: Scene, _: Path) -> None:
    """Change what SQL sees of an entry."""
    what = scene.source.choice(
        [
            "agency = 'other'",
            "officer = NULL",
            "kind = 3",
            "log_time_ms = 1",
            "outcome = 7",
            "detail = 'x=y'",
            "claims = 'x'",
        ]
    )
    scene.change(f"UPDATE entry SET {what} WHERE sequence = {scene.place()}")  # noqa: S608


def drop_entry(scene: Scene, _: Path) -> None:
    """Remove a private entry."""
    scene.change(f"DELETE FROM entry WHERE sequence = {scene.place()}")  # noqa: S608


def swap_entries(scene: Scene, _: Path) -> None:
    """Exchange two private entries' places."""
    one, other = scene.source.sample(range(1, len(scene.auditor.rows) + 1), 2)
    scene.change(
        f"CREATE TEMP TABLE t AS SELECT * FROM entry WHERE sequence IN ({one}, {other}); "  # noqa: S608
        f"UPDATE entry SET raw = t.raw, salt = t.salt FROM t WHERE t.sequence = {one} AND entry.sequence = {other}; "
        f"UPDATE entry SET raw = t.raw, salt = t.salt FROM t WHERE t.sequence = {other} AND entry.sequence = {one}"
    )


def erase_entry(scene: Scene, _: Path) -> None:
    """Mark a private entry as erased."""
    nothing = ", ".join(f"{name} = NULL" for name in ("raw", "salt", *columns.NAMES))
    scene.change(f"UPDATE entry SET {nothing} WHERE sequence = {scene.place()}")  # noqa: S608


def add_entry(scene: Scene, _: Path) -> None:
    """Put an entry in that the log does not have, behind the last one."""
    scene.change(
        f"INSERT INTO entry SELECT * REPLACE ({len(scene.auditor.rows) + 1} AS sequence) FROM entry "  # noqa: S608
        f"WHERE sequence = {scene.place()}"
    )


def drop_database(scene: Scene, _: Path) -> None:
    """Remove all private entries."""
    scene.auditor.copy.database.unlink()


def yesterdays_database(scene: Scene, _: Path) -> None:
    """Put the private entries back to yesterday's."""
    shutil.copy(scene.yesterday.copy.database, scene.auditor.copy.database)


OF_TREE = (
    flip,
    drop,
    truncate,
    swap_files,
    swap_leaves,
    fork,
    fork_ahead,
    cut_out,
    sign_again,
    other_witnesses,
    yesterday,
    edit_checkpoint,
)
"""Mutations of a log's files: of a copy, or of the source that is copied."""
OF_ENTRIES = (
    edit_entry,
    edit_column,
    drop_entry,
    swap_entries,
    erase_entry,
    add_entry,
    drop_database,
    yesterdays_database,
)
"""Mutations of a copy's private entries."""
