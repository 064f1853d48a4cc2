"""padan-server serve: run the service until it is told to stop."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from verifier import logs, metrics_listener, supervisor
from verifier.cli.running import run
from verifier.cli.settings import settings
from verifier.tether import ChildEnd

if TYPE_CHECKING:
    from verifier.cli.running import Part
    from verifier.config import Settings


_CONFIRM = "--confirm-clock"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("serve")(serve)


def serve(
    *,
    confirm_clock: Annotated[
        bool,
        typer.Option(
            _CONFIRM,
            help="Two people have checked that a clock more than 24 hours ahead of the log is right.",
        ),
    ] = False,
    child: Annotated[str, typer.Option("--child", hidden=True)] = "",
) -> None:
    """Run the service until SIGTERM or SIGINT; calls under way are answered before it ends.

    Health is grpc.health.v1 on both listeners, metrics are Prometheus at metrics_listen, messages are JSON lines on
    standard error. With more than one worker a parent process starts them, and starts again what dies.
    """
    chosen = settings()
    if child:
        role, _, descriptor = child.partition(":")
        logs.configure(chosen.log_level, worker=role)
        own = chosen.model_copy(update={"metrics_listen": ""})  # the parent answers for all
        run(_part(own, role, confirm_clock=confirm_clock), ChildEnd(int(descriptor)))
        return
    logs.configure(chosen.log_level)
    if chosen.workers > 1:
        raise typer.Exit(_supervise(chosen, confirm_clock=confirm_clock))
    run(_part(chosen, "", confirm_clock=confirm_clock))


def _part(chosen: Settings, role: str, *, confirm_clock: bool) -> Part:
    """Make what a process runs; each loads only its own, and the parent of workers neither."""
    if role == supervisor.WRITER:
        from verifier.writer import Writer  # noqa: PLC0415 - as said above

        return Writer(chosen, confirm_clock=confirm_clock)
    from verifier.service import Service  # noqa: PLC0415 - as said above

    return Service(chosen, confirm_clock=confirm_clock)


def _supervise(chosen: Settings, *, confirm_clock: bool) -> int:
    supervisor.require_no_prompt(chosen)
    supervisor.block_signals()
    arguments = [word for word in sys.orig_argv[1:] if word != _CONFIRM]
    with metrics_listener.SharedMetrics() as shared:
        parent = supervisor.Supervisor(
            supervisor.roles(chosen),
            [sys.executable, *arguments],
            first_only=[_CONFIRM] if confirm_clock else [],
            environment=shared.environment,
            on_end=shared.forget,
        )
        with metrics_listener.listening(chosen.metrics_listen, shared.registry):
            return parent.run()
