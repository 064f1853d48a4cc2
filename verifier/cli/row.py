"""How a class of errors is told: the exit code and the next step."""

from __future__ import annotations

from dataclasses import dataclass

from padan.cli.console import ExitCode


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """How a class of errors is told: the exit code and the next step."""

    code: ExitCode
    next_step: str


def input_(next_step: str) -> Row:
    """Say that what was given must be mended."""
    return Row(code=ExitCode.INPUT, next_step=next_step)


def refused(next_step: str) -> Row:
    """Say that it is not done, and that somebody decides."""
    return Row(code=ExitCode.REFUSED, next_step=next_step)


def away(next_step: str) -> Row:
    """Say that it may be better later."""
    return Row(code=ExitCode.UNAVAILABLE, next_step=next_step)


def state(next_step: str) -> Row:
    """Say that something else comes first."""
    return Row(code=ExitCode.STATE, next_step=next_step)
