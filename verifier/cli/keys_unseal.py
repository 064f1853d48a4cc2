"""`padan-keys unseal` and `standing`: what a custodian runs at the own terminal, away from the server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import grpc
import typer

from keys import custodian, handing, sharefile
from keys.errors import ForeignShareError
from keys.file_provider import read_passphrase
from keys.provider import ask
from padan.channel import secure
from padan.cli.console import CommandError, ExitCode, print_json
from padan.errors import ConfigError, PadanError, UnavailableError
from padan.rpc import from_rpc
from padan.v1 import custody_pb2, custody_pb2_grpc
from verifier.cli.authority import read_input

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from google.protobuf.message import Message

    from keys.sharefile import ShareFile

    Answer = TypeVar("Answer", bound=Message)

_SECONDS = 60.0
"""The last share opens the keyring and is logged before it is answered."""

Address: TypeAlias = Annotated[
    str, typer.Option("--address", help="host:port of the custody listener (custody_listen).")
]
Ca: TypeAlias = Annotated[Path, typer.Option("--ca", help="The service's CA certificate, PEM.")]
Cert: TypeAlias = Annotated[Path, typer.Option("--cert", help="Your certificate as custodian, PEM.")]
CertKey: TypeAlias = Annotated[Path, typer.Option("--key", help="The certificate's private key, PEM.")]
ServerName: TypeAlias = Annotated[
    str,
    typer.Option(
        "--server-name", help="Name in the server's certificate, where it is not the address's host."
    ),
]
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
    as_json: AsJson = False,
) -> None:
    """Hand your share to a sealed key agent; the last one that it takes opens the keys and the service answers.

    After a change of the keyring as many hand in again, and the agent takes it up while the service goes on.
    The share is opened here, under your passphrase, and leaves this machine sealed to the agent's own key.
    """
    file = sharefile.decode(read_input(share))
    with _channel(address, ca, cert, key, server_name) as channel:
        stub = custody_pb2_grpc.CustodyServiceStub(channel)
        found = _call(stub.GetStanding, custody_pb2.GetStandingRequest()).standing
        _require_place(file, found)
        phrase = (
            ask(f"Passphrase of {file.name}: ")
            if passphrase_file is None
            else read_passphrase(passphrase_file)
        )
        person = custodian.open_keys(read_input(keys), phrase, name=file.name)
        box = handing.seal(file.open(person), file, found.agent_key)
        request = custody_pb2.HandInShareRequest(
            quorum_id=file.quorum_id, agent_key=found.agent_key, sealed_share=box
        )
        _tell(_call(stub.HandInShare, request).standing, as_json=as_json)


def standing(
    *,
    address: Address,
    ca: Ca,
    cert: Cert,
    key: CertKey,
    server_name: ServerName = "",
    as_json: AsJson = False,
) -> None:
    """Say whether a key agent is sealed, which generation of shares it takes, who has come, and who is missing."""
    with _channel(address, ca, cert, key, server_name) as channel:
        stub = custody_pb2_grpc.CustodyServiceStub(channel)
        _tell(_call(stub.GetStanding, custody_pb2.GetStandingRequest()).standing, as_json=as_json)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("unseal")(unseal)
    app.command("standing")(standing)


def _channel(address: str, ca: Path, cert: Path, key: Path, server_name: str) -> grpc.Channel:
    try:
        return secure(address, ca=ca, cert=cert, key=key, server_name=server_name or None)
    except ConfigError as error:
        raise CommandError(str(error), next_step=error.next_step, code=ExitCode.INPUT) from error


def _call(method: Callable[..., Answer], request: Message) -> Answer:
    try:
        return method(request, timeout=_SECONDS)
    except grpc.RpcError as error:
        raise _failure(from_rpc(error)) from error


def _failure(error: PadanError) -> CommandError:
    code = ExitCode.UNAVAILABLE if isinstance(error, UnavailableError) else ExitCode.REFUSED
    return CommandError(str(error), next_step=error.next_step, code=code)


def _require_place(file: ShareFile, found: custody_pb2.Standing) -> None:
    """Refuse before anything is opened what the agent would refuse.

    Raises:
        CommandError: the keys are open already, or the share is of another registry.
        ForeignShareError: the share is of another dealing.
    """
    if not (found.sealed or found.behind):
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
            }
        )
        return
    place = f"{found.registry_id} ({found.environment}), generation {found.generation}"
    here = ", ".join(found.present) or "nobody"
    if waits:
        state = "sealed" if found.sealed else "open, and the keyring has changed since"
        typer.echo(f"{place}: {state}; here: {here}; missing: {missing} of {found.threshold}")
        if found.seconds_left:
            typer.echo(f"the shares that are here are forgotten in {found.seconds_left} s")
    else:
        typer.echo(f"{place}: open, by {here}")
    if found.refused:
        typer.echo(f"refused: {', '.join(found.refused)}")
