"""Which configuration file the operator's command was given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from verifier import config

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(slots=True)
class _Choice:
    path: Path | None = None


CHOICE = _Choice()


def settings() -> config.Settings:
    """Read the settings of this command.

    Raises:
        ConfigError: no file, or a wrong one.
    """
    return config.load(CHOICE.path)
