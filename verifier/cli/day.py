"""A day, as an option gives it."""

from __future__ import annotations

from datetime import date

from padan.cli.console import CommandError


def read_day(text: str) -> date:
    """Read YYYY-MM-DD.

    Raises:
        CommandError: it is no day.
    """
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise CommandError(f"{text} is no day", next_step="write it as YYYY-MM-DD") from error
