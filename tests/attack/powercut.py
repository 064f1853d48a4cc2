"""A power cut: what a machine would find on its disk again that lost its power while processes wrote.

The processes run with tests/attack/disk/cut.c preloaded, which keeps every file and every folder's listing as they were
when last synced. `PowerCut.fall` puts a disk together that a cut may leave: of what was not synced anything may be
there and anything may be missing, for each name of a folder and for each sector of a file. What was synced is there.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping, Sequence

SOURCE: Final = Path(__file__).parent / "disk" / "cut.c"
SECTOR: Final = 512
_KEY: Final = 64
_KEPT, _FOLDERS = "PADAN_CUT_KEPT", "PADAN_CUT_FOLDERS"

Names = dict[str, tuple[str, str]]
"""A folder's listing: name to kind ("d" or "f") and key."""


class PowerCut:
    """A disk that remembers what was synced. The folders are put in place of the old ones at each cut."""

    def __init__(self, work: Path, folders: Sequence[Path], dice: random.Random) -> None:
        """Prepare.

        Args:
            work: an empty folder of its own, on the same file system.
            folders: which are cut; everything that they hold now counts as synced.
            dice: draws what of the unsynced is there again.
        """
        self._work = work
        self._folders = [folder.resolve() for folder in folders]
        self._dice = dice
        self._kept = work / "kept"
        shim = work / "cut.so"
        subprocess.run(["cc", "-Wall", "-Werror", "-shared", "-fPIC", "-O1", "-o", shim, SOURCE], check=True)
        self._shim = ctypes.CDLL(str(shim))
        self.environment: Mapping[str, str] = {
            "LD_PRELOAD": str(shim),
            _KEPT: str(self._kept),
            _FOLDERS: ":".join(map(str, self._folders)),
        }
        self._keep_all()

    def fall(self) -> None:
        """Let the power fail: no process may run any more that writes there."""
        live = {
            self._key(path)[1]: path
            for folder in self._folders
            for path in folder.rglob("*")
            if path.is_file()
        }
        for number, folder in enumerate(self._folders):
            fresh = self._work / f"fresh-{number}"
            self._rebuild(folder, self._key(folder)[1], fresh, live)
            gone = self._work / "gone"
            folder.rename(gone)
            fresh.rename(folder)
            shutil.rmtree(gone)
        self._keep_all()

    def _keep_all(self) -> None:
        """Take everything as it is now for synced."""
        shutil.rmtree(self._kept, ignore_errors=True)
        self._kept.mkdir()
        self._kept.chmod(0o777)
        for name in (_KEPT, _FOLDERS):
            os.environ[name] = self.environment[name]  # the shim in this process reads them
        try:
            for folder in self._folders:
                for path in (folder, *folder.rglob("*")):
                    if path.is_file() or path.is_dir():
                        self._keep(path)
        finally:
            del os.environ[_KEPT], os.environ[_FOLDERS]
        for path in self._kept.iterdir():
            path.chmod(0o666)

    def _keep(self, path: Path) -> None:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            assert self._shim.padan_cut_keep(descriptor, 0) == 0
        finally:
            os.close(descriptor)

    def _key(self, path: Path) -> tuple[str, str]:
        key = ctypes.create_string_buffer(_KEY)
        return chr(self._shim.padan_cut_key(os.fsencode(path), key)), key.value.decode()

    def _rebuild(self, live_folder: Path | None, key: str, target: Path, live: Mapping[str, Path]) -> None:
        """Make a folder that may be found again: of each name that was not synced either state."""
        synced = self._listing(key)
        now: Names = {}
        if live_folder is not None:
            now = {path.name: self._key(path) for path in live_folder.iterdir() if not path.is_socket()}
            shutil.copystat(live_folder, _made(target))
            _own_alike(live_folder, target)
        else:
            _made(target)
        luck = self._dice.choice((0.0, 0.5, 1.0))
        for name in sorted(synced.keys() | now.keys()):
            old, new = synced.get(name), now.get(name)
            chosen = new if old == new or self._dice.random() < luck else old
            if chosen is None:
                continue
            kind, child = chosen
            if kind == "d":
                inner = None if live_folder is None or new != chosen else live_folder / name
                self._rebuild(inner, child, target / name, live)
            else:
                self._put(child, live.get(child), target / name)

    def _put(self, key: str, path: Path | None, target: Path) -> None:
        """Write a file as it may be found again: each sector that was not synced old or new."""
        kept = self._kept / f"f-{key}"
        old = kept.read_bytes() if kept.exists() else b""
        new = old if path is None else path.read_bytes()
        if old != new:
            luck = self._dice.choice((0.0, 0.5, 1.0))
            size = self._dice.choice((len(old), len(new)))
            both = bytearray(max(len(old), len(new)))
            both[: len(old)] = old
            for at in range(0, len(new), SECTOR):
                if self._dice.random() < luck:
                    both[at : at + SECTOR] = new[at : at + SECTOR].ljust(min(SECTOR, len(both) - at), b"\0")
            new = bytes(both[:size])
        target.write_bytes(new)
        if path is not None:
            shutil.copystat(path, target)
            _own_alike(path, target)
        else:
            target.chmod(0o600)

    def _listing(self, key: str) -> Names:
        kept = self._kept / f"d-{key}"
        lines = kept.read_text().splitlines() if kept.exists() else []
        return {name: (kind, of) for kind, of, name in (line.split(" ", 2) for line in lines)}


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _own_alike(source: Path, target: Path) -> None:
    found = source.stat()
    os.chown(target, found.st_uid, found.st_gid)
