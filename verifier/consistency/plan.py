"""What a check is, written down before it begins, so that a killed one can go on.

It lives in a folder of its own, `checks/FINGERPRINT`, until its report is made. A check of the same source, epoch and
terms under the same keys goes on with what is there, as of the day and the position of its beginning; one of other
terms has another folder. Such a folder may be deleted at any time.
"""

from __future__ import annotations

import json
import secrets
import shutil
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from verifier.consistency.errors import CheckStateError
from verifier.consistency.selection import SEED_SIZE
from verifier.projector import plan as plans

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FORMAT: Final = 1
FOLDER: Final = "checks"
"""Folder of started checks, in the data folder."""
_NAME_DIGITS: Final = 16
_ID_BYTES: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What is fixed when a check begins.

    Attributes:
        id: of the check, 16 hexadecimal digits.
        fingerprint: digest of what it is made from.
        began_ms: milliseconds of the Unix epoch.
        as_of: the day that the source speaks of, YYYY-MM-DD.
        position: the highest position of the registry's changes that the source holds.
        share: of the rows that are taken.
        seed: of the sample, hexadecimal.
        parts: in how many parts the vault is read; 0 where it is not read by itself.
    """

    id: str
    fingerprint: str
    began_ms: int
    as_of: str
    position: int
    share: float
    seed: str
    parts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A check that has begun: what it is, where it lives, and whether it was there already."""

    start: Start
    folder: Path
    resumed: bool

    def chunk(self, index: int) -> Path:
        """Say where the run of a chunk stands."""
        return self.folder / f"chunk-{index:08}.run"

    def part(self, index: int) -> Path:
        """Say where the run of a part of the vault stands."""
        return self.folder / f"part-{index:08}.run"

    def remove(self) -> None:
        """Remove the folder and everything in it."""
        shutil.rmtree(self.folder)


def new_id() -> str:
    """Draw a check's id."""
    return secrets.token_hex(_ID_BYTES)


def new_seed() -> str:
    """Draw a sample's seed."""
    return secrets.token_hex(SEED_SIZE)


def begin(checks: Path, fingerprint: str, start: Callable[[], Start], *, fresh: bool) -> Plan:
    """Find the killed check of the same terms, or begin one; called with `plan.alone` held.

    Args:
        checks: the folder of all checks.
        fingerprint: of the terms.
        start: says what is fixed, where one begins.
        fresh: throw away what a killed one left.

    Raises:
        CheckStateError: what is there is damaged, or of another release.
    """
    folder = checks / fingerprint[:_NAME_DIGITS]
    if fresh or not (folder / plans.PLAN_FILE).exists():
        shutil.rmtree(folder, ignore_errors=True)
        begun = start()
        plans.keep(folder, {"format": FORMAT, **asdict(begun)})
        return Plan(start=begun, folder=folder, resumed=False)
    return Plan(start=_read(folder / plans.PLAN_FILE), folder=folder, resumed=True)


def _read(file: Path) -> Start:
    try:
        values: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        known = values.pop("format") == FORMAT
        begun = Start(**values) if known else None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise CheckStateError(f"{file}: damaged") from error
    if begun is None:
        raise CheckStateError(f"{file}: written by another release")
    return begun
