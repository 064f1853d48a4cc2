"""`padan-server dispute`: what agencies dispute, and what the registry's officer decides."""

from __future__ import annotations

import time
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from keys.provider import open_provider
from padan import sealing, times
from padan.cli.console import CommandError, ExitCode, new_app, print_json
from padan.vocabulary import Attribute
from verifier import config, config_file, officers
from verifier.agreement import signkey
from verifier.cli.authority import read_input, write_output
from verifier.cli.register import reading, writing
from verifier.cli.server_officer import Key, realm_of
from verifier.cli.settings import CHOICE, settings
from verifier.cli.trust import AsJson, KekUri, PublicFile, load_key, make_key, tell_key
from verifier.dispute import casefile, officerkey
from verifier.dispute.errors import NoSuchDisputeError
from verifier.dispute.office import Office
from verifier.dispute.state import Outcome, State
from verifier.dispute.table import DisputeTable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from verifier.config import Settings
    from verifier.dispute.table import Dispute

app = new_app("dispute", summary="Disputed answers: list and open them, take them up, and decide.")

Id = Annotated[str, typer.Argument(metavar="DISPUTE", help="Id of the dispute, from dispute list.")]
_MOST = 1_000
_OUTCOMES = {outcome.name.lower(): outcome for outcome in Outcome if outcome is not Outcome.UNDECIDED}


@app.command()
def keygen(
    out: Annotated[Path, typer.Option("--out", help="The private key's file, new.")],
    kek: KekUri = "",
    as_json: AsJson = False,
) -> None:
    """Make the key that opens disputes, and beside it the public key, FILE.pub, to which agencies seal."""
    public, text = make_key(out, use=signkey.DISPUTE, kek=kek)
    tell_key(out, public, text, keep="keep it off the server", trust="dispute trust", as_json=as_json)


@app.command()
def trust(public: PublicFile, as_json: AsJson = False) -> None:
    """Put a public key into the setting dispute_key; agencies seal to it once the service has started anew."""
    path = config.path_of(CHOICE.path)
    settings()  # so that a configuration with another fault is left as it is
    text = read_input(public).decode(errors="replace").strip()
    key_id = sealing.key_id(officerkey.public_key(text))
    config_file.replace(path, config_file.with_value(read_input(path).decode(), officerkey.SETTING, text))
    if as_json:
        print_json({"config": str(path), officerkey.SETTING: text, "key_id": key_id})
    else:
        typer.echo(f"{path}: disputes are sealed to {key_id}; restart the service")


