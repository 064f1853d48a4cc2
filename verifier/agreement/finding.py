"""What a linter finds: how bad, which rule, where, what is wrong and what would be right."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, TypeAlias

from verifier.agreement import vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterable

    from verifier.toml_lines import Path


class Severity(enum.StrEnum):
    """What a finding means."""

    ERROR = "error"
    WARNING = "warning"


Found: TypeAlias = "tuple[Severity, str, Path, str, str]"
"""Severity, rule, path under the table that is looked at, what is wrong, what would be right."""


def error(rule: str, path: Path, wrong: str, right: str) -> Found:
    """Note what refuses the agreement."""
    return Severity.ERROR, rule, path, wrong, right


def warning(rule: str, path: Path, wrong: str, right: str) -> Found:
    """Note what the people who sign should know."""
    return Severity.WARNING, rule, path, wrong, right


def names(attributes: Iterable[int]) -> str:
    """Name attributes as the document does."""
    return ", ".join(sorted(vocabulary.ATTRIBUTE_NAMES[number] for number in attributes))
