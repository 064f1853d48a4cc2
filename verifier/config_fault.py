"""What is wrong with a configuration: by line, with what was probably meant."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pydantic import ValidationError


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Say which setting a name that is none was probably meant to be; empty where none is near."""
    near = difflib.get_close_matches(name.lower(), [*known], n=1)
    return f"did you mean {near[0]}?" if near else ""


def explain(error: ValidationError, path: Path, text: str, known: Iterable[str]) -> str:
    """Tell each problem with its line.

    Args:
        error: what the settings' model says.
        path: of the file.
        text: of the file.
        known: names of all settings.
    """
    lines = text.splitlines()
    problems: list[str] = []
    for problem in error.errors():
        name = str(problem["loc"][0]) if problem["loc"] else ""
        place = next(
            (number for number, line in enumerate(lines, 1) if re.match(rf"\s*{re.escape(name)}\s*=", line)),
            0,
        )
        where = f"{path}:{place}" if name and place else str(path)
        rule = problem["msg"]
        if problem["type"] == "extra_forbidden":
            rule = f"no such setting; {did_you_mean(name, known) or 'see docs/operate.md'}"
        if problem["type"] == "missing":
            rule = "required, but neither in the file nor in the environment"
        problems.append(f"{where}: {name + ': ' if name else ''}{rule}")
    return "\n".join(problems)
