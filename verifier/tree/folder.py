"""The folder that any web server can serve: tiles, bundles and the checkpoint of one log (C2SP tlog-tiles).

A file is written beside its place, synced, moved into it, and its folder synced; once it stands it never changes, and
another content for it is refused. Only `checkpoint` is replaced, under a lock and never by a smaller tree's. A partial
file goes once the full one stands. Full and partial ones are read alike: a partial file that is gone is the beginning
of the full one. Names of files are texts, for the reason that verifier.secret_file gives.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from itertools import islice
from typing import TYPE_CHECKING, Final

from keys.ringfile import sync_folder
from padan.errors import LogFormatError
from padan.tlog import merkle
from padan.tlog.tile import CHECKPOINT_PATH, HEIGHT, WIDTH, Tile
from verifier.folders import make_folder
from verifier.tree.errors import TreeForkedError, TreeStoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from padan.tlog.edge import File

_STAGING: Final = ".new"
_LOCK: Final = ".lock"
_FOLDER_MODE: Final = 0o755
_FILE_MODE: Final = 0o644
_PARTIAL: Final = re.compile(r"(?P<full>.*)\.p/(?P<width>[0-9]+)")
_BUNDLES: Final = "tile/entries/"
_LENGTH: Final = 2
_AT_ONCE: Final = 64
"""Files that are open at once."""
_REMEMBERED: Final = 1_000
"""Folders that are remembered as durable at most; to sync one again does no harm."""
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW


class TreeFolder:
    """One log's folder. Any process reads; one at a time writes."""

    def __init__(self, path: Path) -> None:
        """Prepare access; the folder is made when something is written.

        Args:
            path: of the folder.
        """
        self.path = path.absolute()
        self._base = str(self.path)
        self._above = os.path.dirname(self._base)  # noqa: PTH120 - as `_base`, a text
        self._durable: set[str] = set()
        """Folders whose own names were synced since this object is there."""

    def checkpoint(self) -> bytes | None:
        """Read the published checkpoint; None where there is none.

        Raises:
            TreeStoreError: it cannot be read.
        """
        return self._bytes(CHECKPOINT_PATH)

    def read(self, name: str) -> bytes:
        """Read a tile or a bundle, partial ones also where only the full one stands.

        Raises:
            LogFormatError: there is none, or it is cut off.
            TreeStoreError: it cannot be read.
        """
        data = self._bytes(name)
        if data is not None:
            return data
        partial = _PARTIAL.fullmatch(name)
        whole = None if partial is None else self._bytes(partial["full"])
        if partial is None or whole is None:
            raise LogFormatError(f"{name} is missing")
        width = int(partial["width"])
        return first_leaves(whole, width) if name.startswith(_BUNDLES) else whole[: width * merkle.HASH_SIZE]

    def holds(self, name: str) -> bool:
        """Say whether a file stands."""
        return os.path.isfile(f"{self._base}/{name}")  # noqa: PTH113 - for each file, cheaply

    def write(self, files: Iterable[File]) -> None:
        """Write files durably; those that stand already stay.

        Raises:
            TreeForkedError: one stands with another content.
            TreeStoreError: they cannot be written.
        """
        try:
            named: set[str] = set()
            waiting = iter(files)
            while some := list(islice(waiting, _AT_ONCE)):
                self._put([(name, data) for name, data in some if not self._stands(name, data)])
                # Those that stood as well: who wrote them may have died before their folders were synced.
                named |= {os.path.dirname(f"{self._base}/{name}") for name, _ in some}  # noqa: PTH120 - for each file, cheaply
            self._sync(named)
        except OSError as error:
            raise self._failed(error) from error

    def publish(self, data: bytes, *, may_replace: Callable[[bytes | None], bool]) -> bool:
        """Put a checkpoint in the place of the one before; returns False where another process publishes just now.

        Args:
            data: the signed checkpoint.
            may_replace: sees the one before, None for none, and says whether it may go; or raises.

        Raises:
            TreeStoreError: it cannot be written.
        """
        try:
            with self._locked() as locked:
                if not locked or not may_replace(self.checkpoint()):
                    return False
                self._put([(CHECKPOINT_PATH, data)])
                self._sync({self._base})
                return True
        except OSError as error:
            raise self._failed(error) from error

    def drop_partials(self, full: Iterable[Tile]) -> None:
        """Remove the partial files of tiles that stand whole; what fails is left for later."""
        for tile in full:
            for name in [tile.path, *([tile.bundle_path] if tile.level == 0 else [])]:
                partials = f"{self._base}/{name}.p"
                if not os.path.isdir(partials) or not self.holds(name):  # noqa: PTH112 - for each tile, cheaply
                    continue
                with contextlib.suppress(OSError):
                    for each in os.listdir(partials):  # noqa: PTH208 - as above
                        os.unlink(f"{partials}/{each}")  # noqa: PTH108 - as above
                    os.rmdir(partials)  # noqa: PTH106 - as above

    def sweep(self) -> None:
        """Remove what was being written when a process ended."""
        with contextlib.suppress(OSError):
            for each in (self.path / _STAGING).iterdir():
                each.unlink(missing_ok=True)

    def replace_by(self, fresh: TreeFolder, aside: Path | None) -> None:
        """Put another folder, where it has anything, in the place of this one.

        Args:
            fresh: the other one.
            aside: where this one goes; None where it is not there.

        Raises:
            TreeStoreError: they cannot be moved.
        """
        try:
            if aside is not None:
                self.path.rename(aside)
            if fresh.path.is_dir():
                fresh.path.rename(self.path)
            sync_folder(self.path.parent)
        except OSError as error:
            raise self._failed(error) from error

    def names(self) -> Iterator[str]:
        """List the files below `tile/`, in no order."""
        base = self.path / "tile"
        for folder, _, files in os.walk(base):
            for file in files:
                yield os.path.relpath(os.path.join(folder, file), self.path)  # noqa: PTH118 - of os.walk

    def _stands(self, name: str, data: bytes) -> bool:
        """Say whether a file stands.

        Raises:
            TreeForkedError: it does, with another content.
        """
        found = self._bytes(name)
        if found not in (None, data):
            raise TreeForkedError(f"{self.path / name} stands with another content: it is of another log")
        return found is not None

    def _put(self, files: Sequence[File]) -> None:
        """Write files beside their places, then sync all, then move them: so a journal takes them in fewer steps."""
        staged: list[tuple[int, str, str]] = []
        try:
            for name, data in files:
                fresh = f"{self._base}/{_STAGING}/{os.getpid()}-{name.replace('/', '-')}"
                descriptor = self._create(fresh)
                staged.append((descriptor, fresh, name))
                os.fchmod(descriptor, _FILE_MODE)
                view = memoryview(data)
                while view:
                    view = view[os.write(descriptor, view) :]
            for descriptor, _, _ in staged:  # all are on their way before one is waited for
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            for descriptor, _, _ in staged:
                os.fsync(descriptor)
        finally:
            for descriptor, _, _ in staged:
                os.close(descriptor)
        for _, fresh, name in staged:
            self._move(fresh, name)

    def _create(self, fresh: str) -> int:
        try:
            return os.open(fresh, _NEW, _FILE_MODE)
        except FileNotFoundError:
            self._make(f"{self._base}/{_STAGING}")
            return os.open(fresh, _NEW, _FILE_MODE)

    def _move(self, fresh: str, name: str) -> None:
        target = f"{self._base}/{name}"
        try:
            os.replace(fresh, target)  # noqa: PTH105 - for each file, cheaply
        except FileNotFoundError:
            self._make(os.path.dirname(target))  # noqa: PTH120 - as above
            os.replace(fresh, target)  # noqa: PTH105 - as above

    def _make(self, folder: str) -> None:
        """Make a folder and those above it; `_sync` makes them durable."""
        if os.path.isdir(folder):  # noqa: PTH112 - for each folder, cheaply
            return
        if folder == self._base:
            make_folder(self.path.parent, mode=_FOLDER_MODE)
        else:
            self._make(os.path.dirname(folder))  # noqa: PTH120 - as above
        self._durable.discard(folder)
        with contextlib.suppress(FileExistsError):  # another process publishes too
            os.mkdir(folder, _FOLDER_MODE)  # noqa: PTH102 - as above
        os.chmod(folder, _FOLDER_MODE)  # noqa: PTH101 - as above

    def _sync(self, folders: set[str]) -> None:
        """Make the names in folders durable, and the names of the folders themselves, where they may not be yet."""
        fresh: dict[str, str] = {}
        for folder in folders:
            name = folder
            while name not in self._durable and name not in fresh and name != self._above:
                fresh[name] = name = os.path.dirname(name)  # noqa: PTH120 - for each folder, cheaply
        for folder in folders.union(fresh.values()):
            sync_folder(folder)
        if len(self._durable) > _REMEMBERED:
            self._durable.clear()
        self._durable.update(fresh)

    def _bytes(self, name: str) -> bytes | None:
        try:
            with open(f"{self._base}/{name}", "rb", buffering=0) as file:  # noqa: PTH123 - for each file, cheaply
                return file.read()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
        except OSError as error:
            raise self._failed(error) from error

    def _failed(self, error: OSError) -> TreeStoreError:
        return TreeStoreError(f"{self.path}: cannot be used ({error.strerror})")

    @contextlib.contextmanager
    def _locked(self) -> Iterator[bool]:
        self._make(self._base)
        descriptor = os.open(f"{self._base}/{_LOCK}", os.O_RDWR | os.O_CREAT, _FILE_MODE)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True
        finally:
            os.close(descriptor)


def full_tiles(old: int, new: int) -> Iterator[Tile]:
    """List the tiles that became full between two sizes."""
    level = 0
    while last := new >> (HEIGHT * (level + 1)):
        for number in range(old >> (HEIGHT * (level + 1)), last):
            yield Tile(level, number, WIDTH)
        level += 1


def first_leaves(bundle: bytes, width: int) -> bytes:
    """Cut a bundle to its first leaves."""
    at = 0
    for _ in range(width):
        at += _LENGTH + int.from_bytes(bundle[at : at + _LENGTH], "big")
    if at > len(bundle):
        raise LogFormatError("a bundle is cut off")
    return bundle[:at]
