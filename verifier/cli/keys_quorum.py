"""Commands about who holds the KEK together: show them, and deal anew to others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from keys import quorum, quorum_provider, ringformat
from keys.custodian import KIND, SUFFIX
from keys.ringfile import RingFile
from padan import personfile
from padan.cli.console import print_json
from verifier.cli.custody_choice import CHOICE
from verifier.cli.founding import (
    Custodians,
    PassphraseFiles,
    Threshold,
    choose,
    found,
    require_quorum,
)

if TYPE_CHECKING:
    from keys.quorum import Generation

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def custodians(as_json: AsJson = False) -> None:
    """Show who holds the KEK together, how many it takes, and the fingerprints of their keys; unlocks nothing."""
    provider = require_quorum(CHOICE.provider())
    generations = quorum_provider.read(provider.folder)
    used = quorum.generation_of(generations, ringformat.kek_id(RingFile(CHOICE.keyring_path()).read()))
    if as_json:
        print_json({**_describe(used), "generations": [each.number for each in generations]})
        return
    typer.echo(
        f"generation {used.number}, quorum {used.id.hex()[:16]}: any {used.threshold} of {len(used.cards)}"
    )
    for card in used.cards:
        typer.echo(f"  {card.name:<24} {personfile.fingerprint(card, kind=KIND)}")
    if len(generations) > 1:
        typer.echo("a renewal was cut off; the next change of the keyring completes it or takes it back")


def reshare(
    custodians: Custodians,
    threshold: Threshold,
    passphrase_file: PassphraseFiles = None,
    as_json: AsJson = False,
) -> None:
    """Deal new shares of a new KEK to other custodians, or for another threshold; the old shares open nothing any more.

    As many of the present custodians as it takes unlock the keyring and sign; newcomers make keys of their own and sign
    too; as many of the new ones as it will take prove their shares before anything is replaced. Who stays keeps the own
    keys.
    """
    provider = require_quorum(CHOICE.provider())
    founding = choose(custodians, threshold, passphrase_file)
    provider.know(founding.files)
    custody = CHOICE.custody(provider)
    ring = custody.read()
    used = quorum.generation_of(quorum_provider.read(provider.folder), ring.kek_id)
    with found(provider, ring.realm, founding, known=used.cards) as cards:
        ring = custody.hand_on(quorum_provider.roster_of(founding.threshold, cards))
    (made,) = quorum_provider.read(provider.folder)
    if as_json:
        print_json({**_describe(made), "counter": ring.counter})
        return
    typer.echo(
        f"generation {made.number}: any {made.threshold} of {len(made.cards)} custodians unlock the keyring: "
        f"{', '.join(made.names)}; shares of generation {used.number} open nothing any more"
    )
    typer.echo(
        f"each takes NAME.{made.number}.share.json out of {provider.folder} and home, newcomers NAME{SUFFIX} too, "
        "and prints both: padan-keys paper print KEYS SHARE"
    )


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("custodians")(custodians)
    app.command("reshare")(reshare)


def _describe(generation: Generation) -> dict[str, Any]:
    return {
        "generation": generation.number,
        "quorum": generation.id.hex(),
        "threshold": generation.threshold,
        "custodians": [
            {
                "name": card.name,
                "key_id": card.signer_id,
                "fingerprint": personfile.fingerprint(card, kind=KIND),
            }
            for card in generation.cards
        ],
    }
