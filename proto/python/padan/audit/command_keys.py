"""`padan-audit keys`: how the auditors make their key together, without anybody who ever holds it."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - Typer reads the annotations
from typing import TYPE_CHECKING, Annotated, Any

import typer

from padan import auditors, personfile
from padan.audit import deal, keyfile
from padan.audit.asking import KeyFile, Out, PassphraseFile, passphrase
from padan.card import PeopleFileError, read_json
from padan.cli.connection import Json  # noqa: TC001 - Typer reads the annotation
from padan.cli.console import new_app, print_json
from padan.group import wipe
from padan.place import Place

if TYPE_CHECKING:
    from collections.abc import Callable

    from padan.auditors import AuditorsKey
    from padan.card import Card

app = new_app(
    "keys", summary="The auditors' key, to which the log's periods are sealed: made by all, held by nobody."
)

Registry = Annotated[
    str, typer.Option("--registry", help="Id of the registry, as in the server's registry_id.")
]
Environment = Annotated[str, typer.Option("--environment", help="As in the server's environment.")]


def register(parent: typer.Typer) -> None:
    """Add the commands."""
    parent.add_typer(app, name="keys")


@app.command()
def new(
    *,
    name: Annotated[str, typer.Argument(help="Your name, as in your certificate.")],
    out: Out,
    passphrase_file: PassphraseFile = None,
    json: Json = False,
) -> None:
    """Make your own keys, under your passphrase, and beside them the card FILE.card that the other auditors need."""
    card_file = out.with_suffix(".card")
    private, card, _ = personfile.make(name, passphrase(passphrase_file, new=True))
    personfile.write_new(card_file, card)
    personfile.write_new(out, private, secret=True)
    shown = personfile.read_card(card)
    if json:
        print_json({"private": str(out), "card": str(card_file), **_card(shown)})
        return
    typer.echo(
        f"private keys: {out}; keep them on your own machine\ncard:         {card_file}, for every auditor"
    )
    typer.echo(f"fingerprint:  {personfile.fingerprint(shown)}; say it to the others, who compare")


@app.command("deal")
def deal_(
    *,
    cards: Annotated[
        list[Path], typer.Argument(metavar="CARD...", help="The cards of all auditors, your own too.")
    ],
    key: KeyFile,
    registry: Registry,
    environment: Environment,
    out: Out,
    threshold: Annotated[
        int, typer.Option("--threshold", help="Auditors that it takes to open anything.")
    ] = 2,
    passphrase_file: PassphraseFile = None,
    json: Json = False,
) -> None:
    """Draw a secret of your own, deal verifiable shares of it to all auditors, and forget it; the file goes to all."""
    found = [personfile.read_card(personfile.read(path)) for path in cards]
    chosen = deal.Group.of(Place(registry_id=registry, environment=environment), threshold, found)
    person = personfile.open_private(personfile.read(key), passphrase(passphrase_file))
    personfile.write_new(out, deal.make(person, chosen))
    if json:
        print_json({"deal": str(out), "dealer": person.card.name, **_set(chosen)})
        return
    typer.echo(
        f"{out}: dealt by {person.card.name}, {threshold} of {len(found)}; the set is {chosen.digest.hex()[:16]}"
    )
    for card in chosen.cards:
        typer.echo(f"  {card.name}: {personfile.fingerprint(card)}")
    typer.echo("give the file to every auditor, and join once you have one of each")


@app.command()
def join(
    *,
    deals: Annotated[
        list[Path], typer.Argument(metavar="DEAL...", help="The deals of all auditors, your own too.")
    ],
    key: KeyFile,
    registry: Registry,
    environment: Environment,
    out: Out,
    passphrase_file: PassphraseFile = None,
    json: Json = False,
) -> None:
    """Check every deal, keep your share under your passphrase, and sign the key that comes out, in FILE.statement."""
    place = Place(registry_id=registry, environment=environment)
    read = [deal.read(personfile.read(path), place) for path in deals]
    phrase = passphrase(passphrase_file)
    person = personfile.open_private(personfile.read(key), phrase)
    made, own = deal.join(person, read)
    number = made.number(person.card.name)
    statement = out.with_suffix(".statement")
    try:
        share_file = keyfile.seal_share(own, phrase, key=made, number=number)
    finally:
        wipe(own)
    personfile.write_new(statement, auditors.encode(made))
    personfile.write_new(out, share_file, secret=True)
    if json:
        print_json({"share": str(out), "statement": str(statement), **_key(made)})
        return
    typer.echo(f"every deal fits; your share: {out}, under your passphrase; keep a copy of it apart")
    typer.echo(
        f"statement: {statement}; key id {made.key_id.hex()}\ngive it to whoever runs padan-audit keys check"
    )


@app.command()
def check(
    *,
    statements: Annotated[
        list[Path], typer.Argument(metavar="STATEMENT...", help="What each auditor's join has signed.")
    ],
    out: Out,
    json: Json = False,
) -> None:
    """See that all auditors came to the same key, and write it with all signatures: the file for the server."""
    read = [auditors.decode(personfile.read(path), complete=False) for path in statements]
    made = deal.agree(read)
    personfile.write_new(out, auditors.encode(made))
    if json:
        print_json({"auditors_key": str(out), **_key(made)})
    else:
        typer.echo(
            f"{out}: {_words(made)}\nname it in the server's auditors_key, and give it to every auditor"
        )


@app.command()
def show(
    *,
    file: Annotated[Path, typer.Argument(help="A card, a deal, a statement or the auditors' key.")],
    json: Json = False,
) -> None:
    """Show one of the auditors' public files, checked, with the fingerprints to compare."""
    kind, content = _read_any(personfile.read(file))
    if json:
        print_json({"use": kind, **content})
        return
    typer.echo(f"{file}: {kind}")
    for name, value in content.items():
        if name == "auditors":
            for each in value:
                typer.echo(f"  {each['name']}: {each['fingerprint']}")
        else:
            typer.echo(f"  {name}: {', '.join(value) if isinstance(value, list) else value}")


