"""Changes on SQLite: a changed epoch is a few immutable files, of which the newest that holds a row counts.

Readers map immutable files and take no lock, so a file is never changed. Changes become a file of their own, a layer
over what was loaded (number 0). A new layer takes in those below it that are not much larger, so that each row is
rewritten a few times only and there are few layers; in the end that is the loaded file too.

The catalogue names the layers that count. A file becomes visible by a transaction of the catalogue, after it is
durable; what a crash leaves lying about is removed by the next change.
"""

from __future__ import annotations

import contextlib
import fcntl
import heapq
import os
import sqlite3
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, insert

from verifier.database import sqlite_uri
from verifier.schema import epoch_layer
from verifier.vault import rowfile
from verifier.vault.epoch import TOKEN_SIZE, Layer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from sqlalchemy.engine import Connection

    from verifier.vault.epoch import Epoch
    from verifier.vault.store import Row

LOADED: Final = 0
"""Number of the file that was loaded."""
MOST: Final = 6
"""Layers of an epoch at most: each is a search more for every question."""
_FACTOR: Final = 4
_LOCK: Final = "changes.lock"
_LOOK_SECONDS: Final = 0.02
"""How often whoever waits for the lock looks; a feed lets go of it between two runs only."""
_BATCH: Final = 500
_FIND: Final = "SELECT head, rest FROM person WHERE head IN ({marks})"


def layer_path(folder: Path, epoch: int, number: int) -> Path:
    """Name a layer's file."""
    suffix = f"-{number:06d}" if number != LOADED else ""
    return folder / f"epoch-{epoch:06d}{suffix}.sqlite"


def layers_of(epoch: Epoch) -> tuple[Layer, ...]:
    """List an epoch's layers, newest first; one that was never changed is one layer."""
    return epoch.layers or (Layer(LOADED, epoch.rows),)


def files_of(folder: Path, epoch: int) -> list[Path]:
    """List every file of an epoch that lies in the folder, in use or not."""
    name = f"epoch-{epoch:06d}"
    return sorted(
        [*folder.glob(f"{name}.sqlite"), *folder.glob(f"{name}-*.sqlite"), *folder.glob(f"{name}*.loading")]
    )


def taken_in(layers: Sequence[Layer], rows: int) -> tuple[Layer, ...]:
    """Choose which layers a change of so many rows takes in: the newest ones, and never one without those above it."""
    count, size = 0, rows
    while count < len(layers) and (layers[count].rows <= _FACTOR * size or len(layers) - count >= MOST):
        size += layers[count].rows
        count += 1
    return tuple(layers[:count])


