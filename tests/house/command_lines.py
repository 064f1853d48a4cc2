"""The four command lines as trees of commands, for the tests and for the reference in docs/commands.md."""

from __future__ import annotations

import functools
import importlib
from typing import TYPE_CHECKING, Protocol, cast

import typer.main

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MODULES = {
    "padan": "padan.cli.agency",
    "padan-audit": "padan.audit.cli",
    "padan-server": "verifier.cli.server",
    "padan-keys": "verifier.cli.custodian",
}
"""Program to the module that builds it, by `build()`, or has it as `app`."""


class Parameter(Protocol):
    """An option or an argument, as far as the tests look."""

    name: str | None
    opts: Sequence[str]
    secondary_opts: Sequence[str]
    param_type_name: str
    nargs: int
    metavar: str | None


class Command(Protocol):
    """A command or a group, as far as the tests look."""

    help: str | None
    hidden: bool
    params: Sequence[Parameter]


@functools.cache
def command_line(program: str) -> Command:
    """Build a program's tree of commands."""
    module = importlib.import_module(MODULES[program])
    app = module.build() if hasattr(module, "build") else module.app
    return cast("Command", typer.main.get_command(app))


def children(command: Command) -> dict[str, Command]:
    """Name a group's commands; a plain command has none."""
    commands: Mapping[str, Command] = getattr(command, "commands", {})
    return dict(commands)


def leaves(program: str) -> Iterator[tuple[tuple[str, ...], Command]]:
    """Yield every command that does something, with its path, the program first."""
    yield from _leaves((program,), command_line(program))


def _leaves(path: tuple[str, ...], command: Command) -> Iterator[tuple[tuple[str, ...], Command]]:
    below = children(command)
    if not below:
        yield path, command
    for name, child in sorted(below.items()):
        if not child.hidden:
            yield from _leaves((*path, name), child)
