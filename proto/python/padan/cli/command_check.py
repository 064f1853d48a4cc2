"""`padan check`: find out why it does not work."""

from __future__ import annotations

import typer

from padan import check as checks
from padan.cli import connection
from padan.cli.connection import Address, Ca, Cert, Json, Key, ServerName, Timeout
from padan.cli.console import ExitCode, print_json
from padan.finding import Setup, Status

_MARKS = {Status.PASSED: "ok     ", Status.WARNING: "warning", Status.FAILED: "FAILED "}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("check")(check)


def check(
    *,
    address: Address = None,
    ca: Ca = None,
    cert: Cert = None,
    key: Key = None,
    server_name: ServerName = None,
    timeout: Timeout = None,
    json: Json = False,
) -> None:
    """Look at files, connection, handshake, identity, clock and agreement in turn; name the fault and the remedy.

    Asks nothing about a resident. Ends with exit code 1 if something failed.
    """
    link = connection.connection(
        address=address, ca=ca, cert=cert, key=key, server_name=server_name, timeout=timeout
    )
    setup = Setup(
        address=link.address,
        ca=link.ca,
        cert=link.cert,
        key=link.key,
        server_name=link.server_name,
        timeout=link.timeout,
    )
    findings = checks.run(setup)
    if json:
        print_json(
            {
                "ok": checks.passed(findings),
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
    if not checks.passed(findings):
        raise typer.Exit(int(ExitCode.NO))
