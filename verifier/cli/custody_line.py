"""A custodian's line to the key agent: the options that open it, and its calls."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import grpc
import typer

from padan.channel import secure
from padan.cli.console import CommandError, ExitCode
from padan.errors import ConfigError, PadanError, UnavailableError
from padan.rpc import from_rpc
from padan.v1 import custody_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeVar

    from google.protobuf.message import Message

    Answer = TypeVar("Answer", bound=Message)

_SECONDS = 60.0
"""The last share opens the keyring and is logged before it is answered."""
_CA = typer.Option("--ca", help="The service's CA certificate, PEM.")
_CERT = typer.Option("--cert", help="Your certificate as custodian, PEM.")
_KEY_HELP = "The certificate's private key, PEM."

Address: TypeAlias = Annotated[
    str, typer.Option("--address", help="host:port of the custody listener (custody_listen).")
]
Ca: TypeAlias = Annotated[Path, _CA]
Cert: TypeAlias = Annotated[Path, _CERT]
CertKey: TypeAlias = Annotated[Path, typer.Option("--key", help=_KEY_HELP)]
ServerName: TypeAlias = Annotated[
    str,
    typer.Option(
        "--server-name", help="Name in the server's certificate, where it is not the address's host."
    ),
]
Server: TypeAlias = Annotated[
    str,
    typer.Option("--server", help="host:port of the custody listener: proposals lie there, not in files."),
]
MaybeCa: TypeAlias = Annotated[Path | None, _CA]
MaybeCert: TypeAlias = Annotated[Path | None, _CERT]
MaybeCertKey: TypeAlias = Annotated[Path | None, typer.Option("--cert-key", help=_KEY_HELP)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Where the key agent is, and who calls.

    Args:
        address: host:port of the custody listener.
        ca: the service's CA certificate.
        cert: the custodian's certificate.
        key: its private key.
        server_name: name in the server's certificate; empty for the address's host.
    """

    address: str
    ca: Path
    cert: Path
    key: Path
    server_name: str = ""

    @contextlib.contextmanager
    def stub(self) -> Iterator[custody_pb2_grpc.CustodyServiceStub]:
        """Open it for the time of a block.

        Raises:
            CommandError: a file cannot be used.
        """
        try:
            channel = secure(
                self.address, ca=self.ca, cert=self.cert, key=self.key, server_name=self.server_name or None
            )
        except ConfigError as error:
            raise CommandError(str(error), next_step=error.next_step, code=ExitCode.INPUT) from error
        with channel:
            yield custody_pb2_grpc.CustodyServiceStub(channel)


def call(method: Callable[..., Answer], request: Message) -> Answer:
    """Make a call.

    Raises:
        CommandError: it is refused, or the key agent is away.
    """
    try:
        return method(request, timeout=_SECONDS)
    except grpc.RpcError as error:
        raise _failure(from_rpc(error)) from error


def _failure(error: PadanError) -> CommandError:
    code = ExitCode.UNAVAILABLE if isinstance(error, UnavailableError) else ExitCode.REFUSED
    return CommandError(str(error), next_step=error.next_step, code=code)
