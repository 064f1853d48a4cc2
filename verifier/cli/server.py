"""The operator's command line.

Each group stands in a module of its own, server_<group>.py, and is found by its name.
"""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

import verifier.cli
from padan.cli.console import new_app, run
from verifier.cli.failure import translate
from verifier.cli.settings import CHOICE

if TYPE_CHECKING:
    from types import ModuleType

PREFIX = "server_"


def _root(
    config: Annotated[
        Path | None,
        typer.Option("--config", help="The configuration file; default $PADAN_CONFIG, else ./padan.toml."),
    ] = None,
) -> None:
    """Run and look after the service that answers yes or no in front of a population registry."""
    CHOICE.path = config


def groups() -> list[ModuleType]:
    """Import the modules of all groups, in the order of their names."""
    names = sorted(module.name for module in pkgutil.iter_modules(verifier.cli.__path__))
    return [importlib.import_module(f"verifier.cli.{name}") for name in names if name.startswith(PREFIX)]


def build() -> typer.Typer:
    """Build the whole command line: a module has an `app` (a group), or a `register` that adds commands."""
    app = new_app("padan-server", summary="Run and look after the verification service.")
    app.callback()(_root)
    for module in groups():
        if hasattr(module, "register"):
            module.register(app)
        else:
            app.add_typer(module.app)
    return app


def main() -> NoReturn:
    """Run `padan-server`."""
    run(build(), translate)


if __name__ == "__main__":
    main()
