"""What the commands share by which officers propose something about a resident, and by which it is carried out."""

from __future__ import annotations

import sys
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import typer

from keys import ceremony, ceremonyfile
from padan import nik as nik_grammar
from padan.cli.console import CommandError, ExitCode
from padan.errors import NikError
from verifier import host_keys, officers
from verifier.agreement import signkey
from verifier.ceremony_table import CeremonyTable
from verifier.cli.authority import write_output
from verifier.cli.register import writing
from verifier.cli.server_officer import report
from verifier.cli.trust import load_key
from verifier.epoch import REGISTRY_ZONE
from verifier.resident.agreed import Office
from verifier.vault.open import open_vault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from keys.agent import KeyAgent
    from keys.ceremony import Proposal
    from verifier.cli.register import Writing
    from verifier.config import Settings
    from verifier.vault.store import VaultStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What a proposal about a resident is made and executed with."""

    nik: nik_grammar.Nik
    opened: Writing
    agent: KeyAgent
    vault: VaultStore

    def office(self, chosen: Settings) -> Office:
        """Say what an execution needs."""
        return Office(
            realm=self.agent.realm,
            roster=officers.roster(chosen.officers),
            log=self.opened.log,
            table=CeremonyTable(self.opened.directory),
            now=int(time.time()),
        )


@contextmanager
def desk(chosen: Settings) -> Iterator[Desk]:
    """Ask for a number, and open log, keys and vault for the time of a command."""
    nik = _ask_nik()
    with (
        writing(chosen) as opened,
        closing(host_keys.unlock(chosen)) as agent,
        closing(open_vault(chosen.vault_database)) as vault,
    ):
        yield Desk(nik=nik, opened=opened, agent=agent, vault=vault)


def propose(
    chosen: Settings,
    make: Callable[[Desk, str, int], Proposal],
    *,
    key: Path,
    kek: str,
    out: Path,
    as_json: bool,
) -> None:
    """Make a proposal, approve it by its proposer's key, and write its file.

    Args:
        chosen: the settings.
        make: makes it of the desk, the proposer's key id and the time, seconds of the Unix epoch.
        key: the proposer's private key.
        kek: who unlocks the key.
        out: the file, new.
        as_json: print JSON.
    """
    if out.exists():
        raise CommandError(
            f"{out}: there is a file already", next_step="name another with --out", code=ExitCode.STATE
        )
    roster, signer = officers.roster(chosen.officers), load_key(key, use=signkey.OFFICER, kek=kek)
    with desk(chosen) as there:
        proposal = make(there, signer.key_id, int(time.time()))
        voice = ceremony.approve(there.agent.realm, proposal, signer)
        ceremony.require_voice(there.agent.realm, proposal, voice, roster)
        proposed = ceremonyfile.CeremonyFile(proposal=proposal).with_voice(voice)
        write_output(out, ceremonyfile.encode(there.agent.realm, proposed))
    report(chosen, proposed, as_json=as_json)
    if not as_json:
        typer.echo(f"next:     another officer runs padan-server officer approve {out} --key KEY")


def _ask_nik() -> nik_grammar.Nik:
    """Ask for a number without showing it; never an argument, which other users of the machine could see."""
    text = typer.prompt("NIK", hide_input=True) if sys.stdin.isatty() else sys.stdin.readline()
    try:
        return nik_grammar.parse(text.strip(), datetime.now(REGISTRY_ZONE).date())
    except NikError as error:
        raise CommandError(
            f"the NIK is not valid ({error.reason})",
            next_step="enter its sixteen digits",
            code=ExitCode.INPUT,
        ) from error
