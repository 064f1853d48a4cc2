"""What a load is, written down before it begins, so that a killed one can go on.

A load lives in a folder of its own, `loads/epoch-N`, until its epoch is ready: `plan.json`, one run a chunk, and
nothing raw. A load of the same source with the same field map and the same keys goes on with what is there; anything
else begins an epoch of its own.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

from keys.ringfile import sync_folder
from verifier.projector.errors import LoadBusyError, RunError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

FORMAT: Final = 1
PLAN_FILE: Final = "plan.json"
_FOLDER: Final = "epoch-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """Everything that two loads must share for one to go on with the other's runs.

    Attributes:
        source: where the rows come from, without a password.
        binding: places of the fields' columns and the defaults, as text.
        keys: purpose to key id of the keyring.
        versions: normaliser, suite and record format.
        chunk_rows: rows of a chunk.
    """

    source: str
    binding: str
    keys: dict[str, int]
    versions: dict[str, str]
    chunk_rows: int

    def digest(self) -> str:
        """Hash it, hexadecimal."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A load that has begun.

    Attributes:
        epoch: number of its epoch.
        as_of: the day that the source speaks of, YYYY-MM-DD.
        fingerprint: digest of what it is made from.
        folder: where its runs are.
        resumed: whether it was there already.
    """

    epoch: int
    as_of: str
    fingerprint: str
    folder: Path
    resumed: bool = False

    def run(self, index: int) -> Path:
        """Say where the run of a chunk stands."""
        return self.folder / f"chunk-{index:08}.run"

    @property
    def decoys(self) -> Path:
        """Where the run of the decoys stands."""
        return self.folder / "decoys.run"

    def write(self) -> None:
        """Write the plan durably."""
        keep(
            self.folder,
            {"format": FORMAT, "epoch": self.epoch, "as_of": self.as_of, "fingerprint": self.fingerprint},
        )

    def remove(self) -> None:
        """Remove the folder and everything in it."""
        shutil.rmtree(self.folder)


def keep(folder: Path, values: Mapping[str, object]) -> None:
    """Make a folder and write into it, durably, what is done there."""
    folder.mkdir(parents=True, mode=0o700)
    temporary = folder / f"{PLAN_FILE}.part"
    with temporary.open("w", encoding="utf-8") as file:
        json.dump(values, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(folder / PLAN_FILE)
    sync_folder(folder)


def unfinished(loads: Path) -> list[Plan]:
    """List the loads that have begun and not ended, oldest first; a folder without a plan is removed.

    Raises:
        RunError: a plan that this release does not know.
    """
    plans: list[Plan] = []
    for folder in sorted(loads.glob(f"{_FOLDER}*")):
        file = folder / PLAN_FILE
        if not file.exists():
            shutil.rmtree(folder)
            continue
        try:
            values = json.loads(file.read_text(encoding="utf-8"))
            if values.pop("format") != FORMAT:
                raise RunError(f"{file}: written by a newer release; use that one, or remove the folder")
            plans.append(Plan(folder=folder, resumed=True, **values))
        except (ValueError, TypeError, KeyError) as error:
            raise RunError(f"{file}: damaged; remove the folder and load again") from error
    return plans


def folder_of(loads: Path, epoch: int) -> Path:
    """Say where the load of an epoch lives."""
    return loads / f"{_FOLDER}{epoch:06}"


@contextlib.contextmanager
def alone(loads: Path, *, what: str = "load") -> Iterator[None]:
    """Keep every other load out of the folder; the lock goes with the process, however that ends.

    Raises:
        LoadBusyError: another load, or whatever works there, holds it.
    """
    loads.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (loads / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LoadBusyError(f"another {what} works in {loads}; wait for it to end") from error
        yield
