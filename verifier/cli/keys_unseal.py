"""`padan-keys unseal` and `standing`: what a custodian runs at the own terminal, away from the server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from keys import custodian, handing, keyceremony, sharefile
from keys.errors import ForeignShareError
from keys.file_provider import read_passphrase
from keys.provider import ask
from padan.cli.console import CommandError, ExitCode, print_json
from padan.v1 import custody_pb2
from verifier.cli import council
from verifier.cli.authority import read_input
from verifier.cli.custody_line import Address, Ca, Cert, CertKey, Line, ServerName, call
from verifier.cli.place import FarDesk

if TYPE_CHECKING:
    from keys.sharefile import ShareFile

_FORGOTTEN = "the shares that are here are forgotten in {} s"

AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def unseal(
    *,
    keys: Annotated[Path, typer.Option("--keys", help="Your keys: NAME.key.json.")],
    share: Annotated[Path, typer.Option("--share", help="Your share: NAME.GENERATION.share.json.")],
    address: Address,
    ca: Ca,
    cert: Cert,
    key: CertKey,
    server_name: ServerName = "",
    passphrase_file: Annotated[
        Path | None,
        typer.Option("--passphrase-file", help="File of your passphrase; default it is asked for."),
    ] = None,
    proposal: Annotated[
        str, typer.Option("--for", help="Id of an approved proposal: hand the share in to execute it.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Hand your share to a sealed key agent; the last one that it takes opens the keys and the service answers.

    After a change of the keyring as many hand in again, and the agent takes it up while the service goes on.
    With --for the last share executes the proposal, which is shown before, also while the keys are open.
    The share is opened here, under your passphrase, and leaves this machine sealed to the agent's own key.
    """
    file = sharefile.decode(read_input(share))
    line = Line(address=address, ca=ca, cert=cert, key=key, server_name=server_name)
    agreed = _agreed(line, proposal, as_json=as_json) if proposal else b""
    with line.stub() as stub:
        found = call(stub.GetStanding, custody_pb2.GetStandingRequest()).standing
        _require_place(file, found, is_needed=bool(agreed) or found.sealed or found.behind)
        phrase = (
            ask(f"Passphrase of {file.name}: ")
            if passphrase_file is None
            else read_passphrase(passphrase_file)
        )
        person = custodian.open_keys(read_input(keys), phrase, name=file.name)
        box = handing.seal(file.open(person), file, found.agent_key, agreed)
        request = custody_pb2.HandInShareRequest(
            quorum_id=file.quorum_id, agent_key=found.agent_key, sealed_share=box, proposal=agreed
        )
        answer = call(stub.HandInShare, request)
    if agreed:
        _tell_of(answer, agreed, as_json=as_json)
    else:
        _tell(answer.standing, as_json=as_json)


def standing(
    *,
    address: Address,
    ca: Ca,
    cert: Cert,
    key: CertKey,
    server_name: ServerName = "",
    as_json: AsJson = False,
) -> None:
    """Say whether a key agent is sealed, whose shares it takes, who has come, for proposals too, and who is missing."""
    with Line(address=address, ca=ca, cert=cert, key=key, server_name=server_name).stub() as stub:
        _tell(call(stub.GetStanding, custody_pb2.GetStandingRequest()).standing, as_json=as_json)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("unseal")(unseal)
    app.command("standing")(standing)


def _agreed(line: Line, name: str, *, as_json: bool) -> bytes:
    """Show the proposal that a share is for; gives its id.

    Raises:
        CommandError: none of this id lies there.
        CeremonyEndedError: it has ended.
        CustodiansMissingError: approvals are missing.
    """
    desk = FarDesk(line)
    at = desk.table()
    file = desk.open(at, Path(name))
    if not as_json:
        council.show(at, file, as_json=False)
    keyceremony.require_approved(keyceremony.standing(at.sitting, file))
    return file.proposal.id(at.sitting.realm)


def _require_place(file: ShareFile, found: custody_pb2.Standing, *, is_needed: bool) -> None:
    """Refuse before anything is opened what the agent would refuse.

    Raises:
        CommandError: the keys are open already, or the share is of another registry.
        ForeignShareError: the share is of another dealing.
    """
    if not is_needed:
        raise CommandError(
            f"the keys are open, by {', '.join(found.present)}; your share is not needed",
            next_step="nothing is to be done",
            code=ExitCode.STATE,
        )
    if (found.registry_id, found.environment) != (file.realm.registry_id, file.realm.environment):
        raise CommandError(
            f"the share is for {file.realm.registry_id} ({file.realm.environment}), and {found.registry_id} "
            f"({found.environment}) answers",
            next_step="name the right --address, or the right --share",
            code=ExitCode.REFUSED,
        )
    if found.quorum_id != file.quorum_id:
        raise ForeignShareError(
            f"the share of {file.name} is of generation {file.generation}"
            + (
                f", and generation {found.generation} is in use"
                if found.generation != file.generation
                else " of another ceremony"
            )
        )


def _tell_of(answer: custody_pb2.HandInShareResponse, proposal: bytes, *, as_json: bool) -> None:
    """Say who is here for a proposal, or that it is done."""
    missing = 0 if answer.executed else max(0, answer.standing.threshold - len(answer.present))
    if as_json:
        print_json(
            {
                "proposal": proposal.hex(),
                "executed": answer.executed,
                "present": list(answer.present),
                "missing": missing,
                "seconds_left": answer.seconds_left,
            }
        )
    elif answer.executed:
        typer.echo(f"executed: {proposal.hex()}, by {', '.join(answer.present)}")
    else:
        here = ", ".join(answer.present)
        typer.echo(f"here for it: {here}; missing: {missing} of {answer.standing.threshold}")
        typer.echo(_FORGOTTEN.format(answer.seconds_left))


def _tell(found: custody_pb2.Standing, *, as_json: bool) -> None:
    waits = found.sealed or found.behind
    missing = max(0, found.threshold - len(found.present)) if waits else 0
    if as_json:
        print_json(
            {
                "sealed": found.sealed,
                "behind": found.behind,
                "registry": found.registry_id,
                "environment": found.environment,
                "generation": found.generation,
                "threshold": found.threshold,
                "custodians": list(found.custodians),
                "present": list(found.present),
                "refused": list(found.refused),
                "missing": missing,
                "seconds_left": found.seconds_left,
                "awaited": [
                    {
                        "proposal": each.proposal.hex(),
                        "present": list(each.present),
                        "missing": max(0, found.threshold - len(each.present)),
                        "seconds_left": each.seconds_left,
                    }
                    for each in found.awaited
                ],
            }
        )
        return
    place = f"{found.registry_id} ({found.environment}), generation {found.generation}"
    here = ", ".join(found.present) or "nobody"
    if waits:
        state = "sealed" if found.sealed else "open, and the keyring has changed since"
        typer.echo(f"{place}: {state}; here: {here}; missing: {missing} of {found.threshold}")
        if found.seconds_left:
            typer.echo(_FORGOTTEN.format(found.seconds_left))
    else:
        typer.echo(f"{place}: open, by {here}")
    if found.refused:
        typer.echo(f"refused: {', '.join(found.refused)}")
    for each in found.awaited:
        name, count = each.proposal.hex(), len(each.present)
        typer.echo(
            f"for proposal {name}: {count} of {found.threshold} here: {', '.join(each.present)};"
            f" forgotten in {each.seconds_left} s"
        )
