"""A verifier that nobody here wrote: Go's sumdb/note and sumdb/tlog read our tree, check proofs and refuse a bit."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from padan.tlog import merkle
from padan.tlog.frontier import Frontier
from padan.tlog.tile import TileNodes
from tests.tree import flip, open_site
from verifier import migrations

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.tree import Site

SOURCE = Path(__file__).with_name("golang") / "verify.go"
SIZES = (3, 256, 700)


@pytest.fixture(scope="module")
def verifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program, built from Debian's packages without a network."""
    folder = tmp_path_factory.mktemp("go")
    environment = {
        **os.environ,
        "GO111MODULE": "off",
        "GOPATH": "/usr/share/gocode",
        "GOCACHE": str(folder / "cache"),
        "GOFLAGS": "",
        "GOPROXY": "off",
        "CGO_ENABLED": "0",
    }
    subprocess.run(["go", "build", "-o", folder / "verify", SOURCE], check=True, env=environment)
    return folder / "verify"


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A published tree with proofs beside it, and its log's key."""
    folder = tmp_path_factory.mktemp("site")
    migrations.upgrade(str(folder / "log.sqlite"), migrations.Tree.LOG)
    with open_site(str(folder / "log.sqlite"), folder) as site:
        done = 0
        for size in SIZES:
            site.publish(size - done)
            done = size
        (folder / "proofs.json").write_text(json.dumps(proofs(site)))
        return folder, str(site.signer.keys[0])


def proofs(site: Site) -> dict[str, list[dict[str, object]]]:
    """Make proofs from the tiles: of leaves here and there, and from each earlier size."""
    size = SIZES[-1]
    nodes = TileNodes(size, site.folder.read)
    leaves = site.log.leaves(0, size)
    return {
        "inclusion": [
            {
                "leaf": leaves[index].hex(),
                "index": index,
                "path": [each.hex() for each in merkle.inclusion_proof(index, size, nodes)],
            }
            for index in (0, 1, 255, 256, 511, 512, 698, 699)
        ],
        "consistency": [
            {
                "size": old,
                "root": Frontier().extend(leaves[:old]).root.hex(),
                "path": [each.hex() for each in merkle.consistency_proof(old, size, nodes)],
            }
            for old in (1, *SIZES[:-1], 511, 699)
        ],
    }


def run(verifier: Path, vkey: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the verifier."""
    return subprocess.run(
        [verifier, vkey, folder / "tree", folder / "proofs.json"], check=False, capture_output=True, text=True
    )


def test_a_foreign_verifier_accepts_the_tree(verifier: Path, published: tuple[Path, str]) -> None:
    """It opens the checkpoint, comes to its root from bundles and tiles, and holds with every proof."""
    folder, vkey = published
    ended = run(verifier, vkey, folder)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == "good: 700 leaves, 8 inclusion and 5 consistency proofs\n"


def _proof(folder: Path, kind: str) -> None:
    given = json.loads((folder / "proofs.json").read_text())
    path = given[kind][1]["path"]
    path[0] = f"{int(path[0], 16) ^ 1:064x}"
    (folder / "proofs.json").write_text(json.dumps(given))


def _size(folder: Path) -> None:
    path = folder / "tree/checkpoint"
    path.write_bytes(path.read_bytes().replace(b"\n700\n", b"\n699\n"))


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: flip(folder / "tree/tile/entries/001", at=40),
        lambda folder: flip(folder / "tree/tile/entries/002.p/188"),
        lambda folder: flip(folder / "tree/tile/0/001", at=40),
        lambda folder: flip(folder / "tree/tile/0/002.p/188"),
        lambda folder: flip(folder / "tree/tile/1/000.p/2"),
        lambda folder: flip(folder / "tree/checkpoint", at=40),
        _size,
        lambda folder: _proof(folder, "inclusion"),
        lambda folder: _proof(folder, "consistency"),
    ],
    ids=[
        "bundle",
        "last bundle",
        "tile",
        "last tile",
        "upper tile",
        "checkpoint",
        "size",
        "path",
        "consistency",
    ],
)
def test_a_flipped_bit_is_refused(
    verifier: Path, published: tuple[Path, str], tmp_path: Path, change: Callable[[Path], None]
) -> None:
    """One bit in a bundle, tile, checkpoint or proof, or another size, and the foreign verifier refuses."""
    folder, vkey = published
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    change(copy)
    ended = run(verifier, vkey, copy)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("refused: ")
