"""What the four command lines share: how they print data, how they fail, and their exit codes.

A command that cannot go on raises `CommandError` with the cause and the next step; nothing else reaches the terminal.
"""

from __future__ import annotations

import enum
import json
import sys
from typing import TYPE_CHECKING, Any, NoReturn

import typer

if TYPE_CHECKING:
    from collections.abc import Callable


class ExitCode(enum.IntEnum):
    """Exit codes of every command line of Padan; documented in docs/commands."""

    DONE = 0
    NO = 1
    """The answer is no, or a check did not pass."""
    USAGE = 2
    """The command was called wrongly; Typer prints how."""
    INPUT = 3
    """A file or value given is not usable."""
    REFUSED = 4
    """The service, an agreement or a rule refuses this."""
    UNAVAILABLE = 5
    """Something that is needed is away; the same command may work later."""
    STATE = 6
    """What is there already does not allow this step."""
    INTERNAL = 70
    """A fault of Padan itself."""


class CommandError(Exception):
    """A failure that a person can act upon."""

    def __init__(self, cause: str, *, next_step: str, code: ExitCode = ExitCode.INPUT) -> None:
        super().__init__(cause)
        self.cause = cause
        self.next_step = next_step
        self.code = code


def new_app(name: str, *, summary: str) -> typer.Typer:
    """Make a command line, or a group of commands, that prints its help when called with nothing."""
    return typer.Typer(name=name, help=summary, no_args_is_help=True, pretty_exceptions_enable=False)


def print_json(data: object) -> None:
    """Print one JSON document on one line of standard output."""
    sys.stdout.write(json.dumps(data, ensure_ascii=False, sort_keys=True) + "\n")


def fail(error: CommandError) -> NoReturn:
    """Print the cause and the next step on standard error and end with the error's exit code."""
    sys.stderr.write(f"error: {error.cause}\nnext:  {error.next_step}\n")
    raise SystemExit(int(error.code))


def run(app: typer.Typer, translate: Callable[[Exception], CommandError | None]) -> NoReturn:
    """Run a command line.

    Args:
        app: the command line.
        translate: turns an error of a package into a `CommandError`; None means that it is a fault of ours.
    """
    try:
        result: Any = app(standalone_mode=True)
    except CommandError as error:
        fail(error)
    except Exception as error:  # noqa: BLE001 - the one place where nothing may pass through to the terminal
        known = translate(error)
        if known is None:
            known = CommandError(
                f"internal fault ({type(error).__name__})",
                next_step="report this with the command you ran; no data was printed on purpose",
                code=ExitCode.INTERNAL,
            )
        fail(known)
    raise SystemExit(result if isinstance(result, int) else 0)
