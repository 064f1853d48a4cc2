"""The auditor's command line `padan-audit`; its commands are modules command_<name>.py of this package.

Only the module of the command that is run is imported, so that a witness needs nothing of what auditors need (the extra
`witness` beside `audit`). Where no command is named, as for --help, all are.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from typing import TYPE_CHECKING, NoReturn

import padan.audit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    import typer

PREFIX = "command_"


def commands(only: str = "") -> list[ModuleType]:
    """Import the modules of all commands, in the order of their names, or of one."""
    chosen = [only] if only else _names()
    return [importlib.import_module(f"padan.audit.{PREFIX}{name}") for name in chosen]


def _names() -> list[str]:
    found = sorted(module.name for module in pkgutil.iter_modules(padan.audit.__path__))
    return [name.removeprefix(PREFIX) for name in found if name.startswith(PREFIX)]


def _named(words: Sequence[str]) -> str:
    """Say which command is run; empty where none is named, or none of that name."""
    rest = iter(words)
    for word in rest:
        if word == "--config":  # the only option before the command that has a value
            next(rest, None)
        elif not word.startswith("-"):
            return word if word in _names() else ""
    return ""


def build(words: Sequence[str] = ()) -> typer.Typer:
    """Build the command line.

    Args:
        words: what it is run with; where they name a command, it has that one alone.
    """
    from padan.cli import connection, console  # noqa: PLC0415 - as in main

    app = console.new_app("padan-audit", summary="Read the log of the Padan verification service.")
    app.callback()(connection.root)
    for module in commands(_named(words)):
        module.register(app)
    return app


def main() -> NoReturn:
    """Run `padan-audit`."""
    try:
        from padan.cli import agency, console  # noqa: PLC0415 - the base install has no command line

        app = build(sys.argv[1:])
    except ModuleNotFoundError as error:
        sys.stderr.write(
            f"error: {error.name} is not installed\n"
            "next:  pip install 'padan[audit]'; for padan-audit witness alone 'padan[witness]'\n"
        )
        raise SystemExit(2) from None
    console.run(app, agency.translate)
