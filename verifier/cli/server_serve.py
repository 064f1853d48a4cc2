"""padan-server serve: run the service until it is told to stop."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from verifier import logs, metrics_listener, supervisor
from verifier.child import SUCCESSOR
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
    workers: Annotated[
        int | None,
        typer.Option("--workers", min=1, max=256, help="Worker processes; default the setting workers."),
    ] = None,
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
    standard error. With more than one worker a parent process starts them, starts again what dies, and replaces them
    one by one on SIGHUP (padan-server reload).
    """
    chosen = settings()
    if workers is not None:
        chosen = chosen.model_copy(update={"workers": workers})
    if child:
        _run_child(chosen, child, confirm_clock=confirm_clock)
        return
    logs.configure(chosen.log_level)
    if chosen.has_parent:
        raise typer.Exit(_supervise(chosen, confirm_clock=confirm_clock))
    run(_part(chosen, "", confirm_clock=confirm_clock))


def _run_child(chosen: Settings, child: str, *, confirm_clock: bool) -> None:
    role, descriptor, *rest = child.split(":")
    own = chosen.model_copy(update={"metrics_listen": ""})  # the parent answers for all
    if role == supervisor.AGENT:
        supervisor.unblock_signals()  # a person who is asked for the passphrase may give up
        part = _part(own, role, confirm_clock=False)
        logs.configure(chosen.log_level, worker=role)
    else:
        logs.configure(chosen.log_level, worker=role)
        part = _part(own, role, confirm_clock=confirm_clock, successor=SUCCESSOR in rest)
    run(part, ChildEnd(int(descriptor)))


def _part(chosen: Settings, role: str, *, confirm_clock: bool, successor: bool = False) -> Part:
    """Make what a process runs; each loads only its own, and the parent of workers none."""
    if role == supervisor.AGENT:
        from verifier.key_agent import KeyAgentProcess  # noqa: PLC0415 - as said above

        return KeyAgentProcess(chosen)
    if role == supervisor.WRITER:
        from verifier.writer import Writer  # noqa: PLC0415 - as said above

        return Writer(chosen, confirm_clock=confirm_clock, successor=successor)
    from verifier.service import Service  # noqa: PLC0415 - as said above

    return Service(chosen, confirm_clock=confirm_clock, successor=successor)


def _command() -> list[str]:
    """Spell how this process was started, for those that it starts.

    A script is called as it was: where a link on its way leads to another release by now, that one begins, with its own
    interpreter. Otherwise (`python -m`) it is this interpreter.
    """
    words = sys.orig_argv[1:]
    if os.access(words[0], os.X_OK) and os.path.isfile(words[0]):  # noqa: PTH113 - an option is no path
        return [os.path.abspath(words[0]), *words[1:]]  # noqa: PTH100 - not where its links lead
    return [sys.executable, *words]


def _supervise(chosen: Settings, *, confirm_clock: bool) -> int:
    supervisor.block_signals()
    command = [word for word in _command() if word != _CONFIRM]
    with supervisor.only_supervisor(chosen.data_dir), metrics_listener.SharedMetrics() as shared:
        parent = supervisor.Supervisor(
            supervisor.roles(chosen),
            command,
            first_only=[_CONFIRM] if confirm_clock else [],
            environment=shared.environment,
            on_end=shared.forget,
            leave_patience=2 * chosen.connection_seconds + supervisor.STOP_SECONDS,
            asks=supervisor.asks(chosen),
        )
        with metrics_listener.listening(chosen.metrics_listen, shared.registry):
            return parent.run()
