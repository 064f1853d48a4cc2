"""How a class of errors is told by the server-side commands: its exit code, and what to do next."""

from __future__ import annotations

from dataclasses import dataclass

from padan.cli.console import ExitCode


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """How a class of errors is told: the exit code and the next step."""

    code: ExitCode
    next_step: str


def named(next_step: str) -> Row:
    """Tell of something that a person named or gave."""
    return Row(code=ExitCode.INPUT, next_step=next_step)


def refused(next_step: str) -> Row:
    """Tell of something that must not be done as it stands."""
    return Row(code=ExitCode.REFUSED, next_step=next_step)


def away(next_step: str) -> Row:
    """Tell of something that may be there again later."""
    return Row(code=ExitCode.UNAVAILABLE, next_step=next_step)


def state(next_step: str) -> Row:
    """Tell of something that is in another state than it must be."""
    return Row(code=ExitCode.STATE, next_step=next_step)
