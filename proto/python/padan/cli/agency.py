"""The command line `padan`: its commands, found by name, and how it tells errors.

Each command stands in a module of its own, command_<name>.py, with a function `register`.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING

import padan.cli
from padan import errors, remedy
from padan.canonical import CanonicalError
from padan.cli import connection
from padan.cli.console import CommandError, ExitCode, new_app
from padan.entry import EntryError

if TYPE_CHECKING:
    from types import ModuleType

    import typer

PREFIX = "command_"

EXIT_CODES: tuple[tuple[type[Exception], ExitCode], ...] = (
    (errors.InvalidRequestError, ExitCode.INPUT),
    (errors.ConfigError, ExitCode.INPUT),
    (errors.IdentityError, ExitCode.REFUSED),
    (errors.NotGrantedError, ExitCode.REFUSED),
    (errors.QuotaError, ExitCode.REFUSED),
    (errors.ConflictError, ExitCode.REFUSED),
    (errors.DisputeError, ExitCode.REFUSED),
    (errors.SealingError, ExitCode.REFUSED),
    (errors.UnavailableError, ExitCode.UNAVAILABLE),
    (errors.ReceiptError, ExitCode.NO),
    (errors.AuditError, ExitCode.NO),
    (errors.InternalError, ExitCode.INTERNAL),
)
_FILE_KINDS = (CanonicalError, EntryError)


def commands() -> list[ModuleType]:
    """Import the modules of all commands, in the order of their names."""
    names = sorted(module.name for module in pkgutil.iter_modules(padan.cli.__path__))
    return [importlib.import_module(f"padan.cli.{name}") for name in names if name.startswith(PREFIX)]


def build() -> typer.Typer:
    """Build the whole command line."""
    app = new_app("padan", summary="Ask the Padan verification service, and prove what it answered.")
    app.callback()(connection.root)
    for module in commands():
        module.register(app)
    return app


def translate(error: Exception) -> CommandError | None:
    """Turn an error of this package into what a person reads; None for a fault of ours."""
    if isinstance(error, _FILE_KINDS):
        return CommandError(str(error), next_step="check that the file is the right one", code=ExitCode.INPUT)
    if not isinstance(error, errors.PadanError):
        return None
    code = next((code for kind, code in EXIT_CODES if isinstance(error, kind)), ExitCode.INTERNAL)
    row = remedy.TABLE.get(error.reason)
    next_step = error.next_step or (row.next_step if row else "see `padan errors`")
    cause = f"{error} [{error.reason}]" if error.reason.isupper() else str(error)
    if error.retry_after:
        cause = f"{cause}; come back in {error.retry_after:.0f} s"
    return CommandError(cause, next_step=next_step, code=code)
