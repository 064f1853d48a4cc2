"""padan-server agent: be the process that holds the unlocked keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verifier import logs
from verifier.cli.running import run
from verifier.cli.settings import settings
from verifier.key_agent import KeyAgentProcess

if TYPE_CHECKING:
    import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("agent")(agent)


def agent() -> None:
    """Unlock the keyring once and hand its keys to the service's workers at key_agent, until SIGTERM or SIGINT.

    Where kek names no source of the passphrase, it is asked for on the terminal, once. Only processes of the same user
    on this host are served.
    """
    chosen = settings()
    part = KeyAgentProcess(
        chosen
    )  # before messages become JSON lines: a person may be asked for the passphrase
    logs.configure(chosen.log_level)
    run(part)
