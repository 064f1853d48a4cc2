"""`padan check`: find out why it does not work."""

from __future__ import annotations

import typer

from padan import check as checks
from padan.cli import connection
from padan.cli.connection import Address, Ca, Cert, Json, Key, ServerName, Timeout
from padan.cli.findings import print_findings
from padan.finding import Setup


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
    print_findings(findings, as_json=json)
