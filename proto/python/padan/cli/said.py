"""Tokens that a command is told by a file or by standard input."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from padan.cli.console import CommandError

if TYPE_CHECKING:
    from pathlib import Path


def lines(source: Path | None) -> list[str]:
    """Read a file or standard input, a token a line; empty lines are none."""
    try:
        raw = sys.stdin.buffer.read() if source is None else source.read_bytes()
    except OSError as error:
        raise CommandError(
            f"{source} cannot be read ({error.strerror})", next_step="name a file that is there"
        ) from None
    lines = raw.decode(errors="replace").split("\n")
    return [line.strip() for line in lines if line.strip()]
