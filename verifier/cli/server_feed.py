"""`padan-server feed`: who may sign the registry's changes, and their signing."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from padan.cli.console import CommandError, ExitCode, new_app, print_json
from verifier.agreement import signkey
from verifier.cli.authority import read_input, write_output
from verifier.cli.settings import settings
from verifier.cli.trust import AsJson, KekUri, PublicFile, load_key, make_key, tell_key, trust_key
from verifier.feed import document, following, source
from verifier.feed.errors import FeedError

app = new_app("feed", summary="The registry's changes: make and trust its key, sign and publish them.")


@app.command()
def keygen(
    out: Annotated[Path, typer.Option("--out", help="The private key's file, new.")],
    kek: KekUri = "",
    as_json: AsJson = False,
) -> None:
    """Make the key of whoever exports the registry's changes, and beside it the public key, FILE.pub."""
    public, text = make_key(out, use=signkey.FEED, kek=kek)
    tell_key(
        out, public, text, keep="keep it where the changes are exported", trust="feed trust", as_json=as_json
    )


@app.command()
def trust(
    public: PublicFile,
    as_json: AsJson = False,
) -> None:
    """Add a public key to the setting feed_signers; the next command takes it up."""
    path, keys = trust_key(public, setting="feed_signers")
    if as_json:
        print_json({"config": str(path), "feed_signers": keys})
    else:
        typer.echo(f"{path}: {len(keys)} may sign the registry's changes")


@app.command()
def sign(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Changes, JSON Lines without an end.")],
    key: Annotated[Path, typer.Option("--key", help="The private key, from feed keygen.")],
    out: Annotated[Path, typer.Option("--out", help="The signed file, new.")],
    kek: KekUri = "",
    as_json: AsJson = False,
) -> None:
    """Check a file of changes and sign it; docs/formats/feed.md has its lines."""
    chosen = settings()
    if out.exists():
        raise CommandError(
            f"{out}: there is a file already", next_step="name another with --out", code=ExitCode.STATE
        )
    realm = following.realm_of(chosen)
    signer = load_key(key, use=signkey.FEED, kek=kek)
    data = document.sign(realm, read_input(file), signer)
    write_output(out, data)
    feed = document.parse(realm, data, {signer.key_id: signer.public_key})
    if as_json:
        print_json({"file": str(out), "signer": feed.signer, "end": feed.end, "changes": len(feed.changes)})
    else:
        typer.echo(f"{out}: {len(feed.changes):,} changes up to position {feed.end}, signed by {feed.signer}")


@app.command()
def publish(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Signed files, in their order.")],
    *,
    to: Annotated[
        str,
        typer.Option(
            help="postgresql://USER@HOST/DATABASE#TABLE, sqlite:///FILE#TABLE or nats://HOST:PORT/STREAM."
        ),
    ],
    table: Annotated[str, typer.Option(help="The table of a database, instead of #TABLE.")] = "",
    create: Annotated[
        bool, typer.Option("--create", help="Make the table or the stream where there is none.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Put signed files, each as one block, into a table or a stream that registry sync follows."""
    chosen = settings()
    realm, signers = following.realm_of(chosen), following.signers_of(chosen)
    with closing(source.open_source(to, table=table, create=create)) as target:
        for file in files:
            data = read_input(file)
            try:
                feed = document.parse(realm, data, signers)
                fresh = target.publish(feed, data)
            except FeedError as error:
                raise type(error)(f"{file}: {error}") from error
            if as_json:
                print_json({"file": str(file), "source": feed.source, "end": feed.end, "published": fresh})
            else:
                what = "published" if fresh else "is there already"
                typer.echo(f"{file}: {feed.source} to position {feed.end} {what}")
