"""How a check tells what it found: a line a finding and below it the next step, or one JSON document."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from padan.cli.console import ExitCode, print_json
from padan.finding import Status, passed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from padan.finding import Finding

_MARKS = {Status.PASSED: "ok     ", Status.WARNING: "warning", Status.FAILED: "FAILED "}


def print_findings(findings: Sequence[Finding], *, as_json: bool) -> None:
    """Print findings.

    Raises:
        typer.Exit: with code 1, if something failed.
    """
    ok = passed(findings)
    if as_json:
        print_json(
            {
                "ok": ok,
                "findings": [
                    {
                        "step": finding.step,
                        "status": finding.status.value,
                        "detail": finding.detail,
                        "fault": finding.fault.value if finding.fault else None,
                        "next_step": finding.next_step or None,
                    }
                    for finding in findings
                ],
            }
        )
    else:
        for finding in findings:
            typer.echo(f"{_MARKS[finding.status]}  {finding.step:<11} {finding.detail}")
            if finding.next_step:
                typer.echo(f"{'':20} next: {finding.next_step}")
    if not ok:
        raise typer.Exit(int(ExitCode.NO))
