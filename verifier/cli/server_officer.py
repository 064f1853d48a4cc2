"""`padan-server officer`: the registry's officers, and what two of them decide together."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from keys import ceremony, ceremonyfile
from keys.realm import Realm
from padan.cli.console import new_app, print_json
from verifier import officers
from verifier.agreement import signkey
from verifier.ceremony_table import CeremonyTable
from verifier.cli.authority import read_input, write_output
from verifier.cli.register import reading
from verifier.cli.settings import settings
from verifier.cli.trust import AsJson, KekUri, PublicFile, load_key, make_key, tell_key, trust_key

if TYPE_CHECKING:
    from keys.ceremony import Standing
    from keys.ceremonyfile import CeremonyFile
    from verifier.config import Settings

app = new_app(
    "officer", summary="What the registry's officers decide together: keys, show, approve, withdraw."
)

File = Annotated[Path, typer.Argument(metavar="FILE", help="The proposal's file.")]
Key = Annotated[Path, typer.Option("--key", help="The officer's private key, from officer keygen.")]


@app.command()
def keygen(
    out: Annotated[Path, typer.Option("--out", help="The private key's file, new.")],
    kek: KekUri = "",
    as_json: AsJson = False,
) -> None:
    """Make an officer's key, and beside it the public key, FILE.pub, that the operator trusts."""
    public, text = make_key(out, use=signkey.OFFICER, kek=kek)
    tell_key(out, public, text, keep="keep it off the server", trust="officer trust", as_json=as_json)


@app.command()
def trust(
    public: PublicFile,
    as_json: AsJson = False,
) -> None:
    """Add a public key to the setting officers; the next command takes it up."""
    path, keys = trust_key(public, setting="officers")
    if as_json:
        print_json({"config": str(path), "officers": keys})
    else:
        typer.echo(f"{path}: {len(keys)} officers; it takes {officers.NEEDED} to decide")


@app.command()
def show(file: File, as_json: AsJson = False) -> None:
    """Say in words what a proposal does, who has approved it, and where it stands."""
    chosen = settings()
    opened = open_ceremony(chosen, file)
    report(chosen, opened, as_json=as_json)


@app.command()
def approve(file: File, key: Key, kek: KekUri = "", as_json: AsJson = False) -> None:
    """Approve a proposal, after reading what it does; the signature is added to its file."""
    _speak(file, key, kek, withdraws=False, as_json=as_json)


@app.command()
def withdraw(file: File, key: Key, kek: KekUri = "", as_json: AsJson = False) -> None:
    """End a proposal: its proposer alone, or as many officers as must approve."""
    _speak(file, key, kek, withdraws=True, as_json=as_json)


def open_ceremony(chosen: Settings, file: Path) -> CeremonyFile:
    """Read a proposal's file.

    Raises:
        CommandError: it cannot be read.
        ProposalFormatError: malformed, or of another registry or environment.
    """
    return ceremonyfile.decode(realm_of(chosen), read_input(file))


def stand(chosen: Settings, opened: CeremonyFile) -> Standing:
    """Say where a proposal stands now."""
    realm = realm_of(chosen)
    with reading(chosen) as directory:
        executed = CeremonyTable(directory).is_executed(opened.proposal.id(realm))
    return ceremony.standing(
        realm,
        opened.proposal,
        opened.voices,
        roster=officers.roster(chosen.officers),
        now=int(time.time()),
        executed=executed,
    )


def realm_of(chosen: Settings) -> Realm:
    """Name the registry and environment of the settings."""
    return Realm(registry_id=chosen.registry_id, environment=chosen.environment)


def report(chosen: Settings, opened: CeremonyFile, *, as_json: bool) -> None:
    """Print what a proposal does and where it stands."""
    words, standing = officers.describe(opened.proposal), stand(chosen, opened)
    if as_json:
        print_json(_content(chosen, opened, words, standing))
        return
    proposal = opened.proposal
    typer.echo(f"proposed: {words}")
    typer.echo(
        f"by:       {proposal.proposer}, {_moment(proposal.created)}, until {_moment(proposal.expires)}"
    )
    for key_id in standing.approved:
        typer.echo(f"approved: {key_id}")
    missing = f"; {standing.missing} more must approve" if standing.state is ceremony.State.PENDING else ""
    typer.echo(f"state:    {standing.state.value}{missing}")


def _speak(file: Path, key: Path, kek: str, *, withdraws: bool, as_json: bool) -> None:
    chosen = settings()
    realm, opened = realm_of(chosen), open_ceremony(chosen, file)
    if not as_json:
        typer.echo(f"to sign:  {officers.describe(opened.proposal)}")
    speak = ceremony.withdraw if withdraws else ceremony.approve
    voice = speak(realm, opened.proposal, load_key(key, use=signkey.OFFICER, kek=kek))
    ceremony.require_voice(realm, opened.proposal, voice, officers.roster(chosen.officers))
    signed = opened.with_voice(voice)
    standing = stand(chosen, signed)
    if standing.state in {ceremony.State.EXPIRED, ceremony.State.EXECUTED, ceremony.State.OUTDATED}:
        standing.require_approved()
    write_output(file, ceremonyfile.encode(realm, signed))
    report(chosen, signed, as_json=as_json)


def _content(chosen: Settings, opened: CeremonyFile, words: str, standing: Standing) -> dict[str, Any]:
    proposal = opened.proposal
    return {
        "id": proposal.id(realm_of(chosen)).hex(),
        "action": proposal.action,
        "words": words,
        "proposer": proposal.proposer,
        "created": _moment(proposal.created),
        "expires": _moment(proposal.expires),
        "needed": proposal.needed,
        "approved": list(standing.approved),
        "missing": standing.missing,
        "state": standing.state.value,
    }


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
