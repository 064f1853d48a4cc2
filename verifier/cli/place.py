"""Where a proposal lies: in a file that goes from hand to hand, or with the key agent, for custodians who are apart."""

from __future__ import annotations

import functools
import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from keys import ceremonyfile, keyceremony, table
from keys.keychange import Action, Change
from padan.cli.console import CommandError, ExitCode
from padan.v1 import custody_pb2
from verifier.cli import council, custody_line
from verifier.cli.authority import write_output
from verifier.cli.custody_choice import CHOICE
from verifier.cli.custody_line import Line, MaybeCa, MaybeCert, MaybeCertKey, Server, ServerName

if TYPE_CHECKING:
    from collections.abc import Callable

    from keys.ceremonyfile import CeremonyFile
    from keys.table import Table
    from padan.v1 import custody_pb2_grpc

_PIECES = 64
"""Pieces of 1 MiB in which a history comes: some thousand years of ceremonies."""
_SHORTEST = 8
"""Characters of an id that name a proposal."""


class Place(Protocol):
    """Where proposals lie."""

    def table(self) -> Table:
        """Read what they are held against."""
        ...

    def open(self, at: Table, name: Path) -> CeremonyFile:
        """Read one."""
        ...

    def require_new(self, name: Path | None) -> None:
        """See that a new one can be put here under a name."""
        ...

    def keep(self, at: Table, name: Path | None, file: CeremonyFile) -> CeremonyFile:
        """Put one here, or signatures under one; gives it as it lies here now."""
        ...

    def words(self, at: Table, name: Path | None, file: CeremonyFile) -> str:
        """Say how a command names it."""
        ...

    def execution(self, at: Table, name: Path | None, file: CeremonyFile) -> str:
        """Say how it is executed."""
        ...

    def record(self, at: Table, name: Path | None, file: CeremonyFile) -> str:
        """Say how its end is recorded."""
        ...


class Files:
    """Proposals in files."""

    def table(self) -> Table:
        """Read keyring and history of this machine."""
        return council.table()

    def open(self, at: Table, name: Path) -> CeremonyFile:
        """Read a file."""
        return council.open_file(at, name)

    def require_new(self, name: Path | None) -> None:
        """Refuse a file that is there."""
        path = _named(name)
        if path.exists():
            raise CommandError(
                f"{path}: there is a file already", next_step="name another with --out", code=ExitCode.STATE
            )

    def keep(self, at: Table, name: Path | None, file: CeremonyFile) -> CeremonyFile:
        """Write the file."""
        write_output(_named(name), ceremonyfile.encode(at.sitting.realm, file))
        return file

    def words(self, at: Table, name: Path | None, file: CeremonyFile) -> str:
        """Name the file."""
        del at, file
        return str(_named(name))

    def execution(self, at: Table, name: Path | None, file: CeremonyFile) -> str:
        """Name the command."""
        return f"padan-keys execute {self.words(at, name, file)}"

    def record(self, at: Table, name: Path | None, file: CeremonyFile) -> str:
        """Name the command."""
        return f"padan-keys cancel {self.words(at, name, file)}"


