"""The auditor's command line `padan-audit`; its commands are modules command_<name>.py of this package."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from typing import TYPE_CHECKING, NoReturn

import padan.audit

if TYPE_CHECKING:
    from types import ModuleType

    import typer

PREFIX = "command_"


def commands() -> list[ModuleType]:
    """Import the modules of all commands, in the order of their names."""
    names = sorted(module.name for module in pkgutil.iter_modules(padan.audit.__path__))
    return [importlib.import_module(f"padan.audit.{name}") for name in names if name.startswith(PREFIX)]


def build() -> typer.Typer:
    """Build the whole command line."""
    from padan.cli import connection, console  # noqa: PLC0415 - as in main

    app = console.new_app("padan-audit", summary="Read the log of the Padan verification service.")
    app.callback()(connection.root)
    for module in commands():
        module.register(app)
    return app


def main() -> NoReturn:
    """Run `padan-audit`."""
    try:
        from padan.cli import agency, console  # noqa: PLC0415 - the base install has no command line
    except ModuleNotFoundError as error:
        sys.stderr.write(f"error: {error.name} is not installed\nnext:  pip install 'padan[audit]'\n")
        raise SystemExit(2) from None
    console.run(build(), agency.translate)