@app.command("list")
def list_(
    agency: Annotated[str, typer.Option(help="Only disputes of this agency.")] = "",
    everything: Annotated[bool, typer.Option("--all", help="Also what is resolved.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="Most disputes to list.")] = _MOST,
    as_json: AsJson = False,
) -> None:
    """List disputes that are not resolved, newest first, with the time by which each is due."""
    chosen = settings()
    with reading(chosen) as directory:
        found = DisputeTable(directory).newest(limit, agency=agency or None, unresolved=not everything)
    if as_json:
        print_json([_content(dispute) for dispute in found])
        return
    for dispute in found:
        content = _content(dispute)
        typer.echo(
            f"{dispute.id}  {content['state']:<10} {content['outcome'] or '-':<10} due {content['due']}"
            f"{' OVERDUE' if content['overdue'] else ''}  {dispute.agency}  {','.join(content['claims'])}"
        )


@app.command()
def show(
    dispute: Id,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write the dispute's file, for `dispute read`, new.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show one dispute, and write the file with which the officer opens it elsewhere."""
    chosen = settings()
    with reading(chosen) as directory:
        table = DisputeTable(directory)
        found = table.find(dispute)
        if found is None:
            raise NoSuchDisputeError(f"no dispute {dispute[:40]!r}")
        answer = table.answer_at(found.answer) if out is not None else None
    if out is not None:
        if answer is None:
            raise CommandError(
                "the entry of the disputed answer was erased",
                next_step="decide without its subject: dispute resolve",
                code=ExitCode.STATE,
            )
        if out.exists():
            raise CommandError(
                f"{out}: there is a file already", next_step="name another with --out", code=ExitCode.STATE
            )
        write_output(out, casefile.encode(casefile.of(realm_of(chosen), found, answer)))
    _report(found, as_json=as_json)


@app.command()
def read(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The dispute's file, from dispute show --out.")
    ],
    key: Annotated[Path, typer.Option("--key", help="The private key, from dispute keygen.")],
    kek: KekUri = "",
    as_json: AsJson = False,
) -> None:
    """Open a dispute: prove it against the log's entry, and show whom it is about. Needs no service and no settings.

    What it prints is a resident's number: run it where only the officer sees the screen.
    """
    recipient = signkey.load_recipient(key, provider=open_provider(kek) if kek else None)
    opened = casefile.decode(read_input(file))
    subject = casefile.read(opened, recipient)
    claims = [_name(number) for number in opened.case.claims]
    asked = [_name(number) for number in casefile.asked(opened)]
    named = {"nik": subject.nik} if subject.nik else {"subject_token": subject.token.hex()}
    if as_json:
        print_json({"dispute": opened.id, "agency": opened.agency, "claims": claims, "asked": asked, **named})
        return
    for name, value in named.items():
        typer.echo(f"{name:<9} {value}")
    typer.echo(
        f"claims    {', '.join(claims)}\nasked     {', '.join(asked)}\nagency    {opened.agency}\n"
        "proven    against the entry in the log"
    )


@app.command()
def review(dispute: Id, key: Key, kek: KekUri = "", as_json: AsJson = False) -> None:
    """Take a dispute up, so that its agency sees that it is being examined; logged with the officer's signature."""
    signer = load_key(key, use=signkey.OFFICER, kek=kek)
    with _office() as office:
        moved = office.review(dispute, signer, now_ms=int(time.time() * 1000))
    _report(moved, as_json=as_json)


@app.command()
def resolve(
    dispute: Id,
    outcome: Annotated[
        str,
        typer.Option(help="corrected, upheld, rejected, not_ours or withdrawn; docs/disputes.md says when."),
    ],
    key: Key,
    kek: KekUri = "",
    as_json: AsJson = False,
) -> None:
    """Decide a dispute; the officer's signature is logged, and the agency learns the outcome."""
    decided = _OUTCOMES.get(outcome.lower().replace("-", "_"))
    if decided is None:
        raise CommandError(
            "no such outcome", next_step=f"use one of: {', '.join(_OUTCOMES)}", code=ExitCode.USAGE
        )
    signer = load_key(key, use=signkey.OFFICER, kek=kek)
    with _office() as office:
        moved = office.resolve(dispute, decided, signer, now_ms=int(time.time() * 1000))
    _report(moved, as_json=as_json)


@contextmanager
def _office() -> Iterator[Office]:
    chosen: Settings = settings()
    with writing(chosen) as opened:
        yield Office(
            realm=realm_of(chosen),
            officers=officers.known(chosen.officers),
            table=DisputeTable(opened.directory),
            log=opened.log,
        )


def _report(dispute: Dispute, *, as_json: bool) -> None:
    content = _content(dispute)
    if as_json:
        print_json(content)
        return
    for name, value in content.items():
        shown = ", ".join(value) if isinstance(value, list) else value
        typer.echo(f"{name:<10} {'-' if shown in {None, ''} else shown}")


def _content(dispute: Dispute) -> dict[str, Any]:
    standing = dispute.standing
    overdue = standing.overdue_ms is not None or standing.is_overdue(int(time.time() * 1000))
    return {
        "dispute": dispute.id,
        "agency": dispute.agency,
        "contest": dispute.case.contest,
        "claims": [_name(number) for number in dispute.case.claims],
        "state": standing.state.name.lower(),
        "outcome": None if standing.state is not State.RESOLVED else standing.outcome.name.lower(),
        "opened": _moment(standing.opened_ms),
        "due": _moment(standing.due_ms),
        "changed": _moment(standing.changed_ms),
        "overdue": overdue,
        "sealed_to": dispute.case.key_id,
        "officer": dispute.signer,
    }


def _name(number: int) -> str:
    return Attribute(number).label if number in {*Attribute} else str(number)


def _moment(ms: int) -> str:
    return times.text(datetime.fromtimestamp(ms / 1000, UTC))
