"""`padan-audit report`: ready-made questions to a copy."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from padan.audit import inquiry
from padan.audit.inquiry import Memory, OutputFile, ProveFile, ProvePolicy  # noqa: TC001 - Typer reads the annotations
from padan.audit.mirror import proving, report
from padan.audit.options import CopyFolder  # noqa: TC001 - as above
from padan.cli.connection import Json  # noqa: TC001 - as above

if TYPE_CHECKING:
    import pyarrow as pa

    from padan.audit.mirror.session import Session

_TIMES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("report")(make)


def make(
    name: Annotated[str, typer.Argument(help=f"Which report: {', '.join(report.REPORTS)}.")],
    copy: CopyFolder,
    *,
    from_time: Annotated[
        datetime | None, typer.Option("--from", formats=_TIMES, help="From this log time on, UTC.")
    ] = None,
    until: Annotated[datetime | None, typer.Option(formats=_TIMES, help="Before this log time, UTC.")] = None,
    agency: Annotated[str, typer.Option(help="Only entries of this agency.")] = "",
    at: Annotated[
        datetime | None,
        typer.Option(formats=_TIMES, help="The moment against which ends are held, UTC; default now."),
    ] = None,
    offset: Annotated[int, typer.Option(min=-12, max=14, help="Hours that local time is ahead of UTC.")] = 7,
    output: OutputFile = None,
    prove: ProveFile = None,
    policy: ProvePolicy = None,
    memory: Memory = inquiry.MEMORY,
    json: Json = False,
) -> None:
    """Make a ready-made report over a copy's private entries; docs/audit.md says what each shows, and how.

    Check the copy before with `padan-audit verify`: the columns that a report reads are checked there.
    """
    chosen = report.find(name)
    window = report.Window(
        from_time=_utc(from_time),
        until=_utc(until),
        agency=agency,
        now=_utc(at) or datetime.now(UTC),
        offset=offset,
    )
    if not json:
        sys.stderr.write(f"{name}: {chosen.summary}\n")

    def evidence(session: Session, _: pa.Table) -> list[int]:
        return proving.places_of(session.rows(chosen.evidence(window)))

    inquiry.ask(
        copy,
        chosen.render(window),
        evidence=evidence,
        output=output,
        prove=prove,
        policy=policy,
        memory=memory,
        json=json,
    )


def _utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment is not None else None
