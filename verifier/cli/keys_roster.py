"""Commands about the custodians who decide together: their keys, and who they are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from keys import custodian
from keys.file_provider import read_passphrase
from keys.ringfile import RingFile
from padan import personfile
from padan.cli.console import new_app, print_json
from verifier.agreement import signkey
from verifier.cli import council
from verifier.cli.authority import write_output
from verifier.cli.founding import new_passphrase
from verifier.cli.keys_ceremony import AsJson, KeyKek
from verifier.cli.trust import make_key
from verifier.secret_file import write_secret

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
def join(
    name: Annotated[
        str, typer.Argument(help="The custodian's name: a-z, 0-9 and hyphens, as in the certificate.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder of the two files.")] = Path(),
    passphrase_file: Annotated[
        Path | None,
        typer.Option("--passphrase-file", help="File of the passphrase, for scripts; else it asks."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make keys for one who will hold a share of the KEK, NAME.key.json, and a card for others, NAME.card.json."""
    files = out / f"{name}{custodian.SUFFIX}", out / f"{name}{custodian.CARD_SUFFIX}"
    for path in files:
        RingFile(path, keep_last=False).refuse_existing()
    phrase = new_passphrase(name) if passphrase_file is None else read_passphrase(passphrase_file)
    private, card, person = custodian.make(name, phrase)
    write_secret(files[0], private)
    write_output(files[1], card)
    fingerprint = personfile.fingerprint(person.card, kind=custodian.KIND)
    if as_json:
        print_json({"keys": str(files[0]), "card": str(files[1]), "fingerprint": fingerprint})
        return
    typer.echo(
        f"keys:        {files[0]} (take them home)\ncard:        {files[1]}\nfingerprint: {fingerprint}"
    )
    typer.echo("next: give the card to the custodian who proposes, and compare the fingerprint by voice")


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
    for each in roster.custodians:
        typer.echo(f"  {each.name:24} {each.key_id}")


def register(parent: typer.Typer) -> None:
    """Add the commands."""
    parent.add_typer(app)