class SqliteEpochRows:
    """Reads rows of the epochs in a folder; takes no lock, so a file that a change took in may be gone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def boxes(self, epoch: Epoch, tokens: Sequence[bytes]) -> dict[bytes, bytes]:
        """Read the boxes of those tokens that are held."""
        found: dict[bytes, bytes] = {}
        wanted = set(tokens)
        for layer in layers_of(epoch):
            missing = sorted(wanted - found.keys())
            found.update(_find(layer_path(self._folder, epoch.number, layer.number), missing, epoch.box_size))
        return found

    def between(self, epoch: Epoch, first: int, last: int) -> list[Row]:
        """Read the rows whose tokens begin with these numbers or one between them."""
        sources = [
            rowfile.read_rows(
                layer_path(self._folder, epoch.number, layer.number), epoch.box_size, first, last
            )
            for layer in layers_of(epoch)
        ]
        return list(_newest(sources))

    def close(self) -> None:
        """Nothing is held open."""


class SqliteEpochChanger:
    """Changes the epochs in a folder, whose lock is a file's."""

    at_once = sys.maxsize  # the file is written anew, so once

    def __init__(self, folder: Path) -> None:
        """Prepare; nothing is touched before the lock is taken."""
        self._folder = folder
        self._held = contextlib.ExitStack()

    def take(self, seconds: float) -> bool:
        """Lock the file; looked at again and again, since nobody waits for one with a limit of time."""
        until = time.monotonic() + seconds
        try:
            descriptor = os.open(self._folder / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
            self._held.callback(os.close, descriptor)
            while not _locks(descriptor):
                if time.monotonic() >= until:
                    return False
                time.sleep(_LOOK_SECONDS)
        except OSError as error:
            raise rowfile.translate(error) from error
        return True

    def require(self, connection: Connection) -> None:
        """Do nothing: a file's lock goes with its process alone."""

    def boxes(self, epoch: Epoch, tokens: Sequence[bytes]) -> dict[bytes, bytes]:
        """Read the boxes of those tokens that are held."""
        return SqliteEpochRows(self._folder).boxes(epoch, tokens)

    def prepare(self, epoch: Epoch, rows: Sequence[Row], *, whole: bool = False) -> SqliteChange:
        """Write the new layer, durable, under a name that nobody reads yet; a whole one takes every other in."""
        layers = layers_of(epoch)
        self._sweep(epoch, layers)
        merged = tuple(layers) if whole else taken_in(layers, len(rows))
        number = layers[0].number + 1
        sources: list[Iterable[Row]] = [rows, *(self._read(epoch, layer) for layer in merged)]
        file = rowfile.RowFileWriter(layer_path(self._folder, epoch.number, number))
        try:
            count = file.load(_newest(sources))
            file.finish()
        finally:
            file.close()
        return SqliteChange(
            folder=self._folder, epoch=epoch, added=Layer(number, count), merged=merged, layers=layers
        )

    def close(self) -> None:
        """Let go of the lock."""
        self._held.close()

    def _read(self, epoch: Epoch, layer: Layer) -> Iterator[Row]:
        return rowfile.read_rows(layer_path(self._folder, epoch.number, layer.number), epoch.box_size)

    def _sweep(self, epoch: Epoch, layers: Sequence[Layer]) -> None:
        """Remove what a process that was killed left of this epoch."""
        used = {layer_path(self._folder, epoch.number, layer.number) for layer in layers}
        for path in files_of(self._folder, epoch.number):
            if path not in used:
                rowfile.remove(path)


def _locks(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class SqliteChange:
    """A layer that is durable and not yet visible."""

    folder: Path
    epoch: Epoch
    added: Layer
    merged: tuple[Layer, ...]
    layers: tuple[Layer, ...]

    def write(self, connection: Connection) -> None:
        """Let the catalogue name the layers that count from now on."""
        number = self.epoch.number
        connection.execute(delete(epoch_layer).where(epoch_layer.c.epoch == number))
        left = (self.added, *self.layers[len(self.merged) :])
        connection.execute(
            insert(epoch_layer),
            [{"epoch": number, "number": each.number, "rows": each.rows} for each in left],
        )

    def committed(self) -> None:
        """Remove the files that the new layer took in; who reads them keeps what is open."""
        for layer in self.merged:
            rowfile.remove(layer_path(self.folder, self.epoch.number, layer.number))


def _newest(sources: Sequence[Iterable[Row]]) -> Iterator[Row]:
    """Merge rows by token; where several sources hold one, the first source's counts."""
    if len(sources) == 1:
        yield from sources[0]
        return
    ranked = [_ranked(source, rank) for rank, source in enumerate(sources)]
    for token, versions in groupby(heapq.merge(*ranked), key=itemgetter(0)):
        yield token, next(versions)[2]


def _ranked(source: Iterable[Row], rank: int) -> Iterator[tuple[bytes, int, bytes]]:
    for token, box in source:
        yield token, rank, box


def _find(path: Path, tokens: Sequence[bytes], box_size: int) -> Iterator[Row]:
    entry, cut = rowfile.entry_size(box_size), TOKEN_SIZE - rowfile.HEAD
    wanted = set(tokens)
    try:
        with closing(
            sqlite3.connect(sqlite_uri(path, "mode=ro&immutable=1"), uri=True, isolation_level=None)
        ) as connection:
            for start in range(0, len(tokens), _BATCH):
                heads = {token[: rowfile.HEAD] for token in tokens[start : start + _BATCH]}
                numbers = [int.from_bytes(head, "big") - rowfile.MIDDLE for head in heads]
                statement = _FIND.format(marks=",".join("?" * len(numbers)))
                for number, value in connection.execute(statement, numbers):
                    head = (number + rowfile.MIDDLE).to_bytes(rowfile.HEAD, "big")
                    for at in range(0, len(value), entry):
                        token = head + value[at : at + cut]
                        if token in wanted:
                            yield token, value[at + cut : at + entry]
    except sqlite3.Error as error:
        raise rowfile.translate(error) from error
