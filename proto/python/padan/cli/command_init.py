"""`padan init`: the agency's key, its signing request, and a configuration file to fill in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from padan import config, csr
from padan.cli.connection import Json
from padan.cli.console import print_json

_CONFIG = """# Settings of the command line `padan`; paths are relative to this file.
address = "{address}"
audit_address = "{audit_address}"  # the log's listener, for padan-audit
ca = "ca.pem"        # the operator gives it to you
cert = "agency.pem"  # the operator returns it for {csr}
key = "{key}"
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("init")(init)


def init(
    *,
    agency: Annotated[str, typer.Option(help="The agency's id, as in the agreement.")],
    out: Annotated[Path, typer.Option(help="Folder for the files; made if missing. Nothing is overwritten.")],
    trust_domain: Annotated[
        str, typer.Option(help="Trust domain of the service; puts the spiffe:// name into the request.")
    ] = "",
    address: Annotated[
        str, typer.Option(help="host:port of the service, for the configuration file.")
    ] = "localhost:7443",
    audit_address: Annotated[
        str, typer.Option(help="host:port of the log's listener, likewise.")
    ] = "localhost:7444",
    json: Json = False,
) -> None:
    """Make a private key (P-256, mode 0600), a certificate request and a configuration file.

    Send the request, agency.csr, to the registry's operator, who returns a certificate. The key never leaves this
    machine.
    """
    settings = out / config.LOCAL_NAME
    csr.refuse_existing(settings)
    made = csr.create(agency, out, trust_domain=trust_domain)
    text = _CONFIG.format(address=address, audit_address=audit_address, csr=made.csr.name, key=made.key.name)
    csr.write_new(settings, text.encode(), mode=0o644)
    if json:
        print_json({"key": str(made.key), "csr": str(made.csr), "config": str(settings)})
        return
    typer.echo(f"key      {made.key} (keep it here)\nrequest  {made.csr} (send it to the operator)")
    typer.echo(f"config   {settings} (put the operator's ca.pem and agency.pem beside it)")
    typer.echo("next     padan check")
