"""Commands about the custodians who decide together: their keys, and who they are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from padan.cli.console import new_app, print_json
from verifier.agreement import signkey
from verifier.cli import council
from verifier.cli.keys_ceremony import AsJson, KeyKek
from verifier.cli.trust import make_key

app = new_app(
    "roster", summary="The custodians who decide together about the keyring: keys, and who they are."
)


@app.command()
def keygen(
    out: Annotated[Path, typer.Option("--out", help="The private key's file, new.")],
    key_kek: KeyKek = "",
    as_json: AsJson = False,
) -> None:
    """Make a custodian's key, and beside it the public key, FILE.pub, that goes onto the roster."""
    public, text = make_key(out, use=signkey.CUSTODIAN, kek=key_kek)
    if as_json:
        print_json({"key": str(out), "public": str(public), "public_key": text})
        return
    typer.echo(f"private key: {out} (keep it off the server)\npublic key:  {public} ({text})")
    typer.echo("next: one custodian runs padan-keys propose roster with the public keys of all")


@app.command()
def show(as_json: AsJson = False) -> None:
    """Show who decides together about the keyring, and how many of them it takes, as its history says."""
    roster = council.table().sitting.register.roster
    if as_json:
        print_json(
            {
                "threshold": roster.threshold if roster is not None else None,
                "custodians": [
                    {"name": custodian.name, "key_id": custodian.key_id}
                    for custodian in (roster.custodians if roster is not None else ())
                ],
            }
        )
        return
    if roster is None:
        typer.echo("no roster: one custodian alone changes the keyring; padan-keys propose roster begins one")
        return
    typer.echo(f"{roster.threshold} of {len(roster.custodians)} decide together:")
    for custodian in roster.custodians:
        typer.echo(f"  {custodian.name:24} {custodian.key_id}")


def register(parent: typer.Typer) -> None:
    """Add the commands."""
    parent.add_typer(app)
