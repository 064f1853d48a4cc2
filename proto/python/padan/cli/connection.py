"""The options that all commands share which talk to the service, and the configuration file behind them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from padan import channel, config
from padan.cli.console import CommandError, ExitCode
from padan.client import Client

if TYPE_CHECKING:
    from collections.abc import Sequence

Address = Annotated[str | None, typer.Option(help="host:port of the service.")]
Ca = Annotated[str | None, typer.Option(help="PEM of the CA that signed the server's certificate.")]
Cert = Annotated[str | None, typer.Option(help="PEM of the agency's certificate.")]
Key = Annotated[str | None, typer.Option(help="PEM of the agency's private key.")]
ServerName = Annotated[
    str | None, typer.Option(help="Name in the server's certificate, where it is not the address's host.")
]
Timeout = Annotated[
    float | None, typer.Option(min=0.001, help="Seconds for a call with all its attempts; default 2.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on one line.")]


@dataclass(slots=True)
class _Choice:
    path: Path | None = None


CHOICE = _Choice()


def root(
    config_file: Annotated[
        Path | None,
        typer.Option(
            "--config",
            help="The configuration file; default $PADAN_CLIENT_CONFIG, else ./padan-client.toml, else "
            "~/.config/padan/client.toml.",
        ),
    ] = None,
) -> None:
    """Take the options that stand before the command."""
    CHOICE.path = config_file


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """Where the service is, and the agency's files."""

    address: str
    ca: str
    cert: str
    key: str
    server_name: str | None
    timeout: float

    def client(self, *, signers: Sequence[bytes] | None = None) -> Client:
        """Open a client.

        Args:
            signers: the keys that sign receipts, where the agency keeps them.

        Raises:
            ConfigError: a file is not usable.
        """
        return Client.from_files(
            self.address,
            ca=self.ca,
            cert=self.cert,
            key=self.key,
            server_name=self.server_name,
            timeout=self.timeout,
            signers=signers,
        )


def settings() -> config.Config:
    """Read the configuration file of this command.

    Raises:
        ConfigError: it is not usable.
    """
    return config.load(CHOICE.path)


def given(purpose: str | None, officer: str | None, legal_basis: str | None) -> dict[str, str]:
    """Join options and configuration file: under what a run over many people asks.

    Raises:
        CommandError: one of them is given in neither.
        ConfigError: the configuration file is not usable.
    """
    stored = settings()
    joined = {
        "purpose": purpose or stored.purpose,
        "officer": officer or stored.officer,
        "legal_basis": legal_basis or stored.legal_basis,
    }
    for name, value in joined.items():
        if not value:
            option = name.replace("_", "-")
            raise CommandError(
                f"no {name} is given",
                next_step=f"give --{option}, or set {name} in the configuration file",
                code=ExitCode.USAGE,
            )
    return {name: value or "" for name, value in joined.items()}


def connection(
    *,
    address: str | None,
    ca: str | None,
    cert: str | None,
    key: str | None,
    server_name: str | None,
    timeout: float | None,
    audit: bool = False,
) -> Connection:
    """Join options and configuration file; options go before.

    Raises:
        CommandError: something is named in neither.
        ConfigError: the configuration file is not usable.
    """
    stored = settings()
    if audit:
        stored = replace(stored, address=stored.audit_address)
    given = {"address": address, "ca": ca, "cert": cert, "key": key}
    joined = {name: value or getattr(stored, name) for name, value in given.items()}
    missing = [name for name, value in joined.items() if not value]
    if missing:
        keys = ["audit_address" if audit and name == "address" else name for name in missing]
        raise CommandError(
            f"not given: {', '.join(f'--{name}' for name in missing)}",
            next_step=f"give the options, or set {', '.join(keys)} in {config.LOCAL_NAME}",
            code=ExitCode.USAGE,
        )
    return Connection(
        **joined,
        server_name=server_name or stored.server_name,
        timeout=timeout or stored.timeout or channel.DEFAULT_TIMEOUT,
    )