def _read_any(data: bytes) -> tuple[str, dict[str, Any]]:
    readers: dict[str, Callable[[], dict[str, Any]]] = {
        personfile.card_use("auditor"): lambda: _card(personfile.read_card(data)),
        deal.USE: lambda: _deal(data),
        auditors.USE: lambda: _key(auditors.decode(data, complete=False)),
    }
    for use, reader in readers.items():
        try:
            read_json(data, use)
        except PeopleFileError:
            continue
        return use, reader()
    raise PeopleFileError(
        "neither a card, nor a deal, nor an auditors' key",
        reason="format",
        next_step="name a file that padan-audit keys wrote; private files are not shown",
    )


def _deal(data: bytes) -> dict[str, Any]:
    content = read_json(data, deal.USE)
    place = deal.place_of(content)
    found = deal.read(data, place)
    return {"dealer": found.name, **_set(found.set)}


def _card(card: Card) -> dict[str, Any]:
    return {"name": card.name, "fingerprint": personfile.fingerprint(card)}


def _set(chosen: deal.Group) -> dict[str, Any]:
    return {
        "registry_id": chosen.place.registry_id,
        "environment": chosen.place.environment,
        "threshold": chosen.threshold,
        "set": chosen.digest.hex(),
        "auditors": [_card(card) for card in chosen.cards],
    }


def _key(key: AuditorsKey) -> dict[str, Any]:
    return {
        "registry_id": key.place.registry_id,
        "environment": key.place.environment,
        "threshold": key.threshold,
        "key_id": key.key_id.hex(),
        "signed_by": [key.members[number - 1].card.name for number in sorted(key.signatures)],
        "auditors": [_card(each.card) for each in key.members],
    }


def _words(key: AuditorsKey) -> str:
    names = ", ".join(each.card.name for each in key.members)
    return f"key {key.key_id.hex()}, {key.threshold} of {len(key.members)}: {names}; all have signed"
