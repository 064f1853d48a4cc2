"""The operator's command line.

Each command, or group of commands, NAME stands in a module of its own, server_NAME.py, and is found by its name. A call
that names one loads no other, since together they import most of the libraries there are.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

import verifier.cli
from padan.cli.console import new_app, run
from verifier.cli.failure import translate
from verifier.cli.settings import CHOICE

if TYPE_CHECKING:
    from collections.abc import Sequence

PREFIX = "server_"


def _root(
    config: Annotated[
        Path | None,
        typer.Option("--config", help="The configuration file; default $PADAN_CONFIG, else ./padan.toml."),
    ] = None,
) -> None:
    """Run and look after the service that answers yes or no in front of a population registry."""
    CHOICE.path = config


def groups() -> list[str]:
    """Name all commands and groups, in order."""
    names = sorted(module.name for module in pkgutil.iter_modules(verifier.cli.__path__))
    return [name.removeprefix(PREFIX) for name in names if name.startswith(PREFIX)]


def build(names: Sequence[str] = ()) -> typer.Typer:
    """Build the command line: a module has an `app` (a group), or a `register` that adds commands.

    Args:
        names: the commands and groups that are wanted; empty for all.
    """
    app = new_app("padan-server", summary="Run and look after the verification service.")
    app.callback()(_root)
    for name in names or groups():
        module = importlib.import_module(f"verifier.cli.{PREFIX}{name}")
        if hasattr(module, "register"):
            module.register(app)
        else:
            app.add_typer(module.app)
    return app


def wanted(arguments: Sequence[str]) -> tuple[str, ...]:
    """Say which command a call names; nothing where that is not certain, as for help."""
    words = iter(arguments)
    for word in words:
        if word == "--config":
            next(words, None)
        elif not word.startswith("--config="):
            return (word,) if word in groups() else ()
    return ()


def main() -> NoReturn:
    """Run `padan-server`."""
    run(build(wanted(sys.argv[1:])), translate)


if __name__ == "__main__":
    main()
