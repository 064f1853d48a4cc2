"""The targets of the Makefile and its parts."""

from __future__ import annotations

import re

from tests.house import tree


def targets() -> dict[str, str]:
    """Name every target that a person may call, with its line of help."""
    parts = [tree.ROOT / "Makefile", *sorted((tree.ROOT / "makefiles").glob("*.mk"))]
    text = "\n".join(part.read_text() for part in parts)
    return dict(re.findall(r"^([a-z][a-z-]*):[^#\n]*## (.*)$", text, re.MULTILINE))
