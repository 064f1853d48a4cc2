"""What the commands share that end a token domain: whose it is and why it may end, by the directory or as one was told.

Where the server's settings are, its directory says it. A custodian's own machine has neither; there it is typed as
`padan-server token status` prints it, and held against the directory where the proposal is executed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final

import typer

from keys.ending import Ending
from keys.errors import KeyUseError
from keys.keychange import Change
from keys.purpose import TokenDomain
from keys.ringformat import parse_moment
from padan.cli.console import CommandError, ExitCode
from verifier.cli.custody_choice import CHOICE
from verifier.cli.place import given
from verifier.token import ending

if TYPE_CHECKING:
    from keys.roster import Roster
    from verifier.config import Settings


def _read(text: str) -> TokenDomain:
    try:
        return TokenDomain(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text}: {error}") from None


DomainOf = Annotated[
    TokenDomain,
    typer.Argument(
        parser=_read, metavar="DOMAIN", help="The token domain, as agreements name it.", show_default=False
    ),
]


RESTART: Final = (
    "padan-server reload, or a restart where one process serves, so that none has the domain's keys in memory"
)
"""What is left to do afterwards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a command was told of the domain's end; empty where the directory says it."""

    agency: str
    agreement: str
    ended: str
    due: str


def _told(
    agency: Annotated[str, typer.Option("--agency", help="Whose domain it is.", show_default=False)] = "",
    agreement: Annotated[
        str,
        typer.Option(
            "--agreement", help="Id and version of its last agreement, ID@VERSION.", show_default=False
        ),
    ] = "",
    ended: Annotated[
        str,
        typer.Option(
            "--ended", help="When that ended, as padan-server token status prints it.", show_default=False
        ),
    ] = "",
    due: Annotated[
        str, typer.Option("--due", help="When the period of grace is over, likewise.", show_default=False)
    ] = "",
) -> Told:
    return Told(agency=agency, agreement=agreement, ended=ended, due=due)


telling = given("told", _told)
"""Gives a command the options by which it is told of a domain's end, and for them its argument `told`."""


def options(domain: str, end: Ending) -> str:
    """Write a domain and its end as options of a command."""
    return (
        f"{domain} --agency {end.agency} --agreement {end.agreement}@{end.version} "
        f"--ended {end.ended_text} --due {end.due_text}"
    )


def find(domain: TokenDomain, told: Told) -> Ending:
    """Say why a domain may be ended: as the directory has it, or where that is not at hand as the command was told.

    Raises:
        CommandError: neither says it, or the options are malformed.
        DomainInForceError, DomainUnknownError, EndingDiffersError, LogStoreError: as `verifier.token.ending`.
    """
    chosen, said = CHOICE.settings(), _said(told)
    if chosen is None:
        if said is None:
            raise CommandError(
                "no configuration is here that says where the directory of agreements is",
                next_step="add --agency, --agreement, --ended and --due as padan-server token status prints them",
                code=ExitCode.INPUT,
            )
        return said
    if said is not None:
        ending.require_same(chosen, domain.domain, said, now=CHOICE.now().timestamp())
    return said or ending.find(chosen, domain.domain, now=CHOICE.now().timestamp())


def require_directory() -> Settings:
    """Give the settings by which the directory of agreements is found.

    Raises:
        CommandError: there are none, so that nobody can see whether an agreement names the domain.
    """
    chosen = CHOICE.settings()
    if chosen is None:
        raise CommandError(
            "without the service's configuration nobody sees whether an agreement names the domain",
            next_step="run it where the service's configuration is, or name it: padan-keys --config PATH",
            code=ExitCode.REFUSED,
        )
    return chosen


def require_ended(what: Change | Roster) -> None:
    """Demand, where a proposal ends a token domain, that the directory says what custodians were shown.

    Raises:
        CommandError: there is no configuration.
        DomainInForceError, DomainUnknownError, EndingDiffersError, LogStoreError: as `verifier.token.ending`.
    """
    if isinstance(what, Change) and what.ending is not None and isinstance(what.purpose, TokenDomain):
        ending.require_same(
            require_directory(), what.purpose.domain, what.ending, now=CHOICE.now().timestamp()
        )


def _said(told: Told) -> Ending | None:
    parts = (told.agency, told.agreement, told.ended, told.due)
    if not any(parts):
        return None
    if not all(parts):
        raise _malformed("--agency, --agreement, --ended and --due belong together")
    agreement, _, version = told.agreement.rpartition("@")
    try:
        return Ending(
            agency=told.agency,
            agreement=agreement,
            version=int(version),
            ended=int(parse_moment(told.ended).timestamp()),
            due=int(parse_moment(told.due).timestamp()),
        )
    except (ValueError, KeyUseError) as error:
        raise _malformed(str(error)) from error


def _malformed(why: str) -> CommandError:
    return CommandError(
        f"the end of the domain is not told as it must be: {why}",
        next_step="take the line that padan-server token status prints",
        code=ExitCode.INPUT,
    )
