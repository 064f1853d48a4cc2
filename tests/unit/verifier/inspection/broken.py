"""A fault of an installation: how it comes about, and how it is told."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def change(folder: Path, name: str, value: str) -> None:
    """Write a setting anew, or first."""
    path = folder / "padan.toml"
    text, count = re.subn(rf"^{name} = .*$", f"{name} = {value}", path.read_text(), flags=re.MULTILINE)
    path.write_text(text if count else f"{name} = {value}\n{text}")


@dataclass(frozen=True, slots=True)
class Broken:
    """A fault: how it comes about, and how it is told."""

    name: str
    act: Callable[[Path], object]
    step: str
    fault: str
    detail: str
    next_step: str
    status: str = "failed"
    unlocks: bool = False
