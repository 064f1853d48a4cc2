"""padan-server serve: run the service until it is told to stop."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Annotated

import typer

from verifier import logs
from verifier.cli.settings import settings
from verifier.service import Service

if TYPE_CHECKING:
    from types import FrameType


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("serve")(serve)


def serve(
    *,
    confirm_clock: Annotated[
        bool,
        typer.Option(
            "--confirm-clock",
            help="Two people have checked that a clock more than 24 hours ahead of the log is right.",
        ),
    ] = False,
) -> None:
    """Run the service until SIGTERM or SIGINT; calls under way are answered before it ends.

    Health is grpc.health.v1 on both listeners, metrics are Prometheus at metrics_listen, messages are JSON lines on
    standard error.
    """
    chosen = settings()
    logs.configure(chosen.log_level)
    service = Service(chosen, confirm_clock=confirm_clock)
    stopping = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    service.start()
    stopping.wait()
    service.stop()