class FarDesk:
    """Proposals with the key agent: each command fetches the keyring, and computes on this machine what it shows."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._shared = False
        self._path = ""

    def table(self) -> Table:
        """Fetch keyring, history and the quorum's public file, and check that they fit.

        Raises:
            CommandError: they cannot be fetched.
            CustodianError: they do not fit.
        """
        with self._line.stub() as stub:
            keyring, history, statement = _fetch(stub)
        self._shared = bool(statement)
        return table.lay(
            keyring,
            history,
            holders=lambda kek_id: table.holders_in(statement, kek_id),
            now=int(CHOICE.now().timestamp()),
        )

    def proposals(self, at: Table) -> tuple[CeremonyFile, ...]:
        """Fetch what lies there.

        Raises:
            CommandError: it cannot be fetched.
            ProposalFormatError: it is of another registry.
        """
        with self._line.stub() as stub:
            found = custody_line.call(stub.ListProposals, custody_pb2.ListProposalsRequest())
        return tuple(ceremonyfile.decode(at.sitting.realm, each) for each in found.proposals)

    def open(self, at: Table, name: Path) -> CeremonyFile:
        """Find one by its id, or by 8 characters or more with which that begins.

        Raises:
            CommandError: there is none, or several are.
        """
        found = [
            file
            for file in self.proposals(at)
            if len(str(name)) >= _SHORTEST and _id(at, file).startswith(str(name))
        ]
        if len(found) != 1:
            raise CommandError(
                f"{name}: {'several proposals begin so' if found else 'no proposal of this id lies there'}",
                next_step=f"name one that padan-keys proposals --server {self._line.address} lists",
            )
        return found[0]

    def require_new(self, name: Path | None) -> None:
        """Refuse a file beside."""
        if name is not None:
            raise CommandError(
                "--out and --server: a proposal lies in a file or with the key agent",
                next_step="name one of them",
            )

    def keep(self, at: Table, name: Path | None, file: CeremonyFile) -> CeremonyFile:
        """Send it, with every signature that is known here.

        Raises:
            CommandError: it is refused.
        """
        del name
        request = custody_pb2.PutProposalRequest(proposal=ceremonyfile.encode(at.sitting.realm, file))
        with self._line.stub() as stub:
            found = custody_line.call(stub.PutProposal, request)
        self._path = found.path
        return ceremonyfile.decode(at.sitting.realm, found.proposal)

    def words(self, at: Table, name: Path | None, file: CeremonyFile) -> str:
        """Name the proposal and the key agent."""
        del name
        return f"{_id(at, file)} --server {self._line.address}"

    def execution(self, at: Table, name: Path | None, file: CeremonyFile) -> str:
        """Say who executes it: custodians with shares, from afar or at one table, or whoever has the KEK."""
        del name
        what = keyceremony.subject(file.proposal)
        if isinstance(what, Change) and what.action is Action.EXPORT:
            return f"on the key host: padan-keys export-secret --agreed {self._path}"
        if not self._shared:
            return f"on the key host: padan-keys execute {self._path}"
        if not isinstance(what, Change) or what.renews_kek:
            return f"custodians at one table, on the key host: padan-keys execute {self._path}"
        return f"custodians run padan-keys unseal --for {_id(at, file)} --address {self._line.address}"

    def record(self, at: Table, name: Path | None, file: CeremonyFile) -> str:
        """Name the command, on the key host."""
        del at, name, file
        return f"on the key host: padan-keys cancel {self._path}"


def given(name: str, make: Callable[..., object]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of a function, and for them its one argument of a name: what the function makes."""
    options = [
        each.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for each in inspect.signature(make, eval_str=True).parameters.values()
    ]

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(command, eval_str=True)
        own = [each for each in signature.parameters.values() if each.name != name]

        @functools.wraps(command)
        def run(**values: object) -> None:
            chosen = {each.name: values.pop(each.name) for each in options}
            command(**values, **{name: make(**chosen)})

        parameters = [*own, *options]
        run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined] # read by Typer
        run.__annotations__ = {each.name: each.annotation for each in parameters}
        return run

    return decorate


def _place(
    server: Server = "",
    ca: MaybeCa = None,
    cert: MaybeCert = None,
    cert_key: MaybeCertKey = None,
    server_name: ServerName = "",
) -> Place:
    if not server:
        if ca or cert or cert_key or server_name:
            raise CommandError(
                "--ca, --cert, --cert-key and --server-name: no --server is named",
                next_step="name the custody listener: --server HOST:PORT",
            )
        return Files()
    if ca is None or cert is None or cert_key is None:
        raise CommandError(
            "--server: it takes --ca, --cert and --cert-key",
            next_step="name the service's CA certificate, and your own certificate and its key",
        )
    return FarDesk(Line(address=server, ca=ca, cert=cert, key=cert_key, server_name=server_name))


placed = given("place", _place)
"""Gives a command the options of the key agent's address, and for them its argument `place`."""


def _fetch(stub: custody_pb2_grpc.CustodyServiceStub) -> tuple[bytes, bytes, bytes]:
    """Fetch keyring, history and quorum's file; where the keyring is written meanwhile, from the beginning."""
    keyring, history = b"", b""
    for _ in range(_PIECES):
        found = custody_line.call(stub.GetKeyring, custody_pb2.GetKeyringRequest(history_offset=len(history)))
        if history and found.keyring != keyring:
            keyring, history = b"", b""
            continue
        keyring, history = found.keyring, history + found.history
        if len(history) >= found.history_size:
            return keyring, history, found.quorum
    raise CommandError(
        "the keyring's history cannot be fetched whole",
        next_step="run it again; or decide by files: padan-keys propose ... --out FILE",
        code=ExitCode.UNAVAILABLE,
    )


def _named(name: Path | None) -> Path:
    if name is None:
        raise CommandError(
            "no file for the proposal is named", next_step="write --out FILE, or --server HOST:PORT"
        )
    return name


def _id(at: Table, file: CeremonyFile) -> str:
    return file.proposal.id(at.sitting.realm).hex()
